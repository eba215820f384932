from pathlib import Path

import pytest
from msgspec import Struct, convert, to_builtins

from falsetrue.model.evaluation import (
    DatesRecord,
    EvaluationReport,
    FileFactsRecord,
    ProtocolRecord,
    RowRecord,
    SideRecord,
)
from falsetrue.model.figures import FIGURES, BinRecord, FiguresRecord, PolicyFiguresRecord, RiskRecord
from falsetrue.report.evaluation import evaluation_page


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.01, "high": value + 0.01}


def figures(auc: float) -> dict[str, object]:
    return {
        "texts": 50, "real": 30, "false": 20, "clusters": 7, "clustered_by": "source",
        **{figure.name: estimate(0.4) for figure in FIGURES},
        "auc": estimate(auc), "ece": None,
        "reliability": [{"mean_p_real": 0.3, "real": estimate(0.35), "texts": 50}],
        "risk_coverage": [{"coverage": 1.0, "wrong": estimate(0.2)}],
    }  # fmt: skip


def row(name: str, auc: float) -> dict[str, object]:
    policy = {
        "policy": "ours@3", "verdicts": {"false": 1, "real": 2, "unsure": 3}, "reasons": {"too_short": 3},
        "coverage": estimate(0.5), "precision_false": None, "precision_real": estimate(0.7),
        "false_alarm_rate": estimate(0.1),
    }  # fmt: skip
    references = {"deployed recipe": figures(0.51), "always real": figures(0.5)}
    difference = {figure.name: estimate(0.123) for figure in FIGURES} | {"ece": None}
    return {
        "name": name, "model": figures(auc), "references": references, "other": figures(0.55),
        "difference": difference, "policy": policy, "other_policy": policy,
    }  # fmt: skip


def report(**changes: object) -> EvaluationReport:
    means = {figure.name: estimate(0.66) for figure in FIGURES} | {"ece": None}
    protocol = {
        "name": "leave_one_corpus_out", "explanation": "How.", "pooled": row("all texts", 0.7),
        "corpora": {name: {"fitted": 9, "judged": 50, "left_with": ["<c>"]} for name in ("<a>", "b")},
        "skipped": {"<c>": "too few"}, "macro_mean": {"model": means, "difference": means},
        "by_corpus": [row("<a>", 0.6), row("b", 0.8)], "by_language": [row("en", 0.6), row("es", 0.8)],
    }  # fmt: skip
    file = {
        "corpus": "<a>", "path": "a.csv", "sha256": "0", "real": 30, "false": 20, "dropped": {"no_label": 3},
        "sources": {"real": 5, "false": 5}, "sources_apart": True, "titles": 0, "languages": {"en": 50},
        "dates": {"dated": 0, "unreadable": 0, "ambiguous": 0, "absurd": 0},
    }  # fmt: skip
    everything = {
        "judged": "default", "kind": "recipe", "compared_with": "deployed", "seed": 0, "rows": 1500,
        "deployed_rows": 10000, "warnings": ["mind <this>"], "files": [file], "protocols": [protocol],
        "not_run": {"later_in_time": "no dates"},
    }  # fmt: skip
    return convert(everything | changes, EvaluationReport)


def test_the_page_shows_every_figure_the_reference_rows_and_the_policy() -> None:
    page = evaluation_page(report(), "Made today.")
    for figure in FIGURES:
        assert figure.label in page
    for said in (
        "deployed recipe",
        "always real",
        "0.123",
        "ours@3",
        "too_short 3",
        "no_label 3".replace("_", " "),
        "fitted on 9; left with &lt;c&gt;; 7 sources judged",
        "no dates",
        "At most 1,500 articles of a corpus were taken",
        "at most 10,000 articles",
        "Made today.",
    ):
        assert said in page, said
    assert page.count("<svg") == 3


def test_names_from_files_are_escaped() -> None:
    page = evaluation_page(report(), "")
    assert "<a>" not in page
    assert "<this>" not in page
    assert "mind &lt;this&gt;" in page


def test_a_figure_that_is_not_defined_is_a_dash_and_never_none_or_nan() -> None:
    page = evaluation_page(report(), "")
    assert "—" in page
    assert ">None<" not in page
    assert "nan" not in page.lower().replace("finan", "")


def test_without_a_second_model_there_is_no_comparison() -> None:
    alone = to_builtins(report(compared_with=None))
    for each in (alone["protocols"][0]["pooled"], *alone["protocols"][0]["by_corpus"]):
        each |= {"other": None, "difference": {}, "policy": None, "other_policy": None}
    page = evaluation_page(convert(alone, EvaluationReport), "")
    assert "paired" not in page
    assert "Under the policy" not in page


RECORDS = [
    EvaluationReport, FileFactsRecord, DatesRecord, ProtocolRecord, SideRecord, RowRecord, FiguresRecord, BinRecord,
    RiskRecord, PolicyFiguresRecord,
]  # fmt: skip


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: str(record.__name__))
def test_every_field_of_the_json_is_documented(record: type[Struct]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "evaluation.md").read_text()
    assert [field for field in record.__struct_fields__ if f"`{field}`" not in page] == []
