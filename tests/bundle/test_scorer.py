"""Every pipeline that has a compiled form, by both kernels, against scikit-learn itself."""

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfTransformer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.foreign import load_estimator
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import ESTIMATOR, SCORER
from falsetrue.bundle.scorer import CompiledScorer, Scores, from_bytes, sigmoid
from falsetrue.errors import BundleError, CannotCompileError
from falsetrue.features.hashing import hash_columns
from falsetrue.features.kernel import ABSENT
from falsetrue.features.ngrams import NgramVectorizer
from falsetrue.model.scope import NewsMeasure

#: Examples of each property; a long run asks for 10,000.
EXAMPLES = int(os.environ.get("FALSETRUE_EXAMPLES", "8"))
KERNELS = [
    pytest.param(True, id="compiled", marks=pytest.mark.skipif(ABSENT is not None, reason="no compiled kernel")),
    pytest.param(False, id="numpy"),
]

TEXTS = [
    "the minister said the budget vote was agreed by parliament",
    "Shocking HOAX exposed by the elites, share before it is deleted",
    "the city council said the road works would take a week",
    "secret miracle cure they do not want you to share, wake up",
    "ΟΔΥΣΣΕΥΣ İSTANBUL café e\u0301crit 习近平 新闻 the vote STRASSE straße 𐐀𐐁 ١٢٣ naïve_ώ extraordinarily-long-words",
    "percent percent percent committee agreed quarter statement " + "w" * 300,
] * 5
LABELS = [1, 0, 1, 0, 1, 1] * 5

_PIECES = [
    *" ".join(TEXTS[:6]).split(),
    *(
        "İ",
        "ß",
        "ẞ",
        "Σ",
        "ΑΣ",
        "ΑΣ'",
        "Σα",
        "ς",
        "ΟΔΟΣ.\u0391",
        "e\u0301",
        "İstanbul",
        "ŉ",
        "ǅ",
        "ﬁ",
        "\u0345",
        "𐐀",
        "Ⅷ",
        "²",
    ),
    *(
        "习近平",
        "新",
        "👨\u200d👩\u200d👧",
        "\0",
        "a\0b",
        "_",
        "__",
        "1",
        "12",
        "\ud800",
        "ab\udfffcd",
        "\xa0",
        "\x85",
        "\u2028",
    ),
    *("v" * 70, "long" * 5000, "akqlrggi"),
]
#: Any text, and ones that look like what was learnt, put together with and without spaces.
ANY_TEXT = st.one_of(
    st.text(),
    st.text(st.characters(exclude_categories=())),
    st.lists(st.sampled_from(_PIECES) | st.text(max_size=3)).map(" ".join),
    st.lists(st.sampled_from(_PIECES)).map("".join),
    st.lists(st.sampled_from(TEXTS)).map(" ".join),
    st.lists(st.sampled_from(TEXTS)).map(lambda texts: "\n".join(texts).upper()),
)
SOME_TEXTS = st.lists(ANY_TEXT, min_size=1, max_size=8)

