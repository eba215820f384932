"""The clients that people had before, played as they are."""

import json
import subprocess
from pathlib import Path

import pytest
import requests
from tests.service.conftest import DISPATCH, LEGACY, RANT, V1, Served


def test_requests_as_the_deployment_document_used_it(server: Served) -> None:
    answer = requests.post(server.url + LEGACY, json={"texts": [DISPATCH, RANT]}, timeout=20)
    assert answer.status_code == 200
    assert answer.json() == {"is_falsetrue": [1, 0]}
    assert answer.json()["is_falsetrue"][0] == 1


def test_requests_sends_news_in_spanish(server: Served) -> None:
    answer = requests.post(server.url + LEGACY, json={"texts": ["El señor Muñoz habló en Bogotá."]}, timeout=20)
    assert answer.json()["is_falsetrue"] in ([0], [1])


def test_requests_is_told_that_a_body_is_too_large(server: Served) -> None:
    """The answer arrives although the client sends all of the body before it reads."""
    for path in (LEGACY, V1):
        answer = requests.post(server.url + path, data=b"x" * 10_000_000, timeout=20)
        assert answer.status_code == 413


def test_requests_is_told_that_a_stream_is_too_large(server: Served) -> None:
    chunks = (b"x" * 100_000 for _ in range(100))
    assert requests.post(server.url + LEGACY, data=chunks, timeout=20).status_code == 413


def curl(*arguments: str, feed: str | None = None) -> tuple[str, str]:
    """Status and body as ``curl`` shows them."""
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    body, _, status = done.stdout.rpartition("\n")
    return status, body


def test_curl_with_a_json_header(server: Served) -> None:
    body = json.dumps({"texts": [RANT, DISPATCH]})
    answer = curl("-H", "Content-Type: application/json", "-d", body, server.url + LEGACY)
    assert answer == ("200", '{"is_falsetrue":[0,1]}')


def test_curl_that_declares_a_form(server: Served) -> None:
    assert curl("-d", '{"texts":[]}', server.url + LEGACY) == ("200", '{"is_falsetrue":[]}')


def test_curl_that_expects_100_continue(server: Served, tmp_path: Path) -> None:
    """Clients may ask first where a body is larger than a megabyte."""
    news = tmp_path / "news.json"
    news.write_text(json.dumps({"texts": [DISPATCH * 10] * 500}), encoding="utf-8")
    status, body = curl("--data-binary", f"@{news}", "-H", "Expect: 100-continue", server.url + LEGACY)
    assert (status, body) == ("200", '{"is_falsetrue":[' + ",".join(["1"] * 500) + "]}")


def test_curl_is_told_that_a_file_is_too_large(server: Served, tmp_path: Path) -> None:
    news = tmp_path / "news.json"
    news.write_bytes(b"x" * 12_000_000)
    for expect in ("Expect: 100-continue", "Expect:"):
        status, _ = curl("--data-binary", f"@{news}", "-H", expect, server.url + LEGACY)
        assert status == "413"


def test_curl_that_pipes_a_stream(server: Served) -> None:
    answer = curl("-H", "Transfer-Encoding: chunked", "-d", "@-", server.url + LEGACY, feed='{"texts":[""]}')
    assert answer[0] == "200"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_may_ask_with_head(server: Served, path: str) -> None:
    """Uptime monitors ask with HEAD by default; RFC 9110 asks every server for it where it has GET."""
    assert curl("--head", server.url + path)[0] == "200"


def test_a_session_of_requests_survives_an_error(server: Served) -> None:
    with requests.Session() as session:
        assert session.post(server.url + LEGACY, data=b"{", timeout=20).status_code == 422
        assert session.post(server.url + LEGACY, data=b'{"texts":[]}', timeout=20).content == b'{"is_falsetrue":[]}'
