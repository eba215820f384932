"""``falsetrue policy``."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.options import AsJson, Model, Text, Title
from falsetrue.cli.output import Bar, print_error, print_json
from falsetrue.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from falsetrue.jobs.classify import Classifier
    from falsetrue.jobs.fit_policy import FittedPolicy
    from falsetrue.model.decision import Outcome, Policy
    from falsetrue.registry.policies import BandTable, FittedTable

app = typer.Typer(help="Thresholds and actions.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def fit(
    labelled: Annotated[str, typer.Argument(metavar="FILE", help="Labelled news: CSV, JSONL or Parquet.")],
    target: Annotated[
        list[str],
        typer.Option(
            help="precision=0.95, precision.false=0.95, precision.real=0.95 or false-alarm=0.01; may be repeated."
        ),
    ],
    name: Annotated[str, typer.Option(help="What the policy is called; it gets the next free number.")] = "newsroom",
    confidence: Annotated[float, typer.Option(help="Probability with which all targets hold together.")] = 0.9,
    action: Annotated[
        list[str] | None, typer.Option(help="What a verdict leads to, as false=hold; may be repeated.")
    ] = None,
    prevalence: Annotated[
        float | None, typer.Option(help="Share of false news in your feed; nothing: as in the file.")
    ] = None,
    per_language: Annotated[
        bool, typer.Option("--per-language", help="Thresholds of their own for languages with enough texts.")
    ] = False,
    even_if_trained_on: Annotated[
        bool, typer.Option("--even-if-trained-on", help="Fit although the model has learnt from this file.")
    ] = False,
    model: Model = None,
    text: Text = "text",
    title: Title = None,
    label: Annotated[str, typer.Option(metavar="COLUMN", help="The column that holds the label.")] = "label",
    as_json: AsJson = False,
) -> None:
    """Set thresholds from a target, with a guarantee, and write them as a new policy.

    For example: falsetrue policy fit --target precision=0.95 labelled.csv
    """
    try:
        from falsetrue.jobs.fit_policy import Fitting, fit_policy
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("falsetrue"):
            raise
        raise MissingExtraError("`falsetrue policy fit`", "train") from error
    from falsetrue.news.labelled import Columns
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    fitting = Fitting(
        labelled=labelled,
        name=name,
        targets=target,
        confidence=confidence,
        columns=Columns(text=text, title=title, label=label),
        actions=dict(map(_parse_action, action or [])),
        prevalence=prevalence,
        per_language=per_language,
        even_if_trained_on=even_if_trained_on,
    )
    settings = load_settings()
    with Bar(quiet=as_json) as bar:
        found = fit_policy(
            fitting, load_classifier(settings, model), settings.policies_folder, now=datetime.now(UTC), progress=bar
        )
    if as_json:
        print_json(_fit_as_json(found))
        return
    for warning in found.warnings:
        print_error(f"falsetrue: {labelled}: {warning}")
    typer.echo("\n".join(_say_fit(found)))


def _parse_action(written: str) -> tuple["Outcome", str]:
    from falsetrue.model.decision import Outcome

    outcome, _, action = written.partition("=")
    if outcome not in [str(each) for each in Outcome] or not action.strip():
        raise InputError(f"action {written[:80]!r}: say what false, unsure or real leads to, as false=hold")
    return Outcome(outcome), action.strip()


def _say_fit(found: "FittedPolicy") -> list[str]:
    from falsetrue.model.decision import Outcome

    fitted, expected, actions = found.fitted, found.expected, found.policy.actions
    feed = "such texts" if fitted.prevalence is None else f"such texts, {fitted.prevalence:.3g} of them false"
    lines = [f"{found.path}: policy {found.policy.reference}", *describe_guarantee(found.policy, fitted)]
    per_1000 = ", ".join(f"{actions[outcome]} {count:.0f}" for outcome, count in expected.per_1000.items())
    decided = 1 - expected.per_1000[Outcome.UNSURE] / 1000
    lines.append(f"Of 1,000 {feed}: {per_1000}; decided: {decided:.1%}")
    for verdict, observed in expected.precision.items():
        if observed is not None:
            there = expected.precision_at_prevalence.get(verdict)
            at = "" if there is None else f"; {there:.3f} at that prevalence"
            lines.append(
                f"  of the labelled texts called {verdict}, {observed.value:.3f} were "
                f"({observed.low:.3f} to {observed.high:.3f}){at}"
            )
    return lines


def _fit_as_json(found: "FittedPolicy") -> dict[str, Any]:
    return {
        "path": found.path,
        "policy": found.policy.reference,
        "false_below": found.policy.false_below,
        "real_above": found.policy.real_above,
        "by_language": found.policy.by_language,
        "fitted": found.fitted,
        "expected": found.expected,
        "guarantee": describe_guarantee(found.policy, found.fitted),
        "warnings": found.warnings,
    }


# --- what is promised, in words ------------------------------------------------------------------------


def describe_guarantee(policy: "Policy", fitted: "FittedTable") -> list[str]:
    """What a fitted policy promises, line by line."""
    used = fitted.rows - sum(fitted.left_out.values())
    left_out = ", ".join(f"{count:,} {reason}" for reason, count in fitted.left_out.items())
    of_which = "" if fitted.prevalence is None else f" of which a share of {fitted.prevalence:.3g} is false"
    return [
        f"Set on {used:,} of the {fitted.rows:,} rows of {fitted.labelled}"
        + (f" (left out: {left_out})" if left_out else "")
        + f", model {fitted.model}, {fitted.at}",
        f"With a probability of at least {fitted.confidence:.4g} over the draw of the labelled file, all of this holds "
        f"on texts from the same source{of_which}:",
        *(f"  {_describe_band(band, policy, fitted)}" for band in fitted.bands),
    ]


def _describe_band(band: "BandTable", policy: "Policy", fitted: "FittedTable") -> str:
    where = f"in {band.language}, " if band.language else ""
    name = f"{policy.actions[band.verdict]!r} (called {band.verdict})"
    wanted = " and ".join(_describe_target(target) for target in fitted.targets if _is_for(target, band.verdict))
    if not band.found:
        return f"{where}{name} is never said: no threshold reaches {wanted}; {_what_would_help(band)}"
    thresholds = policy.thresholds(band.language or None)
    cut = f"p_real < {thresholds.false_below:g}" if band.verdict == "false" else f"p_real > {thresholds.real_above:g}"
    return f"{where}{name}, where {cut}, has {wanted}; observed: {_describe_observed(band, fitted.prevalence)}"


def _describe_observed(band: "BandTable", prevalence: float | None) -> str:
    wrongly = f"said of {band.wrong:,} of the {band.others:,} others"
    if prevalence is None:
        said = band.right + band.wrong
        precise = f"a precision of {band.right / said:.3f} ({band.low:.3f} to {band.high:.3f}) on {said:,} texts"
        return f"{precise}, {wrongly}"
    share = prevalence if band.verdict == "false" else 1 - prevalence
    right, wrong = share * band.right / band.deserving, (1 - share) * band.wrong / band.others
    precision = right / (right + wrong)
    rightly = f"said of {band.right:,} of the {band.deserving:,} it is right for"
    return f"a precision of {precision:.3f}, {rightly} and {wrongly}"


def _is_for(target: str, verdict: str) -> bool:
    what = target.partition("=")[0]
    return what in ("precision", f"precision.{verdict}") or (what == "false-alarm" and verdict == "false")


def _describe_target(target: str) -> str:
    what, _, number = target.partition("=")
    if what == "false-alarm":
        return f"false alarms on at most a share of {number} of real news"
    return f"a precision of at least {number}"


def _what_would_help(band: "BandTable") -> str:
    used = band.deserving + band.others
    if band.enough is not None:
        return f"about {band.enough:,} labelled texts like these {used:,} would do"
    best = "" if band.most_right is None else f" (at the best cut {band.most_right:.3f} of them were right)"
    return f"not even 100 times as many labelled texts like these {used:,} would do{best}"


# --- what there is ---------------------------------------------------------------------------------------


@app.command("list")
def list_policies(model: Model = None, as_json: AsJson = False) -> None:
    """List the model's own policy and those in the policies folder."""
    classifier = _load(model)
    policies = classifier.policies
    rows = [_row(classifier, policies.find(reference)) for reference in policies.references()]
    if as_json:
        print_json([*rows, *({"problem": problem} for problem in policies.problems)])
        return
    for row in rows:
        own = "".join(f"; {language} {low:g} / {high:g}" for language, (low, high) in row["by_language"].items())
        by = f"  fitted for {', '.join(row['targets'])}" if row["targets"] else ""
        typer.echo(f"{row['policy']}  false below {row['false_below']:g}, real above {row['real_above']:g}{own}{by}")
        for caution in row["cautions"]:
            typer.echo(f"  {caution}")
    for problem in policies.problems:
        typer.echo(problem)


