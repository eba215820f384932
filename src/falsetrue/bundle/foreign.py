"""◆ Estimators that only joblib can load: unpickled when, and only when, the operator trusts them."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from falsetrue.bundle.scorer import Floats, Scores
from falsetrue.errors import BundleDamagedError, BundleError, MissingExtraError
from falsetrue.features.words import words

_CLASSES = [0, 1]


class EstimatorScorer:
    """Scores with an unpickled scikit-learn pipeline. It cannot say which words the model knows: all count."""

    def __init__(self, estimator: Any) -> None:
        check_classes(estimator)
        self._estimator = estimator

    def score(self, texts: Sequence[str]) -> Scores:
        """Probabilities and word counts; the answer keeps the order of the texts."""
        counts = [len(words(text)) for text in texts]
        return Scores(p_real=self.p_real(texts), words=counts, known_words=counts)

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The probabilities alone, shape (n,)."""
        p_real = self._estimator.predict_proba(list(texts))[:, 1] if texts else np.empty(0)
        return np.asarray(p_real, dtype=np.float64)


def check_classes(estimator: Any) -> None:
    """Raise :class:`BundleError` unless class 0 is false and class 1 is real: else answers stand upside down."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or len(classes) != len(_CLASSES) or list(classes) != _CLASSES:
        raise BundleError("the classes of an estimator must be 0 (false) and 1 (real), in this order")


def dump_estimator(estimator: Any) -> bytes:
    """The joblib file of an estimator: zlib-compressed, the same bytes for the same estimator."""
    import joblib  # noqa: PLC0415 - part of the [train] extra

    blob = BytesIO()
    joblib.dump(estimator, blob, compress=("zlib", 9))
    return blob.getvalue()


def load_estimator(
    blob: bytes, name: str = "model_final.joblib", remedy: str = "the manifest says which versions saved it"
) -> Any:
    """Unpickle a joblib file. This runs whatever code the file holds: callers check trust first.

    Raises :class:`BundleDamagedError`, with ``name`` and ``remedy``, where the installed libraries cannot.
    """
    try:
        import joblib  # noqa: PLC0415 - part of the [train] extra
        import sklearn  # noqa: F401, PLC0415
    except ImportError as error:
        raise MissingExtraError(f"opening {name}", "train") from error
    try:
        return joblib.load(BytesIO(blob))
    except Exception as error:  # unpickling somebody's file can raise anything
        raise BundleDamagedError(
            f"{name} cannot be loaded by the installed libraries ({type(error).__name__}); {remedy}"
        ) from error
