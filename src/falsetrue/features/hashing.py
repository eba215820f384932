"""Columns of n-grams by their hashes, as scikit-learn's ``HashingVectorizer`` gives them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

#: N-grams of more bytes than this are hashed one by one, so that no table is as wide as the longest of them.
_WIDTH = 64
_LOWEST = -(2**31)


def hash_columns(ngrams: Sequence[bytes], columns: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The column of each n-gram (UTF-8) among so many, and whether its hash is negative; shape (n,) each.

    MurmurHash3 (Appleby 2011), 32 bits, seed 0, read as a signed number; its absolute value modulo ``columns``.
    """
    sizes = np.fromiter(map(len, ngrams), np.int64, len(ngrams))
    hashes = np.empty(len(ngrams), dtype=np.int64)
    short = np.flatnonzero(sizes <= _WIDTH)
    hashes[short] = _hash_short([ngrams[at] for at in short.tolist()], sizes[short])
    for at in np.flatnonzero(sizes > _WIDTH).tolist():
        hashes[at] = _hash_long(ngrams[at])
    hashes[hashes >= -_LOWEST] += 2 * _LOWEST
    # scikit-learn, in 32 bits, has no absolute value of the lowest number.
    found = np.where(hashes == _LOWEST, (2**31 - 1 - (columns - 1)) % columns, np.abs(hashes) % columns)
    return found, hashes < 0


def _rotated(value: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    return np.asarray(value << np.uint32(bits) | value >> np.uint32(32 - bits), dtype=np.uint32)


def _mixed(block: NDArray[np.uint32]) -> NDArray[np.uint32]:
    return _rotated(block * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)


def _hash_short(ngrams: Sequence[bytes], sizes: NDArray[np.int64]) -> NDArray[np.uint32]:
    padded = np.array(ngrams, dtype=f"S{_WIDTH}")
    blocks = np.frombuffer(padded.tobytes(), dtype="<u4").reshape(len(ngrams), _WIDTH // 4).astype(np.uint32)
    hashes = np.zeros(len(ngrams), dtype=np.uint32)
    for at in range(_WIDTH // 4):
        mixed = hashes ^ _mixed(blocks[:, at])
        whole, begun = sizes >= 4 * (at + 1), sizes > 4 * at
        going_on = _rotated(mixed, 13) * np.uint32(5) + np.uint32(0xE6546B64)
        # A block that the n-gram only begins is padded with zeros, as its last bytes are to be read.
        hashes = np.where(whole, going_on, np.where(begun, mixed, hashes))
    hashes = hashes ^ sizes.astype(np.uint32)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashes = (hashes ^ hashes >> np.uint32(shift)) * np.uint32(factor)
    return np.asarray(hashes ^ hashes >> np.uint32(16), dtype=np.uint32)


def _hash_long(ngram: bytes) -> int:
    whole = len(ngram) // 4 * 4
    blocks = np.frombuffer(ngram[:whole], dtype="<u4").astype(np.uint32)
    hashed = 0
    for mixed in _mixed(blocks).tolist():
        hashed ^= mixed
        hashed = (hashed << 13 | hashed >> 19) & 0xFFFFFFFF
        hashed = (hashed * 5 + 0xE6546B64) & 0xFFFFFFFF
    rest = np.array([int.from_bytes(ngram[whole:], "little")], dtype=np.uint32)
    hashed ^= int(_mixed(rest)[0]) ^ len(ngram) & 0xFFFFFFFF
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        hashed = ((hashed ^ hashed >> shift) * factor) & 0xFFFFFFFF
    return hashed ^ hashed >> 16
