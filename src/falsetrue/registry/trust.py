"""◆ Which joblib files the operator allows to be unpickled, by SHA-256."""

import json
import os
import tempfile
from pathlib import Path

from falsetrue.errors import InputError

_FILE = "trusted.json"


def is_trusted(state_folder: Path, sha256: str) -> bool:
    """Whether the operator has trusted the file with this digest."""
    return sha256 in _read(state_folder)


def trust(state_folder: Path, sha256: str, name: str) -> None:
    """Remember that the operator trusts this file; raises :class:`InputError` where that cannot be written."""
    trusted = _read(state_folder) | {sha256: name}
    try:
        state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=state_folder)
        with os.fdopen(handle, "w") as file:
            json.dump(trusted, file, indent=2, sort_keys=True)
        Path(temporary).replace(state_folder / _FILE)
    except OSError as error:
        raise InputError(f"{state_folder}: cannot be written ({error.strerror})") from error


def _read(state_folder: Path) -> dict[str, str]:
    path = state_folder / _FILE
    try:
        trusted = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read; mend or remove it") from error
    return {str(digest): str(name) for digest, name in trusted.items()} if isinstance(trusted, dict) else {}
