"""The baseline that traffic is compared with: a profile of labelled texts, and what their labels say of the model.

Nothing in it is text. It comes with a model (of the news kept aside in training), or is made anew from texts that a
team has labelled.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.features.languages import UNDETERMINED
from falsetrue.monitor.campaigns import Campaigns
from falsetrue.monitor.observations import FALSE, REAL, UNKNOWN, Observations
from falsetrue.monitor.packing import Arrays, Header, dense, pack, sparse, unpack
from falsetrue.monitor.profile import SCORE_BINS, Profile, ProfileHeader, bins_of_scores, score_middles
from falsetrue.monitor.sequential import error_limit

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Format of the bytes of a reference.
FORMAT: Final = 1
#: Texts, of all or of a language, without which there is nothing to compare with.
LEAST: Final = 200
#: Texts whose features a reference has, at most: of articles of some 400 words they take 350 kB.
SAMPLE: Final = 1400
#: Languages, at most, that a reference has figures of their own for: those with the most texts.
MOST_LANGUAGES: Final = 20
#: Salt of the sketches of a reference that comes with a model. It is no secret: whoever has the model can make it.
PUBLIC_SALT: Final = b"falsetrue reference, format 1"
#: Bounds of the bins of ``p_real`` in reports.
SCORE_EDGES: Final = tuple(step / 20 for step in range(21))
#: Names of the estimates that say how often a verdict is right; the others say how often it is wrong.
PRECISIONS: Final = ("precision_false", "precision_real")
#: ``p_real`` is above a half from this bin on.
_EVEN_BIN = SCORE_BINS // 2


@dataclass(frozen=True, kw_only=True)
class ErrorRate:
    """How often verdicts were wrong."""

    errors: int
    texts: int  #: that there was a verdict on

    @property
    def value(self) -> float:
        """Share in [0, 1]; 0 of no text."""
        return self.errors / self.texts if self.texts else 0.0

    @property
    def limit(self) -> float:
        """One-sided 95 % upper bound (:func:`falsetrue.monitor.sequential.error_limit`); 1 of no text."""
        return error_limit(self.errors, self.texts) if self.texts else 1.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What was said of labelled texts, and what they are."""

    counts: Counts  #: (3, 2, 1000): said false, real, unsure; is false, real; bin of ``p_real``

    @classmethod
    def of(cls, observations: Observations) -> "Outcomes":
        """Of those whose truth is known."""
        truth = observations.truth
        if truth is None:
            return cls(counts=np.zeros((3, 2, SCORE_BINS), np.int64))
        known = truth != UNKNOWN
        said = np.where(observations.labels < 0, 2, observations.labels)[known].astype(np.int64)
        flat = (said * 2 + truth[known]) * SCORE_BINS + bins_of_scores(observations.p_real[known])
        return cls(counts=np.bincount(flat, minlength=6 * SCORE_BINS).reshape(3, 2, SCORE_BINS))

    def merged(self, other: "Outcomes") -> "Outcomes":
        """Of the texts of both."""
        return Outcomes(counts=self.counts + other.counts)

    @property
    def texts(self) -> int:
        """How many have a label."""
        return int(self.counts.sum())

    @property
    def by_score(self) -> Counts:
        """(2, 1000): texts that are false and real, by bin of ``p_real``."""
        return np.asarray(self.counts.sum(axis=0))

    @property
    def decided(self) -> ErrorRate:
        """Of the verdicts *false* and *real*."""
        wrong = self.counts[FALSE, REAL].sum() + self.counts[REAL, FALSE].sum()
        return ErrorRate(errors=int(wrong), texts=int(self.counts[:2].sum()))

    @property
    def forced(self) -> ErrorRate:
        """Of all texts, were they called real above a half, and false below."""
        counts = self.confusion()
        wrong = counts["false_called_real"] + counts["real_called_false"]
        return ErrorRate(errors=wrong, texts=self.texts)

    def confusion(self) -> dict[str, int]:
        """Counts of the same, each key ``<what it is>_called_<what was said>``."""
        return {
            f"{is_a}_called_{said}": int(self.by_score[row, bins].sum())
            for row, is_a in enumerate(("false", "real"))
            for said, bins in (("false", slice(0, _EVEN_BIN)), ("real", slice(_EVEN_BIN, None)))
        }

    @property
    def judged(self) -> ErrorRate:
        """Of the verdicts; of all texts, forced, where there was no verdict on any."""
        return self.decided if self.decided.texts else self.forced

    def precision(self, said: int) -> ErrorRate:
        """How often ``said`` (0 false, 1 real) was wrong; precision is 1 less its value."""
        return ErrorRate(errors=int(self.counts[said, 1 - said].sum()), texts=int(self.counts[said].sum()))

    def rates(self) -> dict[str, ErrorRate]:
        """How often it was wrong, by the names of estimates; those of :data:`PRECISIONS` are 1 less the value."""
        return {
            "error": self.decided,
            "error_forced": self.forced,
            "precision_false": self.precision(FALSE),
            "precision_real": self.precision(REAL),
        }

    def shares(self) -> dict[str, float]:
        """These estimates, in [0, 1]; those of which there are labels."""
        known = {name: rate.value for name, rate in self.rates().items() if rate.texts}
        return {name: 1 - value if name in PRECISIONS else value for name, value in known.items()}

    def reliability(self, bins: int = 10) -> list[tuple[int, int, float | None]]:
        """By equal bins of ``p_real``: texts, how many of them are real, and their mean ``p_real``."""
        edges = np.linspace(0, SCORE_BINS, bins + 1).astype(int)
        table: list[tuple[int, int, float | None]] = []
        for low, high in pairwise(edges.tolist()):
            inside = self.by_score[:, low:high].sum(axis=0)
            texts = int(inside.sum())
            mean = float(inside @ score_middles()[low:high] / texts) if texts else None
            table.append((texts, int(self.by_score[REAL, low:high].sum()), mean))
        return table


