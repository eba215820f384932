"""Whether articles are those of a collection that is no longer at hand, from a small sketch of it.

The sketch is the smallest hashes of the collection's contents (Broder, On the resemblance and containment of
documents, 1997): a sample by content, so that of an article whose hash is small enough it says for certain
whether the collection holds it, however the two files are ordered or written.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falsetrue.news.article import Article

#: Hashes that a sketch keeps at most, of 8 bytes each. Of 400 articles copied from a collection of 40,000 about ten
#: are in it, and of 1,000 of which one in twenty was copied, about one.
SIZE = 1024
#: Share of the articles from which an overlap is worth saying: the odd article stands in many collections.
WORTH_SAYING = 0.02
_HASH = np.dtype("<u8")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """What some articles have in common with a collection."""

    corpus: str  #: name of the collection
    found: int  #: articles that the sketch holds
    looked_for: int  #: articles that it would hold, were they in the collection; at least 1

    @property
    def share(self) -> float:
        """About the share of the articles that is in the collection, in [0, 1]."""
        return self.found / self.looked_for


def sketch(articles: Iterable[Article]) -> bytes:
    """The :data:`SIZE` smallest hashes of the contents, ascending, little-endian; fewer of fewer articles."""
    return np.unique(_hashes(articles))[:SIZE].tobytes()


def overlaps(articles: Sequence[Article], sketches: Mapping[str, bytes]) -> list[Overlap]:
    """The collections, by name, that hold some of the articles; the one with most of them first.

    None where together they hold less than :data:`WORTH_SAYING`; no two of them may hold the same article. Each
    content counts once. Blind to case and white space; anything else that differs makes another article.
    """
    hashes = np.unique(_hashes(articles))
    compared = [_overlap(hashes, corpus, kept) for corpus, kept in sketches.items()]
    found = [each for each in compared if each is not None and each.found]
    return sorted(found, key=lambda each: -each.share) if total_share(found) >= WORTH_SAYING else []


def total_share(found: Iterable[Overlap]) -> float:
    """About the share of the articles that is in any of the collections, in [0, 1]."""
    return min(1.0, sum(each.share for each in found))


def describe_overlaps(found: Iterable[Overlap]) -> str:
    """For people: how many of the articles are where."""
    return ", ".join(
        f"about {each.share:.0%} are in {each.corpus} ({each.found} of {each.looked_for} looked for)" for each in found
    )


def _overlap(hashes: NDArray[np.uint64], corpus: str, kept: bytes) -> Overlap | None:
    """``None`` where the sketch can say nothing of any of the hashes."""
    known = np.frombuffer(kept[: len(kept) // _HASH.itemsize * _HASH.itemsize], dtype=_HASH)
    tellable = hashes if len(known) < SIZE else hashes[hashes <= known.max()]
    if not len(tellable):
        return None
    return Overlap(corpus=corpus, found=int(np.isin(tellable, known).sum()), looked_for=len(tellable))


def _hashes(articles: Iterable[Article]) -> NDArray[np.uint64]:
    return np.frombuffer(b"".join(article.content_hash[: _HASH.itemsize] for article in articles), dtype=_HASH)
