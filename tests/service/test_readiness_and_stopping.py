"""When the service says that it is ready, when that it is not, and how it stops."""

import json
import logging
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx2
import pytest
from tests.service.conftest import (
    DISPATCH,
    LEGACY,
    MARK,
    PATIENCE,
    V1,
    Served,
    Start,
    Threaded,
    serve_in_thread,
    wait_until,
    wire,
)

from falsetrue.errors import BundleDamagedError
from falsetrue.jobs.classify import Classifier
from falsetrue.service.app import create_app
from falsetrue.service.protocol import CarefulProtocol
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import load_classifier

BODY = json.dumps({"texts": [DISPATCH]}).encode()
ASKED = [("GET", "/readyz"), ("POST", LEGACY), ("POST", V1), ("GET", "/v1/model")]


def ask(client: httpx2.Client, method: str, path: str) -> httpx2.Response:
    body: dict[str, list[str]] = {"texts": []} if path == LEGACY else {"items": []}
    return client.request(method, path, json=body if method == "POST" else None)


# --- loading ---------------------------------------------------------------------------------------


@dataclass
class SlowLoad:
    """Loads the shipped model once it is let."""

    may_finish: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> Classifier:
        """Wait, then load."""
        assert self.may_finish.wait(PATIENCE)
        return load_classifier(Settings())


@pytest.fixture
def loading() -> Iterator[tuple[Threaded, SlowLoad]]:
    load = SlowLoad()
    try:
        with serve_in_thread(create_app(load_settings(), load=load)) as served:
            try:
                # Until the keys are read, that is what is said.
                wait_until(lambda: "keys" not in ask(served.client, "GET", "/v1/model").text, "keys")
                yield served, load
            finally:
                load.may_finish.set()
    finally:
        load.may_finish.set()


@pytest.mark.parametrize(("method", "path"), ASKED)
def test_while_the_model_loads_the_answer_is_503_and_try_again(
    loading: tuple[Threaded, SlowLoad], method: str, path: str
) -> None:
    answer = ask(loading[0].client, method, path)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    if path == LEGACY:
        assert answer.json() == {"detail": [{"loc": ["body"], "msg": "the model is being loaded", "type": "not_ready"}]}
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json() == {
            "type": "urn:falsetrue:problem:not_ready",
            "title": "Service Unavailable",
            "status": 503,
            "detail": "the model is being loaded",
        }


@pytest.mark.parametrize("path", ["/healthz", "/openapi.json"])
def test_while_the_model_loads_the_process_answers(loading: tuple[Threaded, SlowLoad], path: str) -> None:
    assert loading[0].client.get(path).status_code == 200


def test_once_the_model_is_loaded_everything_is_answered(loading: tuple[Threaded, SlowLoad]) -> None:
    served, load = loading
    load.may_finish.set()
    wait_until(lambda: served.client.get("/readyz").status_code == 200, "ready")
    assert [ask(served.client, method, path).status_code for method, path in ASKED] == [200] * 4


def test_ready_says_so(client: httpx2.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    assert client.get("/healthz").json() == {"status": "ok"}


def load_damaged() -> Classifier:
    raise BundleDamagedError("models/x: is not the file that was saved")


def load_and_break() -> Classifier:
    raise ZeroDivisionError("a bug")


def test_a_model_that_cannot_be_loaded_is_503_for_ever_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serve_in_thread(create_app(load_settings(), load=load_damaged)) as served:
        wait_until(lambda: "could not be loaded" in served.client.get("/readyz").text, "the failure")
        assert [ask(served.client, method, path).status_code for method, path in ASKED] == [503] * 4
        assert served.client.get("/healthz").status_code == 200
    (record,) = [one for one in caplog.records if one.levelno >= logging.ERROR]
    assert record.getMessage() == "the model cannot be served: models/x: is not the file that was saved"
    assert record.exc_info is None


def test_a_load_that_fails_as_nobody_foresaw_is_said_at_once(caplog: pytest.LogCaptureFixture) -> None:
    with serve_in_thread(create_app(load_settings(), load=load_and_break)) as served:
        wait_until(lambda: "could not be loaded" in served.client.get("/readyz").text, "the failure")
        assert "ZeroDivisionError" in caplog.text


# --- what nobody foresaw ---------------------------------------------------------------------------


def test_a_bug_is_a_500_that_says_nothing_of_the_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise KeyError(MARK)

    with serve_in_thread(create_app(load_settings())) as served:
        wait_until(lambda: served.client.get("/readyz").status_code == 200, "ready")
        monkeypatch.setattr(Classifier, "label", breaks)
        monkeypatch.setattr(Classifier, "classify", breaks)
        legacy = served.client.post(LEGACY, json={"texts": [MARK]})
        v1 = served.client.post(V1, json={"items": [{"text": MARK}]})
    assert (legacy.status_code, v1.status_code) == (500, 500)
    assert legacy.json()["detail"][0]["type"] == "internal"
    assert v1.json()["type"] == "urn:falsetrue:problem:internal"
    assert MARK not in legacy.text + v1.text
    assert MARK not in caplog.text
    assert "a bug, please report it: KeyError at" in caplog.text
    assert "in breaks" in caplog.text
    assert "content-security-policy" in v1.headers


# --- while something large is scored ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "method", "body"),
    [
        (LEGACY, "label", {"texts": ["word " * 5000]}),
        (V1, "classify", {"items": [{"text": "word " * 5000}]}),
        (V1, "classify", {"items": [{"title": "word " * 5000, "text": "word"}]}),
    ],
    ids=["legacy", "long-text", "long-title"],
)
def test_a_large_batch_keeps_nobody_waiting(
    monkeypatch: pytest.MonkeyPatch, path: str, method: str, body: dict[str, object]
) -> None:
    begun, may_finish = threading.Event(), threading.Event()
    score = getattr(Classifier, method)

    def scores_slowly(*arguments: object, **named: object) -> object:
        begun.set()
        assert may_finish.wait(PATIENCE)
        return score(*arguments, **named)

    with serve_in_thread(create_app(load_settings())) as served, ThreadPoolExecutor(1) as pool:
        wait_until(lambda: served.client.get("/readyz").status_code == 200, "ready")
        monkeypatch.setattr(Classifier, method, scores_slowly)
        try:
            large = pool.submit(served.client.post, path, json=body)
            assert begun.wait(PATIENCE)
            assert served.client.get("/healthz", timeout=PATIENCE / 4).status_code == 200
        finally:
            may_finish.set()
        assert large.result(PATIENCE).status_code == 200


