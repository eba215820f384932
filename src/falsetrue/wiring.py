"""The only file that chooses which parts work together."""

from pathlib import Path

from falsetrue.bundle.folder import ESTIMATOR, Bundle, check_golden, open_bundle
from falsetrue.bundle.scorer import Scorer
from falsetrue.errors import BundleUntrustedError
from falsetrue.jobs.classify import Classifier
from falsetrue.registry.folder import find_model
from falsetrue.registry.policies import Policies
from falsetrue.registry.trust import is_trusted
from falsetrue.settings import Settings


def load_classifier(settings: Settings, model: str | None = None) -> Classifier:
    """Find, verify, load and prove a model: it answers its golden texts before anyone else's.

    ``model`` overrides the setting. Raises :class:`BundleError` or :class:`PolicyError`.
    """
    folder = find_model(model or settings.model, settings.models_folder)
    bundle = open_bundle(folder)
    scorer = _scorer(bundle, settings.state_folder)
    check_golden(bundle.manifest, scorer)
    policies = Policies(bundle.manifest.policy.policy(), settings.policies_folder)
    if settings.policy:
        policies = policies.with_default(settings.policy)
    return Classifier(manifest=bundle.manifest, baseline=bundle.baseline(), scorer=scorer, policies=policies)


def _scorer(bundle: Bundle, state_folder: Path) -> Scorer:
    if bundle.manifest.compiled:
        return bundle.compiled_scorer()
    if not is_trusted(state_folder, bundle.manifest.files[ESTIMATOR].sha256):
        raise BundleUntrustedError(
            f"{bundle.folder}: this model can only be served by unpickling {ESTIMATOR}, which can run any code; "
            f"if you know who made it: falsetrue models trust {bundle.folder}"
        )
    return unpickled_scorer(bundle.folder)


def unpickled_scorer(folder: Path) -> Scorer:
    """The model's own estimator, unpickled. Callers have checked trust."""
    # Serving a compiled model must not import this: it is where joblib comes in.
    from falsetrue.bundle.foreign import EstimatorScorer, load_estimator  # noqa: PLC0415

    return EstimatorScorer(load_estimator(open_bundle(folder, keep=(ESTIMATOR,)).contents[ESTIMATOR]))
