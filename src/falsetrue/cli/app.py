"""``falsetrue``: what runs a command, and which error is which exit code."""

import errno
import os
import sys

from falsetrue.cli.exit_codes import BAD_INPUT, BAD_MODEL, STOPPED
from falsetrue.errors import BundleError, FalsetrueError


def main() -> None:
    """Run the command line; an error raised on purpose is one line on standard error."""
    try:
        _run(sys.argv[1:])
    except SystemExit as ended:
        # Typer makes this of an interrupt, and says nothing.
        if ended.code == STOPPED:
            _say_stopped()
        raise
    except KeyboardInterrupt:
        _say_stopped()
        sys.exit(STOPPED)
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


def _run(arguments: list[str]) -> None:
    """Serve, where that is all that is asked; Typer, which all else is left to, takes as long to import as NumPy."""
    if arguments[:1] == ["serve"]:
        from falsetrue.cli.serving import read_options, start

        given = read_options(arguments[1:])
        if given is not None:
            start(given)
            return
    from falsetrue.cli.verbs import app

    app()


def _say_stopped() -> None:
    sys.stderr.write("falsetrue: stopped; what was being written is discarded, all else stays as it was\n")
