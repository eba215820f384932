"""◆ The operator's one secret, from which all keys are derived."""

import hmac
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from falsetrue.database.place import secret_file
from falsetrue.errors import InputError

#: Characters of a secret at least.
SHORTEST = 16


@dataclass(frozen=True, slots=True)
class Secret:
    """What nobody else knows. Not to be written anywhere; its representation does not hold it."""

    content: bytes = field(repr=False)

    def key(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose alone: HMAC-SHA256 (RFC 2104) of the purpose's name."""
        return hmac.digest(self.content, f"falsetrue {purpose}".encode(), "sha256")

    @property
    def fingerprint(self) -> str:
        """Tells two secrets apart, and nothing else of them."""
        return self.key("fingerprint")[:16].hex()


def load_secret(given: str | None, state_folder: Path) -> Secret:
    """The secret that the operator gives, or the one in ``state_folder/secret``, which is made at first.

    Raises :class:`InputError` where the one given is too short, or the file cannot be used.
    """
    if given is not None:
        return _checked(given, "the secret that FALSETRUE_SECRET gives")
    file = secret_file(state_folder)
    try:
        if not file.exists():
            _make(file)
        return _checked(file.read_text(encoding="ascii"), str(file))
    except OSError as error:
        raise InputError(f"{file}: the secret cannot be kept there ({error.strerror}); set FALSETRUE_SECRET") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: is not a secret of falsetrue") from error


def _checked(secret: str, what: str) -> Secret:
    content = secret.strip().encode()
    if len(content) < SHORTEST:
        raise InputError(f"{what} is shorter than {SHORTEST} characters; take 40 that nobody can guess")
    return Secret(content)


def _make(file: Path) -> None:
    """Write a new secret, whole or not at all; where another process does so at the same time, the first one counts."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="ascii") as written:  # noqa: PTH123 - a descriptor
            written.write(secrets.token_urlsafe(32) + "\n")
            written.flush()
            os.fsync(written.fileno())
        with suppress(FileExistsError):
            os.link(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)
