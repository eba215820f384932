"""◆ Numbers by name that processes forked from one count, each its own; any of them reads all.

Anonymous shared memory: no files that could pile up or fill a disk, and nothing to remove in the end. A worker that is
killed leaves its numbers to the next one in its slot.
"""

import mmap
import threading
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

#: Bytes of a slot's region; pages that nothing was written to take no memory.
REGION_BYTES = 2 * 1024 * 1024
_WORD = 8
_REGION = REGION_BYTES // _WORD
#: Words of a region before its first entry: process id of its owner, and where its entries end.
_OWNER, _END, _FIRST = 0, 1, 2
#: Words of an entry before its name: bytes of the name, and count of its numbers.
_HEAD = 2

Name = tuple[str, ...]
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class Entry(NamedTuple):
    """Numbers of one name, in one slot."""

    slot: int
    name: Name
    begin: int  #: index of the first number in :attr:`SharedNumbers.cells`
    size: int  #: how many numbers


class SharedNumbers:
    """Regions of memory, one for each slot; to be made before processes are forked.

    A slot is written by one process at a time. Numbers are kept as eight bytes each, written at once: who reads finds
    the old one or the new one.
    """

    def __init__(self, slots: int = 1) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * REGION_BYTES)
        self._bytes = memoryview(self._memory)
        self.cells = self._bytes.cast("d")  #: all numbers; to be written in place
        self._lock = threading.Lock()

    def claim(self, slot: int, owner: int) -> None:
        """Begin to write in a slot, as the process ``owner``; what was counted there goes on."""
        region = slot * _REGION
        self.cells[region + _OWNER] = owner
        self.cells[region + _END] = max(_FIRST, self.cells[region + _END])

    def owner(self, slot: int) -> int:
        """Process id of whoever claimed a slot last; 0 for nobody."""
        return int(self.cells[slot * _REGION + _OWNER])

    def allot(self, slot: int, name: Name, size: int) -> int:
        """Room for ``size`` numbers, 0 at first: index of the first one; raises :class:`ValueError` for no room."""
        encoded = msgspec.json.encode(name)
        with self._lock:
            region = slot * _REGION
            head = region + int(self.cells[region + _END])
            begin = head + _HEAD + _words(encoded)
            if begin + size > region + _REGION:
                raise ValueError("no room for more numbers")
            # One that was killed here may have left something.
            self._bytes[head * _WORD : (begin + size) * _WORD] = bytes((begin + size - head) * _WORD)
            self._bytes[(head + _HEAD) * _WORD : (head + _HEAD) * _WORD + len(encoded)] = encoded
            self.cells[head] = len(encoded)
            self.cells[head + 1] = size
            # Last: an entry that is not complete must not be seen, nor be left behind.
            self.cells[region + _END] = begin + size - region
        return begin

    def entries(self, slot: int) -> Iterator[Entry]:
        """What a slot holds."""
        region = slot * _REGION
        head, end = region + _FIRST, region + int(self.cells[region + _END])
        while head < end:
            letters = (head + _HEAD) * _WORD
            encoded = self._bytes[letters : letters + int(self.cells[head])]
            entry = Entry(slot, _decode(encoded), head + _HEAD + _words(encoded), int(self.cells[head + 1]))
            yield entry
            head = entry.begin + entry.size


def _words(encoded: bytes | memoryview) -> int:
    return -(-len(encoded) // _WORD)
