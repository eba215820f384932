import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from falsetrue.bundle.manifest import CorpusRecord, FileRecord, policy_record
from falsetrue.bundle.scorer import Floats, Scores
from falsetrue.errors import InputError, PolicyError
from falsetrue.jobs.classify import Classification, Classifier, Item
from falsetrue.jobs.fit_policy import FittedPolicy, Fitting, fit_policy
from falsetrue.jobs.progress import Quiet
from falsetrue.model.decision import Outcome, Policy
from falsetrue.model.prevalence import adjust
from falsetrue.news.article import Article, Label
from falsetrue.news.overlap import sketch
from falsetrue.registry.policies import Policies
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OWN = Policy(name="default", version=1, false_below=0.3, real_above=0.7, minimum_words=5, minimum_known_share=0.5)


class Scripted:
    """A scorer that each text tells what to say: ``P_REAL LANGUAGE …``."""

    def score(self, texts: Sequence[str]) -> Scores:
        """All that is known of each text."""
        words = [text.split() for text in texts]
        return Scores(
            p_real=self.p_real(texts),
            words=[len(each) for each in words],
            known_words=[0 if "unknown" in each else len(each) for each in words],
            languages=[each[1] for each in words],
        )

    def p_real(self, texts: Sequence[str]) -> Floats:
        """The number that each text begins with."""
        return np.array([float(text.split()[0]) for text in texts])


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    """A model that does as it is told, with a policy of its own that is no surprise."""
    loaded = load_classifier(Settings())
    manifest = msgspec.structs.replace(loaded.manifest, policy=policy_record(OWN))
    return replace(loaded, manifest=manifest, scorer=Scripted())


def news(count: int, *, seed: int = 0, language: str = "en", share_false: float = 0.5) -> list[dict[str, Any]]:
    """Rows of calibrated scores in which many are sure, and right."""
    generator = np.random.default_rng(seed)
    labels = (generator.random(count) >= share_false).astype(int)
    scores = 1 / (1 + np.exp(-4 * generator.normal(2 * labels - 1, 0.7)))
    return [
        row(score, label, f"{seed}x{number}", language)
        for number, (score, label) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True))
    ]


def row(score: float, label: int, key: str, language: str = "en", more: str = "") -> dict[str, Any]:
    unique = " ".join(f"w{key}n{place}" for place in range(8))
    return {
        "text": f"{score:.6f} {language} {unique} {more}",
        "label": label,
        "source": f"site{sum(map(ord, key)) % 97}",
    }


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label", "source"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(classifier: Classifier, source: Path, **options: Any) -> FittedPolicy:
    fitting = Fitting(**{"labelled": str(source), "name": "newsroom", "targets": ["precision=0.9"]} | options)
    return fit_policy(fitting, classifier, source.parent / "policies", now=NOW, progress=Quiet())


def said(classifier: Classifier, policy: Policy, rows: Sequence[dict[str, Any]], **options: Any) -> list[Outcome]:
    found = classifier.classify([Item(text=each["text"]) for each in rows], policy, **options)
    return [each.label for each in found if isinstance(each, Classification)]


def test_the_policy_that_is_written_keeps_its_target_on_other_news(classifier: Classifier, tmp_path: Path) -> None:
    found = run(classifier, write(tmp_path / "in.csv", news(2000)))
    other = news(4000, seed=1)
    verdicts = said(classifier, Policies(OWN, tmp_path / "policies").find("newsroom"), other)
    for verdict, label in ((Outcome.FALSE, 0), (Outcome.REAL, 1)):
        right = [each["label"] == label for each, outcome in zip(other, verdicts, strict=True) if outcome is verdict]
        assert np.mean(right) > 0.9
        assert len(right) > 1000
    assert found.expected.per_1000[Outcome.UNSURE] < 100


