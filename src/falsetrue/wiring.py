"""The only file that chooses which parts work together."""

from dataclasses import dataclass
from pathlib import Path

from falsetrue.bundle.folder import Bundle, check_golden, open_bundle
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import ESTIMATOR, Manifest
from falsetrue.bundle.scorer import Scorer
from falsetrue.errors import BundleUntrustedError
from falsetrue.jobs.classify import Classifier
from falsetrue.registry.folder import find_model, shipped_folder
from falsetrue.registry.policies import Policies
from falsetrue.registry.trust import is_trusted, trust
from falsetrue.settings import Settings


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
