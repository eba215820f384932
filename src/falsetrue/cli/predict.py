"""``falsetrue predict``."""

import dataclasses
import os
import re
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.exit_codes import SOME_ROWS
from falsetrue.cli.options import AsJson, Model, PolicyName, Replace, Text, Title
from falsetrue.cli.output import Bar, print_error, print_json
from falsetrue.cli.policy import cautions
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from falsetrue.jobs.classify import Classifier
    from falsetrue.jobs.predict import EstimatedPrevalence, Prediction, Summary
    from falsetrue.jobs.processes import Load
    from falsetrue.model.decision import Policy

#: Texts from which a share is estimated at least.
FEWEST_TEXTS = 100
#: Bad rows reported one by one; the rest are counted.
REPORTED = 20
_ESTIMATE = "estimate"


def predict(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="CSV, JSONL (also .gz, .zst) or Parquet; - is standard input."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "-o", "--output", help="CSV, JSONL (also .gz, .zst) or Parquet; - is standard output; a folder for several."
        ),
    ],
    text: Text = "text",
    title: Title = None,
    model: Model = None,
    policy: PolicyName = None,
    prevalence: Annotated[
        str | None, typer.Option(help="Share of false news in the file, as 0.05; estimate: from a first reading.")
    ] = None,
    keep_text: Annotated[bool, typer.Option("--keep-text", help="Give title and text back as well.")] = False,
    shard: Annotated[
        str | None,
        typer.Option(metavar="I/N", help="Only the I-th of N shares of the rows, as 2/8; for many machines."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run that was stopped has left off.")] = False,
    input_format: Annotated[
        str | None, typer.Option("--input-format", help="csv or jsonl, for standard input.")
    ] = None,
    output_format: Annotated[
        str | None,
        typer.Option("--output-format", help="csv or jsonl, for standard output; of several files, parquet too."),
    ] = None,
    delimiter: Annotated[str | None, typer.Option(help="Of a CSV file; nothing: found from its header.")] = None,
    replace: Replace = False,
    as_json: AsJson = False,
) -> None:
    """Classify every row of a file, or of several.

    A row that cannot be read or classified is reported with its line, stands in the output with
    its error, and the others are classified; the exit code is then 3. The output appears only
    when it is complete.
    """
    from falsetrue.jobs.predict import Prediction
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    _check_formats(sources, input_format, output_format, delimiter)
    prediction = Prediction(
        source=sources[0],
        destination=output,
        text=text,
        title=title,
        prevalence=None if prevalence in (None, _ESTIMATE) else _parse_prevalence(prevalence),
        keep_text=keep_text,
        replace=replace,
        resume=resume,
        shard=_parse_shard(shard),
        source_format=input_format,
        destination_format=output_format,
        delimiter=delimiter,
    )
    settings = load_settings()
    classifier = load_classifier(settings, model)
    chosen = classifier.policies.find(policy)
    reported = _Reported()
    started = time.perf_counter()
    try:
        with Bar(quiet=as_json) as bar:
            prediction, estimated, summary = _run(
                prediction,
                sources,
                classifier,
                chosen,
                bar,
                reported,
                estimate=prevalence == _ESTIMATE,
                load=partial(load_classifier, settings, model),
            )
    except KeyboardInterrupt:
        _say_what_is_kept(output)
        raise
    seconds = time.perf_counter() - started
    reported.say_rest()
    for caution in cautions(classifier, chosen, prediction.prevalence):
        print_error(f"falsetrue: {caution}")
    _say(summary, output, seconds, estimated, as_json=as_json)
    if summary.bad_rows:
        raise typer.Exit(SOME_ROWS)


def _run(
    prediction: "Prediction",
    sources: list[str],
    classifier: "Classifier",
    policy: "Policy",
    bar: Bar,
    reported: "_Reported",
    *,
    estimate: bool,
    load: "Load",
) -> "tuple[Prediction, EstimatedPrevalence | None, Summary]":
    from falsetrue.jobs.predict import estimate_prevalence, predict
    from falsetrue.jobs.predict_files import are_several, find_files, predict_files

    if are_several(sources, prediction.destination):
        if estimate:
            raise InputError("--prevalence estimate is of one file; say the share, or classify them one by one")
        files = find_files(sources)
        return (
            prediction,
            None,
            predict_files(prediction, files, classifier, policy, progress=bar, report=reported.of_file, load=load),
        )
    estimated = None
    if estimate:
        estimated = estimate_prevalence(prediction, classifier, policy, progress=bar)
        _check_estimate(estimated)
        prediction = dataclasses.replace(prediction, prevalence=estimated.value)
    report = partial(reported.of_file, prediction.source)
    return prediction, estimated, predict(prediction, classifier, policy, progress=bar, report=report, load=load)


class _Reported:
    """Bad rows on standard error, the first of them one by one."""

    def __init__(self) -> None:
        self._count = 0
        self._source = ""

    def of_file(self, source: str, line: int, problem: str) -> None:
        """Say one."""
        self._count += 1
        self._source = source
        if self._count <= REPORTED:
            print_error(f"falsetrue: {source}, line {line}: {problem}")

    def say_rest(self) -> None:
        """How many were not said."""
        if self._count > REPORTED:
            print_error(f"falsetrue: {self._source}: {self._count - REPORTED} more rows could not be classified")


def _say_what_is_kept(output: str) -> None:
    """After an interrupt, in one line; nothing where nothing is."""
    from falsetrue.news.writing import unfinished_folder

    folder = unfinished_folder(output)
    if output == "-" or not folder.exists():
        return
    print_error(f"falsetrue: stopped; what was classified so far is kept in {folder}: say --resume to go on from there")
    # The line that stands for every other interrupt, which says that everything is discarded, would follow.
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 - until the process ends


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
            "resumed_rows": summary.resumed_rows,
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
            f"{(summary.bytes - summary.resumed_bytes) / 1e6 / seconds:.1f} MB/s of text"
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


def _parse_shard(written: str | None) -> tuple[int, int]:
    found = re.fullmatch(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", written or "1/1")
    if not found or int(found[1]) > int(found[2]):
        raise InputError(f"--shard {(written or '')[:80]!r} is not of the form I/N, as 2/8: which, from 1, of how many")
    return int(found[1]), int(found[2])


def _parse_prevalence(written: str) -> float:
    from falsetrue.model.prevalence import check_prevalence

    try:
        return check_prevalence(float(written))
    except ValueError as error:
        raise InputError(f"--prevalence {written[:80]!r} is neither a number nor {_ESTIMATE}") from error


def _check_formats(
    sources: list[str], input_format: str | None, output_format: str | None, delimiter: str | None
) -> None:
    for option, value in (("--input-format", input_format), ("--output-format", output_format)):
        if value not in (None, "csv", "jsonl", "parquet"):
            raise InputError(f"{option} {value!r} is none of csv, jsonl, parquet")
    if "-" in sources and input_format is None:
        raise InputError("standard input has no name to tell its format by; say --input-format csv or jsonl")
    if delimiter is not None and len(delimiter) != 1:
        raise InputError("--delimiter is one character")
