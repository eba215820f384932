"""Where things are kept that nobody chose another place for. Imports nothing that takes long."""

from pathlib import Path


def database_file(state_folder: Path) -> Path:
    """The file of SQLite."""
    return state_folder / "falsetrue.db"


def secret_file(state_folder: Path) -> Path:
    """The operator's secret."""
    return state_folder / "secret"
