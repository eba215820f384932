"""A summary of many texts, of a fixed size, that can be put together from those of parts in any order.

Nothing in it depends on a baseline: values are counted on grids that are the same for ever (of this format), so that
what was summarised yesterday can be compared with a baseline that is made tomorrow.
"""

import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.features.sketches import BUCKETS, MOST_BUCKETS, STYLES, Features, Unit
from falsetrue.monitor.campaigns import Campaigns
from falsetrue.monitor.observations import UNSURE, Observations, joined_features, no_features, rows_of_features
from falsetrue.monitor.packing import Arrays, Header, dense, pack, sparse, unpack

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Format of the bytes of a profile.
FORMAT: Final = 1
#: Equal bins of ``p_real``.
SCORE_BINS: Final = 1000
#: The largest step of a grid: a sketch's numbers have two bytes.
_LARGEST = 65535
#: Bins of a grid to a doubling of 1 + step.
_TO_A_DOUBLING = 32
#: What values are counted of, by name, and the steps that make 1. Of style numbers, those that words do not tell.
GRIDS: Final = {
    "words": Unit.COUNT,
    "characters": Unit.COUNT,
    "oov": Unit.SHARE,
    **{name: unit for name, unit in STYLES.items() if name not in {"characters", "words"}},
}
#: What may be wrong with a text, each counted on its own; it is broken if it is empty or full of debris.
PROBLEMS: Final = ("empty", "too_short", "debris", "broken")
#: Words of a text that is not too short.
ENOUGH_WORDS: Final = 20
#: Share of a text's characters from which what is left of wrong decodings is a problem.
MUCH_DEBRIS: Final = 0.002
#: Language of a text in which nobody looked for one.
NOBODY_LOOKED: Final = ""
#: Texts in the sample of a profile, at most.
SAMPLE: Final = 2000

