"""◆ Bundles on disk: written whole or not at all, and verified before anything in them is believed."""

import errno
import hashlib
import mmap
import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from falsetrue.bundle.baseline import Baseline, read_baseline
from falsetrue.bundle.blob import Blob
from falsetrue.bundle.golden import TOLERANCE, golden_digest, golden_texts
from falsetrue.bundle.manifest import BASELINE, ESTIMATOR, MANIFEST, SCORER, Manifest, decode, encode
from falsetrue.bundle.scorer import CompiledScorer, Floats, Scorer, from_bytes
from falsetrue.errors import BundleDamagedError, BundleError, InputError
from falsetrue.model.decision import EVEN

#: No file of a bundle may be larger; in bytes.
LARGEST_FILE = 4 * 1024**3


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """A bundle whose every byte has been checked against its manifest."""

    folder: Path
    manifest: Manifest
    contents: Mapping[str, bytes]  #: of the files that were asked for, as verified, but for the scorer
    scorer: Blob | None = None  #: the same of ``scorer.safetensors``, mapped rather than read: processes share it

    def baseline(self) -> Baseline:
        """The reference profile."""
        try:
            return read_baseline(self.contents[BASELINE])
        except ValueError as error:
            raise BundleDamagedError(f"{self.folder}: baseline.json is not a baseline of format 1") from error

    def compiled_scorer(self, *, native: bool = True) -> CompiledScorer:
        """The compiled scorer; raises :class:`BundleError` where the bundle has none.

        ``native`` says whether the compiled kernel is wanted where there is one.
        """
        if self.scorer is None:
            raise BundleError(f"{self.folder}: this model has no compiled scorer")
        return from_bytes(self.scorer, native=native)


