"""The wheel holds all that serving needs, and little else."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path, PurePosixPath

import pytest

pytestmark = pytest.mark.newest

#: Bytes, compressed.
LARGEST_MODEL, LARGEST_REST = 5_000_000, 2_000_000


def build(root: Path, source: Path, **environment: str) -> Path:
    """Built from a copy, so that the checkout stays as it is."""
    shutil.copytree(root / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(root / name, source)
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", source / "dist", source],
        capture_output=True,
        check=False,
        env=os.environ | environment,
        text=True,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = (source / "dist").glob("*.whl")
    return path


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(root, tmp_path_factory.mktemp("source"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_holds_every_file_of_the_package(root: Path, wheel: Path) -> None:
    """Code, the shipped model, golden texts, templates, static files, translations and the typing marker."""
    package = root / "src" / "falsetrue"
    left_out = {"__pycache__"}
    # What translations and native modules are compiled from, and native modules of this checkout.
    sources = {".po", ".pot", ".c", ".h", ".so", ".pyd"}
    here = {
        PurePosixPath("falsetrue", *path.relative_to(package).parts).as_posix()
        for path in package.rglob("*")
        if path.is_file() and not left_out & set(path.parts) and path.suffix not in sources
    }
    assert here - names(wheel) == set()


@pytest.mark.parametrize(
    "needed",
    [
        "py.typed",
        "bundle/golden.json",
        "shipped/manifest.json",
        "shipped/scorer.safetensors",
        "shipped/model_final.joblib",
        "shipped/baseline.json",
        "shipped/card.md",
        "service/templates/",
        "service/static/",
        "service/locale/",
    ],
)
def test_it_holds_what_serving_needs(wheel: Path, needed: str) -> None:
    found = [name for name in names(wheel) if name.startswith(f"falsetrue/{needed}")]
    assert found, f"{needed} is not in {wheel.name}"


@pytest.mark.skipif(not sysconfig.get_config_var("CC"), reason="this Python does not say how it was compiled")
def test_it_holds_the_native_modules_where_a_compiler_is_found(wheel: Path) -> None:
    if shutil.which(str(sysconfig.get_config_var("CC")).split()[0]) is None:
        pytest.skip("no C compiler")
    native = {PurePosixPath(name).name.split(".")[0] for name in names(wheel) if name.endswith((".so", ".pyd"))}
    assert native >= {"_counting", "_descent", "_kernel", "_openers", "_sketching"}


def test_without_a_compiler_it_holds_none_and_is_built_all_the_same(root: Path, tmp_path: Path) -> None:
    built = build(root, tmp_path, CC="no-such-compiler", CXX="no-such-compiler")
    assert not [name for name in names(built) if name.endswith((".so", ".pyd"))]
    assert "falsetrue/features/numpy_kernel.py" in names(built)


def test_the_model_in_it_is_small_and_the_rest_smaller(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    model = sum(size for name, size in sizes.items() if name.startswith("falsetrue/shipped/"))
    assert model <= LARGEST_MODEL
    assert wheel.stat().st_size - model <= LARGEST_REST


def test_it_carries_its_licences(root: Path, wheel: Path) -> None:
    declared = tomllib.loads((root / "pyproject.toml").read_text())["project"]["license-files"]
    for name in declared:
        assert [entry for entry in names(wheel) if entry.endswith(f".dist-info/licenses/{name}")], name


def test_it_leaves_the_checkouts_own_files_out(wheel: Path) -> None:
    """``main.py`` serves from a checkout; installed, it would take a name that is everybody's."""
    top = {PurePosixPath(name).parts[0] for name in names(wheel)}
    assert {name for name in top if not name.endswith(".dist-info")} == {"falsetrue"}