VECTORIZERS: dict[str, Callable[[], list[Any]]] = {
    "tfidf": lambda: [TfidfVectorizer()],
    "tfidf 1-2 sublinear": lambda: [TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)],
    "tfidf 2": lambda: [TfidfVectorizer(ngram_range=(2, 2))],
    "tfidf 1-3": lambda: [TfidfVectorizer(ngram_range=(1, 3), min_df=6)],
    "tfidf 2-3": lambda: [TfidfVectorizer(ngram_range=(2, 3))],
    "tfidf 3": lambda: [TfidfVectorizer(ngram_range=(3, 3))],
    "no bigram left": lambda: [TfidfVectorizer(ngram_range=(1, 2), max_features=8)],
    "english stop words": lambda: [TfidfVectorizer(ngram_range=(1, 2), stop_words="english")],
    "own stop words": lambda: [CountVectorizer(ngram_range=(1, 3), stop_words=["said", "the", "a b", "", "x"])],
    "binary": lambda: [TfidfVectorizer(binary=True)],
    "no idf": lambda: [TfidfVectorizer(use_idf=False)],
    "l1": lambda: [TfidfVectorizer(ngram_range=(1, 2), norm="l1")],
    "no norm": lambda: [TfidfVectorizer(norm=None, sublinear_tf=True)],
    "capitals": lambda: [TfidfVectorizer(lowercase=False, ngram_range=(1, 2))],
    "given terms": lambda: [TfidfVectorizer(vocabulary=["vote", "the vote", "no such  term", "a-b", "x"])],
    "n-grams": lambda: [NgramVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)],
    "counts": lambda: [CountVectorizer()],
    "binary counts": lambda: [CountVectorizer(binary=True, ngram_range=(1, 2), lowercase=False)],
    "counts, weighed": lambda: [CountVectorizer(ngram_range=(1, 2)), TfidfTransformer()],
    "counts, weighed otherwise": lambda: [
        CountVectorizer(stop_words="english"),
        TfidfTransformer(norm="l1", use_idf=False, sublinear_tf=True),
    ],
    "hashes": lambda: [HashingVectorizer(n_features=2**10)],
    "hashes that collide": lambda: [HashingVectorizer(n_features=7, ngram_range=(1, 2), norm="l1")],
    "binary hashes": lambda: [HashingVectorizer(n_features=31, binary=True, ngram_range=(1, 3), stop_words="english")],
    "unsigned hashes": lambda: [
        HashingVectorizer(n_features=1000, alternate_sign=False, norm=None, ngram_range=(2, 3), lowercase=False)
    ],
    "hashes, weighed": lambda: [HashingVectorizer(n_features=2**8), TfidfTransformer()],
    "unsigned hashes, weighed": lambda: [
        HashingVectorizer(n_features=2**8, alternate_sign=False, norm=None),
        TfidfTransformer(sublinear_tf=True, norm=None),
    ],
}


def calibrated(classifier: Any, **options: Any) -> CalibratedClassifierCV:
    return CalibratedClassifierCV(classifier, **{"cv": 3, "ensemble": False} | options)


def _frozen() -> Any:
    return FrozenEstimator(LogisticRegression().fit(TfidfVectorizer().fit_transform(TEXTS), LABELS))


def forest(kind: Any = RandomForestClassifier, **options: Any) -> Any:
    return kind(**{"n_estimators": 12, "max_depth": 6, "random_state": 0} | options)


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic regression": LogisticRegression,
    "liblinear, no intercept": lambda: LogisticRegression(solver="liblinear", fit_intercept=False, C=30),
    "sparse coefficients": lambda: LogisticRegression(l1_ratio=1, solver="liblinear", C=5),
    "sgd log loss": lambda: SGDClassifier(loss="log_loss", random_state=0),
    "sgd modified huber": lambda: SGDClassifier(loss="modified_huber", alpha=0.05, random_state=0),
    "multinomial bayes": MultinomialNB,
    "complement bayes": lambda: ComplementNB(norm=True),
    "forest": forest,
    "forest without a test": lambda: forest(max_depth=1, min_samples_split=100),
    "extra trees": lambda: forest(ExtraTreesClassifier, max_depth=None, bootstrap=True),
    "best-first forest": lambda: forest(max_leaf_nodes=5, criterion="entropy"),
    "tree": lambda: DecisionTreeClassifier(random_state=0),
    "calibrated": lambda: calibrated(LogisticRegression(C=10)),
    "calibrated svc": lambda: calibrated(LinearSVC(), ensemble=True),
    "isotonic svc": lambda: calibrated(LinearSVC(C=1e-3, max_iter=50_000), ensemble=True, method="isotonic"),
    "isotonic": lambda: calibrated(LogisticRegression(), method="isotonic"),
    "calibrated hinge": lambda: calibrated(SGDClassifier(random_state=0), ensemble=True),
    "calibrated bayes": lambda: calibrated(MultinomialNB(), ensemble=True),
    "isotonic bayes": lambda: calibrated(ComplementNB(), method="isotonic", ensemble=True),
    "calibrated forest": lambda: calibrated(forest()),
    "isotonic tree": lambda: calibrated(DecisionTreeClassifier(max_depth=2), method="isotonic"),
    "calibrated afterwards": lambda: CalibratedClassifierCV(_frozen(), cv=3),
}
GRID = sorted(
    {(vectorizer, classifier) for vectorizer in VECTORIZERS for classifier in ("logistic regression", "forest")}
    | {
        (vectorizer, classifier)
        for vectorizer in ("tfidf 1-2 sublinear", "unsigned hashes")
        for classifier in CLASSIFIERS
        if classifier != "calibrated afterwards"
    }
    | {("tfidf", "calibrated afterwards")}
)
OFTEN = [("tfidf 1-2 sublinear", "calibrated"), ("own stop words", "isotonic svc"), ("hashes that collide", "forest")]


