"""What a bundle says of itself, and the digests that seal it."""

import hashlib
import re
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from falsetrue.errors import BundleDamagedError, BundleFormatError, InputError, PolicyError
from falsetrue.model.decision import EVEN, Outcome, Policy, Thresholds
from falsetrue.model.figures import EstimateRecord, FiguresRecord, PolicyFiguresRecord, Record
from falsetrue.model.probing import ProbeRecord
from falsetrue.news.filtering import Filters

#: Format of a bundle. To change it: raise the number, keep a tested reader for the older one,
#: and describe the step in ``docs/reference/bundle.md``.
FORMAT = 3
_READABLE_FORMATS = (1, 2, 3)
#: Last format whose ``filters`` were words for people.
_WORDY_FILTERS = 2
MANIFEST = "manifest.json"
SCORER = "scorer.safetensors"
ESTIMATOR = "model_final.joblib"
BASELINE = "baseline.json"
#: What traffic is compared with (:mod:`falsetrue.monitor.reference`); of bundles since the middle of format 3, and only
#: where enough news was kept aside. Older readers check its digest, and leave it alone.
REFERENCE = "baseline.safetensors"
CARD = "card.md"
#: What the model that comes with the package is asked for by; no other may be called so.
SHIPPED = "shipped"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class FileRecord(Record, frozen=True, kw_only=True):
    """One sealed file."""

    sha256: str
    bytes: int


class CorpusRecord(Record, frozen=True, kw_only=True):
    """One collection of labelled news that the model learnt from."""

    name: str
    files: dict[str, FileRecord]  #: by file name
    real: int  #: articles kept
    false: int
    family: str | None = None  #: corpora of one family are left out together; since format 2
    label_means: str | None = None  #: whose word a label is
    licence: str | None = None
    cite: str | None = None
    languages: list[str] = []  #: as the file names them
    first_year: int | None = None  #: of the articles that have a day
    last_year: int | None = None
    dropped: dict[str, int]  #: rows left out, by reason


class SplitRecord(Record, frozen=True, kw_only=True):
    """Which articles were kept aside."""

    kind: str
    seed: int
    fitted: int
    held_out: int
    known_outlets: int = 0  #: articles kept aside of outlets that were fitted on; since format 2
    sources_apart: dict[str, bool] = {}  #: by corpus, whether no source stands on both sides; since format 2


class SelectiveRecord(Record, frozen=True, kw_only=True):
    """What the default policy decides on held-out news that its thresholds were not set on."""

    texts: int
    coverage: EstimateRecord  #: share decided
    precision_false: EstimateRecord | None  #: of those called false, share that was; ``None``: none called
    precision_real: EstimateRecord | None


class MetricsRecord(Record, frozen=True, kw_only=True):
    """Figures on the held-out news."""

    accuracy: EstimateRecord
    f1_false: EstimateRecord
    f1_real: EstimateRecord
    brier: EstimateRecord
    auc: EstimateRecord
    confusion: dict[str, int]
    selective: SelectiveRecord
    by_corpus: dict[str, dict[str, EstimateRecord]]  #: corpus -> accuracy, auc


class ThresholdsRecord(Record, frozen=True, kw_only=True):
    """Thresholds of one language."""

    false_below: float
    real_above: float


class PolicyRecord(Record, frozen=True, kw_only=True):
    """The default policy."""

    name: str
    version: int
    false_below: float
    real_above: float
    by_language: dict[str, ThresholdsRecord] = {}
    languages: list[str] = []  #: BCP 47; a text in another language is not decided; empty: any
    minimum_words: int
    minimum_known_share: float
    minimum_news_log_odds: float | None = None  #: since format 2
    minimum_words_for_halves: int | None = None  #: since format 2
    actions: dict[Outcome, str]

    def policy(self) -> Policy:
        """The policy itself."""
        fields = msgspec.structs.asdict(self)
        by_language = {
            language: Thresholds(false_below=record.false_below, real_above=record.real_above)
            for language, record in self.by_language.items()
        }
        return Policy(**fields | {"by_language": by_language, "languages": tuple(self.languages)})


def policy_record(policy: Policy) -> PolicyRecord:
    """How a policy is written down."""
    return msgspec.convert(asdict(policy), PolicyRecord)


