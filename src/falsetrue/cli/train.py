"""``falsetrue train``."""

from dataclasses import replace as replace_fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.options import About, AsJson, Date, Label, Replace, Rows, Source, Text, Title, check_sources
from falsetrue.cli.output import Bar, print_error, print_json
from falsetrue.errors import FalsetrueError, InputError, MissingExtraError

if TYPE_CHECKING:
    from falsetrue.bundle.manifest import Manifest, MetricsRecord
    from falsetrue.model.figures import EstimateRecord


def train(
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to save the model in.")],
    files: Annotated[
        list[str] | None,
        typer.Argument(help="Labelled news: CSV, JSONL or Parquet; several files are several corpora."),
    ] = None,
    real: Annotated[str | None, typer.Option(help="A file of real news only, as True.csv.")] = None,
    fake: Annotated[str | None, typer.Option(help="A file of false news only, as Fake.csv.")] = None,
    text: Text = "text",
    title: Title = None,
    label: Label = "label",
    source: Source = None,
    date: Date = None,
    recipe: Annotated[str, typer.Option(help="How the model is made: default, plain or deployed.")] = "default",
    name: Annotated[str | None, typer.Option(help="What the model is called; nothing: as the folder.")] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="A language of the news, as en or es; may be repeated.")
    ] = None,
    about: About = None,
    block: Annotated[
        list[str] | None, typer.Option(metavar="WORD", help="A word that no term of the model may hold; repeatable.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="How news is kept aside: grouped or random; nothing: random for the deployed recipe only."),
    ] = None,
    rows: Rows = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Neither look for leaks nor fit again without each corpus in turn.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every random choice.")] = 0,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Learn from labelled news and save the model.

    Labels are 0, false, fake or 1, true, real. Rows without label or with too little text are
    dropped and counted. The figures are of news kept aside, with 95 % intervals.
    """
    check_sources(files, real, fake)
    try:
        from falsetrue.jobs.train import Training
        from falsetrue.jobs.train import train as run
        from falsetrue.model.fitting import RECIPES
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("falsetrue"):
            raise
        raise MissingExtraError("`falsetrue train`", "train") from error
    from falsetrue.news.about import read_about
    from falsetrue.news.labelled import Columns
    from falsetrue.settings import load_settings
    from falsetrue.wiring import trust_model

    if recipe not in RECIPES:
        raise InputError(f"there is no recipe {recipe!r}; there are {', '.join(RECIPES)}")
    if split not in (None, "grouped", "random"):
        raise InputError(f"there is no split {split!r}; there are grouped and random")
    if any(not word.strip() for word in block or ()):
        raise InputError("--block names a word, and one that is given is empty")
    known = read_about(about) if about else {}
    if silent := [name for name in map(_stem, files or ()) if about and name not in known]:
        print_error(f"falsetrue: {about} says nothing of {', '.join(silent)}")
    training = Training(
        recipe=replace_fields(RECIPES[recipe], blocked_words=frozenset(word.lower() for word in block or ())),
        name=name or output.absolute().name,
        files=files or (),
        real=real,
        fake=fake,
        columns=Columns(text=text, title=title, label=label, source=source, date=date),
        languages=[each.partition("-")[0].lower() for each in language or ()],
        about=known,
        split=split,
        rows=rows,
        quick=quick,
        seed=seed,
    )
    with Bar(quiet=as_json) as bar:
        manifest = run(training, output, now=datetime.now(UTC), progress=bar, replace_existing=replace)
    try:
        trust_model(load_settings(), str(output))  # what was made here is known to be ours
    except FalsetrueError as error:
        print_error(f"falsetrue: the model is saved; that it was made here could not be noted: {error}")
    if as_json:
        print_json(manifest)
    else:
        typer.echo(_summary(manifest, output))


def _stem(path: str) -> str:
    """What a corpus is called."""
    return Path(path).stem


def _summary(manifest: "Manifest", output: Path) -> str:
    metrics = manifest.metrics
    figures = {
        "accuracy": metrics.accuracy,
        "F1, false": metrics.f1_false,
        "F1, real": metrics.f1_real,
        "Brier score": metrics.brier,
        "AUC": metrics.auc,
        "decided": metrics.selective.coverage,
        "  right when false": metrics.selective.precision_false,
        "  right when real": metrics.selective.precision_real,
    }
    lines = [f"{output}: {manifest.name}, version {manifest.version}", ""]
    lines += [_corpus_line(corpus) for corpus in manifest.corpora]
    lines += ["", f"On {manifest.split.held_out:,} articles kept aside (95 % interval):"]
    lines += [f"  {name:20} {_figure(estimate)}" for name, estimate in figures.items()]
    lines += ["", "  of these        called false   called real"]
    lines += [
        f"  {actual:12} {metrics.confusion[f'{actual}_called_false']:15,} "
        f"{metrics.confusion[f'{actual}_called_real']:13,}"
        for actual in ("false", "real")
    ]
    if _no_better_than_always_the_same(metrics):
        lines += [
            "",
            "Warning: this cannot be told from always giving the same answer; do not use it.",
        ]
    if manifest.metrics.selective.coverage.value == 0:
        lines += [
            "",
            "Its default policy decides nothing: no thresholds could be proved. More articles would help, or "
            "thresholds on labelled news of your own: falsetrue policy fit",
        ]
    if manifest.not_compiled_because:
        lines += ["", f"No compiled scorer: {manifest.not_compiled_because}."]
    return "\n".join([*lines, "", f"Try it:  falsetrue serve --model {output}"])


def _no_better_than_always_the_same(metrics: "MetricsRecord") -> bool:
    """Whether the interval of the accuracy reaches down to the share of the larger class."""
    counts = metrics.confusion
    real = counts["real_called_real"] + counts["real_called_false"]
    return metrics.accuracy.low <= max(real, sum(counts.values()) - real) / sum(counts.values())


def _corpus_line(corpus: Any) -> str:
    dropped = ", ".join(f"{reason} {count:,}" for reason, count in corpus.dropped.items() if count)
    kept = f"{corpus.name}: {corpus.real:,} real, {corpus.false:,} false"
    return f"{kept}; dropped: {dropped or 'none'}"


def _figure(estimate: "EstimateRecord | None") -> str:
    return f"{estimate.value:.4f}  [{estimate.low:.4f}, {estimate.high:.4f}]" if estimate else "none"
