"""Options that several verbs share."""

from typing import Annotated

import typer

from falsetrue.errors import InputError

Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL", help="A bundle folder, NAME[@VERSION] in the models folder; nothing: the shipped one."
    ),
]
PolicyName = Annotated[
    str | None, typer.Option("--policy", metavar="NAME[@N]", help="The policy to apply; nothing: the default one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for machines.")]
Replace = Annotated[bool, typer.Option("--replace", help="Put the result in the place of what is there.")]
Text = Annotated[str, typer.Option("--text", metavar="COLUMN", help="The column that holds the text.")]
Title = Annotated[
    str | None,
    typer.Option(
        "--title", metavar="COLUMN", help="The column that holds the title; nothing: 'title' if there is one."
    ),
]
Label = Annotated[str, typer.Option("--label", metavar="COLUMN", help="The column that holds the label.")]
Source = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="COLUMN", help="The column that names the outlet; nothing: 'source' if there is one."
    ),
]
Date = Annotated[
    str | None,
    typer.Option("--date", metavar="COLUMN", help="The column that holds the day; nothing: 'date' if there is one."),
]
Rows = Annotated[
    int | None,
    typer.Option(
        "--rows", metavar="N", min=2, help="Articles of a corpus at most, half of each class as far as there are."
    ),
]
About = Annotated[
    str | None,
    typer.Option("--about", help="A TOML file that says what is known of each corpus, as its family."),
]


def check_sources(files: list[str] | None, real: str | None, fake: str | None) -> None:
    """Raise :class:`InputError` unless labelled files, or a file of each class, are named."""
    if (real is None) != (fake is None):
        raise InputError("--real and --fake go together: one file of each class")
    if not files and real is None:
        raise InputError("name labelled files, or --real and --fake")
