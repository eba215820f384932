"""``falsetrue``: the verbs, and which error is which exit code.

Verbs import what they need when they run, so that ``--help`` answers at once.
"""

import errno
import os
import sys
from typing import Annotated

import typer

from falsetrue import __version__
from falsetrue.cli import models, policy
from falsetrue.cli.audit import audit
from falsetrue.cli.check import check
from falsetrue.cli.doctor import doctor
from falsetrue.cli.evaluate import evaluate
from falsetrue.cli.exit_codes import BAD_INPUT, BAD_MODEL, STOPPED
from falsetrue.cli.predict import predict
from falsetrue.cli.serve import serve
from falsetrue.cli.train import train
from falsetrue.errors import BundleError, FalsetrueError

app = typer.Typer(
    name="falsetrue",
    help="Train, save, serve and ask a false / real news classifier that says when it does not know.",
    epilog="Exit codes: 0 done; 1 `doctor` found something to mend; 2 something given cannot be used; 3 done, but some "
    "rows could not be classified; "
    "4 the model cannot be used; 5 a leak was found, and `audit --fail-on-leak` was asked for; "
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


def main() -> None:
    """Run the command line; an error raised on purpose is one line on standard error."""
    try:
        app()
    except SystemExit as ended:
        # Typer makes this of an interrupt, and says nothing.
        if ended.code == STOPPED:
            sys.stderr.write("falsetrue: stopped; what was being written is discarded, all else stays as it was\n")
        raise
    except FalsetrueError as error:
        sys.stderr.write(f"falsetrue: {error}\n")
        sys.exit(BAD_MODEL if isinstance(error, BundleError) else BAD_INPUT)
    except BrokenPipeError:
        # Whoever read our output has had enough, as `head` does.
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        sys.stderr.write(f"falsetrue: standard output cannot be written ({error.strerror})\n")
        # What is still in the buffer cannot be written either.
        os._exit(BAD_INPUT)
