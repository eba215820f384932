"""Several files of news to a folder of verdicts: one file each, all there or none."""

import contextlib
import glob
import os
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from falsetrue.errors import InputError
from falsetrue.jobs.classify import Classifier
from falsetrue.jobs.predict import Prediction, Summary, describe_run, predict, restore
from falsetrue.jobs.processes import Load
from falsetrue.jobs.progress import Progress
from falsetrue.model.decision import Policy
from falsetrue.news.compressed import uncompressed_name
from falsetrue.news.writing import refuse_another, unfinished_folder, write_record

_WILD = frozenset("*?[")
#: In the folder that is not complete: a record of each file that is.
_DONE = ".done"


def are_several(sources: Sequence[str], destination: str) -> bool:
    """Whether the answer is a folder: several names or a pattern were given, or the destination is one by its name."""
    is_pattern = any(_WILD & set(source) and not Path(source).exists() for source in sources)
    return len(sources) > 1 or is_pattern or destination.endswith(os.sep)


def find_files(sources: Sequence[str]) -> list[str]:
    """The files that names and patterns (``news/*.csv``, ``**`` for folders in folders) stand for, each once.

    Raises :class:`InputError` where a pattern stands for none, two files have one name, or one is standard input.
    """
    found: list[str] = []
    for source in sources:
        if source == "-":
            raise InputError("standard input is classified alone, not beside files")
        is_pattern = _WILD & set(source) and not Path(source).exists()
        names = sorted(glob.glob(source, recursive=True)) if is_pattern else [source]  # noqa: PTH207 - absolute ones too
        if not names:
            raise InputError(f"{source}: there is no such file")
        found += names
    return list(dict.fromkeys(found))


def predict_files(
    prediction: Prediction,
    files: Sequence[str],
    classifier: Classifier,
    policy: Policy,
    *,
    progress: Progress,
    report: Callable[[str, int, str], None],
    load: Load | None = None,
) -> Summary:
    """:func:`falsetrue.jobs.predict.predict` of each file into a folder, which appears when all are done.

    ``prediction`` says how; its ``destination`` is the folder, and files in it have the names of the inputs, with
    another end for a ``destination_format``. A run that is stopped leaves what is done, and ``resume`` goes on there.
    Raises :class:`InputError`.
    """
    names = {file: _name(file, prediction.destination_format) for file in files}
    twice = [name for name, count in Counter(names.values()).items() if count > 1]
    if twice:
        raise InputError(f"two of the files would become {twice[0]}: classify them into folders of their own")
    folder = Path(prediction.destination)
    if folder.exists():
        raise InputError(f"{folder}: exists already; several files are classified into a folder that is new")
    begun = unfinished_folder(str(folder))
    if begun.exists() and not (prediction.resume or prediction.replace):
        raise InputError(
            f"{begun}: holds what there is of a run that was stopped; "
            "--resume goes on from there, --replace begins again"
        )
    if prediction.replace and not prediction.resume:
        shutil.rmtree(begun, ignore_errors=True)
    done = begun / _DONE
    try:
        done.mkdir(parents=True, exist_ok=True)
        total = Summary(prevalence=classifier.policies.prevalence(policy, prediction.prevalence))
        for file, name in names.items():
            one = replace(prediction, source=file, destination=str(begun / name))
            run = describe_run(one, classifier, policy)
            summary = _recall(done / name, run)
            if summary is None:
                summary = predict(one, classifier, policy, progress=progress, report=partial(report, file), load=load)
                write_record(done / name, _Done(run=run, summary=msgspec.to_builtins(summary)))
            _add(total, summary)
        shutil.rmtree(done)
        begun.rename(folder)
    except OSError as error:
        raise InputError(f"{folder}: cannot be written ({error.strerror})") from error
    finally:
        _discard_if_empty(begun)
    return total


class _Done(msgspec.Struct, kw_only=True):
    """A file that is classified."""

    run: dict[str, Any]  #: what it was made from and with
    summary: dict[str, Any]  #: what came of it


def _recall(record: Path, run: dict[str, Any]) -> Summary | None:
    """What came of a file that a run before this one has classified; raises :class:`InputError` if otherwise."""
    if not record.exists():
        return None
    try:
        done = msgspec.json.decode(record.read_bytes(), type=_Done)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{record}: cannot be read; --replace, without --resume, begins again") from error
    refuse_another(record, done.run, run)
    return restore(done.summary)


def _add(total: Summary, summary: Summary) -> None:
    total.labels += summary.labels
    for name in ("rows", "bytes", "bad_rows", "resumed_rows", "resumed_bytes"):
        setattr(total, name, getattr(total, name) + getattr(summary, name))


def _discard_if_empty(begun: Path) -> None:
    for folder in (begun / _DONE, begun):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _name(file: str, format_name: str | None) -> str:
    name = Path(file).name
    return name if format_name is None else f"{Path(uncompressed_name(name)).stem}.{format_name}"