@cache
def pipeline_of(vectorizer: str, classifier: str) -> Pipeline:
    return make_pipeline(*VECTORIZERS[vectorizer](), CLASSIFIERS[classifier]()).fit(TEXTS, LABELS)


@cache
def blob_of(vectorizer: str, classifier: str, *, news: bool = False) -> bytes:
    pipeline = pipeline_of(vectorizer, classifier)
    if not news:
        return compile_pipeline(pipeline)
    columns = pipeline[:-1].transform(["vote"]).shape[1]
    measure = NewsMeasure(weights=np.random.default_rng(0).normal(size=columns), intercept=0.5)
    return compile_pipeline(pipeline, measure)


@cache
def scorer_of(vectorizer: str, classifier: str, *, native: bool, news: bool = False) -> CompiledScorer:
    return from_bytes(blob_of(vectorizer, classifier, news=news), native=native)


def fitted(classifier: Any, **options: Any) -> Pipeline:
    return make_pipeline(TfidfVectorizer(**options), classifier).fit(TEXTS, LABELS)


@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize(("vectorizer", "classifier"), GRID)
@settings(max_examples=EXAMPLES)
@given(texts=SOME_TEXTS)
def test_a_compiled_scorer_says_what_the_pipeline_says_of_any_text(
    *,
    vectorizer: str,
    classifier: str,
    native: bool,
    texts: list[str],
) -> None:
    pipeline = pipeline_of(vectorizer, classifier)
    ours = scorer_of(vectorizer, classifier, native=native).p_real(texts)
    np.testing.assert_allclose(ours, pipeline.predict_proba(texts)[:, 1], rtol=0, atol=1e-9)
    assert (ours > 0.5).tolist() == [bool(label) for label in pipeline.predict(texts)]


def check_same(ours: Scores, theirs: Scores) -> None:
    """What two ways of scoring say of the same texts."""
    assert (ours.words, ours.known_words, ours.languages) == (theirs.words, theirs.known_words, theirs.languages)
    for name in ("p_real", "halves", "news_log_odds"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12, atol=1e-12)


@pytest.mark.skipif(ABSENT is not None, reason="no compiled kernel")
@pytest.mark.parametrize(("vectorizer", "classifier"), GRID)
@settings(max_examples=EXAMPLES)
@given(texts=SOME_TEXTS)
def test_both_kernels_say_the_same(vectorizer: str, classifier: str, texts: list[str]) -> None:
    compiled, plain = (scorer_of(vectorizer, classifier, native=native, news=True) for native in (True, False))
    assert (compiled.is_native, plain.is_native) == (True, False)
    check_same(compiled.score(texts), plain.score(texts))


@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize(("vectorizer", "classifier"), OFTEN)
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@settings(max_examples=EXAMPLES)
@given(titles=SOME_TEXTS, texts=SOME_TEXTS, begin=st.integers(0, 3))
def test_strings_of_a_column_are_scored_as_texts_are(
    *,
    vectorizer: str,
    classifier: str,
    native: bool,
    kind: Any,
    titles: list[str],
    texts: list[str],
    begin: int,
) -> None:
    count = min(len(titles), len(texts))
    titles, texts = ([_plain(text) for text in each[:count]] for each in (titles, texts))
    columns = tuple(_buffers(pa.array(["first", *each], kind)[1:]) for each in (titles, texts))
    begin = min(begin, count)
    scorer = scorer_of(vectorizer, classifier, native=native, news=True)
    for taken, contents in ((columns[1:], texts), (columns, list(map("\n".join, zip(titles, texts, strict=True))))):
        found = scorer.strings(taken, begin + 1, count - begin)
        expected = scorer.score(contents[begin:])
        assert found.refused == []
        ours = Scores(
            p_real=found.p_real,
            words=found.words.tolist(),
            known_words=found.known_words.tolist(),
            languages=found.languages,
            news_log_odds=found.news_log_odds,
            halves=found.halves,
        )
        check_same(ours, expected)


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _buffers(strings: Any) -> tuple[Any, Any, bool]:
    """As :meth:`CompiledScorer.strings` takes a column."""
    _, offsets, data = strings.buffers()
    return memoryview(data or b""), memoryview(offsets), strings.type == pa.large_string()


