"""◆ What waits in a file while the database is away: appended record by record, and written to it in the same order.

A record is its length and its CRC-32, each of four bytes, little-endian, and then a :class:`Writing` as MessagePack.
Whatever kills a process, what it loses is at most the record that it was just appending, and nobody was answered for
that; what it writes to the database again is there once.
"""

import fcntl
import logging
import os
import re
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from string import digits
from typing import TypeVar

import msgspec
from msgspec.structs import asdict, replace

from falsetrue.errors import SpoolError
from falsetrue.journal.records import Entry, RefusedItems, Writing, keepable

#: How a file begins; the number is that of the format.
_MAGIC = b"falsetrue spool 1\n"
_HEAD = struct.Struct("<II")
#: Writings, and about so many bytes of them, that go to the database in one transaction.
_MOST, _MOST_BYTES = 64, 4 * 1024 * 1024
_log = logging.getLogger("falsetrue")


class Spool:
    """A file that one process alone appends to, at ``path``, or beside it where another process has that.

    The name ends with the number of a worker. What processes that are no more have left in files of that name, with
    any number, is taken over. For one thread; another may ask for ``pending``. Raises :class:`SpoolError` where the
    file cannot be used.
    """

    def __init__(self, path: Path, *, max_bytes: int, sync: bool = False) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._sync = sync  #: whether each record outlasts a power loss
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._own = _open_free(path)
            self._inherited = list(_take_over(path, self._own))
        except OSError as error:
            raise SpoolError(f"{path}: cannot be used ({error.strerror})") from error

    @property
    def pending(self) -> int:
        """Writings that are not in the database yet, as far as is known."""
        return self._own.pending + sum(file.pending for file in self._inherited)

    def append(self, writing: Writing) -> None:
        """Keep one; raises :class:`SpoolError` where there is no room for it, and is then as it was."""
        content = _encode(writing)
        record = _HEAD.pack(len(content), zlib.crc32(content)) + content
        if self._own.end + len(record) > self._max_bytes:
            raise SpoolError(f"{self._own.path}: is full; {self._own.pending:,} requests wait there for the database")
        self._own.append(record, sync=self._sync)

    def take_over(self) -> None:
        """Also what other processes have left since."""
        with suppress(OSError):  # as good as nothing left
            self._inherited += _take_over(self._path, self._own)

    def replay(self, write: Callable[[Sequence[Writing]], object], *, most: int = sys.maxsize) -> None:
        """Give them to ``write``, in their order, some at a time, and forget them; ``most`` times at most.

        What ``write`` raises ends it; the writings that it was given then come again.
        """
        while self._inherited:
            most -= self._inherited[0].replay(write, most)
            if self._inherited[0].pending:
                return
            self._inherited.pop(0).remove()
        self._own.replay(write, most)

    def close(self) -> None:
        """Let others have the files."""
        for file in (self._own, *self._inherited):
            file.close()


# --- one file -----------------------------------------------------------------------------------------


