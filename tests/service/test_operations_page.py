"""The operator's view over real HTTP: what it says of a service that was asked this and that, and to whom."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, MARK, RANT, V1, Served, Start, wait_until
from tests.service.test_admission import keys
from tests.service.test_page import words
from tests.service.test_sign_in import Closed, Visit, closed, visit

__all__ = ["closed", "visit"]  # fixtures

OPS = "/ops"


@pytest.fixture
def fresh(start: Start) -> Iterator[httpx2.Client]:
    """A client, who reads English, of a service that nobody has asked anything."""
    served = start()
    with httpx2.Client(base_url=served.url, timeout=20, trust_env=False, headers={"accept-language": "en"}) as client:
        yield client


def seen(client: httpx2.Client, **headers: str) -> str:
    """The words of the view, once the journal is counted."""

    def counted() -> bool:
        return "still being counted" not in words(client.get(OPS, headers=headers))

    wait_until(counted, "the journal is counted")
    return words(client.get(OPS, headers=headers))


def part(client: httpx2.Client, name: str) -> str:
    """The words of one part of it."""
    page = client.get(OPS).text
    found = re.search(rf'<(\w+)[^>]* id="{name}"[^>]*>(.*?)</\1>', page, flags=re.DOTALL)
    assert found, name
    return " ".join(re.sub(r"<[^>]*>", " ", found[2]).split())


# --- empty -----------------------------------------------------------------------------------------


def test_a_service_that_was_asked_nothing_says_so(fresh: httpx2.Client) -> None:
    wait_until(lambda: "Processes that are ready 1 of 1" in words(fresh.get(OPS)), "it is seen that it is ready")
    said = seen(fresh)
    assert "Nothing was classified yet." in said
    assert "Nobody has a key." in said
    assert "Database there" in said
    assert "The first minute is not over." in said
    assert fresh.get(OPS).headers["cache-control"] == "no-store"


def test_without_a_journal_the_view_is_of_the_time_since_the_start(start: Start) -> None:
    served = start(FALSETRUE_JOURNAL="no")
    served.client.post(LEGACY, json={"texts": [DISPATCH]})
    said = words(served.client.get(OPS))
    assert "This service keeps no journal" in said
    assert "No journal is kept." in said
    assert f"POST {LEGACY} 1 200 1" in said
    assert "Last 30 days" not in said
    assert "Nothing was classified yet." not in said


# --- what was asked --------------------------------------------------------------------------------


def test_what_was_asked_is_there_by_route_status_and_code(fresh: httpx2.Client) -> None:
    fresh.post(V1, json={"items": [{"text": DISPATCH}]})
    fresh.post(V1, json={"items": [{"text": RANT}]})
    fresh.post(V1, content=b"x" * 9_000_000, headers={"content-type": "application/json"})
    fresh.post(LEGACY, json={"texts": []})
    assert f"POST {V1} 3 200 2 413 1" in part(fresh, "routes")
    assert f"POST {LEGACY} 1 200 1" in part(fresh, "routes")
    assert re.search(rf"{V1} [\d.]+.m?s [\d.]+.m?s [\d.]+.m?s", part(fresh, "speeds"))
    assert "all with a status of 400 to 499 1" in part(fresh, "refusals")
    assert "all with a status of 500 or more 0" in part(fresh, "refusals")


def test_what_was_said_is_there_since_the_start_and_from_the_journal(fresh: httpx2.Client) -> None:
    fresh.post(V1, json={"items": [{"text": DISPATCH}, {"text": RANT}, {"text": "Too short."}]})
    seen(fresh)
    wait_until(lambda: "Likely real 1 1 1" in part(fresh, "by-label"), "the journal is counted anew")
    assert part(fresh, "by-label") == "Likely false 1 1 1 Likely real 1 1 1 No decision 1 1 1"
    assert "No action needed 1 1 1" in part(fresh, "by-action")
    assert "too few words 1 1 1" in part(fresh, "by-reason")
    assert "English 2 2 2" in part(fresh, "by-language")
    hours, days = part(fresh, "hours-rows").split(" 1 1 1")[0], part(fresh, "days-rows")
    assert re.fullmatch(r"\d\d-\d\d \d\d:00", hours)  # the newest first
    assert re.match(r"\d{4}-\d\d-\d\d 1 1 1 \d{4}-\d\d-\d\d 0 0 0", days)
    assert re.search(r"Rows of the last 30 days 3 Rows written since the start 3", seen(fresh))
    model = fresh.get("/v1/model").json()
    assert part(fresh, "versions") == f"{model['name']}@{model['version']} 3 3"
    assert model["version"] in part(fresh, "models")


def test_a_service_that_was_started_again_knows_its_past(start: Start, tmp_path: Path) -> None:
    first = start(FALSETRUE_STATE_FOLDER=str(tmp_path))
    first.client.post(V1, json={"items": [{"text": DISPATCH}]})
    first.stop()
    again = start(FALSETRUE_STATE_FOLDER=str(tmp_path))
    assert "Texts classified since the start 0" in seen(again.client)
    assert part(again.client, "by-label") == "Likely real 0 1 1"


def test_workers_are_counted_together(start: Start) -> None:
    served = start(FALSETRUE_WORKERS="2")
    wait_until(lambda: "Processes that are ready 2 of 2" in words(served.client.get(OPS)), "both are ready")
    assert re.fullmatch(r"0 1 [\d.]+.MB 1 1 [\d.]+.MB", part(served.client, "workers"))


@pytest.mark.usefixtures("quiet")
def test_no_text_and_nothing_that_callers_choose_is_read_as_html(client: httpx2.Client) -> None:
    client.post(V1, json={"items": [{"id": f"<i>{MARK}", "text": f"{MARK} <i>{DISPATCH}", "language": "<i>"}]})
    page = client.get(OPS).text
    assert "<i>" not in page
    assert MARK not in page


# --- keys ------------------------------------------------------------------------------------------


def test_keys_are_there_with_what_they_were_used_for_and_never_whole(closed: Closed, visit: Visit) -> None:
    made = {
        "used": keys(closed.folder, "create", "--name", "used", "--scopes", "classify,read", "--quota", "600/min"),
        "gone": keys(closed.folder, "create", "--name", "gone", "--expires", "30d"),
    }
    keys(closed.folder, "revoke", "gone")
    asked, shown = {"items": [{"text": DISPATCH}]}, {"x-api-key": made["used"]}
    wait_until(lambda: closed.served.client.post(V1, json=asked, headers=shown).status_code == 200, "the new key")
    with visit("admin") as client:
        seen(client)
        wait_until(lambda: "600/min" in part(client, "keys"), "the key is shown")
        said = part(client, "keys")
        page = client.get(OPS).text
    assert re.search(rf"used {made['used'][:8]}… key_\w{{16}} live classify, read 600/min \S+ \S* ?\S* ?for ever", said)
    assert re.search(rf"gone {made['gone'][:8]}… key_\w{{16}} revoked \S+ \d\d:\d\d classify . never", said)
    assert re.search(r"metrics \S+ key_\w{16} live metrics . never for ever \d+ 0 0", said)
    assert said.index("used") < said.index("gone")
    assert not any(key[8:] in page for key in (*made.values(), *closed.keys.values()))


def test_the_view_is_for_operators_alone(closed: Closed, visit: Visit) -> None:
    with visit() as client:
        assert client.get(OPS).headers["location"] == "/sign-in?to=/ops"
    for name, status in (("classify", 403), ("metrics", 403), ("admin", 200)):
        with visit(name) as client:
            assert client.get(OPS).status_code == status
        assert closed.served.client.get(OPS, headers={"x-api-key": closed.keys[name]}).status_code == status


def test_it_is_in_spanish_too(server: Served) -> None:
    said = words(server.client.get(OPS, params={"lang": "es"}))
    server.client.cookies.clear()
    assert "Cómo va este servicio" in said
    assert re.search(r"Procesos listos \d de 1", said)
    assert "Probablemente real" in said


def test_a_database_that_is_away_is_said(start: Start, tmp_path: Path) -> None:
    served = start(FALSETRUE_STATE_FOLDER=str(tmp_path), FALSETRUE_JOURNAL_WHEN_DOWN="degrade")
    seen(served.client)
    other = sqlite3.connect(tmp_path / "falsetrue.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        assert '"journaled":false' in served.client.post(V1, json={"items": [{"text": DISPATCH}]}).text
        wait_until(lambda: "Database away" in words(served.client.get(OPS)), "the database is away")
        assert "In the spool, for when the database is back 1" in words(served.client.get(OPS))
    finally:
        other.close()
    wait_until(lambda: "Database there" in words(served.client.get(OPS)), "the database is back")
