"""Arrays and a few fields as bytes that say what they are, and that are checked before they are believed.

The bytes are a safetensors file. Beside the arrays it holds ``header``, JSON as UTF-8, and ``digest``, the SHA-256 of
all the rest.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

import msgspec
import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from falsetrue.errors import InputError

Arrays: TypeAlias = dict[str, NDArray[Any]]

_HEADER: Final = "header"
_DIGEST: Final = "digest"


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What every kind of file says first; each kind adds fields of its own."""

    kind: str
    format: int


AnyHeader = TypeVar("AnyHeader", bound=Header)


def pack(header: Header, arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The bytes; always the same for the same content. Names are other than ``header`` and ``digest``."""
    encoded = np.frombuffer(msgspec.json.encode(header, order="deterministic"), np.uint8)
    parts = {name: np.ascontiguousarray(array) for name, array in arrays.items()} | {_HEADER: encoded}
    return bytes(safetensors.numpy.save(parts | {_DIGEST: _digest(parts)}))


def unpack(content: bytes, kind: str, what: type[AnyHeader], *, newest: int) -> tuple[AnyHeader, Arrays]:
    """Header and arrays of bytes that :func:`pack` made of this ``kind``.

    Raises :class:`InputError` for anything else, for damage, and for a format above ``newest``.
    """
    try:
        parts = dict(safetensors.numpy.load(bytes(content)))
        said = bytes(parts.pop(_DIGEST, np.empty(0, np.uint8)))
        if said != bytes(_digest(parts)):
            raise InputError(f"a {kind} cannot be read: its bytes are not those that were written")
        encoded = bytes(parts.pop(_HEADER))
        first = msgspec.json.decode(encoded, type=Header)
        if first.kind == kind and not 1 <= first.format <= newest:
            raise InputError(
                f"a {kind} has format {first.format}; this version reads formats 1 to {newest}: upgrade falsetrue"
            )
        if first.kind != kind:
            raise InputError(f"a {kind} was expected, and this is a {first.kind[:40]}")
        return msgspec.json.decode(encoded, type=what), parts
    except (safetensors.SafetensorError, msgspec.MsgspecError, KeyError, ValueError, TypeError, OverflowError) as error:
        raise InputError(f"a {kind} cannot be read: it is damaged, or something else") from error


def sparse(name: str, counts: NDArray[np.int64]) -> Arrays:
    """Counts that are mostly 0, flat, as two short arrays."""
    flat = counts.ravel()
    at = np.flatnonzero(flat)
    return {f"{name}.at": at.astype(np.uint32), f"{name}.counts": _smallest(flat[at])}


def dense(name: str, arrays: Arrays, shape: tuple[int, ...]) -> NDArray[np.int64]:
    """The counts again. Raises :class:`ValueError` or :class:`KeyError` where they are none of this shape."""
    at, counts = arrays[f"{name}.at"].astype(np.int64), arrays[f"{name}.counts"].astype(np.int64)
    flat = np.zeros(int(np.prod(shape)), dtype=np.int64)
    is_ascending = at.ndim == 1 and bool(np.all(np.diff(at) > 0))
    if at.shape != counts.shape or not is_ascending or (len(at) and at[-1] >= len(flat)) or np.any(counts < 0):
        raise ValueError("counts that lie beside their bins")
    flat[at] = counts
    return flat.reshape(shape)


def _smallest(counts: NDArray[np.int64]) -> NDArray[Any]:
    largest = int(counts.max(initial=0))
    kinds: tuple[Any, ...] = (np.uint8, np.uint16, np.uint32, np.int64)
    return counts.astype(next(kind for kind in kinds if largest <= np.iinfo(kind).max))


def _digest(parts: Mapping[str, NDArray[Any]]) -> NDArray[np.uint8]:
    digest = hashlib.sha256()
    for name in sorted(parts):
        array = parts[name]
        digest.update(f"{name}:{array.dtype.str}:{array.shape}\n".encode())
        digest.update(array.tobytes())
    return np.frombuffer(digest.digest(), np.uint8)
