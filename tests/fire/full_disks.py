"""A disk that is full while the journal is written, a model is saved and a file classified."""

import json
import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.conftest import make_news, write_csv
from tests.fire.ledger import compare, sqlite_rows
from tests.fire.load import TEXT, Load, Plan, load
from tests.fire.service import PATIENCE, Service, falsetrue, running

_SIZE = 24 * 1024 * 1024
#: What a file may grow to where there is no disk of our own to fill, in bytes.
_SMALL = 16 * 1024


class Disk:
    """A folder that can be full."""

    def __init__(self, folder: Path, *, own: bool) -> None:
        self.folder = folder
        self._own = own  #: it is a disk by itself; else processes are kept from writing more
        self._filler = folder / "filler"

    def fill(self, processes: list[int]) -> None:
        """No byte more, for these processes at least."""
        if not self._own:
            _limit(processes, 1)
            return
        with self._filler.open("wb", buffering=0) as filler:
            for size in (2**20, 2**12, 1):
                _write_until_full(filler.fileno(), bytes(size))

    def free(self, processes: list[int]) -> None:
        """Room again."""
        if self._own:
            self._filler.unlink()
        else:
            _limit(processes, resource.RLIM_INFINITY)

    def options(self, *, full: bool) -> dict[str, Any]:
        """For a program that is to be started on it."""
        if self._own or not full:
            return {}
        return {"preexec_fn": partial(resource.setrlimit, resource.RLIMIT_FSIZE, (_SMALL, resource.RLIM_INFINITY))}


def _write_until_full(descriptor: int, block: bytes) -> None:
    try:
        while True:
            os.write(descriptor, block)
    except OSError:
        return


def _limit(processes: list[int], size: int) -> None:
    for pid in processes:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


@contextmanager
def small_disk() -> Iterator[Disk]:
    """A disk of 24 MB, where we may mount one; else a folder, and processes that may not write much."""
    with tempfile.TemporaryDirectory() as name:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "tmpfs", name]
        own = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        try:
            yield Disk(Path(name), own=own)
        finally:
            if own:
                subprocess.run(["umount", "--lazy", name], check=True)


def fill_journal() -> str:
    """The journal's disk is full for a while: 503, nothing corrupt, and all as before once there is room."""
    with tempfile.TemporaryDirectory() as name, small_disk() as disk:
        service = Service(Path(name), "--workers", "2", settings={"state_folder": str(disk.folder)})
        with running(service), load(service.port, Plan(clients=4, pause=0.002)) as clients:
            clients.wait_for(100)
            disk.fill(service.processes())
            _wait(lambda: clients.tally.answers[503] > 50, clients)
            refused = clients.tally.answers[503]
            disk.free(service.processes())
            good = clients.tally.answers[200]
            _wait(lambda: clients.tally.answers[200] > good + 100, clients)
            assert "Traceback" not in service.log, service.log
        balance = compare(sqlite_rows(disk.folder), clients.tally)
    balance.check()
    assert clients.tally.answers.keys() == {200, 503}, str(clients.tally)
    assert all(what.startswith("503 ") for what in clients.tally.failures), str(clients.tally)
    return f"journal on a full disk: {refused} of 503 while it was full, then as before; {balance}"


def _wait(holds: Callable[[], bool], clients: Load) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, str(clients.tally)
        time.sleep(0.02)


def fill_output() -> str:
    """A file is classified onto a full disk: one line that says so, no output, and no harm to the next attempt."""
    with small_disk() as disk, tempfile.TemporaryDirectory() as name:
        source, output = Path(name) / "news.jsonl", disk.folder / "out.jsonl"
        with source.open("w", encoding="utf-8") as file:
            for number in range(3000):
                file.write(json.dumps({"id": number, "text": f"{number} {TEXT}"}) + "\n")
        said = _fail_then_succeed(disk, Path(name), ("predict", source, "-o", output), output)
        assert len(output.read_text(encoding="utf-8").splitlines()) == 3000
    return f"predict onto a full disk: {said!r}, no output; complete once there was room"


def fill_models() -> str:
    """A model is saved on a full disk: the same."""
    with small_disk() as disk, tempfile.TemporaryDirectory() as name:
        news, model = write_csv(Path(name) / "news.csv", make_news(200)), disk.folder / "model"
        said = _fail_then_succeed(disk, Path(name), ("train", news, "-o", model, "--quick", "--language", "en"), model)
        checked = falsetrue("check", model, folder=Path(name))
        assert checked.returncode == 0, checked.stderr
    return f"train onto a full disk: {said!r}, no model; one that is sound once there was room"


def _fail_then_succeed(disk: Disk, folder: Path, command: tuple[str | Path, ...], made: Path) -> str:
    disk.fill([])
    failed = falsetrue(*command, folder=folder, **disk.options(full=True))
    said = failed.stderr.strip().splitlines()
    assert failed.returncode not in (0, 1, -25), f"{failed.returncode}: {failed.stderr}"
    assert "Traceback" not in failed.stderr, failed.stderr
    assert not made.exists()
    disk.free([])
    done = falsetrue(*command, folder=folder)
    assert done.returncode == 0, done.stderr
    assert made.exists()
    return said[-1].replace(str(disk.folder), "…")
