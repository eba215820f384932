"""Somebody's saved pipeline to a scorer in a file of its own, proved to say the same."""

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from sklearn.exceptions import InconsistentVersionWarning

from falsetrue.bundle.blob import read_blob
from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.folder import compare, write_file
from falsetrue.bundle.foreign import EstimatorScorer, load_estimator
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import MANIFEST, SCORER
from falsetrue.bundle.scorer import from_bytes
from falsetrue.errors import BundleDamagedError, BundleError, BundleUntrustedError, InputError
from falsetrue.registry.trust import is_trusted

#: Texts put together from the model's own terms, to prove it on more than the golden ones.
PROBES = 200
_TERMS_IN_PROBE = 60


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What was written."""

    file: Path
    bytes: int
    format: int
    parts: list[str]  #: names of the steps
    head: str  #: ``linear`` or ``forest``
    members: int  #: whose mean is taken
    columns: int  #: terms, or what n-grams are hashed to
    proved_on: int  #: texts
    difference: float  #: largest |Δp| to the pipeline on them
    notes: list[str]  #: what to know of the file that was read


def compile_file(
    source: Path, destination: Path, *, state_folder: Path, trust: bool = False, replace: bool = False
) -> Compiled:
    """Unpickle a pipeline that the operator trusts, compile it, prove it and write it to a file or into a folder.

    ``trust`` says that whoever asks knows who made the file, if ``state_folder`` does not remember that. Raises
    :class:`BundleUntrustedError`, :class:`CannotCompileError` naming what has no compiled form,
    :class:`BundleDamagedError` where the two differ, and :class:`InputError` for files that cannot be used.
    """
    file = _destination(destination, replace=replace)
    content = _read(source)
    if not trust and not is_trusted(state_folder, hashlib.sha256(content).hexdigest()):
        raise BundleUntrustedError(
            f"{source}: a pickle, which can run any code when it is opened; if you know who made it, say --trust"
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            pipeline = load_estimator(content, str(source), "install those that saved it")
            blob = compile_pipeline(pipeline)
            proved_on, difference = _prove(pipeline, blob)
        except BundleDamagedError as error:
            raise BundleDamagedError("; ".join([str(error), *_versions(caught)])) from error
        except BundleError as error:
            raise type(error)(f"{source}: {error}") from error
    write_file(file, blob)
    header, tensors = read_blob(blob)
    return Compiled(
        file=file,
        bytes=len(blob),
        format=header.format,
        parts=[type(step).__name__ for _, step in pipeline.steps],
        head=header.head,
        members=len(header.members),
        columns=header.hash_columns or int(np.count_nonzero(tensors["terms"] == ord("\n"))) + 1,
        proved_on=proved_on,
        difference=difference,
        notes=_versions(caught),
    )


def _destination(destination: Path, *, replace: bool) -> Path:
    if (destination / MANIFEST).exists():
        raise InputError(f"{destination}: is a model, which is sealed; name another folder, or a file")
    file = destination / SCORER if destination.is_dir() else destination
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent}")
    if file.exists() and not replace:
        raise InputError(f"{file}: exists already; --replace puts the scorer in its place")
    return file


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise InputError(f"{source}: cannot be read ({error.strerror})") from error


def _prove(pipeline: Any, blob: bytes) -> tuple[int, float]:
    """On how many texts both say the same, and the largest difference."""
    _, tensors = read_blob(blob)
    texts = [*golden_texts(), *_probes(tensors["terms"].tobytes().decode().split("\n") if "terms" in tensors else [])]
    theirs = EstimatorScorer(pipeline).p_real(texts)
    return len(texts), compare(theirs, from_bytes(blob).p_real(texts), "the pipeline and its compiled scorer")


def _probes(terms: Sequence[str]) -> list[str]:
    generator = np.random.default_rng(0)
    return [" ".join(generator.choice(terms, _TERMS_IN_PROBE)) for _ in range(PROBES if terms else 0)]


def _versions(caught: Sequence[warnings.WarningMessage]) -> list[str]:
    saved = {
        str(each.message.original_sklearn_version)
        for each in caught
        if isinstance(each.message, InconsistentVersionWarning)
    }
    return [f"saved with scikit-learn {version}; {sklearn.__version__} is installed" for version in sorted(saved)]
