"""What a bundle says of itself, and the digests that seal it."""

import hashlib
import re
from datetime import datetime
from typing import Any

import msgspec

from falsetrue.errors import BundleDamagedError, BundleFormatError, InputError, PolicyError
from falsetrue.model.decision import Outcome, Policy

#: Format of a bundle. To change it: raise the number, keep a tested reader for the older one,
#: and describe the step in ``docs/reference/bundle.md``.
FORMAT = 1
MANIFEST = "manifest.json"
SCORER = "scorer.safetensors"
ESTIMATOR = "model_final.joblib"
BASELINE = "baseline.json"
CARD = "card.md"
#: What the model that comes with the package is asked for by; no other may be called so.
SHIPPED = "shipped"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of a manifest."""


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
    dropped: dict[str, int]  #: rows left out, by reason


class SplitRecord(Record, frozen=True, kw_only=True):
    """Which articles were kept aside."""

    kind: str
    seed: int
    fitted: int
    held_out: int


class EstimateRecord(Record, frozen=True, kw_only=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


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


class PolicyRecord(Record, frozen=True, kw_only=True):
    """The default policy."""

    name: str
    version: int
    false_below: float
    real_above: float
    minimum_words: int
    minimum_known_share: float
    actions: dict[Outcome, str]

    def policy(self) -> Policy:
        """The policy itself."""
        return Policy(**msgspec.structs.asdict(self))


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
    languages: list[str]  #: BCP 47, as whoever trained it declared
    masks: list[str] = []  #: applied alike in training and serving; none in this version
    filters: list[str]  #: which rows were left out
    corpora: list[CorpusRecord]
    split: SplitRecord
    metrics: MetricsRecord
    policy: PolicyRecord
    golden_p_real: list[float]  #: what the model says of the golden texts, in their order
    golden_sha256: str  #: of those texts
    libraries: dict[str, str]
    files: dict[str, FileRecord]  #: every other file of the bundle
    content_sha256: str = ""  #: over all of the above but the two times; empty until sealed


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
    bare = msgspec.structs.replace(manifest, version="", created_at="", content_sha256="")
    return hashlib.sha256(encode(bare)).hexdigest()


def encode(record: Record | Any) -> bytes:
    """JSON that people can read, always the same for the same record."""
    return msgspec.json.format(msgspec.json.encode(record, order="deterministic"), indent=2) + b"\n"


def decode(content: bytes) -> Manifest:
    """Read a manifest.

    Raises :class:`BundleFormatError` for a format that this version does not know and
    :class:`BundleDamagedError` for anything that is not the sealed bytes.
    """
    try:
        number = msgspec.json.decode(content, type=dict[str, Any]).get("format")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleDamagedError("manifest.json is not the JSON that was written") from error
    if number != FORMAT:
        raise BundleFormatError(
            f"the bundle has format {number!r}; this version reads format {FORMAT}: upgrade falsetrue, or train again"
        )
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BundleDamagedError("manifest.json does not have the fields of format 1") from error
    sealed = manifest.content_sha256 == content_digest(manifest) and encode(manifest) == content
    if not sealed or not _named_after(manifest):
        raise BundleDamagedError("manifest.json was changed after it was sealed")
    _check(manifest)
    return manifest


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


def _named_after(manifest: Manifest) -> bool:
    compact = manifest.created_at.replace("-", "").replace(":", "")
    return manifest.version == f"{compact}-{manifest.content_sha256[:8]}"
