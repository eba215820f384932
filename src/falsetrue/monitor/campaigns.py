"""Which texts are near copies of each other, how many there are, and since when: by signatures, without any text.

Of any number of texts a summary of fixed size is kept: how many there are, how many of them have a copy, and the
largest groups of copies with their counts by day.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from falsetrue.errors import InputError
from falsetrue.features.sketches import BINS
from falsetrue.model.resampling import interval
from falsetrue.monitor.findings import Finding, Kind, Remedy, Severity, State, Subject

Signatures = NDArray[np.uint16]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

FORMAT: Final = 1
#: Bins of two signatures that must agree: between what is expected at a Jaccard of 0.8 (51) and of 0.4 (26), 3.5
#: standard deviations from either.
AGREEMENT: Final = 40
#: Groups that are kept.
GROUPS: Final = 256
#: Fewer say nothing.
LEAST: Final = 200
#: Days, keys and languages of a group that are kept at most.
DAYS: Final = 31
NAMES: Final = 8
#: Draws of the test.
DRAWS: Final = 9_999
#: Values of a signature that make one key of a table: as many as fit a machine word.
_BAND = 4
_SECONDS = 86_400
#: Texts of the stories that are always thought possible.
_ADDED = (2, 4)
#: Differences of shares this small are none.
_ROUNDING = 1e-12
#: Bytes of a checksum.
_CHECKSUM = 16
#: Texts that are grouped at a time; bounds the memory.
_CHUNK = 1 << 16


class _Format(msgspec.Struct, frozen=True):
    format: int


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Near copies of each other."""

    signature: bytes  #: of one of them, little-endian
    texts: int
    first: float  #: when the first and the last of them came, s since 1970 UTC
    last: float
    days: dict[int, int]  #: texts by days since 1970 UTC, of the last :data:`DAYS` days that have any
    keys: tuple[str, ...] = ()  #: that asked, ascending; at most :data:`NAMES`
    languages: tuple[str, ...] = ()


