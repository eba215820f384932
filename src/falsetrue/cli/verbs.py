"""The verbs of ``falsetrue``, and what ``--help`` says of them all.

Verbs import what they need when they run, so that ``--help`` answers at once.
"""

from typing import Annotated

import typer

from falsetrue import __version__
from falsetrue.cli import journal, keys, models, monitor, policy
from falsetrue.cli.audit import audit
from falsetrue.cli.check import check
from falsetrue.cli.doctor import doctor
from falsetrue.cli.evaluate import evaluate
from falsetrue.cli.predict import predict
from falsetrue.cli.serve import serve
from falsetrue.cli.train import train

app = typer.Typer(
    name="falsetrue",
    help="Train, save, serve and ask a false / real news classifier that says when it does not know.",
    epilog="Exit codes: 0 done; 1 `doctor` found something to mend; 2 something given cannot be used; 3 done, but some "
    "rows could not be classified or used; "
    "4 the model cannot be used; 5 a leak was found, and `audit --fail-on-leak` was asked for; "
    "10 monitoring found something to look at, 20 something critical; "
    "130 stopped with Ctrl+C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(train)
app.command()(audit)
app.command()(evaluate)
app.command()(check)
app.command()(predict)
app.command()(serve)
app.command()(doctor)
app.add_typer(models.app, name="models")
app.add_typer(journal.app, name="journal")
app.add_typer(monitor.app, name="monitor")
app.add_typer(keys.app, name="keys")
app.add_typer(policy.app, name="policy")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"falsetrue {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass
