"""Signing in on the page with a key, and what the cookie is good for: the page, and nothing else."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, V1, Served, Start, wait_until
from tests.service.test_admission import keys
from tests.service.test_page import BROWSER, words

from falsetrue.access.sessions import IDLE, LONGEST, RENEW, renew, start_session, write_cookie
from falsetrue.database.secret import Secret, load_secret
from falsetrue.service.admission import PAGES
from falsetrue.service.signing_in import COOKIE, lead

#: Pages that somebody opens, and forms that somebody sends.
OPENED = ("/", "/model", "/upload", "/ops", "/monitor")
SENT = ("/", "/upload", "/monitor", "/sign-out")


@dataclass(frozen=True, kw_only=True)
class Closed:
    """A service that asks for keys, and some keys by name, which is that of what they are for."""

    served: Served
    folder: Path
    keys: dict[str, str]

    @property
    def secret(self) -> bytes:
        """What the cookies are signed with."""
        return load_secret(None, self.folder).key("page sessions")


#: A new visitor of the service.
Visit = Callable[..., AbstractContextManager[httpx2.Client]]


@pytest.fixture(scope="module")
def closed(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Closed:
    folder = tmp_path_factory.mktemp("closed")
    made = {name: keys(folder, "create", "--name", name, "--scopes", name) for name in ("admin", "classify", "metrics")}
    served = start(FALSETRUE_STATE_FOLDER=str(folder))
    return Closed(served=served, folder=folder, keys=made)


@pytest.fixture
def visit(closed: Closed) -> Visit:
    @contextmanager
    def visit_as(name: str | None = None, **headers: str) -> Iterator[httpx2.Client]:
        headers = {"accept": BROWSER, "accept-language": "en"} | headers
        with httpx2.Client(base_url=closed.served.url, timeout=20, trust_env=False, headers=headers) as client:
            if name is not None:
                assert sign_in(client, closed.keys[name]).status_code == 303
            yield client

    return visit_as


def token_of(answer: httpx2.Response) -> str:
    """The token of the last form of a page: the first one may be that of signing out."""
    return str(re.findall(r'name="token" value="([^"]*)"', answer.text)[-1])


def sign_in(client: httpx2.Client, key: str, to: str = "/") -> httpx2.Response:
    """Fill in the form and send it."""
    form = client.get("/sign-in", params={"to": to})
    return client.post("/sign-in", data={"key": key, "to": to, "token": token_of(form)})


# --- without keys ----------------------------------------------------------------------------------


def test_without_keys_nobody_signs_in(server: Served) -> None:
    with httpx2.Client(base_url=server.url, timeout=20, trust_env=False) as client:
        answer = client.get("/sign-in", params={"to": "/model"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/model")
        page = client.get("/")
        assert page.status_code == 200
        assert "Sign" not in words(page)
        assert client.post("/", data={"text": DISPATCH}).status_code == 200
        assert not client.cookies


# --- signing in ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/model", "/ops", "/?example=rant", "/model?lang=es"])
def test_a_visitor_without_a_session_is_led_to_the_form_and_then_where_it_wanted_to_go(
    closed: Closed, visit: Visit, path: str
) -> None:
    with visit() as client:
        asked = client.get(path)
        assert asked.status_code == 303
        form = client.get(asked.headers["location"])
        assert form.status_code == 200
        fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form.text))
        led = client.post("/sign-in", data=fields | {"key": f" {closed.keys['admin']} "})
        assert (led.status_code, led.headers["location"]) == (303, path)
        assert client.get(path).status_code == 200


def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(closed: Closed, visit: Visit) -> None:
    with visit() as client:
        cookie = sign_in(client, closed.keys["classify"]).headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=key_")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert "Secure" not in cookie
    assert closed.keys["classify"][8:] not in cookie


def test_behind_https_the_cookie_is_bound_to_it(start: Start, closed: Closed) -> None:
    served = start(FALSETRUE_STATE_FOLDER=str(closed.folder), FALSETRUE_TRUSTED_PROXIES="127.0.0.1")
    https = {"x-forwarded-proto": "https"}
    with httpx2.Client(base_url=served.url, timeout=20, trust_env=False, headers=https) as client:
        nonce = client.get("/sign-in")
        assert nonce.headers["set-cookie"].startswith("__Host-falsetrue_sign_in=")
        jar = {"__Host-falsetrue_sign_in": token_of(nonce)}
        sent = {"key": closed.keys["classify"], "token": token_of(nonce)}
        answer = client.post("/sign-in", data=sent, headers={"cookie": _written(jar)})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-falsetrue_session=key_")
        assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
        value = cookie.split(";")[0].partition("=")[2]
        assert client.get("/", headers={"cookie": f"__Host-{COOKIE}={value}"}).status_code == 200
        assert client.get("/", headers={"cookie": f"{COOKIE}={value}"}).status_code == 303


def _written(jar: dict[str, str]) -> str:
    return "; ".join(f"{name}={value}" for name, value in jar.items())


def test_the_page_says_who_is_signed_in(visit: Visit) -> None:
    with visit("admin") as client:
        page = client.get("/")
        assert "Signed in as admin" in words(page)
        assert "Operations" in words(page)
        assert page.headers["cache-control"] == "private, no-cache"
        assert page.headers["vary"] == "Accept-Language, Cookie"
    with visit("classify") as client:
        assert "Operations" not in words(client.get("/"))


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_wrong_key_is_refused_in_words_and_never_shown_again(closed: Closed, visit: Visit, language: str) -> None:
    wrong = {"en": "This key is not valid here", "es": "Esta clave no es válida aquí"}
    with visit(**{"accept-language": language}) as client:
        for key in ("ftk_marmalade-of-zanzibar", closed.keys["admin"][:-1], "", "eyJh.e30.", "é" * 50, "x" * 100_000):
            answer = sign_in(client, key)
            assert answer.status_code == 401
            assert wrong[language] in words(answer)
            assert not key or key not in answer.text
            assert COOKIE not in client.cookies
    assert "marmalade-of-zanzibar" not in closed.served.log


def test_wrong_keys_are_counted(closed: Closed, visit: Visit) -> None:
    def refused() -> float:
        figures = closed.served.client.get("/metrics", headers={"x-api-key": closed.keys["metrics"]}).text
        found = re.search(r'^falsetrue_problems_total\{code="unknown_caller"\} (\S+)$', figures, re.MULTILINE)
        return float(found[1]) if found else 0.0

    before = refused()
    with visit() as client:
        sign_in(client, "ftk_wrong")
    assert refused() == before + 1


def test_no_key_is_kept_in_an_address_a_page_or_the_log(closed: Closed, visit: Visit) -> None:
    with visit() as client:
        form = client.get("/sign-in")
        assert '<form id="sign-in" method="post"' in form.text
        assert re.search(r'<input id="key" name="key" type="password" [^>]*autocomplete="off"', form.text)
        assert form.headers["cache-control"] == "no-store"
        client.get("/sign-in", params={"key": closed.keys["admin"]})
        assert COOKIE not in client.cookies
        sign_in(client, closed.keys["admin"])
        for path in OPENED[:2]:
            assert closed.keys["admin"] not in client.get(path).text
    assert not any(key in closed.served.log for key in closed.keys.values())


@pytest.mark.parametrize(
    ("to", "led"),
    [
        ("/ops", "/ops"),
        ("/?example=rant&lang=es", "/?example=rant&lang=es"),
        ("", "/"),
        ("//evil.example", "/"),
        ("///evil.example", "/"),
        ("/\\evil.example", "/"),
        ("\\\\evil.example", "/"),
        ("https://evil.example/ops", "/"),
        ("https:/ops", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        (" //evil.example", "/"),
        ("//[evil/ops", "/"),
        ("/v1/model", "/"),
        ("/sign-out", "/"),
        ("/ops/../metrics", "/"),
    ],
)
def test_nobody_is_led_away_from_here(closed: Closed, visit: Visit, to: str, led: str) -> None:
    assert lead(to) == led
    with visit() as client:
        assert sign_in(client, closed.keys["admin"], to).headers["location"] == led
        assert 'href="//' not in client.get("/sign-in", params={"to": to}).text


def test_a_line_break_in_an_address_stays_in_it(closed: Closed, visit: Visit) -> None:
    with visit() as client:
        answer = sign_in(client, closed.keys["admin"], "/?a\r\nSet-Cookie: x=y")
    assert answer.status_code == 303
    assert "x=y" not in answer.headers["set-cookie"]


def test_a_link_from_elsewhere_offers_whoever_is_signed_in_to_go_on(visit: Visit) -> None:
    with visit() as client:
        form = client.get("/sign-in", params={"to": "/ops"}, headers={"sec-fetch-site": "cross-site"})
        assert '<a href="/ops">Go on</a>' in form.text
        assert "Go on" not in client.get("/sign-in", params={"to": "/ops"}).text


# --- who may see what ------------------------------------------------------------------------------


def test_a_page_that_is_not_opened_but_asked_for_otherwise_is_refused(visit: Visit) -> None:
    with visit() as client:
        for method, path in (("POST", "/"), ("POST", "/upload"), ("PUT", "/model"), ("DELETE", "/ops")):
            answer = client.request(method, path)
            assert answer.status_code == 401, path
            assert "You are not signed in" in words(answer)
            assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_key_that_is_for_other_things_is_refused_in_words(visit: Visit) -> None:
    with visit("metrics") as client:
        for path in OPENED:
            answer = client.get(path)
            assert answer.status_code == 403, path
            assert "The key that you signed in with is for other things." in words(answer)
    with visit("classify", **{"accept-language": "es"}) as client:
        assert client.get("/").status_code == 200
        answer = client.get("/ops")
        assert answer.status_code == 403
        assert "Su clave no permite esto" in words(answer)


def test_a_key_in_a_header_opens_the_page_too_and_a_wrong_one_is_not_led_to_the_form(
    closed: Closed, visit: Visit
) -> None:
    with visit() as client:
        assert client.get("/model", headers={"x-api-key": closed.keys["classify"]}).status_code == 200
        assert client.get("/model", headers={"authorization": "Bearer ftk_no"}).status_code == 401


def test_an_address_without_a_page_is_none_for_visitors(visit: Visit) -> None:
    with visit("admin") as client:
        answer = client.get("/nothing")
        assert answer.status_code == 401
        assert "There is no page for you at this address." in words(answer)


def test_the_documentation_is_for_everybody(visit: Visit) -> None:
    with visit() as client:
        assert "Sign in" in words(client.get("/docs"))
    with visit("classify") as client:
        assert "Signed in as classify" in words(client.get("/docs"))


# --- the cookie alone ------------------------------------------------------------------------------


def test_a_stolen_cookie_opens_nothing_of_the_api(closed: Closed, visit: Visit) -> None:
    with visit("admin") as client:
        document = closed.served.client.get("/openapi.json").json()
        guarded = [
            (method.upper(), path)
            for path, operations in document["paths"].items()
            for method, operation in operations.items()
            if "security" in operation
        ]
        assert {(each, path) for each, path in guarded} >= {("POST", LEGACY), ("POST", V1), ("GET", "/metrics")}
        others = [(method, path) for method in ("GET", "HEAD", "POST", "PUT") for path in ("/v1", "/nothing", "/opsx")]
        for method, path in [*guarded, *others]:
            answer = client.request(method, path, json={"texts": [DISPATCH]} if method == "POST" else None)
            assert answer.status_code == 401, (method, path)


def test_a_cookie_that_we_did_not_write_is_none(closed: Closed, visit: Visit) -> None:
    now = datetime.now(UTC)
    with visit("admin") as client:
        good = client.cookies[COOKIE]
    session = start_session(good.split(".")[0], now=now, random=bytes(16))
    another = write_cookie(Secret(b"another secret of somebody").key("page sessions"), session)
    unknown = write_cookie(closed.secret, start_session("key_0123456789abcdef", now=now, random=bytes(16)))
    for cookie in (another, unknown, good[:-1] + ("A" if good[-1] != "A" else "B"), good.upper(), "", "x", good * 2):
        with visit() as client:
            assert client.get("/", headers={"cookie": f"{COOKIE}={cookie}"}).status_code == 303


def test_a_session_ends_when_its_time_is_over(closed: Closed, visit: Visit) -> None:
    now = datetime.now(UTC)
    with visit("admin") as client:
        key_id = client.cookies[COOKIE].split(".")[0]
    a_minute = timedelta(minutes=1)
    long_ago = start_session(key_id, now=now - LONGEST + a_minute, random=bytes(16))
    left_alone = start_session(key_id, now=now - IDLE + a_minute, random=bytes(16))
    beginnings = {
        renew(long_ago, now): 200,
        left_alone: 200,
        renew(start_session(key_id, now=now - LONGEST - a_minute, random=bytes(16)), now): 303,
        start_session(key_id, now=now - IDLE - a_minute, random=bytes(16)): 303,
    }
    with visit() as client:
        for session, status in beginnings.items():
            cookie = f"{COOKIE}={write_cookie(closed.secret, session)}"
            assert client.get("/", headers={"cookie": cookie}).status_code == status


def test_a_session_is_renewed_while_somebody_is_there(closed: Closed, visit: Visit) -> None:
    now = datetime.now(UTC)
    with visit("classify") as client:
        key_id = client.cookies[COOKIE].split(".")[0]
        assert "set-cookie" not in client.get("/").headers
    old = start_session(key_id, now=now - RENEW, random=bytes(16))
    shown = {"cookie": f"{COOKIE}={write_cookie(closed.secret, old)}"}
    with visit() as client:
        assert "set-cookie" not in client.get("/", headers=shown | {"sec-fetch-mode": "cors"}).headers
        page = client.get("/", headers=shown)
        renewed = page.headers["set-cookie"].split(";")[0]
        assert renewed.startswith(f"{COOKIE}={key_id}.{int(old.started_at.timestamp())}.")
        assert renewed != shown["cookie"]
        sent = client.post("/", data={"text": DISPATCH, "token": token_of(page)}, headers={"cookie": renewed})
        assert sent.status_code == 200


def test_a_session_ends_with_its_key(closed: Closed, visit: Visit) -> None:
    key = keys(closed.folder, "create", "--name", "ending", "--scopes", "classify")
    with visit() as client:
        wait_until(lambda: sign_in(client, key).status_code == 303, "the new key")
        assert client.get("/").status_code == 200
        keys(closed.folder, "revoke", "ending")
        wait_until(lambda: client.get("/").status_code == 303, "the end of the session")
        assert sign_in(client, key).status_code == 401


def test_what_is_done_in_a_session_is_its_keys(closed: Closed, visit: Visit) -> None:
    key = keys(closed.folder, "create", "--name", "few", "--scopes", "classify", "--quota", "2/h")
    with visit() as client:
        wait_until(lambda: sign_in(client, key).status_code == 303, "the new key")
        page = client.get("/")
        assert client.post("/", data={"text": DISPATCH, "token": token_of(page)}).status_code == 200
        answer = client.get("/")
        assert answer.status_code == 429
        assert "Your key has been used as often as it may be for now." in words(answer)
        key_id = client.cookies[COOKIE].split(".")[0]
    kept = closed.served.client.get(V1, params={"key_id": key_id}, headers={"x-api-key": closed.keys["admin"]})
    assert [each["route"] for each in kept.json()["classifications"]] == ["page"]


# --- forms -----------------------------------------------------------------------------------------


def send(client: httpx2.Client, path: str, token: str | None, **headers: str) -> httpx2.Response:
    fields = {"text": DISPATCH} if token is None else {"text": DISPATCH, "token": token}
    if path == "/upload":
        return client.post(path, data=fields, files={"file": ("n.csv", b"text\nx\n")}, headers=headers)
    return client.post(path, data=fields, headers=headers)


@pytest.mark.parametrize("path", SENT)
def test_a_form_without_the_token_of_its_session_is_refused(visit: Visit, path: str) -> None:
    with visit("admin") as other:
        foreign = token_of(other.get("/"))
    with visit("admin") as client:
        good = token_of(client.get("/"))
        for token in (None, "", "x", foreign, good[:-1], good + "=", good.swapcase(), "é"):
            answer = send(client, path, token)
            assert answer.status_code == 403, token
            assert "This form was not sent from this page" in words(answer)
        assert client.get("/").status_code == 200
        assert send(client, path, good).status_code in (200, 303, 409)


@pytest.mark.parametrize("site", ["cross-site", "same-site", "nonsense"])
def test_a_form_of_another_site_is_refused(closed: Closed, visit: Visit, site: str) -> None:
    with visit("admin") as client:
        good = token_of(client.get("/"))
        for path in SENT:
            assert send(client, path, good, **{"sec-fetch-site": site}).status_code == 403
        for path in SENT[:2]:
            assert send(client, path, good, **{"sec-fetch-site": "same-origin"}).status_code == 200
        form = token_of(client.get("/sign-in"))
        sent = {"key": closed.keys["classify"], "token": form}
        assert client.post("/sign-in", data=sent, headers={"sec-fetch-site": site}).status_code == 403
        assert "Signed in as admin" in words(client.get("/"))


def test_a_form_of_another_site_is_refused_without_keys_too(client: httpx2.Client) -> None:
    assert send(client, "/", None, **{"sec-fetch-site": "cross-site"}).status_code == 403
    assert send(client, "/", None, **{"sec-fetch-site": "same-origin"}).status_code == 200


def test_another_site_cannot_sign_anybody_in(closed: Closed, visit: Visit) -> None:
    with visit() as attacker:
        known = token_of(attacker.get("/sign-in"))
    with visit() as client:
        for sent in ({}, {"token": ""}, {"token": known}, {"token": "0" * 32}):
            answer = client.post("/sign-in", data=sent | {"key": closed.keys["classify"]})
            assert answer.status_code == 403
            client.get("/sign-in")  # has its own cookie from here on
        assert COOKIE not in client.cookies


def test_every_form_that_a_page_has_carries_the_token(visit: Visit) -> None:
    with visit("admin") as client:
        for path in ("/", "/model", "/docs", "/ops"):
            page = client.get(path).text
            forms = re.findall(r"<form .*?</form>", page, flags=re.DOTALL)
            sent = [form for form in forms if 'method="post"' in form]
            assert sent
            assert all(re.search(r'name="token" value="[\w-]{43}"', form) for form in sent)


def test_signing_out_takes_the_cookie_back(visit: Visit) -> None:
    with visit("admin") as client:
        assert client.get("/sign-out").status_code == 405
        answer = send(client, "/sign-out", token_of(client.get("/")))
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert COOKIE not in client.cookies
        assert client.get("/").status_code == 303
        assert client.post("/sign-out").status_code == 303  # nothing to end


def test_the_table_of_pages_is_the_one_that_is_tested() -> None:
    assert {*OPENED, *SENT} == PAGES
