import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from falsetrue.cli.output import rate

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def on_a_terminal(arguments: list[str], folder: Path) -> str:
    """What a person sees on a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    process = subprocess.Popen(
        [sys.executable, "-m", "falsetrue", *arguments], stderr=theirs, stdout=theirs, cwd=folder, env=environment
    )
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other end is closed
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(60) == 0
    return seen.decode()


def test_a_terminal_shows_phases_and_their_progress(news_csv: Path, tmp_path: Path) -> None:
    seen = on_a_terminal(["train", str(news_csv), "-o", "m"], tmp_path)
    for phase in ("read news.csv", "fit and calibrate", "fit and calibrate", "measure", "save", "100 %"):
        assert phase in seen


def test_a_terminal_shows_rate_and_remaining_time(news_csv: Path, tmp_path: Path) -> None:
    seen = on_a_terminal(["predict", str(news_csv), "-o", "out.csv"], tmp_path)
    assert "classify" in seen
    assert "left" in seen


def test_what_is_no_terminal_is_not_written_to(falsetrue: Run, news_csv: Path) -> None:
    assert falsetrue("predict", news_csv, "-o", "out.csv").stderr == ""


@pytest.mark.parametrize(
    ("speed", "unit", "said"),
    [(None, "rows", ""), (3.0, "", ""), (2_500_000, "bytes", "2.5 MB/s"), (12_345.6, "rows", "12,346 rows/s")],
)
def test_rates_are_said_in_the_unit_of_the_work(speed: float | None, unit: str, said: str) -> None:
    assert rate(speed, unit) == said
