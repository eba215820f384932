"""The only file that chooses which parts work together."""

import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from falsetrue.bundle.folder import Bundle, check_golden, open_bundle
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import ESTIMATOR, Manifest
from falsetrue.bundle.scorer import Scorer
from falsetrue.database.place import database_file
from falsetrue.database.secret import Secret, load_secret
from falsetrue.errors import BundleUntrustedError, DatabaseUnavailableError
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.recording import Tracing
from falsetrue.registry.folder import find_model, shipped_folder
from falsetrue.registry.policies import Policies
from falsetrue.registry.trust import is_trusted, trust
from falsetrue.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from falsetrue.access.keyring import Keyring
    from falsetrue.access.quotas import Counts
    from falsetrue.journal.audit_items import AuditItems
    from falsetrue.journal.auditing import Slice
    from falsetrue.journal.spool import Spool
    from falsetrue.journal.store import Journal


def load_classifier(settings: Settings, model: str | None = None) -> Classifier:
    """Find, verify, load and prove a model: it answers its golden texts before anyone else's.

    ``model`` overrides the setting. Raises :class:`BundleError` or :class:`PolicyError`.
    """
    bundle = _open_servable(settings, model)
    scorer = bundle.compiled_scorer(native=settings.kernel) if bundle.manifest.compiled else _unpickled_scorer(bundle)
    check_golden(bundle.manifest, scorer)
    return Classifier(
        manifest=bundle.manifest, baseline=bundle.baseline(), scorer=scorer, policies=_policies(settings, bundle)
    )


def check_servable(settings: Settings) -> list[str]:
    """Raise what :func:`load_classifier` would, short of loading the scorer: for one line before a server starts.

    Returns what is wrong with policies that nobody asked for yet, and what the default one may not keep.
    """
    bundle = _open_servable(settings, None)
    policies = _policies(settings, bundle)
    return policies.problems + policies.cautions(policies.default, bundle.manifest.reference)


def _open_servable(settings: Settings, model: str | None) -> Bundle:
    bundle = open_bundle(find_model(model or settings.model, settings.models_folder))
    if not bundle.manifest.compiled and not _is_trusted(settings, bundle):
        raise BundleUntrustedError(
            f"{bundle.folder}: this needs {ESTIMATOR} to be unpickled, which can run any code; "
            f"if you know who made it: falsetrue models trust {bundle.folder}"
        )
    return bundle


def _is_trusted(settings: Settings, bundle: Bundle) -> bool:
    """Whether these very bytes may be unpickled: those of the package, or ones that the operator trusts."""
    digest = bundle.manifest.files[ESTIMATOR].sha256
    return bundle.folder == shipped_folder() or is_trusted(settings.state_folder, digest)


def _policies(settings: Settings, bundle: Bundle) -> Policies:
    return Policies(bundle.manifest.policy.policy(), settings.policies_folder, settings.policy)


def _unpickled_scorer(bundle: Bundle) -> Scorer:
    """The model's own estimator, unpickled from the bytes that were verified. Callers have checked trust."""
    # Serving a compiled model must not import this: it is where joblib comes in.
    from falsetrue.bundle.foreign import EstimatorScorer, load_estimator  # noqa: PLC0415

    return EstimatorScorer(load_estimator(bundle.contents[ESTIMATOR]))


# --- what is kept ------------------------------------------------------------------------------------


class Storage:
    """The database of a process, opened when something of it is first needed; may be asked from several threads.

    What it needs takes long to import, and is imported then. To be used after the process was forked.
    """

    def __init__(self, settings: Settings, secret: Secret) -> None:
        self.secret = secret
        self._settings = settings
        self._lock = threading.Lock()
        self._engine: Engine | None = None

    @property
    def is_wanted(self) -> bool:
        """Whether there is anything to open: not where nothing is kept and no key was ever made."""
        return wants_storage(self._settings)

    def engine(self) -> "Engine":
        """The database, brought to the newest format; raises :class:`DatabaseError`."""
        from falsetrue.database.engine import default_url, open_database  # noqa: PLC0415 - it takes long
        from falsetrue.database.ownership import check_secret  # noqa: PLC0415
        from falsetrue.database.schema import migrate  # noqa: PLC0415

        with self._lock:
            if self._engine is None:
                url = self._settings.database_url or default_url(self._settings.state_folder)
                engine = open_database(url, synchronous=self._settings.sqlite_synchronous)
                try:
                    migrate(engine)
                    check_secret(engine, self.secret)
                except BaseException:
                    engine.dispose()
                    raise
                self._engine = engine
            return self._engine

    def prepare(self) -> None:
        """Before processes are forked: do once what each would do, and leave nothing open that they must not share.

        A database that is away may be there later; raises :class:`DatabaseError` for one that cannot be used.
        """
        if self.is_wanted:
            with suppress(DatabaseUnavailableError):
                self.journal()
                self.keyring()
            self.close()

    def journal(self) -> "Journal":
        """What was said; raises :class:`DatabaseError`."""
        from falsetrue.journal.store import Journal  # noqa: PLC0415

        return Journal(self.engine())

    def audit_items(self) -> "AuditItems":
        """What was drawn of it for people to label; raises :class:`DatabaseError`."""
        from falsetrue.journal.audit_items import AuditItems  # noqa: PLC0415

        return AuditItems(self.engine(), daily=self._settings.audit_daily)

    def keyring(self) -> "Keyring":
        """The keys, not yet read; raises :class:`DatabaseError`."""
        from falsetrue.access.key_store import KeyStore  # noqa: PLC0415
        from falsetrue.access.keyring import Keyring  # noqa: PLC0415
        from falsetrue.access.keys import PEPPER  # noqa: PLC0415

        return Keyring(KeyStore(self.engine()), self.secret.key(PEPPER))

    def close(self) -> None:
        """Let go of connections."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None


def sqlite_file(settings: Settings) -> Path:
    """The database where no other is set."""
    return database_file(settings.state_folder)


def wants_storage(settings: Settings) -> bool:
    """Whether there is a database to open: not where nothing is kept and no key was ever made."""
    return settings.journal or settings.database_url is not None or sqlite_file(settings).exists()


def open_storage(settings: Settings) -> Storage:
    """The database that is set, with the operator's secret; raises :class:`InputError` for one that cannot be read."""
    return Storage(settings, load_secret(settings.secret, settings.state_folder))


