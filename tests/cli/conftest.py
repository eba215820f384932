"""How tests run the command line: as a person would, in a process of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.forking import Forks

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: How long a command may take, in seconds.
PATIENCE = 120


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """What commands are run by where they need not start from nothing."""
    made = Forks()
    yield made
    made.end()


@pytest.fixture
def falsetrue(forks: Forks, tmp_path: Path) -> Run:
    """Run ``falsetrue`` with some arguments in an empty folder."""

    def run(*arguments: object, stdin: str | bytes = "", **environment: str) -> "subprocess.CompletedProcess[str]":
        given = stdin.encode() if isinstance(stdin, str) else stdin
        said = [str(argument) for argument in arguments]
        variables = {**os.environ, **environment}
        if forks.can(variables):
            finished = forks.run(said, stdin=given, folder=tmp_path, environment=variables, timeout=PATIENCE)
        else:
            finished = subprocess.run(
                [sys.executable, "-m", "falsetrue", *said],
                input=given,
                capture_output=True,
                cwd=tmp_path,
                env=variables,
                timeout=PATIENCE,
                check=False,
            )
        return subprocess.CompletedProcess(
            finished.args, finished.returncode, finished.stdout.decode(), finished.stderr.decode()
        )

    return run