@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize("norm", ["l1", "l2", None])
@pytest.mark.parametrize("binary", [False, True])
def test_a_text_whose_hashes_cancel_is_one_without_values(*, native: bool, norm: str | None, binary: bool) -> None:
    words = [first + second for first in "abcdefghij" for second in "abcdefghij"]
    columns, negative = hash_columns([word.encode() for word in words], 7)
    up, down = (words[int(np.flatnonzero((columns == 3) & (negative == sign))[0])] for sign in (False, True))
    vectorizer = HashingVectorizer(n_features=7, norm=norm, binary=binary)
    pipeline = make_pipeline(vectorizer, LogisticRegression()).fit(TEXTS, LABELS)
    scorer = from_bytes(compile_pipeline(pipeline), native=native)
    texts = [f"{up} {down}", f"{up} {down} {up}", up, ""]
    np.testing.assert_allclose(scorer.p_real(texts), pipeline.predict_proba(texts)[:, 1], rtol=0, atol=1e-12)
    assert scorer.p_real(texts[:1])[0] != scorer.p_real(texts[1:2])[0] or binary


@pytest.mark.parametrize("native", KERNELS)
def test_languages_of_strings_are_told_by_their_script_too(*, native: bool) -> None:
    quotation = "the man said that it was all he had to say about this, and that they would not come back again"
    texts = [
        "桥将一直关闭。" * 40 + quotation,
        quotation,
        "Мост закрыт",
        "мост " * 60 + quotation,
        quotation + " 桥" * 9,
        "",
    ]
    scorer = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native)
    found = scorer.strings((_buffers(pa.array(texts)),), 0, len(texts)).languages
    assert found == scorer.score(texts).languages == ["zh", "en", "ru", "ru", "en", "und"]


@pytest.mark.parametrize("native", KERNELS)
def test_strings_that_are_not_utf_8_are_named_and_the_others_scored(*, native: bool) -> None:
    scorer = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native)
    strings = [b"the vote", b"\xff", "ΟΔΟΣ vote".encode(), b"a\xed\xa0\x80b", "ΑΣ".encode() + b"\xc3", b""]
    offsets = np.cumsum([0, *map(len, strings)], dtype=np.int32)
    found = scorer.strings(((b"".join(strings), offsets, False),), 0, len(strings))
    assert found.refused == [1, 3, 4]
    kept = [0, 2, 5]
    np.testing.assert_allclose(found.p_real[kept], scorer.p_real([strings[at].decode() for at in kept]))


@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize("offsets", [[0, 3], [0, 9, 1], [-1, 2, 3], [0, 2, 1], [2**30, 2**30, 2**30 + 1]])
def test_offsets_outside_the_data_are_refused(*, native: bool, offsets: list[int]) -> None:
    scorer = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native)
    with pytest.raises(ValueError, match="offsets"):
        scorer.strings(((b"one", np.array(offsets, dtype=np.int64), True),), 0, 2)


@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize(("vectorizer", "classifier"), OFTEN)
def test_a_large_batch_is_scored_as_its_texts_are_alone(
    *,
    vectorizer: str,
    classifier: str,
    native: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("falsetrue.bundle.scorer.CHUNK", 100)
    scorer = scorer_of(vectorizer, classifier, native=native)
    texts = [f"{TEXTS[number % 6]} {number}" for number in range(600)]
    together = scorer.score(texts)
    alone = [scorer.score([text]).p_real[0] for text in texts]
    np.testing.assert_allclose(together.p_real, alone, rtol=0, atol=1e-12)
    assert len(together.words) == len(together.known_words) == len(together.languages or ()) == 600


@pytest.mark.parametrize("native", KERNELS)
def test_no_texts_have_no_scores(*, native: bool) -> None:
    scorer = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native)
    assert scorer.p_real([]).shape == scorer.score([]).p_real.shape == (0,)
    assert scorer.score([]).each() == []


