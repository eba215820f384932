"""The audit slice: every day a uniform random sample of the predictions, drawn while they are made.

A prediction's rank is a keyed hash of its identifier, so it depends on nothing that was said or asked, and nobody can
choose it. The predictions with the lowest ranks of a day are its slice: a bottom-k sample (Cohen and Kaplan, 2007,
"Summarizing data using bottom-k sketches"), uniform and without replacement, however many predictions the day will
have. What is lowest among all is lowest among those of one process, too: each keeps what may still be of the slice by
its own count, and all that they keep holds the slice, however the day was split over them and whichever began anew.
"""

import heapq
from collections.abc import Iterable, Sequence
from datetime import date
from hashlib import blake2b
from operator import itemgetter

from msgspec.structs import replace

from falsetrue.journal.records import Drawn, Entry, keepable

#: Ranks are less; so they fit a signed number of 64 bits, as databases have them.
RANKS = 2**63
#: Characters that are kept of a title, and of a text: enough to tell whether it is true, whatever was sent.
LONGEST_TEXT = 50_000


def rank_of(identifier: str, key: bytes) -> int:
    """Uniform in [0, :data:`RANKS`): keyed BLAKE2b (RFC 7693) of a prediction's identifier; ``key`` is secret."""
    return int.from_bytes(blake2b(identifier.encode(), digest_size=8, key=key).digest(), "big") >> 1


class Slice:
    """Draws for one process; knows no more than the ``size`` lowest ranks that it has kept of the day.

    Drawing changes nothing: only what is kept counts, as what is not may never be drawn in the stead of another.
    Not for several threads.
    """

    def __init__(self, *, key: bytes, size: int) -> None:
        self._key = key
        self._size = size  #: predictions of a day, at least 1
        self._day: date | None = None
        self._lowest: list[int] = []  #: negative ranks, as a heap: the highest rank is first
        self._limit = RANKS  #: only lower ranks may still be of the slice

    def draw(self, day: date, identifiers: Sequence[str]) -> dict[int, int]:
        """Which of the predictions of a request may be of the slice of their ``day``, UTC: rank by position."""
        limit, key = self._limit if day == self._day else RANKS, self._key
        drawn = {at: rank for at, each in enumerate(identifiers) if (rank := rank_of(each, key)) < limit}
        if len(drawn) <= self._size:
            return drawn
        return dict(heapq.nsmallest(self._size, drawn.items(), key=itemgetter(1)))

    def keep(self, day: date, ranks: Iterable[int]) -> None:
        """Count what was drawn, once it is kept. Of another day than the last: that one begins, or begins anew."""
        if day != self._day:
            self._day, self._lowest, self._limit = day, [], RANKS
        for rank in ranks:
            if len(self._lowest) < self._size:
                heapq.heappush(self._lowest, -rank)
            elif rank < self._limit:
                heapq.heapreplace(self._lowest, -rank)
            if len(self._lowest) == self._size:
                self._limit = -self._lowest[0]

    def mark(
        self, entries: tuple[Entry, ...], contents: Sequence[tuple[str | None, str]], *, refused: bool
    ) -> tuple[Entry, ...]:
        """The entries of a request, with what the slice keeps of those that are drawn.

        ``contents`` are title and text of each; ``refused`` says that the caller forbids to keep them.
        """
        if not entries:
            return entries
        ranks = self.draw(entries[0].created_at.date(), [entry.id for entry in entries])
        if not ranks:
            return entries
        return tuple(
            replace(entry, drawn=_drawn(ranks[at], *contents[at], refused=refused)) if at in ranks else entry
            for at, entry in enumerate(entries)
        )

    def note(self, entries: Sequence[Entry]) -> None:
        """Count the entries of a request, once they are kept."""
        drawn = [(entry, entry.drawn.rank) for entry in entries if entry.drawn is not None]
        if drawn:
            self.keep(drawn[0][0].created_at.date(), [rank for _, rank in drawn])


def _drawn(rank: int, title: str | None, text: str, *, refused: bool) -> Drawn:
    if refused:
        return Drawn(rank=rank, refused=True)
    kept = None if title is None else keepable(title[:LONGEST_TEXT])
    return Drawn(rank=rank, refused=False, title=kept, text=keepable(text[:LONGEST_TEXT]))