class CalibrationRecord(Record, frozen=True, kw_only=True):
    """How scores became probabilities."""

    method: str
    prevalence: float  #: share, in (0, 1), of false news that the probabilities suppose


class LeftOutRecord(Record, frozen=True, kw_only=True):
    """A model fitted in the same way on all corpora but some, judged on those."""

    family: str  #: what leaves together
    corpora: list[str]
    fitted: int  #: articles that it was fitted on
    figures: dict[str, FiguresRecord]  #: by corpus
    policies: dict[str, PolicyFiguresRecord]  #: by corpus, what the default policy decides


class KnownOutletsRecord(Record, frozen=True, kw_only=True):
    """What a model is worth on articles of outlets that it learnt from, near copies of what it learnt left out."""

    figures: FiguresRecord
    policy: PolicyFiguresRecord


class EvaluationRecord(Record, frozen=True, kw_only=True):
    """What a model is worth beyond its own corpora's outlets, days and makers; since format 2."""

    held_out: FiguresRecord  #: on the articles kept aside
    policy: PolicyFiguresRecord  #: what the default policy decides of them
    by_corpus: dict[str, FiguresRecord]
    policy_by_corpus: dict[str, PolicyFiguresRecord]
    by_language: dict[str, FiguresRecord]  #: as it is found; empty for one language
    policy_by_language: dict[str, PolicyFiguresRecord] = {}
    called_elsewhere: float  #: share of them called out of scope or of an unsupported language, in [0, 1]
    known_outlets: KnownOutletsRecord | None = None  #: ``None`` where no corpus names its outlets
    references: dict[str, FiguresRecord] = {}  #: on the same articles, by name of the reference row
    left_out: list[LeftOutRecord] = []  #: empty for a single corpus
    left_out_mean_auc: EstimateRecord | None = None  #: mean over corpora, each counting the same


class LeakAfterRecord(Record, frozen=True, kw_only=True):
    """The same figures of a leak under the masks of the model."""

    real_share: float
    false_share: float
    auc: float


class LeakRecord(Record, frozen=True, kw_only=True):
    """Something that gave the label away, found before fitting."""

    corpus: str
    kind: str
    where: str  #: in the article
    name: str
    real_share: float  #: share of the real articles that have it
    false_share: float
    auc: float  #: of it alone
    seen: bool  #: whether words in lower case can show it to a model, were it not masked
    masks: list[str]  #: those that blank it
    remedy: str  #: for people
    after: LeakAfterRecord | None = None  #: what the masks of the model leave of it; since format 3


class Manifest(Record, frozen=True, kw_only=True):
    """Everything about a saved model but the model itself."""

    format: int = FORMAT
    name: str
    version: str  #: ``<UTC time>-<start of the content digest>``; empty until sealed
    created_at: str  #: UTC, ISO 8601
    recipe: str
    recipe_summary: str
    compiled: bool  #: whether ``scorer.safetensors`` serves it; else only joblib can
    not_compiled_because: str | None = None
    classes: dict[str, str] = msgspec.field(default_factory=lambda: {"0": "false", "1": "real"})
    languages: list[str]  #: BCP 47, those that it decides on: declared, or found in the news
    masks: list[str] = []  #: names of the masks laid over every text, in training and in serving alike
    blocked_words: list[str] = []  #: words that stand in no term of the model, because they name outlets
    #: Names of the filters: what one matches was left out of training and is not decided on; since format 3.
    filters: list[str]
    left_out: list[str]  #: which rows were left out of training, for people
    corpora: list[CorpusRecord]
    content_sketches: dict[str, bytes] = {}  #: by corpus, :func:`falsetrue.news.overlap.sketch` of its articles
    split: SplitRecord
    metrics: MetricsRecord
    evaluation: EvaluationRecord | None = None  #: since format 2
    leaks: list[LeakRecord] = []  #: since format 2
    probes: list[ProbeRecord] = []  #: known failures, tried; since format 2
    calibration: CalibrationRecord | None = None  #: since format 2
    policy: PolicyRecord
    golden_p_real: list[float]  #: what the model says of the golden texts, in their order
    golden_sha256: str  #: of those texts
    libraries: dict[str, str]
    files: dict[str, FileRecord]  #: every other file of the bundle
    content_sha256: str = ""  #: over all of the above but the two times; empty until sealed

    @property
    def reference(self) -> str:
        """``NAME@VERSION``."""
        return f"{self.name}@{self.version}"

    @property
    def trained_prevalence(self) -> float:
        """Share of false news that the probabilities suppose; a half where nobody wrote it down."""
        return EVEN if self.calibration is None else self.calibration.prevalence


