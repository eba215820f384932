import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tests.service.conftest import MARK
from tests.service.test_metrics import samples

from falsetrue.access.principal import Kind, Principal
from falsetrue.service.facts import facts_of, read_facts, read_traceparent
from falsetrue.service.metrics import Metrics
from falsetrue.service.observing import LOGGED_FROM, Observing

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def ask(app: ASGIApp, path: str = "/", method: str = "GET", **headers: str) -> dict[str, Any]:
    """The start of an application's answer to a request without a body; empty where there is none."""
    start: dict[str, Any] = {}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message, headers=dict(message["headers"]))

    raw = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": f"q={MARK}".encode(),
        "root_path": "",
        "headers": raw,
    }
    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return start


def answering(status: int = 200, look: Callable[[Scope], None] = lambda _scope: None) -> ASGIApp:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        look(scope)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    return app


def observed(app: ASGIApp, metrics: Metrics | None = None, **options: Any) -> Observing:
    return Observing(app, metrics=metrics or Metrics(), **options)


# --- identifiers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("given_id", ["a", "5c1f0f3e-9d5c-4c1e-8f3a-0d4e5a6b7c8d", "Root=1-67:a/b+c@d._~", "x" * 64])
def test_a_caller_s_identifier_comes_back(given_id: str) -> None:
    assert ask(observed(answering()), x_request_id=given_id)["headers"][b"x-request-id"] == given_id.encode()


@pytest.mark.parametrize("given_id", ["", " ", "x" * 65, "a b", "a\tb", "é", 'a"b', "<script>", "a\n", "a,b"])
def test_one_that_is_not_well_formed_is_replaced(given_id: str) -> None:
    answered = ask(observed(answering()), x_request_id=given_id)["headers"][b"x-request-id"].decode()
    assert re.fullmatch("[0-9a-f]{20}", answered)


def test_every_request_without_one_gets_its_own() -> None:
    made = {read_facts([]).request_id for _ in range(10_000)}
    assert len(made) == 10_000


def test_of_two_the_first_well_formed_counts() -> None:
    headers = [(b"x-request-id", b"a b"), (b"x-request-id", b"one"), (b"x-request-id", b"two")]
    assert read_facts(headers).request_id == "one"


def test_a_trace_is_passed_on_with_a_part_of_our_own() -> None:
    said = ask(observed(answering()), traceparent=TRACEPARENT)["headers"][b"traceresponse"].decode()
    found = re.fullmatch(f"00-{TRACE}-([0-9a-f]{{16}})-01", said)
    assert found is not None
    assert found[1] != PARENT


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        TRACEPARENT.upper(),
        TRACEPARENT + "-00",  # the first version has four parts
        f"ff-{TRACE}-{PARENT}-01",
        f"00-{'0' * 32}-{PARENT}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{PARENT}-1",
        f"00-{TRACE}-{PARENT}-01\n",
        f" {TRACEPARENT}",
        f"0-{TRACE}-{PARENT}-01",
        f"00-{TRACE[1:]}-{PARENT}-01",
    ],
)
def test_a_trace_that_is_not_well_formed_is_none(traceparent: str) -> None:
    assert read_traceparent(traceparent.encode()) is None
    assert b"traceresponse" not in ask(observed(answering()), traceparent=traceparent)["headers"]


def test_of_a_later_version_what_is_known_is_read() -> None:
    found = read_traceparent(f"42-{TRACE}-{PARENT}-00-more".encode())
    assert found is not None
    assert (found.trace_id, found.parent_id, found.flags) == (TRACE, PARENT, "00")


@given(st.binary(max_size=80), st.binary(max_size=80))
def test_whatever_is_sent_as_identifiers_the_answer_s_headers_are_plain(request_id: bytes, traceparent: bytes) -> None:
    facts = read_facts([(b"x-request-id", request_id), (b"traceparent", traceparent)])
    for _, value in facts.begin_answer(200):
        assert re.fullmatch(rb"[\x21-\x7e]+", value)


