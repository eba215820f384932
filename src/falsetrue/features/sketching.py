"""Sketches of texts, for monitoring without their text: in compiled C where there is some, else in NumPy.

Both make the same bytes; :mod:`falsetrue.features.sketches` reads them.
"""

import struct
from collections.abc import Sequence
from hashlib import blake2b
from typing import Protocol

from falsetrue.errors import InputError
from falsetrue.features.sketches import Features, Keys, Sketch, Sketches, donors, read_sketch, read_sketches

try:
    from falsetrue.features import _sketching as compiled
except ImportError:
    compiled = None  # type: ignore[assignment]

__all__ = ["Features", "Sketch", "Sketcher", "Sketches", "read_sketch", "read_sketches"]

#: Bytes of the shortest salt that nobody guesses.
SHORTEST_SALT = 16


class _Maker(Protocol):
    def sketch(self, texts: Sequence[str], /) -> list[bytes]: ...


class Sketcher:
    """Makes sketches under a salt; may be used by several threads at once.

    The salt is a secret of at least 16 bytes that differs from installation to installation: whoever has it can look
    up whether a word may stand in a text. Only sketches under the same salt can be compared, but for their style
    numbers. Raises :class:`InputError` for a shorter salt.
    """

    def __init__(self, salt: bytes) -> None:
        if len(salt) < SHORTEST_SALT:
            raise InputError(f"a salt of {len(salt)} bytes can be guessed: give {SHORTEST_SALT} random ones or more")
        self._maker = _make(_keys(salt))

    def sketch(self, texts: Sequence[str]) -> list[bytes]:
        """The sketch of each text, of 163 to 700 bytes. Raises :class:`TypeError` for what is no ``str``."""
        return self._maker.sketch(texts)


def _keys(salt: bytes) -> Keys:
    secret = blake2b(salt, digest_size=48, person=b"falsetrue sketch").digest()
    return Keys(secret[:16], struct.unpack("<4Q", secret[16:]))


def _make(keys: Keys) -> _Maker:
    if compiled is None:
        from falsetrue.features.numpy_sketching import NumpySketcher  # noqa: PLC0415 - needless work where it is not used

        return NumpySketcher(keys)
    return compiled.Sketcher(word_key=keys.words, shingle_keys=struct.pack("=4Q", *keys.shingles), donors=donors())
