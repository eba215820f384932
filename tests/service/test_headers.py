"""Headers that every answer carries, whatever it says."""

import httpx2
import pytest
from tests.service.conftest import LEGACY, V1

from falsetrue.service.headers import CONTENT_SECURITY_POLICY, with_security_headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/v1/model", 200),
        ("GET", "/openapi.json", 200),
        ("GET", "/nothing", 404),
        ("GET", V1, 200),
        ("POST", V1, 415),
        ("POST", LEGACY, 422),
    ],
)
def test_every_answer_forbids_framing_sniffing_and_foreign_code(
    client: httpx2.Client, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cross-origin-opener-policy"] == "same-origin"


def test_a_body_that_is_too_large_is_answered_with_them_too(client: httpx2.Client) -> None:
    answer = client.post(LEGACY, content=b"x" * 9_000_000)
    assert answer.status_code == 413
    assert "content-security-policy" in answer.headers


def test_no_answer_says_which_software_serves(client: httpx2.Client) -> None:
    for path in ("/healthz", "/nothing", LEGACY):
        assert "server" not in client.get(path).headers
        assert "x-powered-by" not in client.get(path).headers


def test_no_answer_sets_a_cookie_or_opens_the_api_to_other_origins(client: httpx2.Client) -> None:
    answer = client.post(LEGACY, json={"texts": []}, headers={"origin": "https://elsewhere.example"})
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(("scheme", "has"), [("https", True), ("http", False), (None, False)])
def test_only_what_comes_by_tls_is_told_to_stay_with_it(scheme: str | None, has: bool) -> None:  # noqa: FBT001 - a parameter
    assert (b"strict-transport-security" in dict(with_security_headers([], scheme))) is has


def test_an_answer_keeps_what_it_has() -> None:
    own = [(b"content-type", b"text/html"), (b"referrer-policy", b"same-origin")]
    found = with_security_headers(own, "http")
    assert found[:2] == own
    assert dict(found) == {
        **dict(own),
        b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
        b"x-content-type-options": b"nosniff",
        b"cross-origin-opener-policy": b"same-origin",
    }
