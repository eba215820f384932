"""``POST /falsetrue``, byte for byte."""

import json

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, MARK, RANT

JSON = {"content-type": "application/json"}


def post(client: httpx2.Client, body: object, **headers: str) -> httpx2.Response:
    return client.post(LEGACY, content=json.dumps(body).encode(), headers=JSON | headers)


def test_a_dispatch_is_1_and_a_rant_is_0(client: httpx2.Client) -> None:
    answer = post(client, {"texts": [DISPATCH, RANT]})
    assert answer.status_code == 200
    assert answer.content == b'{"is_falsetrue":[1,0]}'


def test_answers_keep_the_order_of_the_texts(client: httpx2.Client) -> None:
    texts = [RANT, DISPATCH, DISPATCH, RANT, DISPATCH]
    assert post(client, {"texts": texts}).content == b'{"is_falsetrue":[0,1,1,0,1]}'


def test_no_texts_have_no_answers(client: httpx2.Client) -> None:
    answer = post(client, {"texts": []})
    assert (answer.status_code, answer.content) == (200, b'{"is_falsetrue":[]}')


def test_the_content_type_is_bare_application_json(client: httpx2.Client) -> None:
    assert post(client, {"texts": [RANT]}).headers["content-type"] == "application/json"


def test_empty_and_blank_texts_are_answered_too(client: httpx2.Client) -> None:
    answer = post(client, {"texts": ["", " \n\t", "\u200b"]})
    assert answer.status_code == 200
    assert len(answer.json()["is_falsetrue"]) == 3


def test_a_text_of_any_length_within_the_body_is_answered(client: httpx2.Client) -> None:
    assert post(client, {"texts": [DISPATCH * 300, RANT * 300]}).content == b'{"is_falsetrue":[1,0]}'


def test_other_fields_are_passed_over(client: httpx2.Client) -> None:
    answer = post(client, {"model": None, "texts": [RANT], "options": {"deep": [1, {"a": 2.5}]}})
    assert answer.content == b'{"is_falsetrue":[0]}'


@pytest.mark.parametrize(
    "declared",
    ["application/x-www-form-urlencoded", "text/plain; charset=latin-1", "application/xml", "nonsense", ""],
    ids=["curl-form", "plain-text", "xml", "no-media-type", "empty"],
)
def test_any_content_type_is_read_as_json(client: httpx2.Client, declared: str) -> None:
    answer = post(client, {"texts": [DISPATCH]}, **{"content-type": declared})
    assert (answer.status_code, answer.content) == (200, b'{"is_falsetrue":[1]}')


def test_no_content_type_is_read_as_json(client: httpx2.Client) -> None:
    answer = client.post(LEGACY, content=b'{"texts":[]}')
    assert "content-type" not in answer.request.headers
    assert answer.content == b'{"is_falsetrue":[]}'


@pytest.mark.parametrize(
    ("body", "loc"),
    [
        ({}, ["body"]),
        ({"text": [MARK]}, ["body"]),
        ({"texts": MARK}, ["body", "texts"]),
        ({"texts": None}, ["body", "texts"]),
        ({"texts": {MARK: MARK}}, ["body", "texts"]),
        ({"texts": [MARK, 7]}, ["body", "texts"]),
        ({"texts": [MARK, None]}, ["body", "texts"]),
        ({"texts": [[MARK]]}, ["body", "texts"]),
        ([MARK], ["body"]),
        (MARK, ["body"]),
        (None, ["body"]),
    ],
    ids=[
        "no-field",
        "misspelt-field",
        "a-string",
        "null",
        "an-object",
        "a-number-among-texts",
        "a-null-among-texts",
        "a-list-of-lists",
        "top-level-list",
        "top-level-string",
        "top-level-null",
    ],
)
def test_a_wrong_body_is_422_with_a_detail_list_that_repeats_nothing(
    client: httpx2.Client, body: object, loc: list[str]
) -> None:
    answer = post(client, body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/json"
    assert MARK not in answer.text
    (detail,) = answer.json()["detail"]
    assert set(detail) == {"loc", "msg", "type"}
    assert detail["loc"][: len(loc)] == loc
    assert detail["type"] == "invalid_body"


def test_1024_texts_are_answered(client: httpx2.Client) -> None:
    answer = post(client, {"texts": [RANT] * 1024})
    assert answer.content == b'{"is_falsetrue":[' + b",".join([b"0"] * 1024) + b"]}"


def test_1025_texts_are_413(client: httpx2.Client) -> None:
    answer = post(client, {"texts": [MARK] * 1025})
    assert answer.status_code == 413
    assert answer.json()["detail"][0]["loc"] == ["body", "texts"]
    assert "1024" in answer.json()["detail"][0]["msg"]
    assert MARK not in answer.text


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_405_in_the_same_dialect(client: httpx2.Client, method: str) -> None:
    answer = client.request(method, LEGACY)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json()["detail"][0]["type"] == "http_405"
