"""``falsetrue predict``."""

import dataclasses
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.exit_codes import SOME_ROWS
from falsetrue.cli.options import AsJson, Model, PolicyName, Replace, Text, Title
from falsetrue.cli.output import Bar, print_error, print_json
from falsetrue.cli.policy import cautions
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from falsetrue.jobs.predict import EstimatedPrevalence, Summary

#: Texts from which a share is estimated at least.
FEWEST_TEXTS = 100
#: Bad rows reported one by one; the rest are counted.
REPORTED = 20
_ESTIMATE = "estimate"


def predict(
    source: Annotated[str, typer.Argument(metavar="FILE", help="CSV, JSONL or Parquet; - is standard input.")],
    output: Annotated[str, typer.Option("-o", "--output", help="CSV, JSONL or Parquet; - is standard output.")],
    text: Text = "text",
    title: Title = None,
    model: Model = None,
    policy: PolicyName = None,
    prevalence: Annotated[
        str | None, typer.Option(help="Share of false news in the file, as 0.05; estimate: from a first reading.")
    ] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Give title and text back as well.")] = False,
    input_format: Annotated[
        str | None, typer.Option("--input-format", help="csv or jsonl, for standard input.")
    ] = None,
    output_format: Annotated[
        str | None, typer.Option("--output-format", help="csv or jsonl, for standard output.")
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV file; nothing: found from its header.")] = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Classify every row of a file.

    A row that cannot be read or classified is reported with its line, stands in the output with
    its error, and the others are classified; the exit code is then 3. The output appears only
    when it is complete.
    """
    from falsetrue.jobs.predict import Prediction, estimate_prevalence
    from falsetrue.jobs.predict import predict as run
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    _check_formats(source, input_format, output_format, delimiter)
    prediction = Prediction(
        source=source,
        destination=output,
        text=text,
        title=title,
        prevalence=None if prevalence in (None, _ESTIMATE) else _parse_prevalence(prevalence),
        keep_text=keep_text,
        replace=replace,
        source_format=input_format,
        destination_format=output_format,
        delimiter=delimiter,
    )
    classifier = load_classifier(load_settings(), model)
    chosen = classifier.policies.find(policy)
    estimated = None
    reported = 0

    def report(line: int, problem: str) -> None:
        nonlocal reported
        reported += 1
        if reported <= REPORTED:
            print_error(f"falsetrue: {source}, line {line}: {problem}")

    started = time.perf_counter()
    with Bar(quiet=as_json) as bar:
        if prevalence == _ESTIMATE:
            estimated = estimate_prevalence(prediction, classifier, chosen, progress=bar)
            _check_estimate(estimated)
            prediction = dataclasses.replace(prediction, prevalence=estimated.value)
        summary = run(prediction, classifier, chosen, progress=bar, report=report)
    seconds = time.perf_counter() - started
    if reported > REPORTED:
        print_error(f"falsetrue: {source}: {reported - REPORTED} more rows could not be classified")
    for caution in cautions(classifier, chosen, prediction.prevalence):
        print_error(f"falsetrue: {caution}")
    _say(summary, output, seconds, estimated, as_json=as_json)
    if summary.bad_rows:
        raise typer.Exit(SOME_ROWS)


def _check_estimate(estimated: "EstimatedPrevalence") -> None:
    """Refuse to apply a share that the file does not tell."""
    if estimated.texts < FEWEST_TEXTS:
        why = f"only {estimated.texts} texts can be judged, {FEWEST_TEXTS} are needed"
    elif not estimated.agrees:
        scores, calls = estimated.by_scores, estimated.by_calls
        why = (
            f"the scores say {scores.low:.3f} to {scores.high:.3f}, the labels {calls.low:.3f} to {calls.high:.3f}: "
            "more than the share differs from the news that the model learnt from"
        )
    else:
        return
    raise InputError(f"the share of false news cannot be told from this file ({why}); say it: --prevalence 0.1")


def _say(
    summary: "Summary", output: str, seconds: float, estimated: "EstimatedPrevalence | None", *, as_json: bool
) -> None:
    """What came of it; on standard error where the rows themselves went to standard output."""
    if estimated is not None and not as_json:
        typer.echo(_describe_estimate(estimated), err=output == "-")
    if as_json:
        said: dict[str, Any] = {
            "output": output,
            "rows": summary.rows,
            "labels": dict(summary.labels),
            "bad_rows": summary.bad_rows,
            "text_bytes": summary.bytes,
            "seconds": seconds,
            "prevalence": summary.prevalence,
            "estimated_prevalence": estimated,
        }
        print_json(said, to_error=output == "-")
    elif output != "-":
        labels = ", ".join(f"{name} {summary.labels[name]:,}" for name in ("false", "real", "unsure"))
        typer.echo(
            f"{output}: {summary.rows:,} rows; {labels}; not classified {summary.bad_rows:,}; "
            f"{summary.bytes / 1e6 / seconds:.1f} MB/s of text"
        )


def _describe_estimate(estimated: "EstimatedPrevalence") -> str:
    by_scores, by_calls = estimated.by_scores, estimated.by_calls
    said = (
        f"share of false news: {by_scores.value:.3f} ({by_scores.low:.3f} to {by_scores.high:.3f}) by the scores of "
        f"{estimated.texts:,} texts; {by_calls.value:.3f} ({by_calls.low:.3f} to {by_calls.high:.3f}) by their labels"
    )
    if estimated.agrees:
        return said
    return (
        f"{said}\n  the two disagree: this news differs from the training news in more than that share; trust neither"
    )


def _parse_prevalence(written: str) -> float:
    from falsetrue.model.prevalence import check_prevalence

    try:
        return check_prevalence(float(written))
    except ValueError as error:
        raise InputError(f"--prevalence {written[:80]!r} is neither a number nor {_ESTIMATE}") from error


def _check_formats(source: str, input_format: str | None, output_format: str | None, delimiter: str | None) -> None:
    for option, value in (("--input-format", input_format), ("--output-format", output_format)):
        if value not in (None, "csv", "jsonl", "parquet"):
            raise InputError(f"{option} {value!r} is none of csv, jsonl, parquet")
    if source == "-" and input_format is None:
        raise InputError("standard input has no name to tell its format by; say --input-format csv or jsonl")
    if delimiter is not None and len(delimiter) != 1:
        raise InputError("--delimiter is one character")
