"""Fitting, judging and deciding."""
