"""Items that are answered with an error are counted, so that a feed that loses its texts is seen."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, V1, Served, Start


@pytest.fixture(scope="module")
def kept(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Path]:
    """A service of its own, and its state folder."""
    folder = tmp_path_factory.mktemp("refused")
    return start(FALSETRUE_STATE_FOLDER=str(folder), FALSETRUE_MAX_TEXT_BYTES="5000"), folder


def rows(folder: Path) -> list[tuple[Any, ...]]:
    """What stands in the database."""
    with closing(sqlite3.connect(folder / "falsetrue.db")) as connection:
        query = "SELECT key_id, code, sum(items) FROM refused_items GROUP BY key_id, code ORDER BY code"
        return connection.execute(query).fetchall()


def total(folder: Path) -> dict[str, int]:
    return {code: items for _, code, items in rows(folder)}


def figures(client: httpx2.Client) -> dict[str, int]:
    line = re.compile(r'^falsetrue_refused_items_total\{code="(\w+)"\} (\d+)', re.MULTILINE)
    found = line.findall(client.get("/metrics").text)
    return {code: int(count) for code, count in found}


def classify(client: httpx2.Client, *texts: str, **headers: str) -> httpx2.Response:
    items = [{"title": "A headline of its own", "text": text} for text in texts]
    return client.post(V1, json={"items": items}, headers=headers)


def since(before: dict[str, int], now: dict[str, int]) -> dict[str, int]:
    return {code: count - before.get(code, 0) for code, count in now.items() if count != before.get(code, 0)}


def test_they_are_counted_by_code_in_the_journal_and_in_the_figures(kept: tuple[Served, Path]) -> None:
    client, folder = kept[0].client, kept[1]
    before = total(folder), figures(client)
    assert classify(client, DISPATCH, "", "  \n", "a" * 6000).status_code == 200
    wanted = {"empty": 2, "too_long": 1}
    assert since(before[0], total(folder)) == since(before[1], figures(client)) == wanted


def test_a_request_of_nothing_but_empty_texts_is_counted(kept: tuple[Served, Path]) -> None:
    client, folder = kept[0].client, kept[1]
    before = total(folder)
    assert "journaled" not in classify(client, "", "").json()
    assert since(before, total(folder)) == {"empty": 2}


def test_a_request_that_is_repeated_under_its_key_counts_once(kept: tuple[Served, Path]) -> None:
    client, folder = kept[0].client, kept[1]
    before = total(folder), figures(client)
    for _ in range(3):
        assert classify(client, "", "", **{"idempotency-key": "once"}).status_code == 200
    assert since(before[0], total(folder)) == since(before[1], figures(client)) == {"empty": 2}


def test_the_first_route_refuses_no_text_and_journals_empty_ones(kept: tuple[Served, Path]) -> None:
    client, folder = kept[0].client, kept[1]
    before = total(folder)
    query = "SELECT count(*) FROM predictions WHERE route = '/falsetrue' AND words = 0"
    assert client.post(LEGACY, json={"texts": ["", "  "]}).status_code == 200
    with closing(sqlite3.connect(folder / "falsetrue.db")) as connection:
        assert connection.execute(query).fetchone() == (2,)
    assert total(folder) == before


def test_without_a_journal_they_are_in_the_figures_alone(start: Start) -> None:
    client = start(FALSETRUE_JOURNAL="off").client
    before = figures(client)
    classify(client, DISPATCH, "")
    assert since(before, figures(client)) == {"empty": 1}


@pytest.mark.parametrize("texts", [(DISPATCH, ""), ("",)], ids=["some", "all"])
def test_a_feed_that_loses_its_texts_is_a_drift_of_the_watch_for_empty_ones(
    start: Start, tmp_path: Path, texts: tuple[str, ...]
) -> None:
    client = start(FALSETRUE_STATE_FOLDER=str(tmp_path)).client
    for _ in range(6):
        assert classify(client, *(texts * 50)).status_code == 200
    report = monitor_report(tmp_path)
    (empty,) = [each for each in report["findings"] if each["watch"] == "empty" and not any(each["subject"].values())]
    assert (empty["state"], empty["current"]) == ("drift", 1 / len(texts))
    assert empty["texts"] == 300 * len(texts)
    assert report["texts"] == 300 * (len(texts) - 1)


def monitor_report(folder: Path) -> Any:
    command = [sys.executable, "-m", "falsetrue", "monitor", "report", "--json"]
    environment = {**os.environ, "FALSETRUE_STATE_FOLDER": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 10, done.stderr
    return json.loads(done.stdout)