def _row(classifier: "Classifier", policy: "Policy") -> dict[str, Any]:
    fitted = classifier.policies.fitted(policy)
    return {
        "policy": policy.reference,
        "false_below": policy.false_below,
        "real_above": policy.real_above,
        "by_language": {
            language: (thresholds.false_below, thresholds.real_above)
            for language, thresholds in policy.by_language.items()
        },
        "targets": [] if fitted is None else fitted.targets,
        "fitted_on": None if fitted is None else fitted.model,
        "cautions": cautions(classifier, policy),
    }


@app.command()
def show(
    policy: Annotated[str | None, typer.Argument(metavar="[NAME[@N]]", help="Nothing: the default one.")] = None,
    model: Model = None,
    as_json: AsJson = False,
) -> None:
    """Show all that a policy says, and what it promises."""
    classifier = _load(model)
    chosen = classifier.policies.find(policy)
    fitted = classifier.policies.fitted(chosen)
    if as_json:
        print_json({"policy": chosen, "fitted": fitted, "cautions": cautions(classifier, chosen)})
        return
    typer.echo(chosen.reference)
    general = "any other language" if chosen.by_language else "any language"
    for where, thresholds in {**chosen.by_language, general: chosen.thresholds()}.items():
        typer.echo(f"  {where}: false below {thresholds.false_below:g}, real above {thresholds.real_above:g}")
    typer.echo(f"  no decision below {chosen.minimum_words} words, or {chosen.minimum_known_share:g} of them known")
    typer.echo(f"  actions: {', '.join(f'{outcome} {action!r}' for outcome, action in chosen.actions.items())}")
    own = chosen == classifier.manifest.policy.policy()
    by_whom = "  thresholds that came with the model: see its card" if own else "  thresholds chosen by hand"
    typer.echo("\n".join([by_whom] if fitted is None else describe_guarantee(chosen, fitted)))
    for caution in cautions(classifier, chosen):
        typer.echo(caution)


def _load(model: str | None) -> "Classifier":
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    return load_classifier(load_settings(), model)


def cautions(classifier: "Classifier", policy: "Policy", prevalence: float | None = None) -> list[str]:
    """Why a policy may not keep what was promised of it with this model, at this prevalence; one sentence each."""
    return classifier.policies.cautions(policy, classifier.manifest.reference, prevalence)
