"""What a look at the traffic finds: the records that everything that shows or tells of it goes by."""

from datetime import date, datetime, timedelta
from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What may drift."""

    DATA_QUALITY = "data_quality"  #: what comes in is broken: empty, debris of encodings, too short
    DUPLICATES = "duplicates"  #: the same text over and over: a flood, or a campaign
    COVARIATE = "covariate"  #: length, style, languages, words that the model does not know
    TOPIC = "topic"  #: what the texts are about
    SCORE = "score"  #: how ``p_real`` is distributed
    PRIOR = "prior"  #: how much is called false, and how much probably is
    PERFORMANCE = "performance"  #: how often it is right, as far as its own confidence tells
    HARM = "harm"  #: it is wrong more often than it was: by labels
    CALIBRATION = "calibration"  #: its probabilities do not hold: by labels


class Severity(StrEnum):
    """What an alarm of a watch would be."""

    WARNING = "warning"
    CRITICAL = "critical"


class State(StrEnum):
    """What a watch says now."""

    QUIET = "quiet"  #: nothing that chance does not explain
    DRIFT = "drift"
    INSUFFICIENT = "insufficient_data"  #: too few texts, or labels; they are carried forward
    OFF = "off"  #: it has nothing to go by, as harm without an audit slice


class Remedy(StrEnum):
    """What to do about it."""

    RE_THRESHOLD = "re_threshold"
    REFIT_CALIBRATOR = "refit_calibrator"
    LABEL = "label"
    ROLL_BACK = "roll_back"
    RETRAIN = "retrain"
    FIX_FEED = "fix_feed"
    RE_BASE = "re_base"


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose texts a watch looks at; all of them where both are ``None``."""

    language: str | None = None  #: BCP 47
    key: str | None = None  #: id of the key that asked


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What one watch says of one subject."""

    watch: str  #: its name, as ``words``, ``score``, ``harm``; docs/reference/watches.md has all
    kind: Kind
    severity: Severity
    subject: Subject = Subject()
    state: State
    texts: int  #: that it goes by, or labels
    least: int  #: fewer say nothing
    statistic: str  #: what ``value`` is, as ``KS``
    value: float | None
    effect: str  #: what ``size`` is, as ``share of texts``; in units that a reader knows
    size: float | None  #: current less baseline
    baseline: float | None
    current: float | None
    low: float | None = None  #: 95 % interval of ``current``
    high: float | None = None
    p: float | None = None  #: of this test alone; of an e-detector ``None``
    corrected: float | None = None  #: after Holm's correction over all tests of the look
    evidence: float | None = None  #: of an e-detector: its value over its limit; an alarm at 1
    remedies: tuple[Remedy, ...] = ()  #: the first is the best
    details: dict[str, str | int | float] = {}  #: what else a reader should know, by name
    since: date | None = None  #: first day, UTC, of the texts that it goes by
    until: date | None = None  #: and the last one


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A figure with its 95 % interval."""

    name: str  #: as ``error``, ``prevalence_false``, ``precision_false``
    method: str  #: as ``CBPE``, ``BBSE``, ``PPI``, ``Clopper-Pearson``
    subject: Subject = Subject()
    value: float
    low: float
    high: float
    labels: int  #: that it goes by; 0 where it goes by none
    texts: int
    baseline: float | None = None  #: what it was on the news kept aside


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """How many false alarms are allowed, and how much of that has been used."""

    severity: Severity
    allowed: float  #: critical: chance of one in a year; warning: how many a month on average
    spent: float  #: of that, since the year, or the month, began


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """The traffic of a day, UTC."""

    day: date
    texts: int
    false: int  #: called so
    real: int
    unsure: int
    mean_p_real: float | None
    sparks: dict[str, float] = {}  #: by watch of all texts: its ``current`` of that day


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """When a version of the model began to answer."""

    day: date
    version: str


class Audit(msgspec.Struct, frozen=True, kw_only=True):
    """The slice that is drawn for labels."""

    on: bool
    drawn: int
    labelled: int
    refused: int  #: whose caller forbade that the text be kept: possible bias
    waiting: int  #: with a text, and without a label


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A word that the model does not know, of texts that may be read."""

    term: str
    texts: int  #: that have it
    of: int  #: texts that were read


class Source(StrEnum):
    """Where a report's texts come from."""

    JOURNAL = "journal"
    FILE = "file"  #: scored by a model of this product
    SCORES = "scores"  #: a file with scores of another model


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One look at the traffic of a model."""

    format: int = 1
    made_at: datetime  #: UTC
    model_name: str
    model_version: str
    baseline: str  #: where it comes from: ``held-out news``, or the name of the file or journal that it was made of
    baseline_texts: int
    since: datetime  #: UTC
    until: datetime
    texts: int
    findings: tuple[Finding, ...]
    estimates: tuple[Estimate, ...]
    budgets: tuple[Budget, ...]
    days: tuple[Day, ...]
    markers: tuple[Marker, ...] = ()
    score_edges: tuple[float, ...]  #: of the bins of ``p_real``
    score_counts: tuple[int, ...]  #: texts by bin
    score_baseline: tuple[float, ...]  #: share of the baseline's texts by bin
    audit: Audit | None = None  #: ``None`` where the data is a file
    source: Source = Source.JOURNAL
    undated: int = 0  #: texts of a file without a usable date: they are in no day
    terms: tuple[Term, ...] = ()  #: new ones, the most frequent first; only where texts may be read
    notes: tuple[str, ...] = ()  #: names of what a reader must know, as ``cbpe_is_blind_to_concept_drift``

    @property
    def last_day(self) -> date:
        """The last one that it covers, UTC."""
        return (self.until - timedelta(microseconds=1)).date()


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """One problem, from its first alarm until it is over."""

    id: str  #: UUIDv7
    watch: str
    kind: Kind
    severity: Severity
    subject: Subject = Subject()
    model_version: str
    raised_at: datetime  #: UTC
    last_seen_at: datetime  #: UTC, the last look that found it
    ended_at: datetime | None = None  #: UTC
    first_day: date | None = None  #: UTC, the last day of the texts that it was first found in
    last_day: date | None = None  #: the same, of those that it was found in last
    acknowledged_at: datetime | None = None  #: UTC
    acknowledged_by: str | None = None
    notes: tuple[str, ...] = ()
    finding: Finding  #: as the last look had it
