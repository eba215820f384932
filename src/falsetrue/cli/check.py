"""``falsetrue check``."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from falsetrue.cli.options import AsJson, Model, PolicyName
from falsetrue.cli.output import print_error, print_json
from falsetrue.cli.policy import cautions
from falsetrue.errors import InputError

if TYPE_CHECKING:
    from falsetrue.jobs.classify import Classification, Classifier, Item
    from falsetrue.model.explanation import Explanation, Pull

_WORDS = {"false": "Likely false", "real": "Likely real", "unsure": "No decision"}


def check(
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    model: Model = None,
    policy: PolicyName = None,
    prevalence: Annotated[float | None, typer.Option(help="Share of false news where the text comes from.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say which words influenced the model.")] = False,
    as_json: AsJson = False,
) -> None:
    """Classify one text."""
    from falsetrue.jobs.classify import Classification, Item
    from falsetrue.model.prevalence import check_prevalence
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    classifier = load_classifier(load_settings(), model)
    chosen = classifier.policies.find(policy)
    item = Item(text=_standard_input() if text == "-" else text, title=title)
    supposed = classifier.policies.prevalence(chosen, None if prevalence is None else check_prevalence(prevalence))
    found = classifier.classify([item], chosen, prevalence=supposed)[0]
    if not isinstance(found, Classification):
        raise InputError("the text is empty")
    explanation = _explain(classifier, item) if explain else None
    manifest = classifier.manifest
    for caution in cautions(classifier, chosen, prevalence):
        print_error(f"falsetrue: {caution}")
    if as_json:
        answer: dict[str, Any] = {field: getattr(found, field) for field in _FIELDS}
        answer |= {} if supposed is None else {"prevalence": supposed, "p_real_unadjusted": found.p_real_unadjusted}
        answer |= {"explanation": explanation} if explain else {}
        print_json(answer | {"policy": chosen.reference, "model": manifest.reference})
        return
    similar = classifier.similar(found)
    typer.echo(f"{_WORDS[found.label]} — {found.action}")
    if found.reasons:
        typer.echo(f"  because: {', '.join(reason.replace('_', ' ') for reason in found.reasons)}")
    where = (
        "" if supposed is None else f" where a share of {supposed:g} is false ({found.p_real_unadjusted:.3f} before)"
    )
    typer.echo(f"  probability that it is real: {found.p_real:.3f}{where}")
    if similar:
        typer.echo(f"  of {similar.texts:,} test texts with a similar score, {similar.real:,} were real")
    typer.echo(f"  policy {chosen.reference}, model {manifest.name} {manifest.version}")
    if explanation:
        _print_explanation(item, found, explanation)


#: Words shown for each side, and characters of a sentence.
_MOST, _LONGEST = 8, 200
_FIELDS = ("label", "is_falsetrue", "p_real", "action", "reasons")


def _explain(classifier: "Classifier", item: "Item") -> "Explanation":
    from falsetrue.bundle.explaining import explain_text
    from falsetrue.model.explanation import Unexplained

    explanation = explain_text(classifier.scorer, item.text, item.title)
    if isinstance(explanation, Unexplained):
        why = explanation.replace("_", " ")
        raise InputError(f"this model cannot explain its answers: it is {why}; ask without --explain")
    return explanation


def _print_explanation(item: "Item", found: "Classification", explanation: "Explanation") -> None:
    from falsetrue.model.explanation import NOT_TELLING, strongest_sentence, strongest_words

    typer.echo("")
    if NOT_TELLING.intersection(found.reasons):
        typer.echo("Nothing is said of what influenced the model: it does not know texts like this one.")
        return
    typer.echo("What influenced the model; not evidence:")
    for toward_real, side in ((True, "real"), (False, "false")):
        pulls = strongest_words(explanation, text=item.text, title=item.title, toward_real=toward_real, most=_MOST)
        typer.echo(f"  words toward {side}: {', '.join(map(_show_pull, pulls)) or 'none'}")
    for toward_real, side in ((True, "real"), (False, "false")):
        sentence = strongest_sentence(explanation, toward_real=toward_real)
        if sentence:
            quoted = _one_line(sentence.of(item.text, item.title))
            typer.echo(f"  sentence most toward {side} ({sentence.contribution:+.2f}): {quoted}")
    typer.echo(f"  log-odds {explanation.log_odds:+.2f}, of which {explanation.base:+.2f} before any word was read")


def _show_pull(pull: "Pull") -> str:
    times = f" \N{MULTIPLICATION SIGN}{pull.count}" if pull.count > 1 else ""
    return f"{pull.word}{times} {pull.contribution:+.2f}"


def _one_line(sentence: str) -> str:
    """What can be printed of it, up to a length."""
    written = "".join(character for character in " ".join(sentence.split()) if character.isprintable())
    return written if len(written) <= _LONGEST else f"{written[:_LONGEST].rstrip()}…"


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 (byte {error.start + 1})") from error
