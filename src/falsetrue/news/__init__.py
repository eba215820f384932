"""Labelled news in: what an article is, how files are read, cleaned and split."""
