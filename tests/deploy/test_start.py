"""What the deployment files start answers, and stops as asked."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2

if TYPE_CHECKING:
    from tests.deploy.conftest import Started

TEXTS = {
    "texts": ["The ministry published its yearly budget on Monday.", "SHOCKING secret they do not want you to see!!!"]
}
STOP_SECONDS = 30.0  #: what Railway waits between SIGTERM and SIGKILL


def assert_answers(started: "Started") -> None:
    answer = started.client.post("/falsetrue", json=TEXTS)
    assert answer.status_code == 200
    assert re.fullmatch(rb'\{"is_falsetrue":\[[01],[01]\]\}', answer.content)


def wait_for_503(started: "Started") -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while started.client.get("/readyz").status_code != httpx2.codes.SERVICE_UNAVAILABLE:
        assert time.monotonic() < deadline


def test_the_start_command_serves_and_drains_on_sigterm(
    start: "Callable[..., Started]", railway_json: dict[str, Any], railpack_json: dict[str, Any]
) -> None:
    """Ready, answering; after SIGTERM not ready but still answering, then gone before Railway would kill it.

    In bash, which is what Railpack's images start commands with: it hands its place, and so the
    signal, to the server.
    """
    started = start(railway_json["deploy"]["startCommand"], under="bash", **railpack_json["deploy"]["variables"])
    assert_answers(started)
    stopped_at = time.monotonic()
    started.process.send_signal(signal.SIGTERM)
    wait_for_503(started)
    assert_answers(started)
    assert started.process.wait(STOP_SECONDS) in {0, -signal.SIGTERM}
    assert time.monotonic() - stopped_at >= float(railpack_json["deploy"]["variables"]["FALSETRUE_DRAIN_SECONDS"])


def test_the_start_command_serves_under_sh(start: "Callable[..., Started]", railway_json: dict[str, Any]) -> None:
    assert_answers(start(railway_json["deploy"]["startCommand"]))


def test_the_builders_own_start_command_serves_main_app(start: "Callable[..., Started]", root: Path) -> None:
    """What Railpack starts for fastapi + uvicorn where nothing else is said."""
    started = start("uvicorn main:app --host 0.0.0.0 --port ${PORT:-8000}", folder=root)
    assert_answers(started)


def test_the_images_command_and_health_check_agree(start: "Callable[..., Started]", root: Path) -> None:
    """The health check passes while the server is ready, and fails when nobody answers."""
    dockerfile = (root / "deploy" / "Dockerfile").read_text().replace("\\\n", "")
    (check,) = re.findall(r"^HEALTHCHECK .*?CMD (\[.*\])$", dockerfile, re.MULTILINE)
    (entry,) = re.findall(r"^ENTRYPOINT (\[.*\])$", dockerfile, re.MULTILINE)
    (command,) = re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)
    started = start(" ".join(["exec", *json.loads(entry), *json.loads(command)]))
    assert_answers(started)
    python, *arguments = json.loads(check)
    assert python == "python"
    healthy = subprocess.run([sys.executable, *arguments], env={"PORT": str(started.port)}, check=False)
    assert healthy.returncode == 0
    started.process.terminate()
    assert started.process.wait(STOP_SECONDS) in {0, -signal.SIGTERM}
    dead = subprocess.run(
        [sys.executable, *arguments], env={"PORT": str(started.port)}, check=False, stderr=subprocess.DEVNULL
    )
    assert dead.returncode != 0


def test_the_start_command_needs_nothing_of_the_checkout(start: "Callable[..., Started]", tmp_path: Path) -> None:
    """It runs in an empty folder, and leaves it empty: the disk of a container is not kept."""
    folder = tmp_path / "empty"
    folder.mkdir()
    started = start("exec python -m falsetrue serve --host 0.0.0.0 --port $PORT --allow-anonymous", folder=folder)
    assert_answers(started)
    assert not list(folder.iterdir())
