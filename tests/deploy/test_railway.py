"""Every place that says how to deploy says the same, in the types that Railway reads."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import Any

import pytest

from falsetrue.settings import load_settings, setting_variables

START = "python -m falsetrue serve --host 0.0.0.0 --port $PORT --allow-anonymous"
INSTALL = "pip install --require-hashes -r requirements.txt -r requirements-build.txt"
BUILD = f"{INSTALL} && pip install --no-deps --no-build-isolation ."
HEALTH = "/readyz"

#: What Railway's reference of railway.json documents, of what we use, and the type it is read as.
DOCUMENTED = {
    "build": {"builder": str, "buildCommand": str},
    "deploy": {
        "startCommand": str,
        "healthcheckPath": str,
        "overlapSeconds": int,
        "drainingSeconds": int,
        "restartPolicyType": str,
        "restartPolicyMaxRetries": int,
    },
}


def only_service(project: dict[str, Any]) -> dict[str, Any]:
    (service,) = project["resources"]
    return dict(service)


def start_of_procfile(root: Path) -> str:
    (line,) = (root / "Procfile").read_text().splitlines()
    process, _, command = line.partition(": ")
    assert process == "web"
    return command


def start_of_dockerfile(root: Path) -> list[str]:
    """Entry point and command of the image; the port comes from ``PORT`` there."""
    lines = (root / "deploy" / "Dockerfile").read_text().splitlines()
    told = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if line.startswith(("ENTRYPOINT", "CMD"))}
    return [*json.loads(told["ENTRYPOINT"]), *json.loads(told["CMD"])]


def test_every_place_gives_the_same_build_start_and_health(
    root: Path,
    railway_json: dict[str, Any],
    railpack_json: dict[str, Any],
    railway_project: Callable[..., dict[str, Any]],
) -> None:
    service = only_service(railway_project())
    starts = {
        "railway.json": railway_json["deploy"]["startCommand"],
        "railpack.json": railpack_json["deploy"]["startCommand"],
        ".railway/railway.py": service["deploy"]["startCommand"],
        "Procfile": start_of_procfile(root),
    }
    assert starts == dict.fromkeys(starts, START)
    assert start_of_dockerfile(root) == shlex.split(START.replace("--port $PORT ", ""))
    builds = {
        "railway.json": railway_json["build"]["buildCommand"],
        "railpack.json": " && ".join(railpack_json["steps"]["build"]["commands"]),
        ".railway/railway.py": service["build"]["buildCommand"],
    }
    assert builds == dict.fromkeys(builds, BUILD)
    assert railway_json["build"] == service["build"]
    assert railway_json["deploy"] == service["deploy"]
    assert HEALTH in (root / "deploy" / "Dockerfile").read_text()
    variables = {name: value["value"] for name, value in service["variables"].items()}
    assert railpack_json["deploy"]["variables"] == variables


def test_railway_json_holds_documented_fields_in_their_types(railway_json: dict[str, Any]) -> None:
    """A number in quotes makes Railway refuse the file."""
    assert railway_json.pop("$schema") == "https://railway.com/railway.schema.json"
    types = {part: {name: type(value) for name, value in fields.items()} for part, fields in railway_json.items()}
    assert types == DOCUMENTED


def test_railway_restarts_overlaps_and_drains_as_agreed(railway_json: dict[str, Any]) -> None:
    assert railway_json["build"]["builder"] == "RAILPACK"
    deploy = railway_json["deploy"]
    assert (deploy["overlapSeconds"], deploy["drainingSeconds"]) == (20, 30)
    assert (deploy["restartPolicyType"], deploy["restartPolicyMaxRetries"]) == ("ON_FAILURE", 10)
    assert deploy["healthcheckPath"] == HEALTH


def test_a_stop_ends_before_railway_kills(
    railway_json: dict[str, Any], railway_project: Callable[..., dict[str, Any]]
) -> None:
    variables = only_service(railway_project())["variables"]
    settings = load_settings(
        drain_seconds=variables["FALSETRUE_DRAIN_SECONDS"]["value"],
        stop_seconds=variables["FALSETRUE_STOP_SECONDS"]["value"],
    )
    assert 0 < settings.drain_seconds + settings.stop_seconds < railway_json["deploy"]["drainingSeconds"]


def test_the_service_is_connected_to_the_named_repository(railway_project: Callable[..., dict[str, Any]]) -> None:
    service = only_service(railway_project(repository="team/falsetrue"))
    assert service["source"] == {"type": "github", "repo": "team/falsetrue", "branch": "main"}


def test_without_a_repository_the_source_is_left_alone(railway_project: Callable[..., dict[str, Any]]) -> None:
    assert "source" not in only_service(railway_project())


def test_the_project_keeps_the_name_it_has_in_railway(railway_project: Callable[..., dict[str, Any]]) -> None:
    assert railway_project(projectName="newsroom", environment="production")["name"] == "newsroom"
    assert railway_project()["name"] == "falsetrue"


def test_the_project_prints_as_json_from_a_fresh_python(root: Path) -> None:
    """Railway's command line evaluates the file in another process and reads what it prints."""
    script = (
        "import json, runpy, sys; sys.dont_write_bytecode = True;"
        "print(json.dumps(runpy.run_path(sys.argv[1])['main']({}).to_graph()))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", script, root / ".railway" / "railway.py"],
        capture_output=True,
        check=True,
        env={name: value for name, value in os.environ.items() if name != "GITHUB_REPOSITORY"},
    )
    assert json.loads(printed.stdout)["resources"][0]["address"] == "service.falsetrue"


@pytest.mark.parametrize("page", ["deploy-on-railway.md", "deploy-on-railway.es.md", "run-in-a-container.md"])
def test_the_how_to_names_only_settings_that_exist(root: Path, page: str) -> None:
    text = (root / "docs" / "how-to" / page).read_text()
    named = set(re.findall(r"FALSETRUE_[A-Z_]+[A-Z]", text))
    assert named
    assert named <= setting_variables().keys()


@pytest.mark.parametrize("page", ["deploy-on-railway.md", "deploy-on-railway.es.md"])
def test_the_how_to_gives_the_values_of_the_files(root: Path, page: str, railway_json: dict[str, Any]) -> None:
    text = (root / "docs" / "how-to" / page).read_text()
    values = [value for part in ("build", "deploy") for value in railway_json[part].values()]
    assert [value for value in values if f"`{value}`" not in text] == []


def test_the_builder_finds_no_dockerfile_at_the_root(root: Path) -> None:
    """Railway builds with a Dockerfile wherever it finds one there."""
    assert not [path.name for path in root.iterdir() if path.name.lower() == "dockerfile"]
    assert (root / "main.py").is_file()


def test_what_the_build_needs_is_not_left_out_of_it(root: Path) -> None:
    """Railpack, like docker, leaves out what .dockerignore names."""
    lines = (root / ".dockerignore").read_text().splitlines()
    patterns = [line.removeprefix("**/") for line in lines if line and not line.startswith("#")]
    needed = [
        "setup.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "requirements.txt",
        "requirements-build.txt",
        "main.py",
    ]
    needed += [path.name for path in (root / "src" / "falsetrue").rglob("*") if path.parent.name != "__pycache__"]
    needed += ["src", "falsetrue", ".python-version", "Procfile", "railpack.json"]
    left_out = {name for name in needed for pattern in patterns if PurePath(name).match(pattern)}
    assert left_out <= {"__pycache__"}
