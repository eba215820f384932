"""A state folder in which something was found and drawn, for tests of what the page shows of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.report.reports import drifted
from tests.service.conftest import DISPATCH, RANT

from falsetrue.journal.identifiers import first_identifier
from falsetrue.journal.records import Drawn, Entry, Writing
from falsetrue.monitor.alarms import follow
from falsetrue.monitor.findings import Report
from falsetrue.monitor.store import Kept, MonitorStore
from falsetrue.settings import load_settings
from falsetrue.wiring import Storage, open_storage

#: Drawn yesterday, in the order in which they are asked for: title, text, what the model said, and its language.
DRAWN = (
    ("A rant", RANT, "false", 0.03, "en"),
    (None, DISPATCH, "real", 0.97, "en"),
    ("Otro <i>titular</i>", "El banco central mantuvo las tasas.", "unsure", 0.5, "es"),
)


def keep_report(storage: Storage, report: Report) -> None:
    """As a look does, with an alarm for each change."""
    store = MonitorStore(storage.engine())
    day = report.until.date()
    previous, _ = store.state(report.model_version)
    outcome = follow(
        store.open_alarms(),
        report.findings,
        now=report.made_at,
        model_version=report.model_version,
        new_id=store.new_id,
    )
    kept = Kept(
        model_version=report.model_version,
        day=day,
        previous=previous,
        days=(),
        state="{}",
        outcome=outcome,
        counted=(),
        first_texts=None,
        report=report,
    )
    store.keep(kept, report.made_at)


def draw(storage: Storage, now: datetime) -> None:
    """What was drawn the day before, one without a text as its caller wished."""
    at = now - timedelta(days=1)
    entries = [
        _entry(at, Drawn(rank=number, refused=False, title=title, text=text), said, p_real, language)
        for number, (title, text, said, p_real, language) in enumerate(DRAWN)
    ]
    entries.append(_entry(at, Drawn(rank=9, refused=True), "real", 0.9, "en"))
    storage.journal().write([Writing(entries=tuple(entries))])


def _entry(at: datetime, drawn: Drawn, said: str, p_real: float, language: str) -> Entry:
    number = drawn.rank
    return Entry(
        id=f"{first_identifier(int(1000 * at.timestamp()))[:14]}7000-8000-{number:012x}",
        created_at=at,
        route="/v1/classifications",
        request_id=f"made-up-{number}",
        key_id=None,
        item_id=None,
        model_name="newsroom",
        model_version="20261101T000000Z-aaaa",
        policy="default@1",
        label=said,
        p_real=p_real,
        prevalence=None,
        action=None,
        reasons=(),
        language=language,
        characters=100,
        words=20,
        known_words=18,
        text_hash=bytes(32),
        sketch=None,
        latency=0.001,
        drawn=drawn,
    )


def fill(folder: Path, *reports: Report) -> None:
    """A report with three changes unless it is told otherwise, and a sample to label."""
    storage = open_storage(load_settings(state_folder=folder))
    draw(storage, datetime.now(UTC))
    for each in reports or (drifted(),):
        keep_report(storage, each)
    storage.close()
