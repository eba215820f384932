"""Which pages of other origins may ask the API: those listed, without cookies, and never the page."""

import asyncio

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from falsetrue.errors import InputError
from falsetrue.service.cors import ApiCors, check_origins

ORIGIN = "https://news.example"
PREFLIGHT = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}


def ask(
    method: str, path: str, headers: dict[str, str], origins: tuple[str, ...] = (ORIGIN,), status: int = 200
) -> httpx2.Response:
    """One request to an application with a route for everything."""

    async def answer(_request: Request) -> Response:
        return Response(status_code=status)

    app = Starlette(
        routes=[Route("/{path:path}", answer, methods=["GET", "POST"])],
        middleware=[Middleware(ApiCors, origins=origins)],
    )

    async def exchange() -> httpx2.Response:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://test") as client:
            return await client.request(method, path, headers=headers)

    return asyncio.run(exchange())


@pytest.mark.parametrize("path", ["/falsetrue", "/v1/classifications", "/v1/feedback"])
def test_a_listed_origin_may_ask_the_api(path: str) -> None:
    answer = ask("POST", path, {"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "access-control-allow-credentials" not in answer.headers
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


def test_a_listed_origin_may_read_why_it_was_refused() -> None:
    assert ask("POST", "/v1/classifications", {"Origin": ORIGIN}, status=429).headers["access-control-allow-origin"]


def test_another_origin_may_not() -> None:
    for origin in ("https://evil.example", "null", ORIGIN + ".evil.example", "http://news.example", ORIGIN + ":8443"):
        assert "access-control-allow-origin" not in ask("POST", "/v1/classifications", {"Origin": origin}).headers
        assert ask("OPTIONS", "/v1/classifications", {**PREFLIGHT, "Origin": origin}).status_code == 400


@pytest.mark.parametrize("path", ["/", "/sign-in", "/ops", "/upload", "/metrics", "/v1", "/falsetrue/x"])
def test_the_page_and_what_is_not_the_api_stay_closed(path: str) -> None:
    assert "access-control-allow-origin" not in ask("GET", path, {"Origin": ORIGIN}).headers
    assert ask("OPTIONS", path, PREFLIGHT).status_code == 405


def test_a_browser_that_asks_first_is_answered() -> None:
    answer = ask("OPTIONS", "/v1/classifications", {**PREFLIGHT, "Access-Control-Request-Headers": "authorization"})
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]


@pytest.mark.parametrize(("name", "value"), [("Method", "DELETE"), ("Headers", "cookie")])
def test_a_browser_may_not_send_what_the_api_does_not_take(name: str, value: str) -> None:
    answer = ask("OPTIONS", "/v1/classifications", {**PREFLIGHT, f"Access-Control-Request-{name}": value})
    assert answer.status_code == 400


def test_all_origins_may_be_listed_by_a_star() -> None:
    answer = ask("POST", "/falsetrue", {"Origin": "https://any.example"}, ("*",))
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(
    "origin", ["https://news.example/", "news.example", "null", "https://News.example", "https://"]
)
def test_what_no_browser_sends_as_an_origin_is_refused_by_name(origin: str) -> None:
    check_origins([ORIGIN, "http://127.0.0.1:3000", "*"])
    with pytest.raises(InputError, match="CORS_ORIGINS"):
        check_origins([ORIGIN, origin])
