"""Options that several verbs share."""

from typing import Annotated

import typer

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
