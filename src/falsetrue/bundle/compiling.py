"""A fitted scikit-learn pipeline to the arrays of a scorer. Needs scikit-learn; serving does not come here."""

from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from falsetrue.bundle.foreign import check_classes
from falsetrue.bundle.scorer import LARGEST_NGRAM, Header, Tensors, make_terms, to_bytes
from falsetrue.errors import CannotCompileError
from falsetrue.model.fitting import MaskingTransformer
from falsetrue.model.scope import NewsMeasure

#: What the compiled vectorizer does; any other value of these parameters is refused.
_EXPECTED = {
    "analyzer": "word",
    "binary": False,
    "input": "content",
    "lowercase": True,
    "norm": "l2",
    "preprocessor": None,
    "stop_words": None,
    "strip_accents": None,
    "token_pattern": TfidfVectorizer().token_pattern,
    "tokenizer": None,
    "use_idf": True,
}


def compile_pipeline(pipeline: Pipeline, news: NewsMeasure | None = None) -> bytes:
    """The scorer blob of a fitted pipeline, with what tells news from other texts where that was fitted.

    Raises :class:`CannotCompileError` naming what has no compiled form.
    """
    steps = [step for _, step in pipeline.steps]
    masks = list(steps.pop(0).masks) if type(steps[0]) is MaskingTransformer else []
    # Exactly these types: a subclass may do anything else.
    if len(steps) != 2 or type(steps[0]) is not TfidfVectorizer:  # noqa: PLR2004 - vectorizer and classifier
        names = ", ".join(type(step).__name__ for step in steps)
        raise CannotCompileError(f"only a TfidfVectorizer and a classifier can be compiled, not: {names}")
    vectorizer, classifier = steps
    check_classes(classifier)
    tensors = _vectorizer_tensors(vectorizer)
    fields, head = _head(classifier)
    smallest, largest = vectorizer.ngram_range
    header = Header(
        smallest_ngram=smallest,
        largest_ngram=largest,
        sublinear_tf=bool(vectorizer.sublinear_tf),
        masks=masks,
        news_intercept=news.intercept if news else 0.0,
        **fields,
    )
    return to_bytes(header, tensors | head | ({"news_weights": news.weights} if news else {}))


def _vectorizer_tensors(vectorizer: TfidfVectorizer) -> Tensors:
    for parameter, expected in _EXPECTED.items():
        value = getattr(vectorizer, parameter)
        if value != expected:
            raise CannotCompileError(f"TfidfVectorizer({parameter}={value!r}) has no compiled form, only {expected!r}")
    if np.dtype(vectorizer.dtype) != np.float64:
        raise CannotCompileError("TfidfVectorizer has a compiled form for dtype float64 only")
    if vectorizer.ngram_range[1] > LARGEST_NGRAM:
        raise CannotCompileError(f"TfidfVectorizer(ngram_range={vectorizer.ngram_range}) has no compiled form")
    vocabulary = [str(term) for term in vectorizer.get_feature_names_out()]
    if any("\n" in term for term in vocabulary):
        raise CannotCompileError("a vocabulary in which a term holds a line feed has no compiled form")
    return {"terms": make_terms(vocabulary), "idf": np.asarray(vectorizer.idf_, dtype=np.float64)}


def _head(classifier: Any) -> tuple[dict[str, Any], Tensors]:
    if type(classifier) is LogisticRegression:
        return _linear(classifier, slope=1.0, offset=0.0)
    if type(classifier) is CalibratedClassifierCV:
        return _calibrated(classifier)
    if type(classifier) is RandomForestClassifier:
        return {"head": "forest"}, _forest(classifier)
    raise CannotCompileError(f"{type(classifier).__name__} has no compiled form yet")


def _linear(regression: LogisticRegression, *, slope: float, offset: float) -> tuple[dict[str, Any], Tensors]:
    fields = {"head": "linear", "intercept": float(regression.intercept_[0]), "slope": slope, "offset": offset}
    return fields, {"weights": np.ascontiguousarray(regression.coef_[0], dtype=np.float64)}


def _calibrated(classifier: CalibratedClassifierCV) -> tuple[dict[str, Any], Tensors]:
    fitted = classifier.calibrated_classifiers_
    if len(fitted) != 1 or fitted[0].method != "sigmoid" or type(fitted[0].estimator) is not LogisticRegression:
        raise CannotCompileError(
            "CalibratedClassifierCV has a compiled form only around a LogisticRegression, "
            "with method='sigmoid' and ensemble=False"
        )
    sigmoid = fitted[0].calibrators[0]
    # scikit-learn's sigmoid is 1 / (1 + exp(a * decision + b)).
    return _linear(fitted[0].estimator, slope=-float(sigmoid.a_), offset=-float(sigmoid.b_))


def _forest(forest: RandomForestClassifier) -> Tensors:
    trees = [estimator.tree_ for estimator in forest.estimators_]
    starts = np.cumsum([0] + [tree.node_count for tree in trees])
    values = [tree.value[:, 0, :] for tree in trees]
    return {
        "roots": starts[:-1].astype(np.int32),
        "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "left": _shifted([tree.children_left for tree in trees], starts),
        "right": _shifted([tree.children_right for tree in trees], starts),
        "value": np.concatenate([value[:, 1] / value.sum(axis=1) for value in values]),
    }


def _shifted(children: list[Any], starts: Any) -> Any:
    return np.concatenate(
        [np.where(child < 0, child, child + start) for child, start in zip(children, starts, strict=False)]
    ).astype(np.int32)
