"""What is drawn for people to label, while requests are answered over real HTTP."""

import sqlite3
from collections import defaultdict
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
from tests.service.conftest import DISPATCH, LEGACY, MARK, RANT, V1, Start

from falsetrue.database.engine import open_database
from falsetrue.database.secret import load_secret
from falsetrue.journal.audit_items import AuditItems
from falsetrue.journal.auditing import rank_of

DAILY = 3


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What stands in the database."""
    with closing(sqlite3.connect(folder / "falsetrue.db")) as connection:
        return connection.execute(query).fetchall()


def settings(folder: Path, **more: str) -> dict[str, Any]:
    """Of a service that draws a few."""
    return {
        "FALSETRUE_STATE_FOLDER": str(folder),
        "FALSETRUE_AUDIT": "on",
        "FALSETRUE_AUDIT_DAILY": str(DAILY),
        **more,
    }


def lowest(folder: Path) -> list[str]:
    """The predictions that are the slices of their days, by the slow way: all ranks in order."""
    key = load_secret(None, folder).key("audit")
    days = defaultdict(list)
    for identifier, day in rows(folder, "SELECT id, substr(created_at, 1, 10) FROM predictions"):
        days[day].append((rank_of(identifier, key), identifier))
    return sorted(identifier for ranks in days.values() for _, identifier in sorted(ranks)[:DAILY])


def shown(folder: Path) -> list[str]:
    """The predictions that people are asked about, once the day is over."""
    engine = open_database(f"sqlite:///{folder}/falsetrue.db")
    items = AuditItems(engine, daily=DAILY).items(datetime.now(UTC) + timedelta(days=1))
    found = sorted(item.prediction_id for item in items)
    engine.dispose()
    return found


def ask(client: httpx2.Client, number: int, **more: Any) -> None:
    for at in range(number):
        items = [{"title": f"{MARK} {at}", "text": DISPATCH}, {"text": ""}, {"text": RANT}]
        assert client.post(V1, json={"items": items, **more}).status_code == 200


def test_the_slice_is_the_lowest_of_all_that_any_worker_said_before_and_after_a_restart(
    start: Start, tmp_path: Path
) -> None:
    for _ in range(2):
        served = start("--workers", "2", **settings(tmp_path))
        for _ in range(20):
            with httpx2.Client(base_url=served.url, trust_env=False) as client:  # of either worker
                ask(client, 2)
                assert client.post(LEGACY, json={"texts": [DISPATCH, "", RANT]}).status_code == 200
                assert client.post("/", data={"text": RANT}).status_code == 200
        served.stop()
    assert shown(tmp_path) == lowest(tmp_path)
    (kept,), (said,) = rows(tmp_path, "SELECT count(*) FROM audit_items UNION ALL SELECT count(*) FROM predictions")
    assert said == 2 * 20 * (2 * 2 + 3 + 1)
    assert DAILY <= kept < said / 2


def test_what_is_drawn_holds_the_text_that_was_sent_and_what_was_said_of_it(start: Start, tmp_path: Path) -> None:
    served = start(**settings(tmp_path))
    answer = served.client.post(V1, json={"items": [{"title": "A title", "text": DISPATCH}]}).json()["results"][0]
    (row,) = rows(tmp_path, "SELECT prediction_id, title, text, p_real, said, language, refused FROM audit_items")
    assert row == (answer["prediction_id"], "A title", DISPATCH, answer["p_real"], answer["label"], "en", 0)
    assert rows(tmp_path, "SELECT title, text FROM predictions") == [(None, None)]


def test_what_a_caller_forbids_to_keep_is_drawn_all_the_same_without_its_text(start: Start, tmp_path: Path) -> None:
    served = start(**settings(tmp_path, FALSETRUE_STORE_TEXT="on"))
    ask(served.client, 10, store=False)
    assert shown(tmp_path) == lowest(tmp_path)
    assert set(rows(tmp_path, "SELECT title, text, refused FROM audit_items")) == {(None, None, 1)}
    assert not any(MARK.encode() in file.read_bytes() for file in tmp_path.iterdir() if file.is_file())


def test_a_caller_that_does_not_forbid_it_may_be_drawn_with_its_text(start: Start, tmp_path: Path) -> None:
    served = start(**settings(tmp_path, FALSETRUE_AUDIT_DAILY="4"))
    ask(served.client, 1, store=None)
    ask(served.client, 1, store=True)
    assert rows(tmp_path, "SELECT count(*), count(text), sum(refused) FROM audit_items") == [(4, 4, 0)]


def test_a_request_that_is_repeated_is_drawn_once(start: Start, tmp_path: Path) -> None:
    served = start(**settings(tmp_path))
    for _ in range(2):
        served.client.post(V1, json={"items": [{"text": RANT}]}, headers={"idempotency-key": "one"})
    assert rows(tmp_path, "SELECT count(*) FROM audit_items") == [(1,)]


def test_nothing_is_drawn_unless_the_operator_wants_it(start: Start, tmp_path: Path) -> None:
    served = start(**settings(tmp_path, FALSETRUE_AUDIT="off"))
    ask(served.client, 2)
    assert rows(tmp_path, "SELECT count(*) FROM audit_items") == [(0,)]
