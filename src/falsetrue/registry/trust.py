"""◆ Which joblib files the operator allows to be unpickled: a small file named by SHA-256 for each."""

from pathlib import Path

from falsetrue.errors import InputError

_FOLDER = "trusted"


def is_trusted(state_folder: Path, sha256: str) -> bool:
    """Whether the operator has trusted the file with this digest."""
    return (state_folder / _FOLDER / sha256).is_file()


def trust(state_folder: Path, sha256: str, name: str) -> None:
    """Remember that the operator trusts this file; raises :class:`InputError` where that cannot be written.

    ``name`` is kept for people who look there.
    """
    try:
        (state_folder / _FOLDER).mkdir(parents=True, exist_ok=True, mode=0o700)
        (state_folder / _FOLDER / sha256).write_text(f"{name}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{state_folder}: cannot be written ({error.strerror})") from error