@dataclass(frozen=True, kw_only=True, eq=False)
class Usual:
    """What is usual: of all texts of a reference, or of those in one language."""

    profile: Profile
    outcomes: Outcomes


@dataclass(frozen=True, kw_only=True, eq=False)
class Reference:
    """A baseline."""

    name: str  #: where it comes from: ``held-out news``, or the name of the file or journal that it was made of
    model_name: str  #: of the model that scored it, or what the scores in the file are called; empty: nobody said
    model_version: str  #: empty where a file had the scores
    salt: bytes | None  #: of its sketches; ``None``: the secret one of the installation, or there are none
    policy: str = ""  #: ``NAME@VERSION`` of what its verdicts are by; empty: nobody said
    all: Usual
    languages: dict[str, Usual]  #: by BCP 47, without samples; those with :data:`LEAST` texts or more

    @property
    def texts(self) -> int:
        """How many it was made of."""
        return self.all.profile.texts

    def usual(self, language: str | None = None) -> Usual | None:
        """What is usual of a language, or of all; ``None`` where too few texts of the language were known."""
        return self.all if language is None else self.languages.get(language)

    @property
    def score_shares(self) -> tuple[float, ...]:
        """Share of the texts by bin of :data:`SCORE_EDGES`."""
        counts = np.array(score_counts(self.all.profile))
        return tuple((counts / max(1, counts.sum())).tolist())

    @property
    def digest(self) -> str:
        """The same of the same content alone; 32 hexadecimal digits."""
        return blake2b(self.to_bytes(), digest_size=16).hexdigest()

    def to_bytes(self) -> bytes:
        """What :meth:`from_bytes` reads."""
        parts = {"": self.all} | self.languages
        arrays: Arrays = {}
        for place, usual in enumerate(parts.values()):
            own = usual.profile.arrays() | sparse("outcomes", usual.outcomes.counts)
            arrays |= {f"{place}.{name}": array for name, array in own.items()}
        header = ReferenceHeader(
            kind="reference",
            format=FORMAT,
            name=self.name,
            model_name=self.model_name,
            model_version=self.model_version,
            salt=self.salt,
            policy=self.policy,
            parts={language: usual.profile.header() for language, usual in parts.items()},
        )
        return pack(header, arrays)

    @classmethod
    def from_bytes(cls, content: bytes) -> "Reference":
        """What was written; raises :class:`InputError` for anything else, or what is damaged."""
        header, arrays = unpack(content, "reference", ReferenceHeader, newest=FORMAT)
        parts = {
            language: _read_usual(profile, arrays, f"{place}.")
            for place, (language, profile) in enumerate(sorted(header.parts.items()))
        }
        if "" not in parts:
            raise InputError("a reference cannot be read: the profile of all its texts is missing")
        return cls(
            name=header.name,
            model_name=header.model_name,
            model_version=header.model_version,
            salt=header.salt,
            policy=header.policy,
            all=parts.pop(""),
            languages=parts,
        )


