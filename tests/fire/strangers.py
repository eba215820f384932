"""Whoever may not, gets nothing: every route of the OpenAPI document is tried with every wrong key."""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fire.load import TEXT
from tests.fire.service import PATIENCE, Service, ask, falsetrue, running

#: What a route needs. One that the document has and this has not ends the trial.
_NEEDS = {
    ("post", "/falsetrue"): "classify",
    ("post", "/v1/classifications"): "classify",
    ("get", "/v1/classifications"): "read",
    ("post", "/v1/feedback"): "feedback",
    ("get", "/v1/model"): "classify",
    ("get", "/metrics"): "metrics",
    ("get", "/healthz"): None,
    ("get", "/readyz"): None,
}
#: Pages, and what is found nowhere: for those who signed in, or for nobody.
_PAGES = ("/", "/upload", "/model", "/ops", "/monitor", "/admin", "/v1", "/v1/keys", "/nothing", "//v1/model")
_SCOPES = ("classify", "feedback", "read", "metrics")
_BODIES: dict[str, Any] = {
    "/falsetrue": {"texts": [TEXT]},
    "/v1/classifications": {"items": [{"text": TEXT}]},
    "/v1/feedback": {"prediction_id": "01a7f3c2-5b1e-7c44-9d0e-3f6a2b1c8d90", "label": "false"},
}


def intrude() -> str:
    """Raises where anybody gets in who may not, or is kept out who may."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keys = {scope: _make(folder, scope) for scope in _SCOPES}
        revoked = _make(folder, "revoked", ",".join((*_SCOPES, "admin")))
        service = Service(folder, "--workers", "2")
        with running(service):
            routes = _routes(service)
            _revoke(service, folder, revoked)
            wrong = {"nothing": "", "a revoked key": revoked, "a made-up key": keys["read"][:-6] + "000000"}
            wrong |= {"half a key": keys["read"][:20], "no key at all": "marmalade"}
            tried = sum(_try_all(service, routes, who, shown, "") for who, shown in wrong.items())
            tried += sum(_try_all(service, routes, f"a key for {each}", keys[each], each) for each in _SCOPES)
            for page in _PAGES:
                for who, shown in wrong.items():
                    status, body = _show(service, "get", page, shown)
                    assert status in (303, 307, 401, 403, 404), f"{page} with {who}: {status} {body[:500]!r}"
                    tried += 1
        for key in (revoked, *keys.values()):
            assert key not in service.log
    return f"{tried} attempts of strangers on {len(routes)} routes and {len(_PAGES)} pages: nobody got in who may not"


def _make(folder: Path, name: str, scopes: str | None = None) -> str:
    done = falsetrue("keys", "create", "--name", name, "--scopes", scopes or name, "--json", folder=folder)
    assert done.returncode == 0, done.stderr
    return str(json.loads(done.stdout)["key"])


def _routes(service: Service) -> list[tuple[str, str]]:
    status, content = ask(service.port, "GET", "/openapi.json")
    assert status == 200
    paths = json.loads(content)["paths"]
    found = [(method, path) for path, operations in paths.items() for method in operations]
    assert set(found) == set(_NEEDS), "the document and this trial know different routes"
    return found


def _revoke(service: Service, folder: Path, key: str) -> None:
    """Within a second, on all workers."""
    assert _show(service, "get", "/v1/model", key)[0] == 200
    done = falsetrue("keys", "revoke", "revoked", folder=folder)
    assert done.returncode == 0, done.stderr
    time.sleep(1.0)
    end = time.monotonic() + PATIENCE
    for _ in range(20):
        assert _show(service, "get", "/v1/model", key)[0] == 401, "a key is good a second after it was revoked"
        assert time.monotonic() < end


def _try_all(service: Service, routes: list[tuple[str, str]], who: str, shown: str, scope: str) -> int:
    for method, path in routes:
        need = _NEEDS[method, path]
        status, body = _show(service, method, path, shown)
        if need is None or need == scope:
            assert status in (200, 404), f"{method} {path} with {who}: {status} {body[:500]!r}"
        else:
            assert status == (403 if scope else 401), f"{method} {path} with {who}: {status} {body[:500]!r}"
    return len(routes)


def _show(service: Service, method: str, path: str, shown: str) -> tuple[int, bytes]:
    body = _BODIES.get(path) if method == "post" else None
    return ask(service.port, method.upper(), path, body, shown=shown)