# --- stopping --------------------------------------------------------------------------------------


def test_after_sigterm_readyz_is_503_while_texts_are_answered_and_then_it_ends(start: Start) -> None:
    served = start(FALSETRUE_DRAIN_SECONDS="1")
    served.terminate()
    wait_until(lambda: served.client.get("/readyz").status_code == 503, "/readyz at 503")
    assert served.client.get("/readyz").json()["detail"] == "the service is stopping"
    assert served.client.post(LEGACY, content=BODY).content == b'{"is_falsetrue":[1]}'
    assert served.client.get("/healthz").status_code == 200
    with httpx2.Client(base_url=served.url, trust_env=False) as another:
        assert another.post(LEGACY, content=BODY).status_code == 200
    served.process.wait(PATIENCE)
    assert served.process.returncode in (0, -signal.SIGTERM)
    assert not served.is_listening()
    assert "Traceback" not in served.log


def test_a_body_that_is_on_its_way_is_still_answered(start: Start) -> None:
    served = start()
    with wire(served) as connection:
        connection.post(LEGACY, BODY[:10], f"Content-Length: {len(BODY)}")
        served.terminate()
        wait_until(lambda: not served.is_listening(), "the port closed")
        assert served.process.poll() is None
        connection.send(BODY[10:])
        answer = connection.answer()
    assert (answer.status, answer.body) == (200, b'{"is_falsetrue":[1]}')
    served.process.wait(PATIENCE)


def test_a_batch_that_is_being_scored_is_still_answered(start: Start) -> None:
    served = start()
    batch = json.dumps({"texts": [DISPATCH * 25] * 1000}).encode()
    with wire(served) as connection, ThreadPoolExecutor(1) as pool:
        connection.post(LEGACY, batch, f"Content-Length: {len(batch)}")
        coming = pool.submit(connection.answer)
        served.terminate()
        answer = coming.result(PATIENCE)
    assert answer.status == 200
    assert answer.body == b'{"is_falsetrue":[' + b",".join([b"1"] * 1000) + b"]}"
    served.process.wait(PATIENCE)


def test_a_second_sigterm_skips_the_wait(start: Start) -> None:
    served = start(FALSETRUE_DRAIN_SECONDS="600")
    served.terminate()
    wait_until(lambda: served.client.get("/readyz").status_code == 503, "/readyz at 503")
    served.terminate()
    served.process.wait(PATIENCE)
    assert not served.is_listening()


def test_ctrl_c_skips_the_wait(start: Start) -> None:
    served = start(FALSETRUE_DRAIN_SECONDS="600")
    served.process.send_signal(signal.SIGINT)
    served.process.wait(PATIENCE)
    assert not served.is_listening()


def test_a_request_that_never_ends_is_cut_off_after_the_time_for_stopping(start: Start) -> None:
    served = start(FALSETRUE_STOP_SECONDS="1", FALSETRUE_BODY_SECONDS="600")
    with wire(served) as connection:
        connection.post(LEGACY, BODY[:10], f"Content-Length: {len(BODY)}")
        served.terminate()
        served.process.wait(PATIENCE)
    assert MARK not in served.log


@pytest.fixture
def two_workers(start: Start) -> Served:
    return start("--workers", "2", FALSETRUE_DRAIN_SECONDS="1")


def test_two_workers_drain_and_end_together(two_workers: Served) -> None:
    two_workers.terminate()
    wait_until(lambda: two_workers.client.get("/readyz").status_code == 503, "/readyz at 503")
    assert two_workers.client.post(LEGACY, content=BODY).content == b'{"is_falsetrue":[1]}'
    with wire(two_workers) as connection:
        connection.post(LEGACY, BODY[:10], f"Content-Length: {len(BODY)}")
        wait_until(lambda: "Waiting for connections to close" in two_workers.log, "the end of the drain")
        connection.send(BODY[10:])
        assert connection.answer().status == 200
    two_workers.process.wait(PATIENCE)
    assert "Traceback" not in two_workers.log


# --- connections that never become requests --------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [(), (b"POST /falsetrue HT",), (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /he")],
    ids=["silence", "half-a-head", "half-a-second-head"],
)
def test_a_connection_that_never_finishes_a_head_is_closed(sent: tuple[bytes, ...]) -> None:
    class Impatient(CarefulProtocol):
        head_seconds = 0.2

    with serve_in_thread(create_app(load_settings()), Impatient) as served, wire(served) as connection:
        for part in sent:
            connection.send(part)
            if part.endswith(b"\r\n\r\n"):
                assert connection.answer().status == 200
        assert connection.is_closed()
