"""A fitted scikit-learn pipeline to the arrays of a scorer. Needs scikit-learn; serving does not come here."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from falsetrue.bundle.blob import MOST_HASH_COLUMNS, Header, Member, Tensors, make_terms, to_bytes
from falsetrue.bundle.foreign import check_classes
from falsetrue.errors import CannotCompileError
from falsetrue.features.kernel import LARGEST_NGRAM, MOST_OUTPUTS
from falsetrue.features.ngrams import NgramVectorizer
from falsetrue.features.words import TOKEN_PATTERN, is_word
from falsetrue.model.fitting import MaskingTransformer
from falsetrue.model.scope import NewsMeasure

#: These weigh what they count themselves; the second is the first, counted in C.
_TFIDF = (TfidfVectorizer, NgramVectorizer)
_VECTORIZERS = (*_TFIDF, CountVectorizer, HashingVectorizer)
_FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
_BAYES = (MultinomialNB, ComplementNB)
#: What compiled vectorizers do; any other value of these parameters is refused.
_EXPECTED = {
    "analyzer": "word",
    "input": "content",
    "preprocessor": None,
    "strip_accents": None,
    "token_pattern": TOKEN_PATTERN,
    "tokenizer": None,
}


def compile_pipeline(pipeline: Pipeline, news: NewsMeasure | None = None) -> bytes:
    """The scorer blob of a fitted pipeline, with what tells news from other texts where that was fitted.

    Raises :class:`CannotCompileError` naming what has no compiled form, and why.
    """
    masks, vectorizer, transformer, classifier = _steps(pipeline)
    check_classes(classifier)
    try:
        fields, tensors = _vectorizer(vectorizer, transformer)
        head, members, arrays = _head(classifier, most=MOST_OUTPUTS - (news is not None))
    except AttributeError as error:  # such as an estimator that another version of scikit-learn saved
        raise CannotCompileError(f"it was not fitted, or not by this version of scikit-learn ({error})") from error
    header = Header(
        head=head,
        members=members,
        masks=masks,
        news_intercept=news.intercept if news else 0.0,
        **fields,
    )
    return to_bytes(header, tensors | arrays | ({"news_weights": news.weights} if news else {}))


def _steps(pipeline: Any) -> tuple[list[str], Any, TfidfTransformer | None, Any]:
    """Masks, vectorizer, what weighs its counts, and classifier."""
    # Exactly these types: a subclass may do anything else.
    if type(pipeline) is not Pipeline:
        raise CannotCompileError(
            f"{type(pipeline).__name__} has no compiled form: only a Pipeline of a vectorizer and a classifier has one"
        )
    steps = [step for _, step in pipeline.steps if step is not None and step != "passthrough"]
    masks = list(steps.pop(0).masks) if steps and type(steps[0]) is MaskingTransformer else []
    names = ", ".join(type(step).__name__ for step in steps)
    transformer = steps.pop(1) if len(steps) > 1 and type(steps[1]) is TfidfTransformer else None
    if len(steps) != 2 or type(steps[0]) not in _VECTORIZERS:  # noqa: PLR2004 - vectorizer and classifier
        known = ", ".join(kind.__name__ for kind in _VECTORIZERS)
        raise CannotCompileError(
            f"only a vectorizer ({known}), perhaps a TfidfTransformer, and a classifier can be compiled, not: {names}"
        )
    return masks, steps[0], transformer, steps[1]


# --- vectorizers ------------------------------------------------------------------------------------


def _refuse(what: str, why: str = "has no compiled form") -> CannotCompileError:
    return CannotCompileError(f"{what} {why}")


def _vectorizer(vectorizer: Any, transformer: TfidfTransformer | None) -> tuple[dict[str, Any], Tensors]:
    """The fields of the header and the arrays that say what a vectorizer does."""
    kind = type(vectorizer)
    _check_vectorizer(vectorizer)
    fields: dict[str, Any] = {
        "smallest_ngram": vectorizer.ngram_range[0],
        "largest_ngram": vectorizer.ngram_range[1],
        "lowercase": bool(vectorizer.lowercase),
        "binary": bool(vectorizer.binary),
    }
    tensors = _stop_words(vectorizer)
    if kind is HashingVectorizer:
        fields |= _hashing(vectorizer)
    else:
        tensors["terms"] = _terms(vectorizer)
    weighed = vectorizer if kind in _TFIDF else transformer
    if kind in _TFIDF and transformer is not None:
        raise _refuse(f"a TfidfTransformer behind a {kind.__name__}")
    if weighed is None:
        norm = vectorizer.norm if kind is HashingVectorizer else None
        return fields | {"sublinear_tf": False, "norm": norm or "none"}, tensors
    if kind is HashingVectorizer:
        _check_weighing(vectorizer, weighed)
    if weighed.use_idf:
        tensors["idf"] = np.asarray(weighed.idf_, dtype=np.float64)
    return fields | {"sublinear_tf": bool(weighed.sublinear_tf), "norm": weighed.norm or "none"}, tensors


def _check_vectorizer(vectorizer: Any) -> None:
    name = type(vectorizer).__name__
    for parameter, expected in _EXPECTED.items():
        value = getattr(vectorizer, parameter)
        if value != expected:
            raise _refuse(f"{name}({parameter}={value!r})", f"has no compiled form, only {expected!r}")
    allowed = [np.dtype(np.float64), *([np.dtype(np.int64)] if type(vectorizer) is CountVectorizer else [])]
    if np.dtype(vectorizer.dtype) not in allowed:
        raise _refuse(name, f"has a compiled form for dtype {' or '.join(map(str, allowed))} only")
    smallest, largest = vectorizer.ngram_range
    if not 1 <= smallest <= largest <= LARGEST_NGRAM:
        raise _refuse(f"{name}(ngram_range={vectorizer.ngram_range})")


def _stop_words(vectorizer: Any) -> Tensors:
    # Only what may be cut out of a text can be left out of it.
    words = sorted(filter(is_word, vectorizer.get_stop_words() or ()))
    return {"stop_words": make_terms(words)} if words else {}


def _hashing(vectorizer: HashingVectorizer) -> dict[str, Any]:
    if vectorizer.n_features > MOST_HASH_COLUMNS:
        raise _refuse(
            f"HashingVectorizer(n_features={vectorizer.n_features})", f"has no compiled form above {MOST_HASH_COLUMNS}"
        )
    return {"hash_columns": int(vectorizer.n_features), "alternate_sign": bool(vectorizer.alternate_sign)}


def _terms(vectorizer: Any) -> Any:
    vocabulary = [str(term) for term in vectorizer.get_feature_names_out()]
    for name, character in (("a line feed", "\n"), ("a NUL", "\0")):
        if any(character in term for term in vocabulary):
            raise _refuse(f"a vocabulary in which a term holds {name}")
    if "" in vocabulary:
        raise _refuse("a vocabulary with an empty term")
    return make_terms(vocabulary)


def _check_weighing(hashing: HashingVectorizer, transformer: TfidfTransformer) -> None:
    """A length that is brought to 1 twice is as good as once, unless something comes between."""
    if hashing.norm is not None and (transformer.norm is None or transformer.sublinear_tf):
        raise _refuse(
            f"HashingVectorizer(norm={hashing.norm!r}) before this TfidfTransformer",
            "has no compiled form; say norm=None and fit again",
        )
    if hashing.alternate_sign and transformer.sublinear_tf:
        raise _refuse("HashingVectorizer(alternate_sign=True) before TfidfTransformer(sublinear_tf=True)")


# --- classifiers ------------------------------------------------------------------------------------

_Head = tuple[str, list[Member], Tensors]
_SGD_LINKS = {"log_loss": "sigmoid", "modified_huber": "clip"}


def _head(classifier: Any, *, most: int) -> _Head:
    kind = type(classifier)
    if kind is CalibratedClassifierCV:
        return _calibrated(classifier.calibrated_classifiers_, most)
    if kind in _FORESTS or kind is DecisionTreeClassifier:
        return "forest", [Member(link="none")], _forest(classifier)
    weights, intercept = _linear(classifier)
    if kind is LinearSVC or (kind is SGDClassifier and classifier.loss not in _SGD_LINKS):
        loss = "" if kind is LinearSVC else f"loss={classifier.loss!r}"
        raise _refuse(
            f"{kind.__name__}({loss})", f"says no probability; fit CalibratedClassifierCV({kind.__name__}(...)) instead"
        )
    link = _SGD_LINKS[classifier.loss] if kind is SGDClassifier else "sigmoid"
    return "linear", [Member(intercept=intercept, link=link)], {"weights": weights}


def _linear(classifier: Any) -> tuple[Any, float]:
    """Weights and intercept of the decision, of naive Bayes the log-odds."""
    kind = type(classifier)
    if kind in (LogisticRegression, SGDClassifier, LinearSVC):
        coefficients = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else classifier.coef_
        return np.array(coefficients[0], dtype=np.float64), float(np.ravel(classifier.intercept_)[0])
    if kind in _BAYES:
        weights = classifier.feature_log_prob_[1] - classifier.feature_log_prob_[0]
        prior = classifier.class_log_prior_
        return weights, float(prior[1] - prior[0]) if kind is MultinomialNB else 0.0
    raise _refuse(kind.__name__)


def _calibrated(fitted: Sequence[Any], most: int) -> _Head:
    """The mean of several models, each with its own calibration."""
    estimators = [_unfrozen(each.estimator) for each in fitted]
    if len(fitted) > most:
        raise _refuse(f"CalibratedClassifierCV with {len(fitted)} members", f"has a compiled form up to {most}")
    curves: list[tuple[Any, Any]] = []
    if any(type(estimator) in (*_FORESTS, DecisionTreeClassifier) for estimator in estimators):
        if len(fitted) > 1:
            raise _refuse(
                f"CalibratedClassifierCV of several {type(estimators[0]).__name__}",
                "has no compiled form; say ensemble=False and fit again",
            )
        members = [Member(link="none", **_calibration(fitted[0], curves))]
        return "forest", members, _forest(estimators[0]) | _isotonic(curves)
    members, weights = [], []
    for each, estimator in zip(fitted, estimators, strict=True):
        row, intercept = _linear(estimator)
        weights.append(row)
        members.append(_member(intercept, _calibration(each, curves), says_odds=type(estimator) in _BAYES))
    return "linear", members, {"weights": np.concatenate(weights)} | _isotonic(curves)


def _unfrozen(estimator: Any) -> Any:
    return estimator.estimator if type(estimator) is FrozenEstimator else estimator


def _member(intercept: float, calibration: Mapping[str, Any], *, says_odds: bool) -> Member:
    """A calibrated sum. What is calibrated is the decision, or the probability of what only ``says_odds``."""
    if says_odds:
        return Member(intercept=intercept, **calibration)
    if calibration["calibration"] == "isotonic":
        return Member(intercept=intercept, link="none", **calibration)
    slope, offset = calibration["calibration_slope"], calibration["calibration_offset"]
    return Member(intercept=intercept, slope=slope, offset=offset)


def _calibration(fitted: Any, curves: list[tuple[Any, Any]]) -> dict[str, Any]:
    """Fields of a member; the steps of an isotonic one are added to ``curves``."""
    if fitted.method not in ("sigmoid", "isotonic") or len(fitted.calibrators) != 1:
        raise _refuse(f"CalibratedClassifierCV(method={fitted.method!r})")
    (calibrator,) = fitted.calibrators
    if fitted.method == "isotonic":
        curves.append((calibrator.X_thresholds_, calibrator.y_thresholds_))
        return {"calibration": "isotonic"}
    # scikit-learn's sigmoid is 1 / (1 + exp(a * decision + b)).
    slope, offset = -float(calibrator.a_), -float(calibrator.b_)
    return {"calibration": "sigmoid", "calibration_slope": slope, "calibration_offset": offset}


def _isotonic(curves: Sequence[tuple[Any, Any]]) -> Tensors:
    if not curves:
        return {}
    return {
        "isotonic_x": np.concatenate([x for x, _ in curves]).astype(np.float64),
        "isotonic_y": np.clip(np.concatenate([y for _, y in curves]), 0, 1).astype(np.float64),
        "isotonic_sizes": np.array([len(x) for x, _ in curves], dtype=np.int32),
    }


def _forest(classifier: Any) -> Tensors:
    estimators = [classifier] if type(classifier) is DecisionTreeClassifier else classifier.estimators_
    trees = [estimator.tree_ for estimator in estimators]
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