def test_a_policy_says_where_it_comes_from(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(600))
    found = run(classifier, source, confidence=0.8, actions={Outcome.FALSE: "hold"})
    policies = Policies(OWN, tmp_path / "policies")
    policy = policies.find("newsroom@1")
    fitted = policies.fitted(policy)
    assert fitted == found.fitted
    assert policy == found.policy
    assert fitted is not None
    assert fitted.model == f"{classifier.manifest.name}@{classifier.manifest.version}"
    assert fitted.labelled_sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (fitted.at, fitted.confidence, fitted.rows) == ("2026-01-02T03:04:05Z", 0.8, 600)
    assert policy.actions == {Outcome.FALSE: "hold", Outcome.REAL: "pass", Outcome.UNSURE: "review"}
    assert policy.minimum_words == OWN.minimum_words


def test_a_new_policy_never_takes_the_place_of_an_older_one(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(400))
    first = run(classifier, source).path
    before = first.read_bytes()
    second = run(classifier, source, targets=["precision=0.8"]).path
    assert (first.name, second.name) == ("newsroom@1.toml", "newsroom@2.toml")
    assert first.read_bytes() == before


def test_rows_that_are_no_evidence_are_left_out_and_counted(classifier: Classifier, tmp_path: Path) -> None:
    plain = news(500)
    others = [
        row(0.01, 1, "a", more="unknown"),
        {"text": "0.01 en too short", "label": 1, "source": "s"},
        {"text": " ", "label": 1, "source": "s"},
        row(0.01, 1, "b") | {"label": ""},
    ]
    alone = run(classifier, write(tmp_path / "in.csv", plain))
    with_others = run(classifier, write(tmp_path / "more.csv", plain + others + plain[:50]))
    assert with_others.fitted.left_out == {
        "empty_text": 1,
        "near_duplicate": 50,
        "no_label": 1,
        "out_of_scope": 1,
        "too_short": 1,
    }
    assert with_others.fitted.rows == 554
    assert with_others.fitted.bands == alone.fitted.bands


def test_a_target_out_of_reach_gives_an_empty_band_and_what_would_help(classifier: Classifier, tmp_path: Path) -> None:
    found = run(classifier, write(tmp_path / "in.csv", news(40)), targets=["precision=0.99"])
    assert (found.policy.false_below, found.policy.real_above) == (0, 1)
    assert not any(band.found for band in found.fitted.bands)
    hopeless, scarce = sorted(found.fitted.bands, key=lambda band: band.most_right or 0)
    assert hopeless.most_right is not None
    assert hopeless.most_right < 0.99
    assert hopeless.enough is None
    assert scarce.most_right == 1
    assert scarce.enough is not None
    assert scarce.enough > 400
    assert found.expected.per_1000 == {Outcome.FALSE: 0, Outcome.REAL: 0, Outcome.UNSURE: 1000}


def test_a_verdict_without_a_target_keeps_the_models_own_threshold(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(1000))
    false_alone = run(classifier, source, targets=["false-alarm=0.05"])
    assert false_alone.policy.real_above == OWN.real_above
    assert false_alone.policy.false_below > 0
    assert run(classifier, source, targets=["precision.real=0.9"]).policy.false_below == OWN.false_below


def test_a_language_with_enough_texts_has_thresholds_of_its_own(classifier: Classifier, tmp_path: Path) -> None:
    turned = [each | {"label": 1 - each["label"]} for each in news(400, seed=1, language="es")]
    rows = news(3000) + turned + news(50, seed=2, language="pt")
    found = run(classifier, write(tmp_path / "in.csv", rows), per_language=True)
    assert list(found.policy.by_language) == ["en", "es"]
    assert found.policy.thresholds("en").false_below > 0.2
    assert found.policy.thresholds("es").false_below == 0
    assert found.policy.thresholds("pt") == found.policy.thresholds(None)
    assert any("pt (50)" in warning for warning in found.warnings)
    assert {band.language for band in found.fitted.bands} == {"", "en", "es"}


def test_one_language_needs_no_thresholds_beside_the_general_ones(classifier: Classifier, tmp_path: Path) -> None:
    assert run(classifier, write(tmp_path / "in.csv", news(400)), per_language=True).policy.by_language == {}


