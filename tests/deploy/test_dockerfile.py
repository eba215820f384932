"""The image: two stages, checked hashes, no root, signals that arrive. Read as text: tests have no engine."""

import json
import re
from pathlib import Path

import pytest

KNOWN = {"FROM", "RUN", "COPY", "ENV", "WORKDIR", "USER", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}


@pytest.fixture(scope="module")
def instructions(root: Path) -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile and its arguments, continued lines joined, comments left out."""
    text = (root / "deploy" / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined.splitlines()]


def told(instructions: list[tuple[str, str]], name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions if instruction == name]


def test_every_line_is_an_instruction(instructions: list[tuple[str, str]]) -> None:
    assert {name for name, _ in instructions} == KNOWN


def test_there_are_two_stages_and_the_second_copies_from_the_first_only(instructions: list[tuple[str, str]]) -> None:
    assert told(instructions, "FROM") == ["python:3.13-slim AS build", "python:3.13-slim"]
    start = [name for name, _ in instructions].index("FROM", 1)
    assert told(instructions[start:], "COPY") == ["--from=build /opt/falsetrue /opt/falsetrue"]


def test_what_it_copies_from_the_checkout_exists_and_is_not_ignored(
    root: Path, instructions: list[tuple[str, str]]
) -> None:
    ignored = (root / ".dockerignore").read_text().splitlines()
    copied = [name for line in told(instructions, "COPY") if "--from" not in line for name in line.split()[:-1]]
    assert [name for name in copied if not (root / name).exists() or name in ignored] == []


def test_every_install_checks_hashes_or_has_nothing_to_fetch(instructions: list[tuple[str, str]]) -> None:
    commands = re.split(r"\s*&&\s*", " && ".join(told(instructions, "RUN")))
    installs = [command for command in commands if re.search(r"\bpip (install|wheel)\b", command)]
    assert len(installs) == 4
    for command in installs:
        fetches_nothing = "--no-deps" in command and ("--no-index" in command or "--no-build-isolation" in command)
        assert "--require-hashes" in command or fetches_nothing, command


def test_it_serves_as_a_numbered_user(instructions: list[tuple[str, str]]) -> None:
    """A number, so that a cluster can see that it is not root."""
    assert told(instructions, "USER") == ["10001:10001"]


def test_commands_are_in_exec_form(instructions: list[tuple[str, str]]) -> None:
    """A shell in between would keep SIGTERM to itself."""
    (entry,) = told(instructions, "ENTRYPOINT")
    (command,) = told(instructions, "CMD")
    assert json.loads(entry) == ["python", "-m", "falsetrue"]
    assert "--allow-anonymous" in json.loads(command)


def test_the_port_is_one_in_all_places(instructions: list[tuple[str, str]]) -> None:
    (environment,) = [line for line in told(instructions, "ENV") if "PATH=" in line]
    variables = dict(pair.split("=", 1) for pair in environment.split())
    assert told(instructions, "EXPOSE") == [variables["PORT"]]
    assert "FALSETRUE_PORT" not in variables, "it would win over the PORT that a platform gives"


def test_a_stop_fits_the_ten_seconds_of_docker_stop(instructions: list[tuple[str, str]]) -> None:
    found = re.findall(r"FALSETRUE_STOP_SECONDS=(\d+)", " ".join(told(instructions, "ENV")))
    assert [int(seconds) < 10 for seconds in found] == [True]