_NAMES = list(GRIDS)
_BIN_OF_STEP = np.floor(_TO_A_DOUBLING * np.log2(1 + np.arange(_LARGEST + 1))).astype(np.int64)
#: Bins of each grid.
GRID_BINS: Final = int(_BIN_OF_STEP[-1]) + 1
_STEPS_IN_BIN = np.bincount(_BIN_OF_STEP, minlength=GRID_BINS)
_FIRST_STEP = np.searchsorted(_BIN_OF_STEP, np.arange(GRID_BINS))
_MEAN_STEP = np.bincount(_BIN_OF_STEP, np.arange(_LARGEST + 1), minlength=GRID_BINS) / np.maximum(_STEPS_IN_BIN, 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Of the texts that have a sketch, those of the lowest priorities: a uniform draw without replacement.

    The lowest k of a union are among the lowest k of its parts, so that samples can be put together (bottom-k
    sampling: Cohen and Kaplan, PODC 2007).
    """

    size: int  #: texts at most
    priority: NDArray[np.uint64]  #: (m,), ascending; m <= size
    languages: NDArray[np.object_]  #: (m,), BCP 47, ``und``, or :data:`NOBODY_LOOKED`
    features: Features  #: m rows

    def __len__(self) -> int:
        """How many texts."""
        return len(self.priority)

    @classmethod
    def of(cls, observations: Observations, size: int = SAMPLE) -> "Sample":
        """A sample of some texts; none of them where nobody read their features."""
        features, sketched = observations.features, np.flatnonzero(observations.sketched)
        if features is None:
            sketched, features = sketched[:0], no_features(len(observations))
        at = sketched[np.argsort(observations.priority[sketched], kind="stable")[:size]]
        return cls(
            size=size,
            priority=observations.priority[at],
            languages=_named(observations.languages[at]),
            features=rows_of_features(features, at),
        )

    def merged(self, other: "Sample") -> "Sample":
        """A sample of both; of the smaller of the two sizes."""
        priority = np.concatenate([self.priority, other.priority])
        at = np.argsort(priority, kind="stable")[: min(self.size, other.size)]
        return Sample(
            size=min(self.size, other.size),
            priority=priority[at],
            languages=np.concatenate([self.languages, other.languages])[at],
            features=rows_of_features(joined_features([self.features, other.features]), at),
        )

    def smaller(self, size: int) -> "Sample":
        """A sample of fewer."""
        if len(self) <= size:
            return replace(self, size=min(size, self.size))
        at = np.arange(size)
        features = rows_of_features(self.features, at)
        return Sample(size=size, priority=self.priority[at], languages=self.languages[at], features=features)


AnyPart = TypeVar("AnyPart", Sample, Campaigns)


@dataclass(frozen=True, kw_only=True, eq=False)
class Profile:
    """What is counted of n texts. Arrays are not to be written to."""

    texts: int
    sketched: int  #: of how many of them there is a sketch
    languages: dict[str, int]  #: texts by BCP 47, ``und``, or :data:`NOBODY_LOOKED`
    scores: Counts  #: (3, 1000), texts said to be false, real and unsure, by equal bins of ``p_real``
    grids: Counts  #: (len(GRIDS), GRID_BINS), texts by value, in the order of :data:`GRIDS`
    problems: Counts  #: (len(PROBLEMS),), texts that have each
    sample: Sample | None  #: ``None`` where none was taken of some part
    campaigns: Campaigns | None = None  #: of all the texts; ``None`` where it was not made of some part
    refused: int = 0  #: empty texts that were never judged: they are among ``problems``, and in nothing else
    forced: int = 0  #: texts of which a verdict was demanded, so that all that would have left it open is not known
    forced_unsure: int = 0  #: of these, texts that the rest leaves without a decision

    @classmethod
    def empty(cls, *, sample: int = SAMPLE) -> "Profile":
        """Of no text: merged with another it is the other, but that its sample has at most ``sample`` texts."""
        nothing = Sample(
            size=sample,
            priority=np.empty(0, np.uint64),
            languages=np.empty(0, object),
            features=no_features(0),
        )
        return cls(
            texts=0,
            sketched=0,
            languages={},
            scores=np.zeros((3, SCORE_BINS), np.int64),
            grids=np.zeros((len(GRIDS), GRID_BINS), np.int64),
            problems=np.zeros(len(PROBLEMS), np.int64),
            sample=nothing if sample else None,
        )

    @classmethod
    def of(cls, observations: Observations, *, sample: int = SAMPLE, campaigns: Campaigns | None = None) -> "Profile":
        """Of some texts, with a sample of at most so many; none for 0."""
        forced = np.zeros(len(observations), bool) if observations.forced is None else observations.forced
        return cls(
            texts=len(observations),
            sketched=int(observations.sketched.sum()),
            languages=dict(sorted(Counter(_named(observations.languages).tolist()).items())),
            scores=count_scores(observations.p_real, observations.labels),
            grids=_count_values(observations),
            problems=_count_problems(observations),
            sample=Sample.of(observations, sample) if sample else None,
            campaigns=campaigns,
            forced=int(forced.sum()),
            forced_unsure=int((forced & (observations.labels == UNSURE)).sum()),
        )

    def merged(self, other: "Profile") -> "Profile":
        """Of the texts of both, none of which is in both."""
        if not self.texts and self.campaigns is None:
            return (other if self.sample is None else other.sampled(self.sample.size)).refusing(self.refused)
        if not other.texts and other.campaigns is None:
            return (self if other.sample is None else self.sampled(other.sample.size)).refusing(other.refused)
        languages = Counter(self.languages) + Counter(other.languages)
        return Profile(
            texts=self.texts + other.texts,
            sketched=self.sketched + other.sketched,
            languages=dict(sorted(languages.items())),
            scores=self.scores + other.scores,
            grids=self.grids + other.grids,
            problems=self.problems + other.problems,
            sample=_joined(self.sample, other.sample),
            campaigns=_joined(self.campaigns, other.campaigns),
            refused=self.refused + other.refused,
            forced=self.forced + other.forced,
            forced_unsure=self.forced_unsure + other.forced_unsure,
        )

    def refusing(self, texts: int) -> "Profile":
        """The same, and so many texts that were refused as empty."""
        if not texts:
            return self
        problems = self.problems + texts * np.isin(PROBLEMS, ("empty", "broken"))
        return replace(self, problems=problems, refused=self.refused + texts)

    @property
    def received(self) -> int:
        """Texts, and those that were refused as empty: of how many it is known whether they are."""
        return self.texts + self.refused

    def sampled(self, size: int) -> "Profile":
        """The same with a smaller sample; with none for 0."""
        if self.sample is None or not size:
            return replace(self, sample=None)
        return replace(self, sample=self.sample.smaller(size))

    @property
    def false(self) -> int:
        """Texts called false."""
        return int(self.scores[0].sum())

    @property
    def real(self) -> int:
        """Texts called real."""
        return int(self.scores[1].sum())

    @property
    def unsure(self) -> int:
        """Texts without a decision."""
        return int(self.scores[2].sum())

    @property
    def mean_p_real(self) -> float | None:
        """Mean ``p_real``, to half a bin; ``None`` of no text."""
        return float(self.scores.sum(axis=0) @ score_middles() / self.texts) if self.texts else None

    def problem(self, name: str) -> int:
        """Texts with one of :data:`PROBLEMS`."""
        return int(self.problems[PROBLEMS.index(name)])

    def counts(self, name: str) -> Counts:
        """Texts by value of one of :data:`GRIDS`, or by ``p_real`` for ``score``; ascending bins."""
        return np.asarray(self.scores.sum(axis=0) if name == "score" else self.grids[_NAMES.index(name)])

    def mean(self, name: str) -> float | None:
        """The mean of the same, to a bin's width; ``None`` where nothing is counted."""
        counts = self.counts(name)
        return float(counts @ middles(name) / counts.sum()) if counts.any() else None

    def quantile(self, name: str, share: float) -> float | None:
        """The value that ``share``, in [0, 1], of the texts do not exceed, to a bin's width; ``None`` as above.

        Texts in a bin are taken to be spread evenly over its values.
        """
        counts = self.counts(name)
        if not counts.any():
            return None
        ahead = np.cumsum(counts)
        wanted = max(1, share * ahead[-1])
        at = int(np.searchsorted(ahead, wanted))
        inside = 1 - (ahead[at] - wanted) / counts[at]
        if name == "score":
            return float((at + inside) / SCORE_BINS)
        first, last = _FIRST_STEP[at], _FIRST_STEP[at] + _STEPS_IN_BIN[at] - 1
        return float((first + inside * (last - first)) / GRIDS[name].value)

    def to_bytes(self) -> bytes:
        """What :meth:`from_bytes` reads."""
        return pack(self.header(), self.arrays())

    def header(self) -> "ProfileHeader":
        """What bytes say of it beside the arrays."""
        return ProfileHeader(
            kind="profile",
            format=FORMAT,
            texts=self.texts,
            sketched=self.sketched,
            languages=self.languages,
            sample=None if self.sample is None else self.sample.size,
            entries=0 if self.sample is None else len(self.sample.features.buckets),
            refused=self.refused,
            forced=self.forced,
            forced_unsure=self.forced_unsure,
        )

    def arrays(self) -> Arrays:
        """The rest of it."""
        campaigns = {} if self.campaigns is None else {"campaigns": np.frombuffer(self.campaigns.to_bytes(), np.uint8)}
        return (
            sparse("scores", self.scores)
            | sparse("grids", self.grids)
            | {"problems": self.problems}
            | ({} if self.sample is None else _packed_sample(self.sample))
            | campaigns
        )

    @classmethod
    def from_bytes(cls, content: bytes) -> "Profile":
        """What was written; raises :class:`InputError` for anything else, or what is damaged."""
        header, arrays = unpack(content, "profile", ProfileHeader, newest=FORMAT)
        return cls.from_parts(header, arrays)

    @classmethod
    def from_parts(cls, header: "ProfileHeader", arrays: Arrays) -> "Profile":
        """The same of what :meth:`header` and :meth:`arrays` said."""
        try:
            profile = cls(
                texts=header.texts,
                sketched=header.sketched,
                languages=header.languages,
                scores=dense("scores", arrays, (3, SCORE_BINS)),
                grids=dense("grids", arrays, (len(GRIDS), GRID_BINS)),
                problems=arrays["problems"].astype(np.int64).reshape(len(PROBLEMS)),
                sample=None if header.sample is None else _unpacked_sample(header, arrays),
                campaigns=Campaigns.from_bytes(arrays["campaigns"].tobytes()) if "campaigns" in arrays else None,
                refused=header.refused,
                forced=header.forced,
                forced_unsure=header.forced_unsure,
            )
        except (KeyError, ValueError, TypeError, OverflowError, zlib.error) as error:
            raise InputError("a profile cannot be read: its parts do not fit together") from error
        if not 0 <= profile.refused <= min(profile.problem("empty"), profile.problem("broken")):
            raise InputError("a profile cannot be read: its counts contradict each other")
        if not (
            0 <= profile.forced_unsure <= profile.forced <= profile.texts and profile.forced_unsure <= profile.unsure
        ):
            raise InputError("a profile cannot be read: its counts contradict each other")
        if int(profile.scores.sum()) != profile.texts or sum(profile.languages.values()) != profile.texts:
            raise InputError("a profile cannot be read: its counts contradict each other")
        return profile


def all_merged(profiles: Iterable[Profile], *, sample: int = SAMPLE) -> Profile:
    """Of the texts of all of them, none of which is in two; a sample has at most ``sample`` texts."""
    together = Profile.empty(sample=sample)
    for profile in profiles:
        together = together.merged(profile)
    return together


class ProfileHeader(Header, frozen=True, kw_only=True, omit_defaults=True):
    """What the bytes of a profile say beside its arrays."""

    texts: int
    sketched: int
    languages: dict[str, int]
    sample: int | None  #: most texts of the sample
    entries: int  #: of the features of all texts of the sample
    refused: int = 0
    forced: int = 0
    forced_unsure: int = 0


def _joined(one: AnyPart | None, other: AnyPart | None) -> AnyPart | None:
    """What a profile may carry; not where it would be of some of the texts alone."""
    return None if one is None or other is None else one.merged(other)


def score_middles() -> Floats:
    """The middle of each bin of ``p_real``, shape (1000,)."""
    return np.asarray((np.arange(SCORE_BINS) + 0.5) / SCORE_BINS)


def middles(name: str) -> Floats:
    """A value for each bin of one of :data:`GRIDS`, or of ``score``; ascending but for bins that hold nothing."""
    if name == "score":
        return score_middles()
    return np.asarray(_MEAN_STEP / GRIDS[name].value)


def bins_of_scores(p_real: Floats) -> Counts:
    """The bin of each ``p_real``, which lie in [0, 1]."""
    return np.minimum((p_real * SCORE_BINS).astype(np.int64), SCORE_BINS - 1)


def count_scores(p_real: Floats, labels: NDArray[np.int8]) -> Counts:
    """Texts by what was said (false, real, unsure) and bin of ``p_real``; shape (3, 1000)."""
    rows = np.where(labels < 0, 2, labels).astype(np.int64)
    flat = np.bincount(rows * SCORE_BINS + bins_of_scores(p_real), minlength=3 * SCORE_BINS)
    return flat.reshape(3, SCORE_BINS)


def _named(languages: NDArray[np.object_]) -> NDArray[np.object_]:
    """The same with a name for ``None``."""
    named = languages.astype(object)
    named[[language is None for language in languages]] = NOBODY_LOOKED
    return named


def _count_problems(observations: Observations) -> Counts:
    """In the order of :data:`PROBLEMS`. A text without words is empty, whatever characters it has."""
    empty = observations.words == 0
    debris = observations.styles[:, list(STYLES).index("debris")] >= MUCH_DEBRIS
    flags = (empty, ~empty & (observations.words < ENOUGH_WORDS), debris, empty | debris)
    return np.array([np.count_nonzero(flag) for flag in flags], dtype=np.int64)


def count_values(name: str, values: NDArray[Any]) -> Counts:
    """Values on the grid of one of :data:`GRIDS`, shape (GRID_BINS,); those that are not known (NaN) are left out."""
    steps = values[np.isfinite(values)].astype(np.float64) * GRIDS[name].value
    at = np.clip(np.rint(steps), 0, _LARGEST).astype(np.int64)
    return np.bincount(_BIN_OF_STEP[at], minlength=GRID_BINS)


def _count_values(observations: Observations) -> Counts:
    words, known = observations.words, observations.known_words
    has_share = (words > 0) & (known >= 0)
    columns = dict(zip(STYLES, observations.styles.T, strict=True)) | {
        "words": words,
        "characters": observations.characters,
        "oov": 1 - known[has_share] / words[has_share],
    }
    return np.stack([count_values(name, columns[name]) for name in GRIDS])


# --- bytes of samples -----------------------------------------------------------------------------


def _packed_sample(sample: Sample) -> Arrays:
    """Ascending buckets as what lies between them, which compresses well."""
    names, codes = np.unique(sample.languages.astype(str), return_inverse=True)
    features = sample.features
    buckets = features.buckets.astype(np.int64)
    gaps = buckets - np.concatenate([np.zeros(1, np.int64), buckets])[: len(buckets)]
    starts = features.begins[:-1][np.diff(features.begins) > 0]
    gaps[starts] = buckets[starts]
    return {
        "sample.priority": sample.priority,
        "sample.language_names": np.frombuffer("\n".join(names).encode(), np.uint8),
        "sample.languages": codes.astype(np.uint16).reshape(-1),
        "sample.sizes": np.diff(features.begins).astype(np.uint16),
        "sample.low": _compressed(gaps & 0xFF),
        "sample.high": _compressed(gaps >> 8),
        "sample.times": _compressed(features.times),
    }


def _unpacked_sample(header: ProfileHeader, arrays: Arrays) -> Sample:
    priority, sizes = arrays["sample.priority"].astype(np.uint64), arrays["sample.sizes"].astype(np.int64)
    begins = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    entries = int(begins[-1])
    codes = arrays["sample.languages"].astype(np.int64)
    if not len(priority) == len(sizes) == len(codes) or entries != header.entries or entries > _most(len(priority)):
        raise ValueError("a sample whose columns differ in length")
    gaps = _expanded(arrays["sample.low"], entries).astype(np.int64)
    gaps |= _expanded(arrays["sample.high"], entries).astype(np.int64) << 8
    ahead = np.cumsum(gaps)
    before = np.concatenate([np.zeros(1, np.int64), ahead])[begins[:-1]]
    buckets = ahead - np.repeat(before, sizes)
    if np.any(buckets >= BUCKETS):
        raise ValueError("a feature beyond the last bucket")
    names = np.array(arrays["sample.language_names"].tobytes().decode().split("\n"), dtype=object)
    return Sample(
        size=header.sample or 0,
        priority=priority,
        languages=names[codes] if len(codes) else np.empty(0, object),
        features=Features(
            begins=begins,
            buckets=buckets.astype(np.uint16),
            times=_expanded(arrays["sample.times"], entries),
        ),
    )


def _most(texts: int) -> int:
    return texts * MOST_BUCKETS


def _compressed(values: NDArray[Any]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.compress(values.astype(np.uint8).tobytes(), 9), np.uint8)


def _expanded(values: NDArray[Any], count: int) -> NDArray[np.uint8]:
    """So many bytes. Raises :class:`ValueError` where there are fewer or more."""
    reader = zlib.decompressobj()
    content = reader.decompress(values.tobytes(), count + 1)
    if len(content) != count:
        raise ValueError("a list of another length")
    return np.frombuffer(content, np.uint8)