def test_promises_share_the_error_equally(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(500) + news(500, seed=1, language="es"))
    one = run(classifier, source, targets=["precision.false=0.95"], confidence=0.9)
    both = run(classifier, source, targets=["precision=0.95"], confidence=0.8)
    by_language = run(classifier, source, targets=["precision.false=0.95"], confidence=0.7, per_language=True)
    assert one.fitted.bands[0].found
    assert both.fitted.bands[0] == by_language.fitted.bands[0] == one.fitted.bands[0]


def test_precision_is_kept_at_the_prevalence_of_the_feed(classifier: Classifier, tmp_path: Path) -> None:
    found = run(
        classifier, write(tmp_path / "in.csv", news(6000, seed=2)), targets=["precision.false=0.8"], prevalence=0.1
    )
    feed = news(30_000, seed=1, share_false=0.1)
    verdicts = said(classifier, found.policy, feed, prevalence=0.1)
    flagged = [each["label"] == 0 for each, outcome in zip(feed, verdicts, strict=True) if outcome is Outcome.FALSE]
    assert len(flagged) > 500
    assert np.mean(flagged) > 0.8
    there = found.expected.precision_at_prevalence[Outcome.FALSE]
    assert there == pytest.approx(np.mean(flagged), abs=0.05)
    assert found.expected.per_1000[Outcome.FALSE] == pytest.approx(1000 * len(flagged) / len(feed), rel=0.1)
    assert sum(found.expected.per_1000.values()) == pytest.approx(1000)


@pytest.mark.parametrize("hidden", [0, 9])
def test_at_a_prevalence_news_that_is_never_decided_counts_as_missed(
    classifier: Classifier, tmp_path: Path, hidden: int
) -> None:
    """Of the false texts nine in ten may be out of scope: what is then flagged is mostly the few real ones among it."""
    rows = [row(0.001, 0, f"f{n}", more="unknown" if n % 10 < hidden else "") for n in range(5000)]
    rows += [row(0.999, 1, f"r{n}") for n in range(9960)] + [row(0.001, 1, f"a{n}") for n in range(40)]
    found = run(classifier, write(tmp_path / "in.csv", rows), targets=["precision.false=0.9"], prevalence=0.05)
    assert found.fitted.bands[0].found == (not hidden)


def test_thresholds_are_of_the_adjusted_probability(classifier: Classifier, tmp_path: Path) -> None:
    found = run(classifier, write(tmp_path / "in.csv", news(3000)), targets=["false-alarm=0.02"], prevalence=0.05)
    (band,) = found.fitted.bands
    trained = classifier.manifest.trained_prevalence
    adjusted = [
        adjust(float(each["text"].split()[0]), prevalence=0.05, trained_prevalence=trained)
        for each in news(3000)
        if each["label"] == 1
    ]
    assert band.wrong == sum(p_real < found.policy.false_below for p_real in adjusted)


def test_a_file_that_the_model_learnt_from_is_refused(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(300))
    learnt = FileRecord(sha256=hashlib.sha256(source.read_bytes()).hexdigest(), bytes=source.stat().st_size)
    corpus = CorpusRecord(name="in", files={"renamed.csv": learnt}, real=1, false=1, dropped={})
    trained = replace(classifier, manifest=msgspec.structs.replace(classifier.manifest, corpora=[corpus]))
    with pytest.raises(InputError, match="has learnt from this very file"):
        run(trained, source)
    assert not (tmp_path / "policies").exists()
    assert run(trained, source, even_if_trained_on=True).fitted.trained_on


def learnt_from(classifier: Classifier, rows: Sequence[dict[str, Any]]) -> Classifier:
    articles = [
        Article(corpus="learnt", line=at, title=None, text=each["text"], label=Label.REAL)
        for at, each in enumerate(rows)
    ]
    manifest = msgspec.structs.replace(classifier.manifest, content_sketches={"learnt": sketch(articles)})
    return replace(classifier, manifest=manifest)


