import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine
from tests.journal.entries import Maker
from tests.monitor.test_store import kept, raised, report

from falsetrue.access.key_store import KeyStore
from falsetrue.access.principal import Scope
from falsetrue.bundle.manifest import SCORER
from falsetrue.cli import doctor, storage_findings
from falsetrue.cli.findings import Finding
from falsetrue.cli.storage_findings import look_at_storage
from falsetrue.database.engine import default_url, open_database
from falsetrue.database.ownership import check_secret
from falsetrue.database.schema import NEWEST, migrate
from falsetrue.database.secret import load_secret
from falsetrue.features import kernel
from falsetrue.journal.records import Drawn, Writing
from falsetrue.journal.store import Journal
from falsetrue.monitor.store import MonitorStore
from falsetrue.registry.folder import shipped_folder
from falsetrue.settings import Settings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def findings(answered: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """By what they are about."""
    said = json.loads(answered.stdout)
    assert answered.returncode == (0 if said["well"] else 1)
    assert said["well"] == all(finding["well"] for finding in said["findings"])
    return {finding["about"]: finding for finding in said["findings"]}


def test_where_all_is_well_it_says_what_is_there(falsetrue: Run) -> None:
    answered = falsetrue("doctor")
    assert ("MEND" in answered.stdout) == (kernel.ABSENT is not None)
    for about in (
        *("falsetrue", "python", "training", "kernel", "settings", "model", "policies"),
        *("secret", "disk", "database", "callers", "audit", "limits", "spans"),
    ):
        assert f"  {about}: " in answered.stdout
    sealed = json.loads((shipped_folder() / "manifest.json").read_bytes())["files"][SCORER]["sha256"]
    assert f"verified, {SCORER} has SHA-256 {sealed[:16]}" in answered.stdout
    assert "compiled scorer" in answered.stdout


def test_a_kernel_that_was_turned_off_is_named_and_well(falsetrue: Run) -> None:
    found = findings(falsetrue("doctor", "--json", FALSETRUE_KERNEL="off"))
    assert "FALSETRUE_KERNEL" in found["kernel"]["says"] or kernel.ABSENT


def test_a_kernel_that_was_not_built_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ABSENT", "No module named '_kernel'")
    found = doctor._kernel(Settings())  # noqa: SLF001
    assert not found.well
    assert "not built (No module named '_kernel')" in found.says


def test_a_damaged_model_is_to_be_mended(falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(trained("default"), tmp_path / "bundle"))
    (bundle / SCORER).write_bytes(b"")
    found = findings(falsetrue("doctor", "--json", FALSETRUE_MODEL=str(bundle)))
    assert not found["model"]["well"]
    assert "is not the file that was saved" in found["model"]["says"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("FALSETRUE_MODLE", "x", "there is no setting FALSETRUE_MODLE"),
        ("FALSETRUE_WORKERS", "64", "FALSETRUE_WORKERS is 64"),
        ("FALSETRUE_WORKERS", "none", "FALSETRUE_WORKERS"),
        ("FALSETRUE_MAX_BODY_BYTES", "2000", "FALSETRUE_MAX_BODY_BYTES is less"),
        ("FALSETRUE_STATE_FOLDER", "/dev/null/state", "cannot be written"),
        ("FALSETRUE_TLS_CERT", "there-is-none.pem", "FALSETRUE_TLS_KEY"),
    ],
)
def test_a_setting_that_looks_wrong_is_named(falsetrue: Run, setting: str, value: str, message: str) -> None:
    found = findings(falsetrue("doctor", "--json", **{setting: value}))
    assert not found["settings"]["well"]
    assert message in found["settings"]["says"]