def fingerprint(content: bytes) -> FileRecord:
    """Size and SHA-256 of a file's bytes."""
    return FileRecord(sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))


def seal(manifest: Manifest, now: datetime) -> Manifest:
    """Fill in digest, creation time and version. ``now`` must be UTC-aware."""
    digest = content_digest(manifest)
    return msgspec.structs.replace(
        manifest,
        content_sha256=digest,
        created_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=f"{now.strftime('%Y%m%dT%H%M%SZ')}-{digest[:8]}",
    )


def content_digest(manifest: Manifest) -> str:
    """SHA-256 over the manifest without its times and without this digest."""
    return _digest(msgspec.json.decode(encode(manifest)))


def _digest(written: dict[str, Any]) -> str:
    """The same of a manifest as it is written, whatever its format."""
    bare = written | dict.fromkeys(("version", "created_at", "content_sha256"), "")
    return hashlib.sha256(_readable(msgspec.json.encode(bare))).hexdigest()


def encode(record: Record | Any) -> bytes:
    """JSON that people can read, always the same for the same record."""
    return _readable(msgspec.json.encode(record, order="deterministic"))


def _readable(compact: bytes) -> bytes:
    return msgspec.json.format(compact, indent=2) + b"\n"


def decode(content: bytes) -> Manifest:
    """Read a manifest of this format or an older one.

    Raises :class:`BundleFormatError` for a format that this version does not know and
    :class:`BundleDamagedError` for anything that is not the sealed bytes.
    """
    try:
        written = msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleDamagedError("manifest.json is not the JSON that was written") from error
    number = written.get("format")
    if number not in _READABLE_FORMATS:
        raise BundleFormatError(
            f"the bundle has format {number!r}; this version reads formats 1 to {FORMAT}: "
            "upgrade falsetrue, or train again"
        )
    try:
        manifest = msgspec.convert(_upgraded(written), Manifest)
    except msgspec.MsgspecError as error:
        raise BundleDamagedError(f"manifest.json does not have the fields of format {number}") from error
    is_as_written = _readable(msgspec.json.encode(written)) == content
    if not is_as_written or manifest.content_sha256 != _digest(written) or not _named_after(manifest):
        raise BundleDamagedError("manifest.json was changed after it was sealed")
    _check(manifest)
    return manifest


def _upgraded(written: dict[str, Any]) -> dict[str, Any]:
    """As it would be written today. Up to format 2, ``filters`` was what ``left_out`` is, and nothing was filtered."""
    if written["format"] > _WORDY_FILTERS or "filters" not in written:
        return written
    return written | {"left_out": written["filters"], "filters": []}


def check_name(name: str) -> None:
    """Raise :class:`InputError` unless a model can be called this and found again."""
    if not _NAME.fullmatch(name) or name == SHIPPED:
        raise InputError(
            f"a model cannot be called {name[:80]!r}: letters, digits, dots, hyphens and underscores, at most 64, "
            "please, and not 'shipped'"
        )


def _check(manifest: Manifest) -> None:
    """What a sealed manifest of ours never is, but one made by others may be."""
    if not {ESTIMATOR, BASELINE, CARD} <= set(manifest.files) or manifest.compiled != (SCORER in manifest.files):
        raise BundleDamagedError("manifest.json does not name the files of a bundle")
    try:
        check_name(manifest.name)
        manifest.policy.policy()
    except (InputError, PolicyError) as error:
        raise BundleDamagedError(f"manifest.json: {error}") from error
    try:
        Filters(manifest.filters)
    except InputError as error:
        raise BundleFormatError(f"manifest.json: {error}: upgrade falsetrue, or train again") from error


def _named_after(manifest: Manifest) -> bool:
    compact = manifest.created_at.replace("-", "").replace(":", "")
    return manifest.version == f"{compact}-{manifest.content_sha256[:8]}"
