"""``falsetrue serve`` as a command: what it refuses, in one line and with which exit code, and what it listens on."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest

import falsetrue.service.server
from falsetrue.access.exposure import is_loopback
from falsetrue.cli.app import main
from falsetrue.registry.folder import shipped_folder

PATIENCE = 20.0
COMMAND = [sys.executable, "-m", "falsetrue", "serve"]


def environment(**added: str) -> dict[str, str]:
    """This process's environment without any setting of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FALSETRUE_") and name != "PORT"}
    return {**kept, "PYTHONUNBUFFERED": "1", **added}


class Refused(Protocol):
    """Runs ``falsetrue serve`` that must not serve; gives exit code and standard error."""

    def __call__(self, *options: str, **added: str) -> tuple[int, str]:
        """``added`` to the environment."""
        ...


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Refused:
    def run(*options: str, **added: str) -> tuple[int, str]:
        monkeypatch.chdir(tmp_path)
        for name in set(os.environ) - set(environment()):
            monkeypatch.delenv(name)
        for name, value in added.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["falsetrue", "serve", *options])
        monkeypatch.setattr(falsetrue.service.server, "serve", lambda _: pytest.fail("it was not refused"))
        with pytest.raises(SystemExit) as stopped:
            main()
        said = capsys.readouterr()
        assert said.out == ""
        return int(stopped.value.code or 0), said.err

    return run


def ended(folder: Path, *options: str) -> tuple[int, str]:
    """Exit code and standard error of a command of its own process that ends by itself."""
    done = subprocess.run(
        [*COMMAND, *options],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


@contextmanager
def running(folder: Path, *options: str, python: tuple[str, ...] = (), **added: str) -> Iterator[Callable[[], str]]:
    """A command that serves, until the block ends; gives what it has printed so far."""
    log = folder / "log"
    with log.open("wb") as output:
        command = [sys.executable, *python, *COMMAND[1:], *options]
        process = subprocess.Popen(command, cwd=folder, env=environment(**added), stdout=output, stderr=output)
    try:
        yield lambda: log.read_text(encoding="utf-8")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE)


