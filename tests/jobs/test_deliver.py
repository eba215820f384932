"""Sending to a real server, on this machine."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.jobs.receivers import SECRET, Authority, Inbox, is_signed, receiving
from tests.monitor.test_deliveries import raise_alarms

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.errors import InputError
from falsetrue.jobs.deliver import Receiver, Sent, deliver, receiver_of, send
from falsetrue.monitor.deliveries import Deliveries, Fate
from falsetrue.monitor.webhooks import RETRIES

NOW = datetime(2026, 3, 3, 4, 5, 6, tzinfo=UTC)
OLDER = "whsec_" + "B" * 32


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with receiving() as found:
        yield found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Engine]:
    opened = open_database(f"sqlite:///{tmp_path}/own.db")
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def deliveries(database: Engine) -> Deliveries:
    return Deliveries(database)


def receiver(url: str, *secrets: str) -> Receiver:
    found = receiver_of(url, secrets or (SECRET,))
    assert found is not None
    return found


def test_what_is_due_arrives_once_signed_as_it_was_written(
    database: Engine, deliveries: Deliveries, inbox: Inbox
) -> None:
    [alarm] = raise_alarms(database)
    assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent(delivered=1)
    assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent()
    [(path, headers, content)] = inbox.messages
    [delivery] = deliveries.newest()
    assert path == "/hook"
    assert is_signed(headers, content)
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (delivery.id, str(int(NOW.timestamp())))
    assert headers["content-type"] == "application/json"
    assert json.loads(content)["data"]["id"] == alarm.id
    assert delivery.fate is Fate.DELIVERED


def test_while_a_secret_is_replaced_a_receiver_may_have_either(inbox: Inbox) -> None:
    assert send(receiver(inbox.url, SECRET, OLDER), "1", "{}", NOW) is None
    [(_, headers, content)] = inbox.messages
    assert is_signed(headers, content, SECRET)
    assert is_signed(headers, content, OLDER)
    assert not is_signed(headers, content, "whsec_" + "C" * 32)


def test_what_failed_comes_again_with_its_id_and_a_new_time(
    database: Engine, deliveries: Deliveries, inbox: Inbox
) -> None:
    raise_alarms(database)
    inbox.statuses, inbox.body = [500], b"a secret of the receiver"
    assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent(failed=1)
    [failed] = deliveries.newest()
    assert failed.last_error == "HTTP 500"
    later = NOW + RETRIES[0] * 2
    assert deliver(deliveries, receiver(inbox.url), lambda: later) == Sent(delivered=1)
    assert len(set(inbox.ids)) == 1
    assert [headers["webhook-timestamp"] for _, headers, _ in inbox.messages] == [
        str(int(NOW.timestamp())),
        str(int(later.timestamp())),
    ]
    assert all(is_signed(headers, content) for _, headers, content in inbox.messages)


def test_a_round_ends_although_what_failed_is_soon_due_again(
    database: Engine, deliveries: Deliveries, inbox: Inbox
) -> None:
    raise_alarms(database, 2)
    inbox.statuses = [503] * 100
    passing = iter(NOW + timedelta(minutes=1) * number for number in range(1000))
    assert deliver(deliveries, receiver(inbox.url), lambda: next(passing)) == Sent(failed=2)


def test_after_the_last_attempt_it_is_given_up(database: Engine, deliveries: Deliveries, inbox: Inbox) -> None:
    raise_alarms(database)
    inbox.statuses = [404] * 100
    now = NOW
    for _ in RETRIES:
        assert deliver(deliveries, receiver(inbox.url), lambda: now) == Sent(failed=1)  # noqa: B023 - called at once
        now = deliveries.next_due() or now
    assert deliver(deliveries, receiver(inbox.url), lambda: now) == Sent(dead=1)
    assert deliveries.next_due() is None


def test_a_receiver_that_wants_no_more_gets_no_more(database: Engine, deliveries: Deliveries, inbox: Inbox) -> None:
    raise_alarms(database)
    inbox.statuses = [410]
    assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent(dead=1)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(inbox: Inbox, status: int) -> None:
    with receiving() as elsewhere:
        inbox.statuses, inbox.headers = [status], {"location": elsewhere.url}
        failure = send(receiver(inbox.url), "1", "{}", NOW)
        assert failure is not None
        assert failure.says == f"HTTP {status}"
        assert elsewhere.messages == []
    assert len(inbox.messages) == 1


def test_several_workers_at_once_send_each_message_once(database: Engine, deliveries: Deliveries, inbox: Inbox) -> None:
    raise_alarms(database, 20)
    with ThreadPoolExecutor(4) as workers:
        sent = list(workers.map(lambda _: deliver(deliveries, receiver(inbox.url), lambda: NOW), range(4)))
    assert sum(each.delivered for each in sent) == 20
    assert len(inbox.ids) == len(set(inbox.ids)) == 20


def test_it_ends_between_two_messages_when_it_is_told_to(
    database: Engine, deliveries: Deliveries, inbox: Inbox
) -> None:
    raise_alarms(database, 3)
    ended = iter([False, True])
    assert deliver(deliveries, receiver(inbox.url), lambda: NOW, is_ended=lambda: next(ended)) == Sent(delivered=1)
    assert deliveries.counts()[Fate.WAITING] == 2


def test_a_receiver_that_keeps_silent_is_left(inbox: Inbox) -> None:
    inbox.silence = threading.Event()
    failure = send(receiver(inbox.url), "1", "{}", NOW, patience=0.2)
    assert failure is not None
    assert failure.says == "no answer within 0.2 s"


def test_a_receiver_that_answers_in_drops_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        ended = threading.Event()

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not ended.wait(0.05):
                    connection.sendall(b"H")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        begun = time.monotonic()
        failure = send(receiver(f"http://127.0.0.1:{server.getsockname()[1]}/"), "1", "{}", NOW, patience=0.5)
        took = time.monotonic() - begun
        ended.set()
        thread.join()
    assert failure is not None
    assert failure.says == "no answer within 0.5 s"
    assert took < 10


def test_a_receiver_that_is_not_there_is_said_to_be_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    failure = send(receiver(f"http://127.0.0.1:{port}/secret-path"), "1", "{}", NOW)
    assert failure is not None
    assert failure.says == "Connection refused"


def test_nothing_that_a_receiver_says_is_kept() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"what the receiver says\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        failure = send(receiver(f"http://127.0.0.1:{server.getsockname()[1]}/"), "1", "{}", NOW)
        thread.join()
    assert failure is not None
    assert failure.says == "BadStatusLine"


def test_no_proxy_is_asked_for_this_machine(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    assert send(receiver(inbox.url), "1", "{}", NOW) is None


# --- TLS --------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """The only authority that this machine trusts, as its operator would have it do."""
    authority, file = Authority.made(), tmp_path / "authorities.pem"
    file.write_bytes(authority.pem())
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return authority


def test_a_message_arrives_by_tls_where_the_certificate_is_trusted(
    database: Engine, deliveries: Deliveries, trusted: Authority, tmp_path: Path
) -> None:
    raise_alarms(database)
    with receiving(trusted.server("127.0.0.1", tmp_path)) as inbox:
        assert inbox.url.startswith("https://")
        assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent(delivered=1)
    [(_, headers, content)] = inbox.messages
    assert is_signed(headers, content)


@pytest.mark.parametrize("wrong", ["issuer", "address"])
def test_a_certificate_of_another_authority_or_address_gets_nothing_and_the_message_waits(
    database: Engine, deliveries: Deliveries, trusted: Authority, tmp_path: Path, wrong: str
) -> None:
    raise_alarms(database)
    server = {
        "issuer": lambda: Authority.made().server("127.0.0.1", tmp_path),
        "address": lambda: trusted.server("127.0.0.2", tmp_path),
    }
    with receiving(server[wrong]()) as inbox:
        assert deliver(deliveries, receiver(inbox.url), lambda: NOW) == Sent(failed=1)
        assert inbox.messages == []
    [delivery] = deliveries.newest()
    assert delivery.fate is Fate.WAITING
    assert delivery.last_error is not None
    assert "its certificate cannot be trusted" in delivery.last_error
    assert wrong in delivery.last_error
    with receiving(trusted.server("127.0.0.1", tmp_path)) as mended:
        assert deliver(deliveries, receiver(mended.url), lambda: NOW + timedelta(minutes=1)) == Sent(delivered=1)
    assert mended.ids == [delivery.id]


def test_without_an_address_there_is_no_receiver_and_a_secret_alone_is_a_mistake() -> None:
    assert receiver_of(None, ()) is None
    with pytest.raises(InputError, match="FALSETRUE_WEBHOOK_URL is not"):
        receiver_of(None, (SECRET,))
    with pytest.raises(InputError, match="FALSETRUE_WEBHOOK_SECRET"):
        receiver_of("https://hooks.example/", ())


def test_a_receiver_shows_neither_its_address_nor_its_secret() -> None:
    shown = repr(receiver("https://hooks.example/secret-path"))
    assert "secret-path" not in shown
    assert "keys" not in shown