class _File:
    """An open file whose lock this process holds. What stands behind the last whole record is cut off."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self._done = self.end = len(_MAGIC)  #: where the first record that waits begins, and where the last one ends
        self.pending = 0
        size = os.fstat(descriptor).st_size
        if size > len(_MAGIC):
            self._check()
        else:  # new, or whoever made it was killed
            os.ftruncate(descriptor, 0)
            _write(descriptor, _MAGIC, 0)
        for content in self._records():
            self.end += _HEAD.size + len(content)
            self.pending += 1
        if size > self.end:
            _log.warning("%s: %d bytes behind the last whole record are dropped", path, size - self.end)
            os.ftruncate(descriptor, self.end)

    def _check(self) -> None:
        if os.pread(self._descriptor, len(_MAGIC), 0) != _MAGIC:
            self.close()
            raise SpoolError(
                f"{self.path}: was not written by this version of falsetrue; move it away, or install that"
            )

    def _records(self) -> Iterator[bytes]:
        """The contents of whole records, from the first that waits."""
        at = self._done
        while len(head := os.pread(self._descriptor, _HEAD.size, at)) == _HEAD.size:
            length, checksum = _HEAD.unpack(head)
            content = os.pread(self._descriptor, length, at + _HEAD.size)
            if not length or len(content) < length or zlib.crc32(content) != checksum:
                return
            at += _HEAD.size + length
            yield content

    def append(self, record: bytes, *, sync: bool) -> None:
        try:
            _write(self._descriptor, record, self.end)
            if sync:
                os.fdatasync(self._descriptor)
        except OSError as error:
            with suppress(OSError):  # else the next record is written over it
                os.ftruncate(self._descriptor, self.end)
            raise SpoolError(f"{self.path}: cannot be written ({error.strerror})") from error
        self.end += len(record)
        self.pending += 1

    def replay(self, write: Callable[[Sequence[Writing]], object], most: int) -> int:
        """How many times something was given."""
        batch: list[Writing] = []
        size = given = 0
        for content in self._records():
            if given == most:
                return given
            batch.append(_decode(self.path, content))
            size += _HEAD.size + len(content)
            if len(batch) == _MOST or size >= _MOST_BYTES:
                self._give(batch, size, write)
                batch, size, given = [], 0, given + 1
        if batch and given < most:
            self._give(batch, size, write)
            batch, given = [], given + 1
        if not batch and not self.pending and self._done > len(_MAGIC):
            os.ftruncate(self._descriptor, len(_MAGIC))
            self._done = self.end = len(_MAGIC)
        return given

    def _give(self, batch: Sequence[Writing], size: int, write: Callable[[Sequence[Writing]], object]) -> None:
        write(batch)
        self._done += size
        self.pending -= len(batch)

    def remove(self) -> None:
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def close(self) -> None:
        os.close(self._descriptor)


def _open_free(path: Path) -> _File:
    """``path``, or the first of ``path.1``, ``path.2``, ... that no other process has."""
    for number in count():
        candidate = path.with_name(f"{path.name}.{number}") if number else path
        descriptor = _lock(candidate, os.O_CREAT)
        if descriptor is not None:
            with suppress(SpoolError):  # of another version; it stays as it is
                return _File(candidate, descriptor)
    raise AssertionError


def _take_over(path: Path, own: _File) -> Iterator[_File]:
    """The files beside ``path`` of processes that are no more; of those the ones that hold something.

    They are called as it is, but for the number at its end; nothing else in the folder is even opened.
    """
    names = re.compile(re.escape(path.name.rstrip(digits)) + r"[0-9]+(\.[0-9]+)?")
    for found in sorted(path.parent.iterdir()):
        is_other = names.fullmatch(found.name) and found != own.path and found.is_file()
        descriptor = _lock(found) if is_other else None
        if descriptor is None:
            continue
        try:
            file = _File(found, descriptor)
        except SpoolError as error:
            _log.warning("%s", error)
            continue
        if file.pending:
            yield file
        else:
            file.remove()


def _lock(path: Path, flags: int = 0) -> int | None:
    """Open a file for this process alone; ``None`` where another has it, or has just removed it."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None


def _write(descriptor: int, content: bytes, at: int) -> None:
    """All of it; the system may take it in pieces, of which the last then says why."""
    rest = memoryview(content)
    while rest:
        written = os.pwrite(descriptor, rest, at)
        at += written
        rest = rest[written:]


# --- one record -----------------------------------------------------------------------------------------

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Writing)
_Row = TypeVar("_Row", Entry, RefusedItems)


def _encode(writing: Writing) -> bytes:
    try:
        return _encoder.encode(writing)
    except UnicodeEncodeError:  # a lone surrogate
        entries, refused = map(_keepable, writing.entries), map(_keepable, writing.refused)
        return _encoder.encode(replace(writing, entries=tuple(entries), refused=tuple(refused)))


def _keepable(row: _Row) -> _Row:
    texts = {name: keepable(value) for name, value in asdict(row).items() if isinstance(value, str)}
    return replace(row, **texts)


def _decode(path: Path, content: bytes) -> Writing:
    try:
        return _decoder.decode(content)
    except msgspec.MsgspecError as error:
        raise SpoolError(f"{path}: holds what this version of falsetrue does not know; start the newer one") from error