class ReferenceHeader(Header, frozen=True, kw_only=True, omit_defaults=True):
    """What the bytes of a reference say beside its arrays; those that do not name a policy are as they ever were."""

    name: str
    model_name: str
    model_version: str
    salt: bytes | None
    parts: dict[str, ProfileHeader]  #: by BCP 47; of all texts by the empty string
    policy: str = ""


def make_reference(
    batches: Iterable[Observations],
    *,
    name: str,
    model_name: str,
    model_version: str,
    salt: bytes | None,
    policy: str = "",
    has_copies: bool = True,
) -> Reference:
    """A reference of labelled texts, or of texts without labels, which then tell nothing of errors.

    ``salt`` is that of their sketches, if everybody may know it; ``policy`` is what their verdicts are by;
    ``has_copies`` says whether near copies of a text were left in, as they are in what comes: without, it knows of no
    usual share of them. Raises :class:`InputError` for fewer than :data:`LEAST` texts.
    """
    everything, campaigns = _nothing(SAMPLE), Campaigns()
    of_all: dict[str, Usual] = {}
    for batch in batches:
        everything = _with(everything, batch, SAMPLE)
        if has_copies:
            campaigns = campaigns.merged(Campaigns.of(batch.minhash, batch.seconds))
        for language in set(batch.languages.tolist()) - {None, UNDETERMINED}:
            own = batch.where(batch.languages == language)
            of_all[language] = _with(of_all.get(language, _nothing(0)), own, 0)
    if everything.profile.texts < LEAST:
        raise InputError(
            f"{name}: {everything.profile.texts} texts are too few for a baseline; {LEAST} are the least, "
            "and 2,000 with labels are advised"
        )
    common = sorted(of_all, key=lambda language: (-of_all[language].profile.texts, language))[:MOST_LANGUAGES]
    return Reference(
        name=name,
        model_name=model_name,
        model_version=model_version,
        salt=salt,
        policy=policy,
        all=replace(everything, profile=replace(everything.profile, campaigns=campaigns if has_copies else None)),
        languages={language: of_all[language] for language in sorted(common) if _is_enough(of_all[language])},
    )


def score_counts(profile: Profile) -> tuple[int, ...]:
    """Texts by bin of :data:`SCORE_EDGES`."""
    counts = profile.counts("score").reshape(len(SCORE_EDGES) - 1, -1).sum(axis=1)
    return tuple(counts.tolist())


def _nothing(sample: int) -> Usual:
    outcomes = Outcomes(counts=np.zeros((3, 2, SCORE_BINS), np.int64))
    return Usual(profile=Profile.empty(sample=sample), outcomes=outcomes)


def _with(before: Usual, batch: Observations, sample: int) -> Usual:
    return Usual(
        profile=before.profile.merged(Profile.of(batch, sample=sample)),
        outcomes=before.outcomes.merged(Outcomes.of(batch)),
    )


def _is_enough(usual: Usual) -> bool:
    return usual.profile.texts >= LEAST


def _read_usual(header: ProfileHeader, arrays: Arrays, prefix: str) -> Usual:
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    try:
        outcomes = Outcomes(counts=dense("outcomes", own, (3, 2, SCORE_BINS)))
    except (KeyError, ValueError, TypeError) as error:
        raise InputError("a reference cannot be read: its parts do not fit together") from error
    return Usual(profile=Profile.from_parts(header, own), outcomes=outcomes)