def open_bundle(folder: Path, *, keep: tuple[str, ...] = (SCORER, BASELINE, ESTIMATOR)) -> Bundle:
    """Verify a bundle and keep the bytes of some of its files.

    What is returned is what was verified: nothing is read twice. Raises :class:`BundleError`
    where there is no bundle, :class:`BundleFormatError` for another format and
    :class:`BundleDamagedError` naming the file that is not what was saved.
    """
    try:
        manifest = decode((folder / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        raise BundleError(f"{folder}: there is no model here (no {MANIFEST})") from error
    except NotADirectoryError as error:
        raise BundleError(f"{folder}: a model is a folder, this is a file") from error
    except OSError as error:
        raise BundleError(f"{folder}: cannot be read ({error.strerror})") from error
    except BundleError as error:
        raise type(error)(f"{folder}: {error}") from error
    contents: dict[str, bytes] = {}
    scorer: Blob | None = None
    for name, record in manifest.files.items():
        path = folder / name
        if Path(name).name != name or record.bytes > LARGEST_FILE:
            raise BundleDamagedError(f"{folder}: the manifest names a file that no bundle has")
        content = _map(path, record.bytes) if name == SCORER else _read(path, record.bytes)
        if len(content) != record.bytes or hashlib.sha256(content).hexdigest() != record.sha256:
            raise BundleDamagedError(
                f"{path}: is not the file that was saved (its SHA-256 differs); restore or train again"
            )
        if name in keep and name == SCORER:
            scorer = content
        elif name in keep:
            contents[name] = bytes(content)
    return Bundle(folder=folder, manifest=manifest, contents=contents, scorer=scorer)


def _read(path: Path, size: int) -> bytes:
    """The content of a file; nothing of one of another size."""
    try:
        return path.read_bytes() if path.stat().st_size == size else b""
    except OSError as error:
        raise BundleDamagedError(f"{path}: cannot be read ({error.strerror})") from error


def _map(path: Path, size: int) -> Blob:
    """The same, mapped: what is verified is what is used, and every process that maps the file shares its pages."""
    try:
        with path.open("rb") as file:
            if size == 0 or os.fstat(file.fileno()).st_size != size:
                return b""
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise BundleDamagedError(f"{path}: cannot be read ({error.strerror})") from error


def open_scorer(path: Path, *, native: bool = True) -> CompiledScorer:
    """The scorer in a file of its own, as ``falsetrue models compile`` writes it; raises :class:`BundleError`.

    Nothing vouches for its bytes as the manifest of a bundle does.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    try:
        return from_bytes(_map(path, size), native=native)
    except BundleError as error:
        raise type(error)(f"{path}: {error}") from error


def check_golden(manifest: Manifest, scorer: Scorer) -> float:
    """Score the golden texts and compare with what the manifest says; returns the largest difference.

    Raises :class:`BundleDamagedError` where one differs by more than 1e-6 or changes its label.
    """
    if manifest.golden_sha256 != golden_digest():
        raise BundleDamagedError(
            f"model {manifest.name} was proved on other golden texts than this version has; train it again"
        )
    expected = np.array(manifest.golden_p_real)
    return compare(expected, scorer.p_real(golden_texts()), "the scorer and the manifest")


def compare(expected: Floats, found: Floats, what: str) -> float:
    """The largest difference of two lists of ``p_real``, which must be equal to 1e-6 with equal labels."""
    if len(expected) != len(found):
        raise BundleDamagedError(f"{what} answer {len(expected)} and {len(found)} golden texts")
    difference = float(np.max(np.abs(expected - found)))
    if not difference <= TOLERANCE or bool(np.any((expected > EVEN) != (found > EVEN))):
        raise BundleDamagedError(f"{what} disagree on the golden texts by {difference:.2g}")
    return difference


def write_file(path: Path, content: bytes) -> None:
    """Write one file, whole or not at all, over what stood there.

    Raises :class:`InputError` where it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        _write_durably(temporary, content)
        temporary.replace(path)
        _sync_folder(path.absolute().parent)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_bundle(folder: Path, manifest: Manifest, files: Mapping[str, bytes], *, replace: bool = False) -> None:
    """Write a sealed bundle: to a temporary sibling first, then renamed into place.

    Raises :class:`InputError` where the folder exists (unless ``replace``) or cannot be written;
    what was there before is then still there.
    """
    refuse_existing(folder, replace=replace)
    folder = folder.absolute()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    try:
        temporary.chmod(0o755)
        for name, content in {**files, MANIFEST: encode(manifest)}.items():
            _write_durably(temporary / name, content)
        _put_in_place(temporary, folder, replace=replace)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(folder: Path, *, replace: bool) -> None:
    """Raise :class:`InputError` if something stands at ``folder`` that may not be replaced."""
    if not folder.exists():
        return
    if not replace:
        raise InputError(f"{folder}: exists already; choose another name, or say --replace")
    if not _is_bundle(folder):
        raise InputError(f"{folder}: exists and is not a model, or holds more than one; it is not replaced")


def _is_bundle(folder: Path) -> bool:
    """Whether a folder holds a manifest of ours, the files it names, and nothing else."""
    try:
        manifest = decode((folder / MANIFEST).read_bytes())
    except (OSError, BundleError):
        return False
    return {path.name for path in folder.iterdir()} <= {MANIFEST, *manifest.files}


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _put_in_place(temporary: Path, folder: Path, *, replace: bool) -> None:
    """Rename into place. An older bundle is moved aside first, comes back if that fails, and is then removed.

    Without ``replace`` nothing gives way, not even what another process put there a moment ago:
    a folder is never renamed onto one that holds something.
    """
    aside = temporary.with_name(temporary.name + ".old")
    if replace and folder.exists():
        folder.rename(aside)
    try:
        temporary.rename(folder)
    except OSError as error:
        if aside.exists():
            aside.rename(folder)
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            raise InputError(f"{folder}: exists already; choose another name, or say --replace") from error
        raise
    _sync_folder(folder.parent)
    shutil.rmtree(aside, ignore_errors=True)


def _sync_folder(folder: Path) -> None:
    """Make a rename survive a power loss."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
