"""◆ Models by name: a folder of bundles, and the model that is shipped with the package."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from falsetrue.bundle.manifest import MANIFEST, SHIPPED, Manifest, decode
from falsetrue.errors import BundleError


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One model that was found."""

    folder: Path
    manifest: Manifest | None  #: ``None`` where it cannot be read
    problem: str | None = None


def shipped_folder() -> Path:
    """The bundle inside the package."""
    return Path(str(files("falsetrue"))) / "shipped"


def find_model(reference: str | None, models_folder: Path) -> Path:
    """The folder of ``MODEL``: a bundle folder, ``NAME[@VERSION]`` in the registry, or nothing for the shipped one.

    A version may be shortened to any start of it. A folder of that name comes first; of several other
    models that are called so the newest is taken. Raises :class:`BundleError` naming what there is.
    """
    if not reference or reference == SHIPPED:
        return shipped_folder()
    if (Path(reference) / MANIFEST).is_file():
        return Path(reference)
    name, _, version = reference.partition("@")
    listed = list(list_models(models_folder))
    named = [model for model in listed if model.folder.name == name]
    if named and (not version or _has_version(named[0], version)):
        return named[0].folder
    found = [
        model for model in listed if model.manifest and model.manifest.name == name and _has_version(model, version)
    ]
    if found:
        return max(found, key=lambda model: model.manifest.version if model.manifest else "").folder
    there = ", ".join(repr(model.folder.name) for model in listed)
    raise BundleError(
        f"there is no model {reference!r}: no such folder with a {MANIFEST}, and in {models_folder} there "
        + (f"are only {there}" if there else "are none")
    )


def _has_version(model: Listed, version: str) -> bool:
    return model.manifest is not None and model.manifest.version.startswith(version)


def list_models(models_folder: Path) -> Iterator[Listed]:
    """Every model in the registry folder, by folder name."""
    if not models_folder.is_dir():
        return
    for folder in sorted(models_folder.iterdir()):
        if (folder / MANIFEST).is_file() and not folder.name.startswith("."):
            yield read_listed(folder)


def read_listed(folder: Path) -> Listed:
    """One model's manifest, or why it cannot be read."""
    try:
        return Listed(folder=folder, manifest=decode((folder / MANIFEST).read_bytes()))
    except (BundleError, OSError) as error:
        return Listed(folder=folder, manifest=None, problem=str(error))