class Campaigns(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the near copies among some texts; at most about 120 kB.

    It counts only texts of two runs of three words or more (:func:`tellable`).
    """

    format: int = FORMAT
    texts: int = 0
    copies: int = 0  #: texts that have a near copy among those they came with: of all, at least so many have one
    missed: int = 0  #: a group has at most so many texts more than it says, and one that is not listed no more
    groups: tuple[Group, ...] = ()  #: of two texts or more; the largest first, at most :data:`GROUPS`

    @classmethod
    def of(
        cls,
        minhash: Signatures,
        seconds: Floats,
        *,
        keys: Sequence[str | None] | None = None,
        languages: Sequence[str | None] | None = None,
    ) -> "Campaigns":
        """Of n texts: signatures (n, 64) and times (s since 1970 UTC; (n,)), and what to name in groups.

        Copies are found among 65,536 texts, and those of a group that is kept among all.
        """
        told, found = np.flatnonzero(tellable(minhash)), cls()
        for begin in range(0, len(told), _CHUNK):
            at = told[begin : begin + _CHUNK]
            batch = _Batch(
                signatures=minhash[at],
                seconds=seconds[at],
                keys=None if keys is None else [keys[row] for row in at.tolist()],
                languages=None if languages is None else [languages[row] for row in at.tolist()],
            )
            found = found.merged(batch.summary())
        return found

    def merged(self, other: "Campaigns") -> "Campaigns":
        """Of the texts of both, none of which is in both; the same whichever comes first."""
        groups, cut = _largest(_joined([*self.groups, *other.groups]))
        return Campaigns(
            texts=self.texts + other.texts,
            copies=self.copies + other.copies,
            missed=self.missed + other.missed + cut,
            groups=groups,
        )

    def stories(self) -> Integers:
        """How many texts each story has. Copies that are in no group that is kept are taken for pairs."""
        groups = np.array([group.texts for group in self.groups], dtype=np.int64)
        pairs = (self.copies - int(groups.sum())) // 2
        return np.concatenate([groups, np.repeat([2, 1], [pairs, self.texts - int(groups.sum()) - 2 * pairs])])

    def to_bytes(self) -> bytes:
        """What :meth:`from_bytes` reads: a checksum (BLAKE2b, 16 bytes), and MessagePack."""
        body = msgspec.msgpack.encode(self)
        return blake2b(body, digest_size=_CHECKSUM).digest() + body

    @classmethod
    def from_bytes(cls, content: bytes) -> "Campaigns":
        """What was written. Raises :class:`InputError` for anything else, for damage, and for a newer format."""
        checksum, body = content[:_CHECKSUM], content[_CHECKSUM:]
        if blake2b(body, digest_size=_CHECKSUM).digest() != checksum:
            raise InputError("what was kept of near copies is damaged: its bytes are not those that were written")
        try:
            kept = msgspec.msgpack.decode(body, type=_Format).format
            found = msgspec.msgpack.decode(body, type=cls) if kept == FORMAT else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise InputError(f"what was kept of near copies cannot be read: {error}") from error
        if found is None:
            raise InputError(f"what was kept of near copies has format {kept}; this version reads format {FORMAT}")
        if not found.is_whole():
            raise InputError("what was kept of near copies cannot be read: its sizes contradict each other")
        return found

    def is_whole(self) -> bool:
        """Whether every size is one that can be."""
        grouped = sum(group.texts for group in self.groups)
        groups = all(len(group.signature) == 2 * BINS and group.texts > 1 for group in self.groups)
        return groups and grouped <= self.copies <= self.texts and self.missed >= 0 and len(self.groups) <= GROUPS


def tellable(minhash: Signatures) -> NDArray[np.bool_]:
    """Which texts have two runs of three words or more; (n,). One run has 65,536 signatures, no words have one."""
    return np.asarray((minhash[:, 1:] != minhash[:, :1]).any(axis=1))


def near_copies(signatures: Signatures, *, agreement: int = AGREEMENT) -> Integers:
    """By text, the least number of a text it is a near copy of, itself or through others; shapes (n, 64) and (n,).

    Candidates agree in one of 16 bands of four values (locality-sensitive hashing: Indyk & Motwani 1998; Leskovec,
    Rajaraman & Ullman, Mining of Massive Datasets, section 3.4) and are near copies if ``agreement`` values do. Of
    pairs with a Jaccard of 0.8, 99.9 % are found; of 0.4, 0.01 %.
    """
    left, right = _candidates(signatures)
    alike = np.concatenate(
        [np.empty(0, dtype=bool)]
        + [
            (signatures[left[at : at + _CHUNK]] == signatures[right[at : at + _CHUNK]]).sum(axis=1) >= agreement
            for at in range(0, len(left), _CHUNK)
        ]
    )
    return _components(left[alike], right[alike], len(signatures))


def _candidates(signatures: Signatures) -> tuple[Integers, Integers]:
    """Pairs that agree in a band: each text with the first such text, and with the one before it."""
    bands = np.ascontiguousarray(signatures).view(np.uint64).reshape(len(signatures), BINS // _BAND)
    pairs = [np.empty(0, dtype=np.int64)]
    for key in bands.T:
        order = np.argsort(key, kind="stable")
        repeats = np.flatnonzero(key[order][1:] == key[order][:-1]) + 1
        if not len(repeats):
            continue
        begins = np.concatenate([[0], np.cumsum(np.diff(repeats) > 1)])
        firsts = repeats[np.concatenate([[True], np.diff(repeats) > 1])] - 1
        later = order[repeats]
        pairs += [earlier * len(signatures) + later for earlier in (order[firsts][begins], order[repeats - 1])]
    unique = np.unique(np.concatenate(pairs))
    return unique // max(1, len(signatures)), unique % max(1, len(signatures))


def _components(left: Integers, right: Integers, size: int) -> Integers:
    """The least member of each one's component: the least label goes to both ends until none changes."""
    labels = np.arange(size)
    while len(left):
        least = np.minimum(labels[left], labels[right])
        np.minimum.at(labels, left, least)
        np.minimum.at(labels, right, least)
        labels = labels[labels]
        apart = labels[left] != labels[right]
        left, right = left[apart], right[apart]
    return labels[labels]


# --- what is kept -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Batch:
    """Texts that are grouped together."""

    signatures: Signatures
    seconds: Floats
    keys: Sequence[str | None] | None
    languages: Sequence[str | None] | None

    def summary(self) -> Campaigns:
        ids = near_copies(self.signatures)
        counts = np.bincount(ids, minlength=len(ids))
        copies = int(counts[counts > 1].sum())
        # More than are kept are not made: each costs a hundred times what a text does.
        named = np.argsort(-counts, kind="stable")[: GROUPS + 1]
        groups, cut = _largest([self._group(members) for members in _members(ids, named[counts[named] > 1])])
        missed = max(cut, int(copies < len(ids)))
        return Campaigns(texts=len(ids), copies=copies, missed=missed, groups=groups)

    def _group(self, members: Integers) -> Group:
        seconds = self.seconds[members]
        days, counts = np.unique(seconds // _SECONDS, return_counts=True)
        return Group(
            signature=self.signatures[members[np.argmin(seconds)]].astype("<u2").tobytes(),
            texts=len(members),
            first=float(seconds.min()),
            last=float(seconds.max()),
            days=dict(zip(days[-DAYS:].astype(int).tolist(), counts[-DAYS:].tolist(), strict=True)),
            keys=_names(self.keys, members),
            languages=_names(self.languages, members),
        )


def _members(ids: Integers, named: Integers) -> Iterable[Integers]:
    """The texts of each of the named groups."""
    wanted = np.flatnonzero(np.isin(ids, named))
    order = wanted[np.argsort(ids[wanted], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(ids[order])) + 1) if len(order) else []


def _names(values: Sequence[str | None] | None, members: Integers) -> tuple[str, ...]:
    found = {values[row] for row in members.tolist()} if values is not None else set()
    return tuple(sorted(each for each in found if each is not None)[:NAMES])


def _largest(groups: list[Group]) -> tuple[tuple[Group, ...], int]:
    """The largest of them, and how many texts the largest of the others has."""
    ordered = sorted(groups, key=lambda each: (-each.texts, each.first, each.signature))
    return tuple(ordered[:GROUPS]), max((each.texts for each in ordered[GROUPS:]), default=0)


def _joined(groups: list[Group]) -> list[Group]:
    """One group of those whose signatures are near copies."""
    ordered = sorted(groups, key=lambda each: (-each.texts, each.first, each.signature))
    content = b"".join(each.signature for each in ordered)
    ids = near_copies(np.frombuffer(content, dtype="<u2").astype(np.uint16).reshape(-1, BINS)).tolist()
    together: dict[int, list[Group]] = {}
    for number, each in zip(ids, ordered, strict=True):
        together.setdefault(number, []).append(each)
    return [parts[0] if len(parts) == 1 else _sum(parts) for parts in together.values()]


def _sum(parts: list[Group]) -> Group:
    """Of the parts, the largest first."""
    days: dict[int, int] = {}
    for part in parts:
        for day, count in part.days.items():
            days[day] = days.get(day, 0) + count
    return Group(
        signature=parts[0].signature,
        texts=sum(part.texts for part in parts),
        first=min(part.first for part in parts),
        last=max(part.last for part in parts),
        days=dict(sorted(days.items())[-DAYS:]),
        keys=tuple(sorted({key for part in parts for key in part.keys})[:NAMES]),
        languages=tuple(sorted({language for part in parts for language in part.languages})[:NAMES]),
    )


# --- against a baseline -----------------------------------------------------------------------------


def find_campaigns(
    reference: Campaigns, current: Campaigns, *, seed: int, subject: Subject | None = None, listed: int = 3
) -> Finding:
    """Whether more texts have a near copy than in the baseline; one-sided.

    The unit is the story, not the text: copies of one story come together. Under the hypothesis that nothing has
    changed, the stories of both sides are drawn from those of both, of which none counts as larger than the largest of
    the baseline (a cluster bootstrap: Cameron, Gelbach & Miller 2008, under the hypothesis). A story of two texts and
    one of four are added, so that a baseline without copies does not make the first of them a campaign. It supposes
    that the baseline shows how large stories get: one far larger than any in it is found, whoever wrote it.

    The more texts are looked at together, the more of them have a copy. Where there are more current texts than there
    are in the baseline, ``current`` is therefore what is expected of as many as in the baseline, drawn from them
    (rarefaction: Hurlbert 1971); ``details`` have the share of all, at least, and the ``listed`` largest groups.
    """
    texts = min(reference.texts, current.texts)
    finding = _finding(subject, current, listed)
    if texts < LEAST:
        return finding
    generator = np.random.default_rng(seed)
    before, now, weights = reference.stories(), current.stories(), _copied(current.stories(), reference.texts)
    was, share = float(before[before > 1].sum() / before.sum()), float(weights.sum() / now.sum())
    usual = np.concatenate([before, np.minimum(now, max(int(before.max()), *_ADDED)), _ADDED])
    drawn = [max(1, round(size / usual.mean())) for size in (texts, reference.texts)]
    chance = [_resampled(usual, usual * (usual > 1), stories, generator) for stories in drawn]
    p = (1 + int(np.sum(chance[0] - chance[1] >= share - was - _ROUNDING))) / (1 + DRAWS)
    estimate = interval(share, _resampled(now, weights, len(now), generator), len(now))
    assert estimate is not None  # noqa: S101 - a share of texts, of which there are some
    return msgspec.structs.replace(
        finding,
        state=State.QUIET,
        value=share - was,
        size=share - was,
        baseline=was,
        current=share,
        low=estimate.low,
        high=estimate.high,
        p=p,
    )


def _copied(stories: Integers, drawn: int) -> Floats:
    """Texts of each story times the chance that one has a copy, where at most ``drawn`` of all texts are looked at."""
    texts = int(stories.sum())
    if texts <= drawn:
        return np.where(stories > 1, stories, 0.0)
    with np.errstate(invalid="ignore"):
        without = gammaln(texts - stories + 1) - gammaln(texts - stories - drawn + 2)
    alone = np.exp(without - gammaln(texts) + gammaln(texts - drawn + 1))
    return np.asarray(stories * (1 - np.where(texts - stories < drawn - 1, 0, alone)))


def _resampled(stories: Integers, copied: Floats, count: int, generator: np.random.Generator) -> Floats:
    """Share of the texts that have a copy in each of :data:`DRAWS` draws of ``count`` stories."""
    sizes, first, frequencies = np.unique(stories, return_index=True, return_counts=True)
    drawn = generator.multinomial(count, frequencies / frequencies.sum(), size=DRAWS)
    return np.asarray((drawn @ copied[first]) / (drawn @ sizes))


def _finding(subject: Subject | None, current: Campaigns, listed: int) -> Finding:
    return Finding(
        watch="campaigns",
        kind=Kind.DUPLICATES,
        severity=Severity.WARNING,
        subject=subject or Subject(),
        state=State.INSUFFICIENT,
        texts=current.texts,
        least=LEAST,
        statistic="difference",
        value=None,
        effect="share of texts with a near copy",
        size=None,
        baseline=None,
        current=None,
        remedies=(Remedy.FIX_FEED, Remedy.LABEL),
        details=_details(current, listed),
    )


def _details(current: Campaigns, listed: int) -> dict[str, str | int | float]:
    """How many texts the largest groups have, from when to when, in which languages, of which keys."""
    details: dict[str, str | int | float] = {"share_of_all_at_least": current.copies / max(1, current.texts)}
    for rank, group in enumerate(current.groups[:listed], start=1):
        details |= {
            f"group_{rank}_texts": group.texts,
            f"group_{rank}_first": _time(group.first),
            f"group_{rank}_last": _time(group.last),
        }
        names = {f"group_{rank}_keys": group.keys, f"group_{rank}_languages": group.languages}
        details |= {name: ", ".join(values) for name, values in names.items() if values}
    return details


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
