import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from sqlalchemy import Engine
from tests.jobs.receivers import SECRET, Inbox, is_signed, receiving
from tests.monitor.test_deliveries import raise_alarms
from typer.testing import CliRunner, Result

from falsetrue.cli import monitor_webhook
from falsetrue.cli.exit_codes import BAD_INPUT
from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.errors import InputError
from falsetrue.monitor.deliveries import Deliveries, Fate

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """The database that the command line uses."""
    url = f"sqlite:///{tmp_path}/own.db"
    monkeypatch.setenv("FALSETRUE_DATABASE_URL", url)
    opened = open_database(url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Inbox]:
    """The receiver that is set."""
    with receiving() as found:
        monkeypatch.setenv("FALSETRUE_WEBHOOK_URL", found.url)
        monkeypatch.setenv("FALSETRUE_WEBHOOK_SECRET", SECRET)
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(monitor_webhook.app, arguments)


def test_a_trial_arrives_signed(inbox: Inbox) -> None:
    done = run("test")
    assert done.exit_code == 0, done.output
    [(_, headers, content)] = inbox.messages
    assert is_signed(headers, content)
    assert json.loads(content)["type"] == "webhook.test"
    assert done.stdout == f"{headers['webhook-id']}: delivered\n"


def test_a_trial_that_does_not_arrive_says_why_without_address_or_secret(inbox: Inbox) -> None:
    inbox.statuses = [500, 500]
    done = run("test")
    assert done.exit_code == BAD_INPUT
    assert "HTTP 500" in done.stderr
    as_json = run("test", "--json")
    assert as_json.exit_code == BAD_INPUT
    assert json.loads(as_json.stdout)["error"] == "HTTP 500"
    assert not any(hidden in done.output + as_json.output for hidden in (SECRET[6:], inbox.url))


def test_without_an_address_there_is_nothing_to_try() -> None:
    done = run("test")
    assert isinstance(done.exception, InputError)
    assert "FALSETRUE_WEBHOOK_URL is not set" in str(done.exception)


def test_deliveries_are_listed_with_what_became_of_them(engine: Engine) -> None:
    assert run("list").stdout == "no deliveries\n"
    raise_alarms(engine, 2)
    deliveries, now = Deliveries(engine), datetime.now(UTC)
    dead = deliveries.take(now, due=now)
    assert dead is not None
    deliveries.failed(dead, "HTTP 410", now, is_final=True)
    newest, oldest = run("list").stdout.splitlines()
    assert oldest.startswith(dead.id)
    assert "given up" in oldest
    assert oldest.endswith("attempts: 1; HTTP 410")
    assert "waiting until 2026-03-03 04:05 UTC; attempts: 0" in newest
    as_json = json.loads(run("list", "--json").stdout)
    assert [each["fate"] for each in as_json] == ["waiting", "dead"]


def test_what_was_given_up_is_sent_again_when_asked(engine: Engine, inbox: Inbox) -> None:
    raise_alarms(engine)
    deliveries, now = Deliveries(engine), datetime.now(UTC)
    dead = deliveries.take(now, due=now)
    assert dead is not None
    deliveries.failed(dead, "HTTP 410", now, is_final=True)
    assert run("resend", dead.id[:30]).exit_code == 0
    assert monitor_webhook.deliver_due() is None
    assert inbox.ids == [dead.id]
    assert deliveries.counts()[Fate.DELIVERED] == 1


def test_a_round_says_on_standard_error_what_failed_and_when_there_is_more_to_do(
    engine: Engine, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    raise_alarms(engine)
    inbox.statuses = [500]
    begun = datetime.now(UTC)
    again = monitor_webhook.deliver_due()
    assert again is not None
    assert again > begun
    said = capsys.readouterr()
    assert said.out == ""
    assert "1 could not be delivered" in said.err


def test_without_a_receiver_nothing_is_sent(engine: Engine) -> None:
    raise_alarms(engine)
    assert monitor_webhook.deliver_due() is None
    assert Deliveries(engine).counts()[Fate.WAITING] == 1


def test_doctor_says_whether_alarms_are_told_and_what_was_given_up(falsetrue: Run, engine: Engine) -> None:
    def says(**environment: str) -> str:
        lines = falsetrue("doctor", **environment).stdout.splitlines()
        return next(line for line in lines if " webhook: " in line)

    assert says().startswith("ok    webhook: none")
    there = {"FALSETRUE_WEBHOOK_URL": "https://hooks.example/secret-path", "FALSETRUE_WEBHOOK_SECRET": SECRET}
    assert says(**there).startswith("ok    webhook: alarms are told")
    assert says(FALSETRUE_WEBHOOK_SECRET=SECRET).startswith("MEND  webhook: ")
    assert says(**there | {"FALSETRUE_WEBHOOK_URL": "http://hooks.example/"}).startswith("MEND  webhook: ")
    raise_alarms(engine)
    now = datetime.now(UTC)
    dead = Deliveries(engine).take(now, due=now)
    assert dead is not None
    Deliveries(engine).failed(dead, "HTTP 410", now, is_final=True)
    said = says(**there)
    assert said.startswith("MEND  webhook: 1 messages were given up")
    assert "secret-path" not in said
    assert SECRET[6:] not in said


def test_the_verbs_may_be_added_to_others() -> None:
    app = typer.Typer()
    app.add_typer(monitor_webhook.app, name="webhook")
    assert CliRunner().invoke(app, ["webhook", "--help"]).exit_code == 0
