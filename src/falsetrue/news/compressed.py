"""◆ Files that are compressed as a whole, by the ends of their names: ``.gz`` (RFC 1952) and ``.zst`` (RFC 8878)."""

import io
import os
from pathlib import Path
from typing import IO, Any

from falsetrue.errors import InputError

#: Where a file's name ends -> what Arrow calls its compression.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
#: Bytes unpacked at a time.
_BUFFER = 1 << 20


def compression_of(path: str) -> str | None:
    """How a file is compressed, by its name; ``None`` where it is not."""
    return COMPRESSIONS.get(Path(path).suffix.lower())


def uncompressed_name(path: str) -> str:
    """The name without the end that tells the compression."""
    return path[: -len(Path(path).suffix)] if compression_of(path) else path


class _Unpacked(io.RawIOBase):
    """What a compressed file holds; raises :class:`InputError` where it is damaged or ends too early."""

    def __init__(self, path: str, source: IO[bytes], compression: str) -> None:
        import pyarrow  # noqa: PLC0415 - 0.1 s that only compressed files should cost

        self._path = path
        self._stream = pyarrow.CompressedInputStream(source, compression)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end."""
        try:
            piece = self._stream.read(len(buffer))
        except OSError as error:
            raise InputError(f"{self._path}: the compressed data is damaged or ends too early") from error
        buffer[: len(piece)] = piece
        return len(piece)


def unpack(path: str, source: IO[bytes]) -> IO[bytes]:
    """``source`` itself, or what it holds where ``path`` says that it is compressed.

    Files joined one behind another are read as one, as ``zcat`` does. Reading raises
    :class:`InputError` where the data is damaged or ends too early.
    """
    compression = compression_of(path)
    if compression is None:
        return source
    return io.BufferedReader(_Unpacked(path, source, compression), _BUFFER)


def open_packer(file: IO[bytes], compression: str | None) -> IO[bytes]:
    """A stream that is closed before ``file`` is, and appends to it: as it comes, or as one whole compressed piece."""
    own = os.fdopen(os.dup(file.fileno()), "wb")
    if compression is None:
        return own
    import pyarrow  # noqa: PLC0415

    stream: IO[bytes] = pyarrow.CompressedOutputStream(own, compression)
    return stream
