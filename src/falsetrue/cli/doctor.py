"""``falsetrue doctor``."""

import os
import platform
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from falsetrue import __version__
from falsetrue.cli.exit_codes import TO_MEND
from falsetrue.cli.findings import Finding
from falsetrue.cli.options import AsJson
from falsetrue.cli.output import print_json
from falsetrue.cli.storage_findings import look_at_storage
from falsetrue.errors import BundleError, FalsetrueError, InputError, MissingExtraError

if TYPE_CHECKING:
    from falsetrue.bundle.manifest import Manifest
    from falsetrue.jobs.classify import Classifier
    from falsetrue.settings import Settings

#: For how long the model is asked, in seconds of its own processor time.
_ASKED_SECONDS = 0.2


def doctor(as_json: AsJson = False) -> None:
    """Say what is installed, what would be served, and what is to be mended.

    Exit code 0: all is well; 1: something is to be mended.
    """
    findings = [*_installed(), *_configured()]
    well = all(finding.well for finding in findings)
    if as_json:
        print_json({"well": well, "findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.well else 'MEND'}  {finding.about}: {finding.says}")
    raise typer.Exit(0 if well else TO_MEND)


def _installed() -> list[Finding]:
    python = f"{platform.python_implementation()} {platform.python_version()} on {platform.platform(terse=True)}"
    return [
        Finding(about="falsetrue", well=True, says=__version__),
        Finding(about="python", well=True, says=f"{python}, {os.cpu_count() or 1} processors"),
        _training(),
    ]


def _training() -> Finding:
    from importlib.metadata import PackageNotFoundError, version

    try:
        says = f"scikit-learn {version('scikit-learn')}"
    except PackageNotFoundError:
        says = "not installed: pip install 'falsetrue[train]' for train, audit, evaluate and models compile"
    return Finding(about="training", well=True, says=says)


def _configured() -> list[Finding]:
    """What depends on the settings; only what is wrong with these, where they cannot be read."""
    from falsetrue.settings import load_settings

    try:
        settings = load_settings()
    except InputError as error:
        return [Finding(about="settings", well=False, says=str(error))]
    return [
        _kernel(settings),
        *_suspicious(settings),
        *_served(settings),
        *look_at_storage(settings, datetime.now(UTC)),
        _limits(settings),
        _spans(settings),
    ]


def _kernel(settings: "Settings") -> Finding:
    from falsetrue.features.kernel import ABSENT

    slower = "NumPy scores instead, with the same answers, many times more slowly"
    if ABSENT is not None:
        says = f"not built ({ABSENT}); {slower}: install again where a C compiler and Python's headers are"
        return Finding(about="kernel", well=False, says=says)
    if not settings.kernel:
        return Finding(about="kernel", well=True, says=f"turned off by FALSETRUE_KERNEL; {slower}")
    return Finding(about="kernel", well=True, says="compiled")


def _suspicious(settings: "Settings") -> list[Finding]:
    """Settings that can be used and are hardly meant, and those that do not go together."""
    from falsetrue.service.server import check_edges

    port, processors = os.environ.get("PORT"), os.cpu_count() or 1
    doubts = {
        f"FALSETRUE_WORKERS is {settings.workers}, and there are {processors} processors": settings.workers
        > processors,
        f"FALSETRUE_PORT is {settings.port} and wins over PORT, which is {port}": port
        not in (None, "", str(settings.port)),
        "FALSETRUE_MAX_BODY_BYTES is less than FALSETRUE_MAX_TEXT_BYTES: no long text can be sent": (
            settings.max_body_bytes < settings.max_text_bytes
        ),
        f"FALSETRUE_STATE_FOLDER ({settings.state_folder}) cannot be written: no model can be trusted": not _writable(
            settings.state_folder
        ),
    }
    found = [Finding(about="settings", well=False, says=doubt) for doubt, holds in doubts.items() if holds]
    try:
        check_edges(settings)
    except FalsetrueError as error:
        found.append(Finding(about="settings", well=False, says=str(error)))
    return found or [Finding(about="settings", well=True, says="none looks wrong")]


def _writable(folder: Path) -> bool:
    """Whether a folder is there, or could be made, and be written to."""
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    return there.is_dir() and os.access(there, os.W_OK)


def _served(settings: "Settings") -> list[Finding]:
    """The model that would be served, and its policies."""
    from falsetrue.wiring import load_classifier

    try:
        classifier = load_classifier(settings)
    except BundleError as error:
        return [Finding(about="model", well=False, says=str(error))]
    except FalsetrueError as error:
        return [Finding(about="policies", well=False, says=str(error))]
    manifest, policies = classifier.manifest, classifier.policies
    served = "compiled scorer" if manifest.compiled else "joblib, trusted"
    rate = f"about {_rate(classifier):,.0f} golden texts a second"
    problems = policies.problems + policies.cautions(policies.default, manifest.reference)
    listed = f"{policies.default.reference} by default, of {', '.join(policies.references())}"
    return [
        Finding(about="model", well=True, says=f"{manifest.reference}, {_digest(manifest)}, {served}, {rate}"),
        *(Finding(about="policies", well=False, says=problem) for problem in problems),
        *([] if problems else [Finding(about="policies", well=True, says=listed)]),
    ]


def _digest(manifest: "Manifest") -> str:
    from falsetrue.bundle.manifest import ESTIMATOR, SCORER

    served = SCORER if manifest.compiled else ESTIMATOR
    return f"verified, {served} has SHA-256 {manifest.files[served].sha256[:16]}…"


def _limits(settings: "Settings") -> Finding:
    says = (
        f"{settings.workers} processes; a body of {settings.max_body_bytes:,} bytes, {settings.max_items} items or "
        f"{settings.max_texts:,} texts of {settings.max_text_bytes:,} bytes; in a process {settings.max_connections:,} "
        f"connections, and {settings.max_waiting_requests:,} requests or {settings.max_waiting_bytes:,} bytes that wait"
    )
    return Finding(about="limits", well=True, says=says)


def _spans(settings: "Settings") -> Finding:
    from falsetrue.service.spans import wants_spans

    try:
        wanted = wants_spans(settings.otel, os.environ)
    except MissingExtraError as error:
        return Finding(about="spans", well=False, says=f"{error}, or set FALSETRUE_OTEL=off")
    return Finding(about="spans", well=True, says="told to a collector" if wanted else "told to nobody")


def _rate(classifier: "Classifier") -> float:
    """Texts a second of processor time."""
    from falsetrue.bundle.golden import golden_texts

    began, texts = time.process_time(), 0
    while (taken := time.process_time() - began) < _ASKED_SECONDS:
        classifier.scorer.score(golden_texts())
        texts += len(golden_texts())
    return texts / taken