def test_facts_are_there_without_the_layer_too() -> None:
    scope: Scope = {"type": "http", "headers": [(b"x-request-id", b"abc")]}
    facts = facts_of(scope)
    assert facts.request_id == "abc"
    assert facts_of(scope) is facts


# --- counting -----------------------------------------------------------------------------------------


def counted(metrics: Metrics) -> dict[str, float]:
    """What stands in ``falsetrue_requests_total``."""
    prefix = "falsetrue_requests_total "
    return {name.removeprefix(prefix): value for name, value in samples(metrics).items() if name.startswith(prefix)}


@pytest.mark.parametrize("framework", [Starlette, FastAPI])
def test_requests_are_counted_by_the_template_of_their_path(framework: type[Starlette]) -> None:
    async def endpoint(_request: object) -> PlainTextResponse:
        return PlainTextResponse("")

    metrics = Metrics()
    app = observed(framework(routes=[Route("/static/{name:path}", endpoint)]), metrics, paths={"/direct"})
    for path in ("/static/a", f"/static/{MARK}", "/nothing/here", f"/{MARK}"):
        ask(app, path)
    ask(observed(answering(), metrics, paths={"/direct"}), "/direct", "POST")
    ask(app, "/static/a", "POST")
    assert counted(metrics) == {
        "method=GET route=/static/{name:path} status=200": 2,
        "method=GET route=none status=404": 2,
        "method=POST route=/direct status=200": 1,
        "method=POST route=/static/{name:path} status=405": 1,
    }


def test_whoever_knows_the_route_caller_or_problem_says_so() -> None:
    def look(scope: Scope) -> None:
        facts = facts_of(scope)
        facts.route, facts.code = "/known", "quota_exceeded"
        facts.principal = Principal(kind=Kind.KEY, id="k7", name="desk", scopes=frozenset())

    metrics = Metrics()
    ask(observed(answering(429, look), metrics))
    assert counted(metrics) == {"method=GET route=/known status=429": 1}
    assert samples(metrics)["falsetrue_requests_by_key_total key=k7"] == 1
    assert samples(metrics)["falsetrue_problems_total code=quota_exceeded"] == 1


@pytest.mark.parametrize("error", [RuntimeError, asyncio.CancelledError])
def test_a_request_without_an_answer_is_counted_too(error: type[BaseException]) -> None:
    async def fail(*_: object) -> None:
        raise error

    metrics = Metrics()
    with pytest.raises(error):
        ask(observed(fail, metrics))
    assert counted(metrics) == {"method=GET route=none status=499": 1}


def test_what_is_no_request_is_passed_on_as_it_is() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    metrics = Metrics()
    passed: Awaitable[None] = observed(app, metrics)({"type": "lifespan"}, None, None)  # type: ignore[arg-type]
    asyncio.run(passed)  # type: ignore[arg-type]
    assert seen == ["lifespan"]
    assert counted(metrics) == {}


# --- the log --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("setting", "logged"), [("off", []), ("errors", [404, 500]), ("all", [200, 303, 404, 500])])
def test_answers_are_noted_from_a_status_on(caplog: pytest.LogCaptureFixture, setting: str, logged: list[int]) -> None:
    caplog.set_level(logging.INFO)
    for status in (200, 303, 404, 500):
        ask(observed(answering(status), logged_from=LOGGED_FROM[setting]))
    assert [record.facts["status"] for record in caplog.records] == logged  # type: ignore[attr-defined]


def test_a_line_names_the_request_and_nothing_that_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app = observed(answering(422), logged_from=LOGGED_FROM["all"])
    ask(app, f"/{MARK}", x_request_id="mine", traceparent=TRACEPARENT, authorization=MARK, user_agent=MARK)
    [record] = caplog.records
    facts: dict[str, Any] = record.facts  # type: ignore[attr-defined]
    assert (facts["request_id"], facts["trace_id"], facts["route"], facts["status"]) == ("mine", TRACE, "none", 422)
    assert facts["seconds"] >= 0
    assert MARK not in repr(record.__dict__)
