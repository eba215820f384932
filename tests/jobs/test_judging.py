import numpy as np
import pytest

from falsetrue.errors import InputError
from falsetrue.jobs.judging import (
    Decided,
    clusters_of,
    estimate_record,
    judge_policy,
    judge_scores,
    leave_one_corpus_out,
)
from falsetrue.jobs.progress import Quiet
from falsetrue.model.baselines import Scoring
from falsetrue.model.decision import Outcome
from falsetrue.model.figures import FIGURES, FiguresRecord
from falsetrue.model.fitting import labels_of
from falsetrue.news.article import Article, Label


def article(corpus: str, number: int, source: str | None = None) -> Article:
    text = " ".join(f"{corpus}{number}word{each}" for each in range(12))
    return Article(corpus=corpus, line=number + 1, title=None, text=text, label=Label(number % 2), source=source)


SOURCED = [article("sourced", number, f"Outlet {number % 12}") for number in range(60)]
PLAIN = [article("plain", number) for number in range(40)]


def test_articles_of_one_known_source_are_drawn_together_and_others_with_their_copies() -> None:
    copy = Article(corpus="plain", line=99, title=None, text=PLAIN[3].text, label=Label.REAL)
    clusters = clusters_of([*SOURCED, *PLAIN, copy])
    assert len(set(clusters.numbers.tolist())) == 12 + 40
    assert clusters.numbers[-1] == clusters.numbers[60 + 3]
    assert clusters.kind == "mixed"
    assert clusters.at(np.arange(60)).kind == "source"
    assert clusters.at(np.arange(60, 100)).kind == "near_duplicates"


@pytest.mark.parametrize(("sources", "kind"), [(1, "near_duplicates"), (2, "source")])
def test_where_a_class_comes_from_one_source_its_articles_are_drawn_one_by_one(sources: int, kind: str) -> None:
    names = {f"Outlet {2 * number + 1}" for number in range(sources)}
    some = np.array([at for at, each in enumerate(SOURCED) if each.label is Label.FALSE or each.source in names])
    found = clusters_of(SOURCED).at(some)
    assert found.kind == kind
    assert len(set(found.numbers.tolist())) == (len(some) if sources == 1 else 6 + sources)


def test_scores_are_judged_with_every_figure_and_both_curves() -> None:
    p_real = np.clip(labels_of(SOURCED) * 0.4 + np.linspace(0, 0.6, 60), 0, 1)
    found = judge_scores(SOURCED, p_real, seed=0)
    assert (found.texts, found.real, found.false, found.clusters, found.clustered_by) == (60, 30, 30, 12, "source")
    assert all(getattr(found, figure.name) is not None for figure in FIGURES)
    assert sum(each.texts for each in found.reliability) == 60
    assert [each.coverage for each in found.risk_coverage][-1] == 1.0


def test_every_figure_of_the_record_has_a_name_for_people() -> None:
    others = {"texts", "real", "false", "clusters", "clustered_by", "reliability", "risk_coverage"}
    assert {figure.name for figure in FIGURES} == set(FiguresRecord.__struct_fields__) - others


def test_no_estimate_is_null() -> None:
    assert estimate_record(None) is None


def test_a_policy_is_judged_by_what_it_decides() -> None:
    verdicts = [Outcome.UNSURE, Outcome.REAL, Outcome.FALSE, Outcome.FALSE] * 10
    reasons = [("near_threshold", "too_short"), (), (), ()] * 10
    decided = Decided(policy="ours@2", verdicts=verdicts, reasons=reasons)
    found = judge_policy(PLAIN, decided, seed=0, clusters=clusters_of(PLAIN))
    assert found.policy == "ours@2"
    assert found.verdicts == {"false": 20, "real": 10, "unsure": 10}
    assert found.reasons == {"near_threshold": 10, "too_short": 10}
    assert found.coverage.value == 0.75
    assert found.precision_false
    assert found.precision_false.value == 0.5
    assert found.precision_real
    assert found.precision_real.value == 1
    assert found.false_alarm_rate
    assert found.false_alarm_rate.value == 0.5


def test_what_a_policy_never_says_has_no_precision() -> None:
    decided = Decided(policy="p@1", verdicts=[Outcome.UNSURE] * 40, reasons=[()] * 40)
    found = judge_policy(PLAIN, decided, seed=0, clusters=clusters_of(PLAIN))
    assert found.precision_false is None
    assert found.precision_real is None


def test_each_family_is_scored_by_what_was_fitted_on_the_others_only() -> None:
    third = [article("third", number) for number in range(20)]
    articles = [*SOURCED, *PLAIN, *third]
    fitted: list[set[str]] = []

    def fit(given: object, _seed: int) -> Scoring:
        assert isinstance(given, list)
        fitted.append({each.corpus for each in given})
        number = len(fitted)
        return lambda asked: np.full(len(asked), number / 10)

    found = leave_one_corpus_out(articles, fit, [("sourced",), ("plain", "third")], seed=0, progress=Quiet())
    assert fitted == [{"plain", "third"}, {"sourced"}]
    assert found.p_real.tolist() == [0.1] * 60 + [0.2] * 60
    assert found.problems == {}


def test_a_family_whose_others_cannot_be_fitted_on_stays_without_scores_and_says_why() -> None:
    def fit(given: object, _seed: int) -> Scoring:
        assert isinstance(given, list)
        if given[0].corpus == "plain":
            raise InputError("too few")
        return lambda asked: np.full(len(asked), 0.5)

    found = leave_one_corpus_out([*SOURCED, *PLAIN], fit, [("sourced",), ("plain",)], seed=0, progress=Quiet())
    assert found.problems == {"sourced": "too few"}
    assert np.isnan(found.p_real[:60]).all()
    assert found.p_real[60:].tolist() == pytest.approx([0.5] * 40)