@pytest.mark.parametrize("native", KERNELS)
def test_words_and_known_words_are_counted(*, native: bool) -> None:
    scores = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native).score(["the budget zzz yyy a", ""])
    assert (scores.words, scores.known_words) == ([4, 0], [2, 0])
    hashed = scorer_of("binary hashes", "forest", native=native).score(["the budget zzz yyy a", ""])
    assert (hashed.words, hashed.known_words) == ([4, 0], [4, 0])


@pytest.mark.parametrize("native", KERNELS)
def test_halves_are_scored_as_if_each_stood_alone(*, native: bool) -> None:
    scorer = scorer_of("tfidf 1-2 sublinear", "calibrated", native=native)
    first, second = "the minister said the budget", "secret miracle cure they share"
    halves = scorer.score([f"{first} {second}"]).halves
    assert halves is not None
    np.testing.assert_allclose(halves[0], scorer.p_real([first, second]), rtol=0, atol=1e-12)


@pytest.mark.corpora
@pytest.mark.parametrize("native", KERNELS)
@pytest.mark.parametrize(("vectorizer", "classifier"), OFTEN)
def test_texts_of_the_corpora_are_scored_as_scikit_learn_does(
    corpora: Path,
    *,
    vectorizer: str,
    classifier: str,
    native: bool,
) -> None:
    for file in sorted(corpora.glob("*.parquet")):
        texts = texts_of(file)
        pipeline, blob = pipeline_on(file, vectorizer, classifier)
        scorer = from_bytes(blob, native=native)
        for start in range(0, len(texts), 5000):
            some = texts[start : start + 5000]
            ours, theirs = scorer.p_real(some), pipeline[:-1].transform(some)
            np.testing.assert_allclose(ours, pipeline[-1].predict_proba(theirs)[:, 1], rtol=0, atol=1e-9)
            assert (ours > 0.5).tolist() == pipeline[-1].predict(theirs).astype(bool).tolist()


@cache
def texts_of(file: Path) -> list[str]:
    """About 200 of them, from everywhere in the file; all in a long run."""
    table = pyarrow.parquet.read_table(file, columns=["title", "text"])
    step = 1 if EXAMPLES >= 10_000 else 1 + table.num_rows // 200
    return joined(table.take(np.arange(0, table.num_rows, step)))


def joined(table: pa.Table) -> list[str]:
    return [f"{row['title'] or ''}\n{row['text'] or ''}" for row in table.to_pylist()]


@cache
def pipeline_on(file: Path, vectorizer: str, classifier: str) -> tuple[Pipeline, bytes]:
    """Fitted on some of its texts with labels of no meaning: the arithmetic is what is looked at."""
    texts = joined(pyarrow.parquet.read_table(file, columns=["title", "text"])[:400])
    labels = np.random.default_rng(0).integers(0, 2, len(texts))
    pipeline = make_pipeline(*VECTORIZERS[vectorizer](), CLASSIFIERS[classifier]()).fit(texts, labels)
    return pipeline, compile_pipeline(pipeline)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_sigmoid_never_overflows(value: float) -> None:
    with np.errstate(over="raise", invalid="raise"):
        assert 0 <= sigmoid(np.array([value]))[0] <= 1


class _OtherWords(TfidfVectorizer):  # type: ignore[misc]
    pass


class _OtherRegression(LogisticRegression):  # type: ignore[misc]
    pass


def split() -> tuple[Any, Any]:
    return np.arange(20), np.arange(20, 30)


def piped(*steps: Any) -> Pipeline:
    return make_pipeline(*steps, LogisticRegression()).fit(TEXTS, LABELS)