def test_a_file_whose_articles_the_model_learnt_from_is_refused_however_it_is_written(
    classifier: Classifier, tmp_path: Path
) -> None:
    rows = news(300)
    trained = learnt_from(classifier, rows)
    copy = write(tmp_path / "in.csv", [*rows[::-1], *news(100, seed=1)])
    with pytest.raises(InputError, match=r"learnt from most of its articles: about 75% are in learnt \(300 of"):
        run(trained, copy)
    assert not (tmp_path / "policies").exists()
    assert run(trained, copy, even_if_trained_on=True).fitted.trained_on


def test_a_smaller_part_that_the_model_learnt_from_is_warned_of_and_a_tiny_one_is_not(
    classifier: Classifier, tmp_path: Path
) -> None:
    rows = news(300)
    source = write(tmp_path / "in.csv", rows)
    found = run(learnt_from(classifier, rows[:30]), source)
    assert "has learnt from some of the articles: about 10% are in learnt (30 of 300" in found.warnings[0]
    assert not found.fitted.trained_on
    assert run(learnt_from(classifier, rows[:3]), source).warnings == []


def test_a_target_that_the_mixture_alone_would_reach_is_warned_of(classifier: Classifier, tmp_path: Path) -> None:
    source = write(tmp_path / "in.csv", news(600, share_false=0.05))
    targets = ["precision.real=0.9", "precision.false=0.5"]
    (warning,) = run(classifier, source, targets=targets).warnings
    assert warning.startswith("the target precision.real=0.9 asks for nothing: in the file 9")
    assert run(classifier, source, targets=targets, prevalence=0.2).warnings == []
    (warning,) = run(classifier, source, targets=targets, prevalence=0.5).warnings
    assert "precision.false=0.5 asks for nothing: at that prevalence 50.0% of the news is false" in warning


def test_few_sources_and_none_are_warned_of(classifier: Classifier, tmp_path: Path) -> None:
    rows = news(400)
    assert run(classifier, write(tmp_path / "many.csv", rows)).warnings == []
    one = write(tmp_path / "one.csv", [each | {"source": "one.example"} for each in rows])
    assert "weighs as 1.0 equally large ones" in run(classifier, one).warnings[0]
    none = write(tmp_path / "none.csv", [each | {"source": ""} for each in rows])
    assert "names no sources" in run(classifier, none).warnings[0]


def test_near_duplicates_under_both_labels_are_warned_of(classifier: Classifier, tmp_path: Path) -> None:
    rows = news(300)
    torn = [each | {"label": 1 - each["label"]} for each in rows[:3]]
    assert (
        "3 groups of near duplicates stand under both labels"
        in run(classifier, write(tmp_path / "in.csv", rows + torn)).warnings[0]
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"targets": []}, "say what is wanted"),
        ({"targets": ["precision=0.9", "precision.false=0.8"]}, "two targets are given for the precision of false"),
        ({"targets": ["recall=0.9"]}, "target 'recall=0.9'"),
        ({"confidence": 1.0}, "confidence 1"),
        ({"prevalence": 0.0}, "prevalence 0"),
        ({"name": "default"}, "a policy cannot be called 'default'"),
        ({"name": "../x"}, "a policy cannot be called"),
        ({"labelled": "nowhere.csv"}, "nowhere.csv: cannot be opened"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    classifier: Classifier, tmp_path: Path, options: dict[str, Any], problem: str
) -> None:
    with pytest.raises((InputError, PolicyError), match=problem):
        run(classifier, write(tmp_path / "in.csv", news(20)), **options)
    assert not (tmp_path / "policies").exists()


def test_a_file_without_a_usable_text_says_why(classifier: Classifier, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no labelled text to set thresholds on \(2 too_short\)"):
        run(classifier, write(tmp_path / "in.csv", [{"text": f"0.1 en {n}", "label": 1} for n in range(2)]))


def test_one_class_alone_promises_only_what_it_can(classifier: Classifier, tmp_path: Path) -> None:
    rows = [each for each in news(600) if each["label"] == 1]
    found = run(classifier, write(tmp_path / "in.csv", rows))
    assert found.policy.false_below == 0
    assert found.policy.real_above < 1
