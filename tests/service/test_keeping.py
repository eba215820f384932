"""What is said is written down, and said again to a request that is repeated."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, MARK, RANT, V1, Served, Start

from falsetrue.journal.identifiers import is_identifier
from falsetrue.news.article import join_title_and_text

V1_FEEDBACK = "/v1/feedback"


@pytest.fixture(scope="module")
def kept(start: Start, tmp_path_factory: pytest.TempPathFactory) -> tuple[Served, Path]:
    """A service of its own, and its database."""
    folder = tmp_path_factory.mktemp("kept")
    return start(FALSETRUE_STATE_FOLDER=str(folder)), folder / "falsetrue.db"


@pytest.fixture
def client(kept: tuple[Served, Path]) -> httpx2.Client:
    return kept[0].client


def rows(kept: tuple[Served, Path], query: str, *values: object) -> list[tuple[Any, ...]]:
    """What stands in the database."""
    with closing(sqlite3.connect(kept[1])) as connection:
        return connection.execute(query, values).fetchall()


def classify(client: httpx2.Client, *items: dict[str, Any], key: str | None = None, **more: Any) -> httpx2.Response:
    headers = {} if key is None else {"idempotency-key": key}
    return client.post(V1, json={"items": list(items), **more}, headers=headers)


def listed(client: httpx2.Client, **query: str | int) -> Any:
    answer = client.get(V1, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["classifications"]


# --- every prediction is one row -------------------------------------------------------------------


def test_every_result_has_the_identifier_of_its_row(client: httpx2.Client, kept: tuple[Served, Path]) -> None:
    answer = classify(client, {"id": "mine", "title": "A title", "text": DISPATCH}, {"text": ""}, {"text": RANT}).json()
    first, empty, last = (result["prediction_id"] for result in answer["results"])
    assert is_identifier(first)
    assert is_identifier(last)
    assert empty is None
    (row,) = rows(
        kept,
        "SELECT route, item_id, model_version, policy, label, p_real, action, language, characters, key_id, latency "
        "FROM predictions WHERE id = ?",
        first,
    )
    result = answer["results"][0]
    assert row[:9] == (
        V1,
        "mine",
        answer["model"]["version"],
        answer["policy"],
        result["label"],
        result["p_real"],
        result["action"],
        "en",
        len(join_title_and_text("A title", DISPATCH)),
    )
    assert row[9] is None
    assert 0 < row[10] < 60
    assert len(rows(kept, "SELECT 1 FROM predictions WHERE id IN (?, ?)", first, last)) == 2


def test_the_first_route_leaves_a_row_for_each_text_and_the_page_for_its_own(
    client: httpx2.Client, kept: tuple[Served, Path]
) -> None:
    count = "SELECT count(*) FROM predictions WHERE route = ?"
    legacy, page = rows(kept, count, LEGACY)[0][0], rows(kept, count, "page")[0][0]
    answer = client.post(LEGACY, json={"texts": [DISPATCH, "", RANT]}).json()["is_falsetrue"]
    assert client.post("/", data={"text": RANT}).status_code == 200
    file = b"title,text\r\nOne," + DISPATCH.replace(",", "").encode() + b"\r\nTwo,=cmd\r\n"
    assert client.post("/upload", files={"file": ("news.csv", file)}).status_code == 200
    assert rows(kept, count, LEGACY)[0][0] == legacy + 3
    assert rows(kept, count, "page")[0][0] == page + 3
    newest = rows(kept, "SELECT label FROM predictions WHERE route = ? ORDER BY id DESC LIMIT 3", LEGACY)
    assert [label == "real" for (label,) in reversed(newest)] == [bool(one) for one in answer]


def test_no_text_is_kept_unless_the_caller_says_so(client: httpx2.Client, kept: tuple[Served, Path]) -> None:
    marked = f"{MARK} {DISPATCH}"
    without = classify(client, {"text": marked}).json()["results"][0]["prediction_id"]
    refused = classify(client, {"text": marked}, store=False).json()["results"][0]["prediction_id"]
    files = [kept[1], kept[1].with_name(kept[1].name + "-wal")]
    assert not any(MARK.encode() in file.read_bytes() for file in files if file.exists())
    stored = classify(client, {"title": "T", "text": marked}, store=True).json()["results"][0]["prediction_id"]
    query = "SELECT id, title, text FROM predictions WHERE id IN (?, ?, ?) ORDER BY id"
    found = rows(kept, query, without, refused, stored)
    assert found == [(without, None, None), (refused, None, None), (stored, "T", marked)]


def test_the_operator_may_have_texts_kept_and_the_caller_refuse_that(start: Start) -> None:
    served = start(FALSETRUE_STORE_TEXT="on")
    classify(served.client, {"text": DISPATCH})
    classify(served.client, {"text": RANT}, store=False)
    assert [one["text"] for one in listed(served.client)] == [None, DISPATCH]


def test_equal_texts_have_equal_hashes_and_sketches_and_others_do_not(
    client: httpx2.Client, kept: tuple[Served, Path]
) -> None:
    results = classify(client, {"text": DISPATCH}, {"text": DISPATCH}, {"text": RANT}).json()["results"]
    marks = [
        rows(kept, "SELECT text_hash, sketch FROM predictions WHERE id = ?", one["prediction_id"])[0] for one in results
    ]
    assert marks[0] == marks[1]
    assert marks[0][0] != marks[2][0]
    assert marks[0][1] != marks[2][1]


def test_without_a_journal_nothing_has_an_identifier_and_nothing_is_listed(start: Start) -> None:
    served = start(FALSETRUE_JOURNAL="off")
    assert classify(served.client, {"text": DISPATCH}).json()["results"][0]["prediction_id"] is None
    assert served.client.post(LEGACY, json={"texts": [DISPATCH]}).json() == {"is_falsetrue": [1]}
    assert served.client.get(V1).json()["type"] == "urn:falsetrue:problem:journal_off"
    refused = classify(served.client, {"text": DISPATCH}, key="a")
    assert refused.json()["type"] == "urn:falsetrue:problem:invalid_idempotency_key"


# --- repeated requests -----------------------------------------------------------------------------


def test_a_repeated_request_gets_the_same_answer_and_no_further_row(
    client: httpx2.Client, kept: tuple[Served, Path]
) -> None:
    first = classify(client, {"text": DISPATCH}, {"text": RANT}, key='"once"')
    count = rows(kept, "SELECT count(*) FROM predictions")[0][0]
    again = classify(client, {"text": DISPATCH}, {"text": RANT}, key="once")
    assert again.content == first.content
    assert rows(kept, "SELECT count(*) FROM predictions")[0][0] == count


def test_the_same_key_with_another_body_is_422_and_on_another_route_another_key(client: httpx2.Client) -> None:
    assert classify(client, {"text": DISPATCH}, key="shared").status_code == 200
    other = classify(client, {"text": RANT}, key="shared")
    assert (other.status_code, other.json()["type"]) == (422, "urn:falsetrue:problem:idempotency_key_reused")
    legacy = client.post(LEGACY, json={"texts": [DISPATCH]}, headers={"idempotency-key": "shared"})
    assert legacy.json() == {"is_falsetrue": [1]}


@pytest.mark.parametrize("key", [b"", b'""', b"x" * 256, "ñ".encode(), b'"a'])
def test_a_key_that_is_none_is_400(client: httpx2.Client, key: bytes) -> None:
    body = json.dumps({"items": [{"text": DISPATCH}]}).encode()
    headers = {b"content-type": b"application/json", b"idempotency-key": key}
    answer = client.post(V1, content=body, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (400, "urn:falsetrue:problem:invalid_idempotency_key")


def test_a_request_that_failed_may_be_sent_again_under_its_key(client: httpx2.Client) -> None:
    assert classify(client, {"text": DISPATCH}, policy="none@1", key="failed").status_code == 422
    assert classify(client, {"text": DISPATCH}, key="failed").status_code == 200


def test_of_many_at_once_with_one_key_one_is_written(client: httpx2.Client, kept: tuple[Served, Path]) -> None:
    count = rows(kept, "SELECT count(*) FROM predictions")[0][0]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: classify(client, {"text": DISPATCH * 80}, key="crowd"), range(24)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert rows(kept, "SELECT count(*) FROM predictions")[0][0] == count + 1


# --- what was said, and what it should have been ------------------------------------------------------


def test_what_was_said_is_listed_the_latest_first_page_by_page(client: httpx2.Client) -> None:
    said = classify(client, *({"id": f"page-{number}", "text": RANT} for number in range(7))).json()["results"]
    query: dict[str, str | int] = {"route": V1, "limit": 3}
    found: list[str] = []
    while len(found) < 7:
        page = client.get(V1, params=query).json()
        found += [one["prediction_id"] for one in page["classifications"]]
        query["page_token"] = page["next_page_token"]
    assert found[:7] == [one["prediction_id"] for one in reversed(said)]


def test_lists_are_filtered(client: httpx2.Client) -> None:
    classify(client, {"id": "filtered", "text": DISPATCH}, {"id": "filtered", "text": RANT})
    assert [one["label"] for one in listed(client, id="filtered")] == ["false", "real"]
    assert [one["label"] for one in listed(client, id="filtered", label="real")] == ["real"]
    assert listed(client, id="filtered", until="2020-01-01T00:00:00Z") == []
    assert len(listed(client, id="filtered", since="2020-01-01T00:00:00+01:00")) == 2


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"},
        {"limit": "many"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"until": "253402300800"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"label": "true"},
        {"lable": "real"},
        {"page_token": "AAAA"},
        {"page_token": "ñ"},
        {"id": "a\0b"},
    ],
    ids=lambda query: "-".join(f"{name}" for name in query),
)
def test_a_query_that_cannot_be_used_is_422(client: httpx2.Client, query: dict[str, str]) -> None:
    answer = client.get(V1, params=query)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:falsetrue:problem:invalid_query")


def test_a_page_token_is_of_no_use_with_another_query(client: httpx2.Client) -> None:
    classify(client, {"text": DISPATCH}, {"text": DISPATCH})
    token = client.get(V1, params={"limit": 1, "label": "real"}).json()["next_page_token"]
    assert client.get(V1, params={"limit": 1, "label": "real", "page_token": token}).status_code == 200
    assert client.get(V1, params={"limit": 1, "label": "false", "page_token": token}).status_code == 422


def test_feedback_stands_beside_what_was_said(client: httpx2.Client) -> None:
    identifier = classify(client, {"id": "wrong", "text": DISPATCH}).json()["results"][0]["prediction_id"]
    given = {"prediction_id": identifier, "label": "false", "reason": "the minister denied it"}
    for _ in range(2):
        assert client.post(V1_FEEDBACK, json=given).json() == {"prediction_id": identifier, "label": "false"}
    (found,) = listed(client, id="wrong")
    assert [(one["label"], one["reason"]) for one in found["feedback"]] == [("false", "the minister denied it")]


@pytest.mark.parametrize("identifier", ["01a20919-f241-74db-a882-84443cc549b5", "", "x", "' OR 1=1 --"])
def test_feedback_on_nothing_is_404(client: httpx2.Client, identifier: str) -> None:
    answer = client.post(V1_FEEDBACK, json={"prediction_id": identifier, "label": "real"})
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:falsetrue:problem:unknown_prediction")


@pytest.mark.parametrize("body", [{}, {"prediction_id": "x"}, {"prediction_id": "x", "label": "unsure"}, []])
def test_feedback_that_says_nothing_is_422(client: httpx2.Client, body: Any) -> None:
    assert client.post(V1_FEEDBACK, json=body).status_code == 422
