"""What is installed on a server is pinned, hashed, and comes from nowhere in particular."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FILES = ["requirements.txt", "requirements-build.txt"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pins(path: Path) -> list[tuple[Requirement, list[str]]]:
    """Each pinned requirement of a file with its hashes."""
    joined = path.read_text().replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(Requirement(line.partition("--hash")[0]), HASH.findall(line)) for line in lines]


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_is_pinned_to_one_version_and_hashed(root: Path, name: str) -> None:
    found = pins(root / name)
    assert found
    assert sum(len(hashes) for _, hashes in found) == (root / name).read_text().count("--hash")
    for requirement, hashes in found:
        assert [specifier.operator for specifier in requirement.specifier] == ["=="], requirement
        assert "*" not in str(requirement.specifier)
        assert hashes, requirement
        assert requirement.url is None


@pytest.mark.parametrize("name", FILES)
def test_no_host_and_no_option_is_named(root: Path, name: str) -> None:
    text = (root / name).read_text()
    assert "://" not in text
    assert [line for line in text.splitlines() if line.startswith("-")] == []
    assert set(re.findall(r"--[a-z-]+", re.sub(r"^\s*#.*$", "", text, flags=re.MULTILINE))) == {"--hash"}


def test_every_dependency_of_the_package_is_pinned_within_its_bounds(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())
    pinned: dict[str, list[Requirement]] = {}
    for requirement, _ in pins(root / "requirements.txt"):
        pinned.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    for dependency in map(Requirement, project["project"]["dependencies"]):
        versions = [str(pin.specifier)[2:] for pin in pinned.get(canonicalize_name(dependency.name), [])]
        assert versions, f"{dependency} is not in requirements.txt: make lock"
        assert all(dependency.specifier.contains(version) for version in versions), dependency


def test_what_builds_the_package_is_pinned_within_its_bounds(root: Path) -> None:
    """The deployment builds without isolation, so that hashes hold for setuptools too."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    pinned = {pin.name: str(pin.specifier)[2:] for pin, _ in pins(root / "requirements-build.txt")}
    for requirement in map(Requirement, project["build-system"]["requires"]):
        assert requirement.specifier.contains(pinned[requirement.name]), requirement


def test_the_two_files_install_together(root: Path) -> None:
    """Two pins of one package that differ are refused by pip."""
    versions: dict[tuple[str, str], set[str]] = {}
    for name in FILES:
        for pin, _ in pins(root / name):
            versions.setdefault((canonicalize_name(pin.name), str(pin.marker)), set()).add(str(pin.specifier))
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_the_python_of_the_builder_is_one_we_support(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    version = (root / ".python-version").read_text().strip()
    assert f"Programming Language :: Python :: {version}" in project["classifiers"]
    assert f"FROM python:{version}-slim" in (root / "deploy" / "Dockerfile").read_text()
