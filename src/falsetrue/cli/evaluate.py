"""``falsetrue evaluate``."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue import __version__
from falsetrue.cli.options import About, AsJson, Date, Label, PolicyName, Replace, Rows, Source, Text, Title
from falsetrue.cli.output import Bar, check_report, print_error, print_json, write_report
from falsetrue.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from falsetrue.model.evaluation import EvaluationReport, ProtocolRecord
    from falsetrue.model.figures import EstimateRecord, FiguresRecord

#: Columns of the table in the terminal.
_SHOWN = ("auc", "balanced_accuracy", "false_alarm_rate", "ece")


def evaluate(
    files: Annotated[
        list[str], typer.Argument(help="Labelled news: CSV, JSONL or Parquet; several files are several corpora.")
    ],
    recipe: Annotated[
        str | None, typer.Option(help="Fit this recipe afresh and judge it: default (unless said), plain or deployed.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="Judge a saved model instead: a bundle folder, NAME[@VERSION] or shipped."),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(metavar="MODEL", help="Another saved model, paired on the same texts.")
    ] = None,
    compare_recipe: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="Another recipe, paired on the same splits.")
    ] = None,
    policy: PolicyName = None,
    family: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Corpora that leave together; may be repeated."),
    ] = None,
    about: About = None,
    rows: Rows = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Share of false news that a saved model is to suppose, between 0 and 1.")
    ] = None,
    text: Text = "text",
    title: Title = None,
    label: Label = "label",
    source: Source = None,
    date: Date = None,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every random choice.")] = 0,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report as one HTML page that needs nothing else.")
    ] = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Judge a recipe, or a saved model, on labelled news.

    A recipe is fitted afresh and judged on near-duplicate- and source-grouped news kept aside, on
    later news where there are dates, and on each corpus by a model of the others. Every figure
    has a 95 % interval and stands beside reference rows that say what it means.
    """
    _check_options(recipe, model, compare, compare_recipe, policy)
    if prevalence is not None and model is None:
        raise InputError("--prevalence is for saved models: say --model too")
    families = _families(family, model)
    check_report(html, replace=replace)
    try:
        from falsetrue.jobs.evaluate import Evaluation
        from falsetrue.model.prevalence import check_prevalence
        from falsetrue.news.about import read_about
        from falsetrue.news.labelled import Columns
        from falsetrue.report.evaluation import evaluation_page
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("falsetrue"):
            raise
        raise MissingExtraError("`falsetrue evaluate`", "train") from error

    now = datetime.now(UTC)
    evaluation = Evaluation(
        files=files,
        columns=Columns(text=text, title=title, label=label, source=source, date=date),
        families=families,
        rows=rows,
        seed=seed,
        about=read_about(about) if about else {},
        prevalence=None if prevalence is None else check_prevalence(prevalence),
    )
    with Bar(quiet=as_json) as bar:
        if model is not None:
            report = _of_model(evaluation, model, compare, policy, now, bar)
        else:
            report = _of_recipe(evaluation, recipe or "default", compare_recipe, now, bar)
    if html:
        made = f"Made by falsetrue {__version__} on {now:%Y-%m-%d %H:%M} UTC with seed {seed}."
        write_report(html, evaluation_page(report, made))
    if as_json:
        print_json(report)
    else:
        typer.echo(_summary(report))
        if html:
            print_error(f"falsetrue: the whole report is in {html}")


def _check_options(
    recipe: str | None, model: str | None, compare: str | None, compare_recipe: str | None, policy: str | None
) -> None:
    if recipe is not None and model is not None:
        raise InputError("--recipe fits afresh, --model judges what was saved: say one of them")
    if model is None and (compare or policy):
        raise InputError("--compare and --policy are for saved models: say --model too, or --compare-recipe")
    if model is not None and compare_recipe:
        raise InputError("--compare-recipe is for a recipe; a saved model is compared by --compare")


def _families(given: list[str] | None, model: str | None) -> list[list[str]]:
    if given and model is not None:
        raise InputError("--family says what a recipe is not fitted on; a saved model is not fitted again")
    families = [[name.strip() for name in names.split(",") if name.strip()] for names in given or ()]
    if not all(families):
        raise InputError("--family names corpora, with commas between them: --family isot_titles,isot_partial_fulltext")
    return families


