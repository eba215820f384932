"""What ``falsetrue doctor`` finds where things are kept: the secret, the database, the keys, and the clock.

It looks, and makes nothing: neither a secret nor a database, nor newer tables.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from falsetrue.cli.findings import Finding
from falsetrue.errors import DatabaseError, InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from falsetrue.database.secret import Secret
    from falsetrue.settings import Settings

#: Free bytes on a disk below which there is soon nothing left to write to.
LEAST_FREE = 500 * 1024 * 1024
#: How far our clock and the database's may be apart: tokens and quotas go by both.
LARGEST_SKEW = timedelta(seconds=5)
#: A day is looked at soon after it ended; where the last look is longer ago than this, nobody looks any more.
LONGEST_PAUSE = timedelta(days=2)


def look_at_storage(settings: "Settings", now: datetime) -> list[Finding]:
    """What is kept, and whether it can be; ``now`` is in UTC."""
    from falsetrue.wiring import wants_storage

    found, secret = _look_at_secret(settings)
    findings = [found]
    if not wants_storage(settings):
        findings.append(Finding(about="database", well=True, says="not wanted: FALSETRUE_JOURNAL is off"))
        return [*findings, _callers(settings, keys=0), _audit(settings), _webhook(settings)]
    try:
        findings += _look_at_database(settings, secret, now)
    except (DatabaseError, InputError) as error:
        findings.append(Finding(about="database", well=False, says=str(error)))
    return findings


def _look_at_secret(settings: "Settings") -> tuple[Finding, "Secret | None"]:
    from falsetrue.database.place import secret_file
    from falsetrue.database.secret import load_secret

    file = secret_file(settings.state_folder)
    if settings.secret is None and not file.exists():
        return Finding(about="secret", well=True, says=f"none yet; the first start makes one in {file}"), None
    try:
        secret = load_secret(settings.secret, settings.state_folder)
    except InputError as error:
        return Finding(about="secret", well=False, says=str(error)), None
    where = "of FALSETRUE_SECRET" if settings.secret is not None else f"in {file}"
    if settings.secret is None and file.stat().st_mode & 0o077:
        says = f"{file} can be read by others than its owner: chmod 600 {file}"
        return Finding(about="secret", well=False, says=says), secret
    return Finding(about="secret", well=True, says=f"{where}, fingerprint {secret.fingerprint}"), secret


# --- the database ------------------------------------------------------------------------------------


def _look_at_database(settings: "Settings", secret: "Secret | None", now: datetime) -> Iterator[Finding]:
    from falsetrue.database.engine import default_url, describe, is_sqlite, open_database
    from falsetrue.database.schema import NEWEST, current_revision

    engine = open_database(settings.database_url or default_url(settings.state_folder))
    name = describe(engine)
    try:
        if is_sqlite(engine):
            file = Path(str(engine.url.database))
            yield _disk(file)
            if not file.exists():
                yield Finding(about="database", well=True, says=f"{name}: not there yet; the first start makes it")
                yield _callers(settings, keys=0)
                yield _audit(settings)
                yield _webhook(settings)
                return
        revision = current_revision(engine)
        if revision != NEWEST:
            says = f"{name}: tables of revision {revision or 'none'}; the next start brings them to {NEWEST}"
            yield Finding(about="database", well=True, says=says)
            return
        yield _belonging(engine, name, revision, secret)
        yield _callers(settings, keys=_count_keys(engine))
        yield _audit(settings, _sliced(settings, engine, now))
        yield _looks(engine, now)
        yield _webhook(settings, engine)
        yield _clock(engine, now)
    finally:
        engine.dispose()


def _disk(file: Path) -> Finding:
    there = next(each for each in file.absolute().parents if each.exists())
    free = shutil.disk_usage(there).free
    says = f"{free / 1e9:,.1f} GB free in {there}"
    if free < LEAST_FREE:
        return Finding(about="disk", well=False, says=f"only {says}: make room, or forget with falsetrue journal prune")
    return Finding(about="disk", well=True, says=says)


def _belonging(engine: "Engine", name: str, revision: str, secret: "Secret | None") -> Finding:
    from sqlalchemy import func, select

    from falsetrue.database.engine import reading
    from falsetrue.database.ownership import owner_of
    from falsetrue.database.tables import predictions

    with reading(engine, wait=True) as connection:
        rows = connection.scalar(select(func.count()).select_from(predictions)) or 0
    owner = owner_of(engine)
    if owner is not None and owner != (secret.fingerprint if secret else None):
        says = f"{name}: belongs to the secret with fingerprint {owner}; give that one by FALSETRUE_SECRET"
        return Finding(about="database", well=False, says=says)
    return Finding(about="database", well=True, says=f"{name}: revision {revision}, {rows:,} predictions")


def _count_keys(engine: "Engine") -> int:
    from falsetrue.access.key_store import KeyStore

    return len(KeyStore(engine).all())


def _callers(settings: "Settings", *, keys: int) -> Finding:
    from falsetrue.access.exposure import check_exposure, exposing

    try:
        whom = check_exposure(**exposing(settings), jwt_on=settings.jwt_issuer is not None, keys_on=lambda: keys > 0)
    except InputError as error:
        return Finding(about="callers", well=False, says=str(error))
    if keys and not settings.behind_gateway and not settings.allow_anonymous:
        whom = "to callers with a key"
    return Finding(about="callers", well=True, says=f"answers {whom}; {keys} keys were made")


def _audit(settings: "Settings", sliced: str = "") -> Finding:
    """Whether labels can come of what is said; ``sliced`` tells what has been drawn."""
    daily = f"{settings.audit_daily} predictions a day, drawn at random"
    if settings.audit == "off":
        says = f"off: alarms of harm have no data; FALSETRUE_AUDIT=on keeps the texts of {daily}, for people to label"
        return Finding(about="audit", well=True, says=says)
    if not settings.journal:
        says = "FALSETRUE_AUDIT is on and FALSETRUE_JOURNAL off: nothing is drawn; turn the journal on"
        return Finding(about="audit", well=False, says=says)
    return Finding(about="audit", well=True, says=f"on: {daily}{sliced}")


def _sliced(settings: "Settings", engine: "Engine", now: datetime) -> str:
    from falsetrue.journal.audit_items import AuditItems

    days = settings.audit_days
    counts = AuditItems(engine, daily=settings.audit_daily).counts(now, since=(now - timedelta(days=days)).date())
    return (
        f"; of the last {days} days {counts.drawn:,}, of which {counts.labelled:,} are labelled, {counts.waiting:,} "
        f"wait, and {counts.refused:,} were not to be kept, as their callers wished"
    )


def _looks(engine: "Engine", now: datetime) -> Finding:
    """When the traffic was looked at last, and whether somebody still watches it."""
    from falsetrue.monitor.store import MonitorStore

    store = MonitorStore(engine)
    try:
        report = store.latest_report()
    except msgspec.ValidationError:
        return Finding(about="monitor", well=False, says="the last look was made by a newer version: install that one")
    if report is None:
        says = "no look yet, nobody watches: falsetrue monitor watch looks once a day"
        return Finding(about="monitor", well=True, says=says)
    day = report.until - timedelta(days=1)
    last = f"the last look was on {report.made_at:%Y-%m-%d %H:%M} UTC, at {day:%Y-%m-%d}"
    if now - report.made_at > LONGEST_PAUSE:
        says = f"{last}, and nobody has watched since: start falsetrue monitor watch, which makes up for the days"
        return Finding(about="monitor", well=False, says=says)
    return Finding(about="monitor", well=True, says=f"{last}; open alarms: {len(store.open_alarms())}")


def _webhook(settings: "Settings", engine: "Engine | None" = None) -> Finding:
    """Whether alarms can be told to somebody, and are."""
    from falsetrue.jobs.deliver import receiver_of
    from falsetrue.monitor.deliveries import Deliveries, Fate

    try:
        receiver = receiver_of(settings.webhook_url, settings.webhook_secret)
    except InputError as error:
        return Finding(about="webhook", well=False, says=str(error))
    if receiver is None:
        says = "none: alarms are told to nobody; FALSETRUE_WEBHOOK_URL names an address"
        return Finding(about="webhook", well=True, says=says)
    counts = {} if engine is None else Deliveries(engine).counts()
    dead, waiting = counts.get(Fate.DEAD, 0), counts.get(Fate.WAITING, 0)
    keys = f"signed with {len(receiver.keys)} secret{'s' if len(receiver.keys) > 1 else ''}"
    if dead:
        says = f"{dead} messages were given up; falsetrue monitor webhook list says why, resend sends one again"
        return Finding(about="webhook", well=False, says=says)
    return Finding(
        about="webhook", well=True, says=f"alarms are told to the address that is set, {keys}; {waiting} wait"
    )


def _clock(engine: "Engine", now: datetime) -> Finding:
    from sqlalchemy import func, select

    from falsetrue.database.engine import is_sqlite, reading
    from falsetrue.journal.records import Filters
    from falsetrue.journal.store import Journal

    newest = next((entry.created_at for entry in Journal(engine).search(Filters(), limit=1).entries), None)
    if newest is not None and newest - now > LARGEST_SKEW:
        says = f"{now:%Y-%m-%d %H:%M:%S} UTC is before the newest prediction, of {newest:%Y-%m-%d %H:%M:%S} UTC: set it"
        return Finding(about="clock", well=False, says=says)
    if is_sqlite(engine):
        return Finding(about="clock", well=True, says=f"{now:%Y-%m-%d %H:%M:%S} UTC")
    with reading(engine) as connection:
        skew = now - connection.execute(select(func.clock_timestamp())).scalar_one()
    says = f"{now:%Y-%m-%d %H:%M:%S} UTC, {skew.total_seconds():+.1f} s from the database's"
    return Finding(about="clock", well=abs(skew) <= LARGEST_SKEW, says=says)
