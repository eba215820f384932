import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import listen_to_sigint

from falsetrue import __version__

Run = Callable[..., "subprocess.CompletedProcess[str]"]
HEAVY = ("numpy", "sklearn", "scipy", "pyarrow", "fastapi", "pydantic", "uvicorn", "rich.progress", "joblib")


def test_the_version(falsetrue: Run) -> None:
    assert falsetrue("--version").stdout == f"falsetrue {__version__}\n"


@pytest.mark.parametrize("verb", [[], ["train"], ["check"], ["predict"], ["serve"], ["models"], ["models", "verify"]])
def test_help_is_given_for_every_verb(falsetrue: Run, verb: list[str]) -> None:
    answered = falsetrue(*verb, "--help")
    assert answered.returncode == 0
    assert "Usage: " in answered.stdout


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys\nfrom falsetrue.cli.verbs import app\n"
        "try:\n    app(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    answered = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answered.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["check"], ["train"], ["predict", "x.csv"], ["serve", "--port", "x"]]
)
def test_a_command_that_is_not_understood_is_exit_code_2(falsetrue: Run, arguments: list[str]) -> None:
    answered = falsetrue(*arguments)
    assert answered.returncode == 2
    assert "Traceback" not in answered.stderr


def test_an_interrupt_is_exit_code_130_and_one_line_and_leaves_nothing_behind(tmp_path: Path) -> None:
    arguments = ["predict", "-", "-o", "out.csv", "--input-format", "csv"]
    with subprocess.Popen(
        [sys.executable, "-m", "falsetrue", *arguments],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        preexec_fn=listen_to_sigint,  # noqa: PLW1509 - this process has no threads
    ) as process:
        assert process.stdin
        assert process.stderr
        process.stdin.write("text\n" + "a row of a file that does not end\n" * 100_000)  # more than a pipe holds
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == (
            "falsetrue: stopped; what was being written is discarded, all else stays as it was\n"
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("FALSETRUE_PORT", "99999", "setting FALSETRUE_PORT: "),
        ("FALSETRUE_WORKERS", "none", "setting FALSETRUE_WORKERS: "),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(falsetrue: Run, variable: str, value: str, said: str) -> None:
    answered = falsetrue("check", "text", **{variable: value})
    assert answered.returncode == 2
    assert answered.stderr.count("\n") == 1
    assert said in answered.stderr