def _of_recipe(evaluation: Any, recipe: str, other: str | None, now: datetime, bar: Bar) -> "EvaluationReport":
    from falsetrue.jobs.evaluate import evaluate_recipe
    from falsetrue.model.fitting import RECIPES

    for name in (recipe, other):
        if name is not None and name not in RECIPES:
            raise InputError(f"there is no recipe {name!r}; there are {', '.join(RECIPES)}")
    compared = RECIPES[other] if other else None
    return evaluate_recipe(evaluation, RECIPES[recipe], compared, today=now.date(), progress=bar)


def _of_model(
    evaluation: Any, model: str, other: str | None, policy: str | None, now: datetime, bar: Bar
) -> "EvaluationReport":
    from falsetrue.jobs.evaluate import evaluate_model
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    settings = load_settings()
    classifier = load_classifier(settings, model)
    compared = load_classifier(settings, other) if other else None
    return evaluate_model(
        evaluation, classifier, classifier.policies.find(policy), compared, today=now.date(), progress=bar
    )


# --- the terminal ---------------------------------------------------------------------------------


def _summary(report: "EvaluationReport") -> str:
    from falsetrue.report.evaluation import PROTOCOLS

    lines = [f"{report.judged} ({report.kind})" + (f" against {report.compared_with}" if report.compared_with else "")]
    for each in report.files:
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in each.dropped.items() if count)
        lines.append(f"{each.corpus}: {each.real:,} real, {each.false:,} false; dropped: {dropped or 'none'}")
    lines += [f"Warning: {warning}" for warning in report.warnings]
    for protocol in report.protocols:
        lines += ["", f"{PROTOCOLS[protocol.name]} (95 % intervals, the worst first)", *_table(protocol, report)]
        lines += [f"  without {corpus}: {reason}" for corpus, reason in protocol.skipped.items()]
    lines += [f"\nNot run: {PROTOCOLS[name].lower()}: {reason}" for name, reason in report.not_run.items()]
    return "\n".join(lines)


def _table(protocol: "ProtocolRecord", report: "EvaluationReport") -> list[str]:
    from falsetrue.model.figures import FIGURES

    labels = {figure.name: figure.label for figure in FIGURES}
    rows = [["", "texts", *(labels[name] for name in _SHOWN)]]
    rows += [_cells(row.name, row.model) for row in protocol.by_corpus]
    several = len(protocol.by_corpus) > 1
    if several:
        mean = protocol.macro_mean["model"]
        rows += [["mean over corpora", "", *(_figure(mean[name]) for name in _SHOWN)]]
    rows += [_cells("all texts", protocol.pooled.model)]
    rows += [_cells(f"  {name}", figures) for name, figures in protocol.pooled.references.items()]
    if protocol.pooled.other:
        rows += [_cells(f"  {report.compared_with}", protocol.pooled.other)]
        less = protocol.macro_mean.get("difference", {})
        rows += [["  difference, all", "", *(_figure(protocol.pooled.difference[name]) for name in _SHOWN)]]
        rows += [["  difference, mean", "", *(_figure(less.get(name)) for name in _SHOWN)]] if several else []
    return _aligned(rows) + _policy_lines(protocol)


def _policy_lines(protocol: "ProtocolRecord") -> list[str]:
    policy = protocol.pooled.policy
    if policy is None:
        return []
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in policy.reasons.items())
    return [
        f"  policy {policy.policy}: decided {_figure(policy.coverage)}, "
        f"right when false {_figure(policy.precision_false)}, right when real {_figure(policy.precision_real)}",
        f"  no decision because: {reasons or 'none'}",
    ]


def _cells(name: str, figures: "FiguresRecord") -> list[str]:
    return [name, f"{figures.texts:,}", *(_figure(getattr(figures, each)) for each in _SHOWN)]


def _figure(estimate: "EstimateRecord | None") -> str:
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]" if estimate else "none"


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    sides = ["<", *[">"] * (len(widths) - 1)]
    return [
        "  " + "  ".join(f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)).rstrip()
        for row in rows
    ]
