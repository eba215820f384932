"""The page."""

from fastapi import FastAPI

from falsetrue.service.serving import Serving
from falsetrue.settings import Settings


def add_page(app: FastAPI, serving: Serving, settings: Settings) -> None:
    """Add the page's routes."""