def signed() -> Any:
    """As fitted where no hash happened to be negative."""
    pipeline = piped(HashingVectorizer(norm=None, alternate_sign=False), TfidfTransformer(sublinear_tf=True))
    pipeline[0].alternate_sign = True
    return pipeline


def too_wide() -> Any:
    """As if fitted: sixteen million coefficients take long."""
    pipeline = piped(HashingVectorizer())
    pipeline[0].n_features = 2**24 + 1
    return pipeline


@pytest.mark.parametrize(
    ("pipeline", "part"),
    [
        (lambda: Pipeline([("v", _OtherWords()), ("c", LogisticRegression())]).fit(TEXTS, LABELS), "_OtherWords"),
        (lambda: fitted(_OtherRegression()), "_OtherRegression has no compiled form"),
        (lambda: fitted(LogisticRegression(), ngram_range=(1, 4)), "ngram_range=\\(1, 4\\)"),
        (lambda: fitted(LogisticRegression(), vocabulary=["vote", "two\nlines"]), "a line feed"),
        (lambda: fitted(LogisticRegression(), analyzer="char"), "analyzer='char'"),
        (lambda: fitted(LogisticRegression(), strip_accents="unicode"), "strip_accents='unicode'"),
        (lambda: fitted(LogisticRegression(), dtype=np.float32), "dtype float64"),
        (
            lambda: fitted(SGDClassifier()),
            r"SGDClassifier\(loss='hinge'\) says no probability; fit CalibratedClassifierCV",
        ),
        (lambda: fitted(LinearSVC()), r"LinearSVC\(\) says no probability; fit CalibratedClassifierCV"),
        (lambda: fitted(calibrated(forest(), ensemble=True)), "several RandomForestClassifier .* say ensemble=False"),
        (lambda: fitted(calibrated(LogisticRegression(), method="temperature")), "method='temperature'"),
        (lambda: fitted(CalibratedClassifierCV(LogisticRegression(), cv=[split()] * 17)), "17 members has .* up to 16"),
        (lambda: fitted(calibrated(KNeighborsClassifier())), "KNeighborsClassifier has no compiled form"),
        (lambda: fitted(LogisticRegression(), vocabulary=["vote", "nu\0ll"]), "a NUL"),
        (lambda: fitted(LogisticRegression(), vocabulary=["vote", ""]), "an empty term"),
        (lambda: piped(TfidfVectorizer(), TfidfTransformer()), "a TfidfTransformer behind a TfidfVectorizer"),
        (lambda: piped(CountVectorizer(dtype=np.float32)), "dtype float64 or int64"),
        (lambda: piped(CountVectorizer(), FunctionTransformer()), "not: CountVectorizer, FunctionTransformer"),
        (too_wide, "n_features=16777217"),
        (lambda: piped(HashingVectorizer(), TfidfTransformer(norm=None)), "say norm=None and fit again"),
        (signed, "alternate_sign=True"),
        (lambda: LogisticRegression().fit([[0], [1]], [0, 1]), "only a Pipeline of a vectorizer and a classifier"),
        (
            lambda: Pipeline([("v", TfidfVectorizer()), ("c", LogisticRegression())]),
            "classes of an estimator must be 0",
        ),
    ],
)
def test_what_cannot_be_compiled_is_named(pipeline: Callable[[], Any], part: str) -> None:
    fitted_one = pipeline()
    with pytest.raises(BundleError, match=part) as caught:
        compile_pipeline(fitted_one)
    assert isinstance(caught.value, CannotCompileError) or "classes" in part


@pytest.mark.parametrize("recipe", ["default", "deployed"])
@pytest.mark.parametrize("native", KERNELS)
def test_recipes_answer_the_golden_texts_as_their_pipelines(
    *,
    trained: Callable[[str], Path],
    recipe: str,
    native: bool,
) -> None:
    bundle = open_bundle(trained(recipe), keep=(SCORER, ESTIMATOR))
    scorer = bundle.compiled_scorer(native=native)
    theirs = load_estimator(bundle.contents[ESTIMATOR]).predict_proba(list(golden_texts()))[:, 1]
    np.testing.assert_allclose(scorer.score(golden_texts()).p_real, theirs, rtol=0, atol=1e-9)
