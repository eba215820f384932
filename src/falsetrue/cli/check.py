"""``falsetrue check``."""

import sys
from typing import Annotated, Any

import typer

from falsetrue.cli.options import AsJson, Model, PolicyName
from falsetrue.cli.output import print_json
from falsetrue.errors import InputError

_WORDS = {"false": "Likely false", "real": "Likely real", "unsure": "No decision"}


def check(
    text: Annotated[str, typer.Argument(help="The text; - reads it from standard input.")],
    title: Annotated[str | None, typer.Option(help="Its title.")] = None,
    model: Model = None,
    policy: PolicyName = None,
    as_json: AsJson = False,
) -> None:
    """Classify one text."""
    from falsetrue.jobs.classify import Classification, Item
    from falsetrue.settings import load_settings
    from falsetrue.wiring import load_classifier

    classifier = load_classifier(load_settings(), model)
    chosen = classifier.policies.find(policy)
    content = _standard_input() if text == "-" else text
    found = classifier.classify([Item(text=content, title=title)], chosen)[0]
    if not isinstance(found, Classification):
        raise InputError("the text is empty")
    manifest = classifier.manifest
    if as_json:
        answer: dict[str, Any] = {field: getattr(found, field) for field in _FIELDS}
        print_json(answer | {"policy": chosen.reference, "model": f"{manifest.name}@{manifest.version}"})
        return
    similar = classifier.similar(found)
    typer.echo(f"{_WORDS[found.label]} — {found.action}")
    if found.reasons:
        typer.echo(f"  because: {', '.join(reason.replace('_', ' ') for reason in found.reasons)}")
    typer.echo(f"  probability that it is real: {found.p_real:.3f}")
    if similar:
        typer.echo(f"  of {similar.texts:,} test texts with a similar score, {similar.real:,} were real")
    typer.echo(f"  policy {chosen.reference}, model {manifest.name} {manifest.version}")


_FIELDS = ("label", "is_falsetrue", "p_real", "action", "reasons")


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8 (byte {error.start + 1})") from error
