"""With which characters a regular expression can begin, so that a search need only look where it may match.

The first characters of a pattern are read off what :mod:`re` itself parses it to. Whatever this
module does not know counts as "any character": it may name places where nothing matches, but never
leaves out one where something does.
"""

import re
import struct
from collections.abc import Iterable, Sequence
from typing import Any

try:
    from falsetrue.news._openers import Openers
except ImportError:  # no C compiler where this was installed
    Openers = None  # type: ignore[assignment,misc]

__all__ = ["Openers", "beginnings", "make_openers"]

#: Characters of a beginning that are looked at.
DEPTH = 6
#: Sets that can be told apart.
SETS = 64
#: Beginnings of a pattern above which it counts as "any character".
MOST_BEGINNINGS = 400
#: A character by its lowest eight bits; this number stands for the end of the text.
_END = 256
_ALL = frozenset(range(_END + 1))

#: What may stand at each of the first places, all of them if there are fewer.
Beginning = tuple[frozenset[int], ...]


def beginnings(pattern: str) -> list[Beginning]:
    """Sets of characters (lowest eight bits; 256: the end) of which every match begins with one after another."""
    from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415 - nothing public parses patterns

    parsed = _parser.parse(pattern)
    if parsed.state.flags & re.IGNORECASE:
        return [()]
    found, _ = _of_sequence(list(parsed))
    return found if len(found) <= MOST_BEGINNINGS else [()]


def _of_sequence(items: Sequence[tuple[Any, Any]]) -> tuple[list[Beginning], bool]:
    """Beginnings of some items one after another, and whether they are whole: what follows may be added to them."""
    found: list[Beginning] = [()]
    for operation, argument in items:
        following, whole = _of_item(str(operation), argument)
        found = [first + then for first in found for then in following]
        if not whole or min(map(len, found)) >= DEPTH or len(found) > MOST_BEGINNINGS:
            return [one[:DEPTH] for one in found], False
    return found, True


def _of_item(operation: str, argument: Any) -> tuple[list[Beginning], bool]:
    if operation in {"LITERAL", "IN"}:
        return [(_characters([(operation, argument)] if operation == "LITERAL" else argument),)], True
    if operation == "SUBPATTERN" and not (argument[1] or argument[2]):  # flags of its own
        return _of_sequence(list(argument[3]))
    if operation == "BRANCH":
        return _of_branches([list(branch) for branch in argument[1]])
    if operation == "MAX_REPEAT":
        return _of_repeat(*argument)
    return [()], operation in {"ASSERT", "ASSERT_NOT", "AT"}  # these take no character


def _of_repeat(least: int, most: int, items: Iterable[tuple[Any, Any]]) -> tuple[list[Beginning], bool]:
    if most > DEPTH:
        return _of_sequence(list(items) * min(least, DEPTH))[0], False
    return _of_branches([list(items) * times for times in range(least, most + 1)])


def _of_branches(branches: Iterable[Sequence[tuple[Any, Any]]]) -> tuple[list[Beginning], bool]:
    """Of alternatives; whole where all of them are."""
    each = [_of_sequence(branch) for branch in branches]
    return [one for found, _ in each for one in found], all(whole for _, whole in each)


def _characters(items: Sequence[tuple[Any, Any]]) -> frozenset[int]:
    found: set[int] = set()
    for operation, argument in items:
        if str(operation) == "LITERAL":
            found.add(argument & 0xFF)
        elif str(operation) == "RANGE":
            found |= {code & 0xFF for code in range(argument[0], min(argument[1], argument[0] + 0xFF) + 1)}
        else:
            return _ALL
    return frozenset(found)


def make_openers(groups: Sequence[Sequence[str]], *, at_edges: Sequence[bool], edge: int) -> "Openers | None":
    """What finds the places where patterns of each group may begin; ``None`` where that cannot be done.

    Groups that are ``at_edges`` are only looked for within ``edge`` characters of either end.
    """
    if Openers is None:
        return None
    try:
        found = [[one for pattern in group for one in beginnings(pattern)] for group in groups]
    except (ImportError, AttributeError, TypeError, ValueError, IndexError):  # another Python's parser
        return None
    if not any(found):
        return None
    table = _Table()
    shares = _shares([len(set(group)) for group in found])
    masks: list[int] = []
    for group, share in zip(found, shares, strict=True):
        masks.append(table.add(group, share))
    return Openers(
        sets=table.packed(),
        groups=struct.pack(f"={len(masks)}Q", *masks),
        edge_sets=sum(mask for mask, edges in zip(masks, at_edges, strict=True) if edges),
        edge=edge,
    )


def _shares(sizes: Sequence[int]) -> list[int]:
    """How many of the sets each group gets: as many as it has beginnings, or its share of them."""
    total = sum(sizes)
    return [min(size, max(1, size * (SETS - len(sizes)) // total)) for size in sizes]


class _Table:
    """Sets as bits: by character and depth, which of them hold the character there."""

    def __init__(self) -> None:
        self._bits = [[0] * DEPTH for _ in range(_END + 1)]
        self._any = [0] * DEPTH  #: sets that hold every character at a depth
        self._used = 0

    def add(self, beginnings: Iterable[Beginning], share: int) -> int:
        """Spread beginnings over ``share`` further sets; returns the bits of these."""
        alike = sorted(set(beginnings), key=_likeness)
        for rank, one in enumerate(alike):
            self._put(one, 1 << (self._used + rank * share // len(alike)))
        mask = ((1 << share) - 1) << self._used
        self._used += share
        return mask

    def _put(self, beginning: Beginning, bit: int) -> None:
        for depth in range(DEPTH):
            characters = beginning[depth] if depth < len(beginning) else _ALL
            if characters is _ALL:
                self._any[depth] |= bit
                continue
            for character in characters:
                self._bits[character][depth] |= bit

    def packed(self) -> bytes:
        """As the search takes them."""
        flat = [bits | everywhere for row in self._bits for bits, everywhere in zip(row, self._any, strict=True)]
        return struct.pack(f"={len(flat)}Q", *flat)


def _likeness(beginning: Beginning) -> tuple[int, list[list[int]]]:
    """Beginnings next to each other by this share a set: of one length, as "any" in one would be "any" in all."""
    return sum(characters is not _ALL for characters in beginning), [sorted(characters) for characters in beginning]