def open_spool(settings: Settings, slot: int) -> "Spool":
    """Where a worker puts what cannot be written while the database is away; raises :class:`DatabaseError`."""
    from falsetrue.journal.spool import Spool  # noqa: PLC0415 - only some want it

    return Spool(
        settings.state_folder / f"spool-{slot}",
        max_bytes=settings.journal_spool_bytes,
        sync=settings.sqlite_synchronous == "full",
    )


def open_counts(settings: Settings) -> "Counts | None":
    """Where requests are counted against quotas: in memory that workers share, or where the settings say.

    To be made before workers are forked. ``None`` where each process opens its own by :func:`open_redis_counts`.
    """
    if settings.quota_redis_url is not None:
        return None
    from falsetrue.access.shared_counts import SharedCounts  # noqa: PLC0415 - not on Windows

    return SharedCounts()


def open_redis_counts(settings: Settings) -> "Counts":
    """The counts of all instances; raises :class:`InputError` or :class:`MissingExtraError`."""
    from falsetrue.access.redis_counts import RedisCounts  # noqa: PLC0415 - few want it

    return RedisCounts(settings.quota_redis_url or "")


def make_tracing(secret: Secret) -> Tracing:
    """What makes the journal's traces of texts."""
    return Tracing(hash_key=secret.key("text hash"), sketcher=Sketcher(secret.key("sketch")))


def make_slice(settings: Settings, secret: Secret) -> "Slice | None":
    """What draws predictions for people to label, in one process; ``None`` where none are to be drawn."""
    if settings.audit == "off" or not settings.journal:
        return None
    from falsetrue.journal.auditing import Slice  # noqa: PLC0415 - few want it

    return Slice(key=secret.key("audit"), size=settings.audit_daily)


# --- looking after models -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What :func:`verify_model` found in order."""

    folder: Path
    name: str
    version: str
    files: int  #: sealed files, the manifest included
    golden_texts: int
    scorer_difference: float | None  #: largest |Δp| of compiled scorer and pipeline; ``None`` without a scorer
    estimator_difference: float | None  #: the same of the unpickled pipeline; ``None`` where it was left alone


def verify_model(settings: Settings, model: str | None, *, unpickle: bool) -> Verified:
    """Check every digest, and the golden texts against the pipeline's scores at save time.

    With ``unpickle`` the pipeline itself is asked again too, where the model is shipped or
    trusted. Raises :class:`BundleError` naming what is not in order.
    """
    bundle = open_bundle(find_model(model, settings.models_folder))
    manifest = bundle.manifest
    ask_pipeline = unpickle and _is_trusted(settings, bundle)
    return Verified(
        folder=bundle.folder,
        name=manifest.name,
        version=manifest.version,
        files=len(manifest.files) + 1,
        golden_texts=len(golden_texts()),
        scorer_difference=check_golden(manifest, bundle.compiled_scorer(native=settings.kernel))
        if manifest.compiled
        else None,
        estimator_difference=check_golden(manifest, _unpickled_scorer(bundle)) if ask_pipeline else None,
    )


def trust_model(settings: Settings, model: str) -> Manifest:
    """Remember that the operator trusts a model's joblib file; returns its manifest."""
    manifest = open_bundle(find_model(model, settings.models_folder), keep=()).manifest
    trust(settings.state_folder, manifest.files[ESTIMATOR].sha256, manifest.name)
    return manifest