def test_a_policy_that_cannot_be_read_is_to_be_mended(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours@1.toml").write_text("false_below = 2")
    found = findings(falsetrue("doctor", "--json"))
    assert not found["policies"]["well"]
    assert "ours@1" in found["policies"]["says"]
    missing = findings(falsetrue("doctor", "--json", FALSETRUE_POLICY="absent"))
    assert not missing["policies"]["well"]


# --- where things are kept --------------------------------------------------------------------------

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def looked(settings: Settings, now: datetime = NOW) -> dict[str, Finding]:
    """What is found of storage, by what it is about."""
    return {finding.about: finding for finding in look_at_storage(settings, now)}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Of a service that was never started."""
    return Settings(state_folder=tmp_path / "state")


Started = Callable[[Settings], Engine]


@pytest.fixture
def started() -> Iterator[Started]:
    """Makes the database of a service that was started once."""
    engines: list[Engine] = []

    def start(settings: Settings) -> Engine:
        engine = open_database(settings.database_url or default_url(settings.state_folder))
        engines.append(engine)
        migrate(engine)
        check_secret(engine, load_secret(settings.secret, settings.state_folder))
        return engine

    yield start
    for engine in engines:
        engine.dispose()


def test_before_the_first_start_all_is_well_and_nothing_is_made(settings: Settings) -> None:
    found = looked(settings)
    assert all(finding.well for finding in found.values())
    assert "the first start makes" in found["secret"].says
    assert "the first start makes" in found["database"].says
    assert "everybody on this machine" in found["callers"].says
    assert not settings.state_folder.exists()


def test_a_database_says_where_it_is_and_how_much_is_in_it(database_url: str, tmp_path: Path, started: Started) -> None:
    settings = Settings(state_folder=tmp_path, database_url=database_url)
    Journal(started(settings)).write(Maker(NOW - timedelta(hours=1)).writings(3))
    found = looked(settings)
    assert all(finding.well for finding in found.values() if finding.about != "clock")
    assert f"revision {NEWEST}, 3 predictions" in found["database"].says
    assert load_secret(None, tmp_path).fingerprint in found["secret"].says


def test_the_secret_itself_is_never_said(falsetrue: Run) -> None:
    secret = "correct horse battery staple"
    answered = falsetrue("doctor", FALSETRUE_SECRET=secret)
    assert answered.returncode == 0, answered.stdout
    assert secret not in answered.stdout + answered.stderr
    assert "secret: of FALSETRUE_SECRET, fingerprint " in answered.stdout


def test_a_secret_that_others_can_read_is_to_be_mended(settings: Settings) -> None:
    load_secret(None, settings.state_folder)
    assert looked(settings)["secret"].well
    (settings.state_folder / "secret").chmod(0o644)
    found = looked(settings)["secret"]
    assert not found.well
    assert "chmod 600" in found.says


def test_a_secret_that_is_too_short_is_to_be_mended(settings: Settings) -> None:
    settings.state_folder.mkdir()
    (settings.state_folder / "secret").write_text("short")
    assert not looked(settings)["secret"].well


def test_a_database_of_another_secret_is_to_be_mended(settings: Settings, started: Started) -> None:
    started(settings)
    (settings.state_folder / "secret").write_text("another secret than before")
    found = looked(settings)["database"]
    assert not found.well
    assert "FALSETRUE_SECRET" in found.says


@pytest.mark.parametrize(
    "database_url",
    ["nonsense", "postgresql://nobody:password-of-zanzibar@127.0.0.1:9/none", "sqlite:////dev/null/x.db"],
)
def test_a_database_that_cannot_be_reached_is_to_be_mended(tmp_path: Path, database_url: str) -> None:
    found = looked(Settings(state_folder=tmp_path, database_url=database_url))
    assert not found["database"].well or "not there yet" in found["database"].says
    assert "password-of-zanzibar" not in found["database"].says


def test_a_file_that_is_no_database_is_to_be_mended(settings: Settings) -> None:
    settings.state_folder.mkdir()
    (settings.state_folder / "falsetrue.db").write_bytes(b"no database" * 1000)
    assert not looked(settings)["database"].well


def test_tables_of_before_are_brought_forward_by_the_next_start_not_by_the_doctor(
    settings: Settings, started: Started
) -> None:
    migrate(started(settings), "base")
    for _ in range(2):
        found = looked(settings)["database"]
        assert found.well
        assert f"the next start brings them to {NEWEST}" in found.says


def test_tables_of_a_newer_version_are_to_be_mended(settings: Settings, started: Started) -> None:
    with started(settings).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    found = looked(settings)["database"]
    assert not found.well
    assert "9999" in found.says


def test_a_clock_that_is_before_the_newest_row_is_to_be_mended(settings: Settings, started: Started) -> None:
    Journal(started(settings)).write(Maker(NOW).writings(1))
    assert looked(settings, NOW + timedelta(minutes=1))["clock"].well
    found = looked(settings, NOW - timedelta(days=400))["clock"]
    assert not found.well
    assert "is before the newest prediction" in found.says


def test_a_clock_that_postgresql_does_not_share_is_to_be_mended(
    postgres_url: str, tmp_path: Path, started: Started
) -> None:
    settings = Settings(state_folder=tmp_path, database_url=postgres_url)
    started(settings)
    assert looked(settings, datetime.now(UTC))["clock"].well
    assert not looked(settings, datetime.now(UTC) + timedelta(days=400))["clock"].well


def test_a_disk_that_is_nearly_full_is_to_be_mended(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked(settings)["disk"].well
    monkeypatch.setattr(storage_findings, "LEAST_FREE", 2**80)
    found = looked(settings)["disk"]
    assert not found.well
    assert "falsetrue journal prune" in found.says


def test_with_a_key_callers_need_one(settings: Settings, started: Started) -> None:
    store, secret = KeyStore(started(settings)), load_secret(None, settings.state_folder)
    store.create(
        "desk", scopes=frozenset({Scope.CLASSIFY}), quota=None, lifetime=None, pepper=secret.key("x"), now=NOW, who="t"
    )
    assert "to callers with a key; 1 keys were made" in looked(settings)["callers"].says


def test_a_public_address_that_nobody_could_ask_is_to_be_mended(tmp_path: Path) -> None:
    found = looked(Settings(state_folder=tmp_path, host="0.0.0.0"))["callers"]  # noqa: S104
    assert not found.well
    assert "falsetrue keys create" in found.says


def test_without_a_journal_no_database_is_wanted(tmp_path: Path) -> None:
    found = looked(Settings(state_folder=tmp_path, journal=False))
    assert "FALSETRUE_JOURNAL is off" in found["database"].says


def test_without_an_audit_slice_alarms_of_harm_are_said_to_have_no_data(settings: Settings) -> None:
    found = looked(settings)["audit"]
    assert found.well
    assert "alarms of harm have no data" in found.says
    assert looked(Settings(state_folder=settings.state_folder, journal=False))["audit"] == found


def test_an_audit_slice_says_how_much_was_drawn_and_labelled(
    database_url: str, tmp_path: Path, started: Started
) -> None:
    settings = Settings(state_folder=tmp_path, database_url=database_url, audit="on", audit_daily=2)
    engine, maker = started(settings), Maker(NOW - timedelta(days=1))
    entries = [maker.entry(drawn=Drawn(rank=at, refused=at == 1, text=None if at == 1 else "text")) for at in range(3)]
    Journal(engine).write([Writing(entries=tuple(entries))])
    found = looked(settings)["audit"]
    assert found.well
    assert found.says.startswith("on: 2 predictions a day, drawn at random; of the last 30 days 2, of which 0 are")
    assert "1 wait, and 1 were not to be kept" in found.says


def test_it_says_when_the_last_look_was_and_whether_nobody_watches_any_more(
    settings: Settings, started: Started
) -> None:
    store = MonitorStore(started(settings))
    found = looked(settings)["monitor"]
    assert found.well
    assert "nobody watches" in found.says
    store.keep(kept(outcome=raised(store), report=report(made_at=NOW, until=NOW)), NOW)
    found = looked(settings, NOW + timedelta(days=1))["monitor"]
    assert found.well
    assert found.says == "the last look was on 2026-03-04 12:00 UTC, at 2026-03-03; open alarms: 1"
    found = looked(settings, NOW + timedelta(days=3))["monitor"]
    assert not found.well
    assert "2026-03-04 12:00 UTC" in found.says
    assert "nobody has watched since" in found.says


def test_an_audit_slice_of_nothing_is_to_be_mended(tmp_path: Path) -> None:
    found = looked(Settings(state_folder=tmp_path, journal=False, audit="on"))["audit"]
    assert not found.well
    assert "turn the journal on" in found.says


def test_spans_without_what_they_need_are_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    from falsetrue.service import spans

    monkeypatch.setattr(spans, "find_spec", lambda _name: None)
    found = doctor._spans(Settings(otel=True))  # noqa: SLF001
    assert not found.well
    assert "[otel]" in found.says
    assert doctor._spans(Settings()).well  # noqa: SLF001
