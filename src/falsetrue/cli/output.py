"""What the command line prints, and its progress bar."""

import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import typer

from falsetrue.errors import InputError


def print_json(value: Any, *, to_error: bool = False) -> None:
    """One line of JSON on standard output, or on standard error."""
    stream = sys.stderr.buffer if to_error else sys.stdout.buffer
    stream.write(msgspec.json.encode(value, enc_hook=str) + b"\n")
    stream.flush()


def print_error(message: str) -> None:
    """One line on standard error."""
    typer.echo(message, err=True)


def check_report(html: Path | None, *, replace: bool) -> None:
    """Raise :class:`InputError` where a report cannot be written: before the work begins, which may take long."""
    if html and html.exists() and not replace:
        raise InputError(f"{html}: exists already; --replace puts the report in its place")
    if html and html.exists() and not html.is_file():
        raise InputError(f"{html}: is not a file")
    if html and not html.absolute().parent.is_dir():
        raise InputError(f"{html}: there is no folder {html.parent}")


def write_report(html: Path, page: str) -> None:
    """Write an HTML page, whole or not at all; raises :class:`InputError` where it cannot be written."""
    from falsetrue.bundle.folder import write_file

    write_file(html, page.encode())


class Bar:
    """A progress bar with rate and remaining time on standard error; nothing where that is no terminal."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._bar: Any = None
        self._task: Any = None
        if not quiet and sys.stderr.isatty():
            self._bar = _rich_bar()

    def __enter__(self) -> Self:
        """Show it."""
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Finish the last phase and leave it on the screen."""
        if self._bar is not None:
            self._finish(well=error is None)
            self._bar.stop()

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """A new line for a new phase."""
        if self._bar is not None:
            self._finish(well=True)
            self._task = self._bar.add_task(name, total=total, unit=unit)

    def at(self, done: int) -> None:
        """Move the bar."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done)

    def _finish(self, *, well: bool) -> None:
        if self._task is not None and well:
            total = self._bar.tasks[self._task].total or 1
            self._bar.update(self._task, total=total, completed=total)


def _rich_bar() -> Any:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        SpinnerColumn,
        Task,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class RateColumn(ProgressColumn):
        """Steps a second, in the unit of the phase."""

        def render(self, task: Task) -> Text:
            """Nothing for a phase without steps."""
            return Text(rate(task.finished_speed or task.speed, task.fields["unit"]))

    return Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:24}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        RateColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def rate(steps_a_second: float | None, unit: str) -> str:
    """A rate for people: megabytes for bytes, else the unit itself; empty where nothing is counted."""
    if not steps_a_second or not unit:
        return ""
    return f"{steps_a_second / 1e6:.1f} MB/s" if unit == "bytes" else f"{steps_a_second:,.0f} {unit}/s"