def wait_for_port(read_log: Callable[[], str]) -> int:
    """The port it serves on, once ``/readyz`` says yes."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = re.search(r"running on http://[^ ]*:([1-9]\d*)", read_log())
        if found and is_ready(int(found[1])):
            return int(found[1])
        time.sleep(0.01)
    pytest.fail(f"not ready in {PATIENCE:g} s: {read_log()}")


def is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE) as answer:
            return bool(answer.status == 200)
    except (urllib.error.HTTPError, urllib.error.URLError):
        return False


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture
def damaged(tmp_path: Path) -> Callable[[str], Path]:
    """The shipped model with one bit of one file turned over."""

    def flip(name: str) -> Path:
        folder = tmp_path / "damaged"
        shutil.copytree(shipped_folder(), folder)
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 2] ^= 1
        (folder / name).write_bytes(content)
        return folder

    return flip


# --- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["scorer.safetensors", "model_final.joblib", "baseline.json", "card.md"])
def test_a_damaged_model_is_not_served(
    refused: Refused, tmp_path: Path, damaged: Callable[[str], Path], name: str
) -> None:
    code, said = refused("--port", "0", "--model", str(damaged(name)))
    assert code == 4
    assert said.count("\n") == 1
    assert said.startswith(f"falsetrue: {tmp_path / 'damaged' / name}: is not the file that was saved")


def test_a_damaged_model_ends_the_process_with_code_4_and_one_line(
    tmp_path: Path, damaged: Callable[[str], Path]
) -> None:
    code, said = ended(tmp_path, "--port", "0", "--model", str(damaged("scorer.safetensors")))
    assert code == 4
    assert said.count("\n") == 1


def test_a_model_with_a_damaged_manifest_is_not_served(
    refused: Refused, tmp_path: Path, damaged: Callable[[str], Path]
) -> None:
    code, said = refused("--port", "0", "--model", str(damaged("manifest.json")))
    assert code == 4
    assert said.count("\n") == 1
    assert str(tmp_path / "damaged") in said


@pytest.mark.parametrize("options", [("--model", "nothing"), ("--model", ".")], ids=["no-such-name", "an-empty-folder"])
def test_a_model_that_is_not_there_is_not_served(refused: Refused, options: tuple[str, ...]) -> None:
    code, said = refused("--port", "0", *options)
    assert code == 4
    assert said.count("\n") == 1
    assert "no model" in said


def test_the_model_of_the_environment_is_checked_too(refused: Refused) -> None:
    code, said = refused("--port", "0", FALSETRUE_MODEL="elsewhere")
    assert code == 4
    assert "'elsewhere'" in said


# --- what else is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "news.example", ""])  # noqa: S104 - it must be refused
def test_a_public_address_needs_to_be_allowed(refused: Refused, host: str) -> None:
    code, said = refused("--port", "0", "--host", host)
    assert code == 2
    assert said.count("\n") == 1
    assert "--allow-anonymous" in said


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_an_address_of_this_machine_needs_not(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("FALSETRUE_PORT", "70000"),
        ("FALSETRUE_WORKERS", "0"),
        ("FALSETRUE_BODY_SECONDS", "0"),
        ("FALSETRUE_MAX_BODY_BYTES", "many"),
        ("FALSETRUE_DRAIN_SECONDS", "-1"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(refused: Refused, name: str, value: str) -> None:
    code, said = refused(**{name: value})
    assert code == 2
    assert said.count("\n") == 1
    assert name.removeprefix("FALSETRUE_") in said


def test_an_unknown_policy_is_refused_naming_the_known_ones(refused: Refused) -> None:
    code, said = refused("--port", "0", "--policy", "strict")
    assert code == 2
    assert said.count("\n") == 1
    assert "default@1" in said


def test_a_broken_policy_file_that_is_asked_for_is_refused_by_name(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "strict@1.toml").write_text("false_below = 2", encoding="utf-8")
    code, said = refused("--port", "0", "--policy", "strict")
    assert code == 2
    assert said.count("\n") == 1
    assert "strict@1.toml" in said


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_port_that_is_taken_ends_it_and_is_named(tmp_path: Path, workers: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = ended(tmp_path, "--port", str(port), "--workers", workers)
    assert code == 2
    (line,) = [one for one in said.splitlines() if "cannot listen on" in one]
    assert line.startswith(f"falsetrue: cannot listen on 127.0.0.1, port {port}: ")
    assert "in use" in line
    assert said.count("\n") <= 2


# --- what it listens on ----------------------------------------------------------------------------


def test_the_port_of_the_environment_is_honoured(tmp_path: Path) -> None:
    """Railway, Heroku and the like say so."""
    port = free_port()
    with running(tmp_path, PORT=str(port)) as log:
        assert wait_for_port(log) == port


def test_an_option_wins_over_both_ports_of_the_environment(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, "--port", str(port), PORT="1", FALSETRUE_PORT="2") as log:
        assert wait_for_port(log) == port


def test_our_own_setting_wins_over_the_port_of_the_environment(tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path, PORT="1", FALSETRUE_PORT=str(port)) as log:
        assert wait_for_port(log) == port


def test_a_public_address_is_served_once_allowed(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", "--host", "0.0.0.0", "--allow-anonymous") as log:  # noqa: S104 - for a moment
        assert wait_for_port(log)
        assert "to anybody who can reach it" in log()


def test_a_copied_model_is_served(tmp_path: Path) -> None:
    shutil.copytree(shipped_folder(), tmp_path / "models" / "copy")
    with running(tmp_path, "--port", "0", "--model", "copy") as log:
        assert wait_for_port(log)


# --- what it does not need -------------------------------------------------------------------------


def test_serving_a_compiled_model_imports_neither_scikit_learn_nor_its_like(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", python=("-X", "importtime")) as log:
        wait_for_port(log)
        imported = set(re.findall(r"^import time:[^|]*\|[^|]*\| *(\S+)$", log(), re.MULTILINE))
    packages = {name.partition(".")[0] for name in imported}
    assert {"falsetrue", "uvicorn", "numpy"} <= packages
    assert not packages & {"sklearn", "joblib", "scipy", "pandas", "pyarrow", "rich", "requests"}


def test_it_serves_before_the_framework_and_the_other_verbs_are_imported(tmp_path: Path) -> None:
    with running(tmp_path, "--port", "0", python=("-X", "importtime")) as log:
        wait_for_port(log)
        before, _, after = log().partition("falsetrue: serving on")
    imported = set(re.findall(r"^import time:[^|]*\|[^|]*\| *(\w+)", before, re.MULTILINE))
    assert after
    assert "starlette" in imported
    assert not imported & {"fastapi", "pydantic", "jinja2", "typer", "rich"}
