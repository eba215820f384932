"""Who is let in where: every route of the document, tried by everybody who should not be."""

import asyncio
import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import pytest
from tests.service.conftest import DISPATCH, LEGACY, V1, Served, Start, clean_environment, wait_until

from falsetrue.access.exposure import exposure_of
from falsetrue.access.principal import Scope
from falsetrue.errors import NotReadyError
from falsetrue.service.admission import NEEDS, Gate, need_of

#: What each operation needs, as the documentation says.
DOCUMENTED = {
    ("POST", LEGACY): Scope.CLASSIFY,
    ("POST", V1): Scope.CLASSIFY,
    ("GET", V1): Scope.READ,
    ("POST", "/v1/feedback"): Scope.FEEDBACK,
    ("GET", "/v1/model"): Scope.CLASSIFY,
    ("GET", "/metrics"): Scope.METRICS,
    ("GET", "/healthz"): None,
    ("GET", "/readyz"): None,
}


def keys(folder: Path, *arguments: str) -> str:
    """What ``falsetrue keys`` prints."""
    environment = clean_environment(FALSETRUE_STATE_FOLDER=str(folder))
    command = [sys.executable, "-m", "falsetrue", "keys", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Guarded:
    """A service that asks for keys, and some keys."""

    def __init__(self, served: Served, folder: Path) -> None:
        self.served = served
        self.folder = folder
        self.client = served.client
        self.keys = {scope: keys(folder, "create", "--name", scope, "--scopes", scope) for scope in Scope}
        self.revoked = keys(folder, "create", "--name", "revoked", "--scopes", "admin")
        keys(folder, "revoke", "revoked")
        wait_until(lambda: self.ask("GET", "/v1/model").status_code == 401, "keys are asked for")
        wait_until(lambda: self.ask("GET", "/v1/model", self.keys[Scope.ADMIN]).status_code == 200, "the last key")
        wait_until(lambda: self.ask("GET", "/v1/model", self.revoked).status_code == 401, "the end of a key")

    def ask(self, method: str, path: str, key: str | None = None, **headers: str) -> httpx2.Response:
        """A request that would be answered if it were let in."""
        if key is not None:
            headers["authorization"] = f"Bearer {key}"
        bodies = {LEGACY: {"texts": [DISPATCH]}, V1: {"items": [{"text": DISPATCH}]}, "/v1/feedback": {}}
        body = bodies.get(path) if method == "POST" else None
        return self.client.request(method, path, json=body, headers=headers)


@pytest.fixture(scope="module")
def guarded(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Guarded:
    folder = tmp_path_factory.mktemp("guarded")
    return Guarded(start(FALSETRUE_STATE_FOLDER=str(folder)), folder)


def operations(guarded: Guarded) -> list[tuple[str, str]]:
    """Every operation of the OpenAPI document."""
    paths: dict[str, Any] = guarded.client.get("/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, found in paths.items() for method in found]


def test_the_document_says_which_operations_need_a_key(guarded: Guarded) -> None:
    paths = guarded.client.get("/openapi.json").json()["paths"]
    said = {
        (method.upper(), path): "security" in found
        for path, all_of in paths.items()
        for method, found in all_of.items()
    }
    assert said == {operation: need is not None for operation, need in DOCUMENTED.items()}


def test_nobody_without_a_key_gets_in_anywhere(guarded: Guarded) -> None:
    assert set(operations(guarded)) == set(DOCUMENTED)
    for method, path in operations(guarded):
        answer = guarded.ask(method, path)
        if DOCUMENTED[method, path] is None:
            assert answer.status_code == 200
        else:
            assert answer.status_code == 401, (method, path)
            assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer {}", "Basic {}", "{}", "Bearer {} {}"])
def test_a_revoked_a_made_up_or_a_cut_off_key_gets_in_nowhere(guarded: Guarded, scheme: str) -> None:
    good = guarded.keys[Scope.ADMIN]
    made_up = [guarded.revoked, good[:-1], good + "0", "ftk_" + "0" * 36, "marmalade", "", "eyJhbGciOiJub25lIn0.e30."]
    for (method, path), key in itertools.product(operations(guarded), made_up):
        if DOCUMENTED[method, path] is not None:
            answer = guarded.ask(method, path, authorization=scheme.format(key, key).strip())
            assert answer.status_code == 401, (method, path)
            assert not key or key not in answer.text


def test_a_key_opens_what_its_scope_says_and_nothing_else(guarded: Guarded) -> None:
    for (method, path), scope in itertools.product(operations(guarded), Scope):
        need = DOCUMENTED[method, path]
        answer = guarded.ask(method, path, guarded.keys[scope])
        let_in = need is None or scope in (need, Scope.ADMIN)
        assert (answer.status_code not in (401, 403)) == let_in, (method, path, scope)
        assert let_in or answer.status_code == 403


def test_a_key_may_be_shown_in_a_header_of_its_own_but_only_once(guarded: Guarded) -> None:
    key = guarded.keys[Scope.CLASSIFY]
    asked = {"texts": [DISPATCH]}
    assert guarded.client.post(LEGACY, json=asked, headers={"x-api-key": key}).json() == {"is_falsetrue": [1]}
    twice = guarded.client.post(LEGACY, json=asked, headers={"x-api-key": key, "authorization": f"Bearer {key}"})
    assert twice.status_code == 401
    in_the_address = guarded.client.post(f"{LEGACY}?key={key}&access_token={key}", json=asked)
    assert in_the_address.status_code == 401


def test_what_the_first_route_refuses_is_said_in_its_own_way(guarded: Guarded) -> None:
    (said,) = guarded.client.post(LEGACY, json={"texts": [DISPATCH]}).json()["detail"]
    assert said["type"] == "unknown_caller"


def test_a_path_that_nobody_listed_is_the_operators_alone(guarded: Guarded) -> None:
    for path in ("/nothing", "/v1/nothing", "/v1", "/V1/model", "/v1/model/", "/static", "/metrics/"):
        assert guarded.client.get(path).status_code == 401, path
        assert guarded.client.get(path, headers={"x-api-key": guarded.keys[Scope.ADMIN]}).status_code in (307, 404), (
            path
        )


def test_a_revoked_key_ends_within_a_second_and_a_new_one_begins(guarded: Guarded) -> None:
    key = keys(guarded.folder, "create", "--name", "short", "--scopes", "classify")
    wait_until(lambda: guarded.ask("GET", "/v1/model", key).status_code == 200, "the new key")
    keys(guarded.folder, "revoke", "short")
    wait_until(lambda: guarded.ask("GET", "/v1/model", key).status_code == 401, "the end of the key")


def test_no_key_is_kept_or_logged(guarded: Guarded) -> None:
    every = [*guarded.keys.values(), guarded.revoked]
    files = [file for file in guarded.folder.rglob("*") if file.is_file()]
    assert files
    assert not any(key.encode() in file.read_bytes() for key in every for file in files)
    assert not any(key in guarded.served.log for key in every)


def test_a_quota_is_told_and_kept(guarded: Guarded) -> None:
    key = keys(guarded.folder, "create", "--name", "few", "--scopes", "classify", "--quota", "3/h")
    wait_until(lambda: guarded.ask("GET", "/readyz", key).status_code == 200, "ready")
    wait_until(lambda: guarded.ask("GET", "/v1/model", key).status_code != 401, "the new key")
    answers = [guarded.ask("POST", V1, key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=3600'
    assert answers[0].headers["ratelimit"].startswith('"default";r=1;t=')
    assert int(answers[2].headers["retry-after"]) > 3000
    assert answers[2].json()["type"] == "urn:falsetrue:problem:quota_exceeded"


def test_idempotency_keys_of_two_callers_are_two(guarded: Guarded) -> None:
    other = keys(guarded.folder, "create", "--name", "other", "--scopes", "classify")
    wait_until(lambda: guarded.ask("GET", "/v1/model", other).status_code == 200, "the new key")
    mine = guarded.ask("POST", V1, guarded.keys[Scope.CLASSIFY], **{"idempotency-key": "same"})
    yours = guarded.ask("POST", V1, other, **{"idempotency-key": "same"})
    assert mine.json()["results"][0]["prediction_id"] != yours.json()["results"][0]["prediction_id"]


def test_the_last_key_revoked_does_not_open_the_service(start: Start, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("last")
    keys(folder, "create", "--name", "only", "--scopes", "admin")
    keys(folder, "revoke", "only")
    served = start(FALSETRUE_STATE_FOLDER=str(folder))
    assert served.client.get("/v1/model").status_code == 401


def test_without_keys_whoever_can_reach_this_machine_may_do_everything(client: httpx2.Client) -> None:
    assert client.get("/v1/model").status_code == 200
    assert client.get("/metrics").status_code == 200
    # What a caller shows to a gateway in front is passed over.
    assert client.get("/v1/model", headers={"authorization": "Bearer of-somebody-else"}).status_code == 200


@pytest.mark.parametrize("host", ["attacker.example", "127.0.0.1.attacker.example", "localhost.evil.example:80", ""])
def test_a_page_whose_name_points_to_this_machine_is_not_answered(client: httpx2.Client, host: str) -> None:
    answer = client.get("/v1/model", headers={"host": host})
    assert answer.status_code == 401
    assert client.get("/readyz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("header", ["x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_of_this_machine(client: httpx2.Client, header: str) -> None:
    assert client.get("/v1/model", headers={header: "localhost"}).status_code == 401


def test_a_key_is_neither_refused_nor_asked_for_before_it_is_known_which_there_are() -> None:
    gate = Gate(anonymous=frozenset(), open_without_keys=False, expects_keys=True)
    for headers in ([(b"authorization", b"Bearer ftk_x")], []):
        with pytest.raises(NotReadyError):
            asyncio.run(gate.tell({"path": "/v1/model", "headers": headers}))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "127.3.2.1"])
def test_this_machine_may_be_called_by_any_of_its_own_names(client: httpx2.Client, host: str) -> None:
    assert client.get("/v1/model", headers={"host": host}).status_code == 200


def test_what_strangers_may_do_depends_on_the_address() -> None:
    def strangers(host: str, *, anonymous: bool = False, gateway: bool = False) -> set[Scope]:
        return set(exposure_of(host=host, allow_anonymous=anonymous, behind_gateway=gateway).anonymous)

    behind = exposure_of(host="127.0.0.1", allow_anonymous=False, behind_gateway=False, behind_proxy=True)
    assert not behind.anonymous
    assert strangers("127.0.0.1") == strangers("::1") == strangers("localhost") == set(Scope)
    assert strangers("0.0.0.0") == strangers("::") == strangers("example.org") == set()  # noqa: S104
    assert strangers("0.0.0.0", anonymous=True) == {Scope.CLASSIFY}  # noqa: S104
    assert strangers("0.0.0.0", gateway=True) == set(Scope) - {Scope.ADMIN}  # noqa: S104


def test_every_path_of_the_service_is_listed(client: httpx2.Client) -> None:
    for path in NEEDS:
        assert client.get(path).status_code != 404, path
    assert need_of("GET", "/static/abc/app.css") is None
    assert need_of("GET", "/static/../v1/model") is None  # no route, and so nothing to be had
    assert need_of("HEAD", V1) is Scope.READ
    assert need_of("BREW", V1) is Scope.CLASSIFY
