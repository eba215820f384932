"""Connections: how many, how long without a request, and what becomes of clients that do not read."""

import asyncio
import hashlib
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from tests.service.conftest import PATIENCE, Threaded, clean_environment, serve_in_thread, wait_until, wire
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from falsetrue.errors import InputError
from falsetrue.service.certificates import check_pair, make_certificate
from falsetrue.service.protocol import CarefulConfig, CarefulProtocol
from falsetrue.service.server import _make_tls_context, check_edges
from falsetrue.settings import Settings, load_settings

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
MEGABYTE = 1024 * 1024


class Answers:
    """An application whose answers have a size, and are sent in parts of a megabyte."""

    def __init__(self, size: int) -> None:
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or start and stop."""
        if scope["type"] == "lifespan":
            for what in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{what}.complete"})
            return
        headers = [(b"content-length", b"%d" % self._size)]
        if scope["path"] == "/last":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for begin in range(0, self._size, MEGABYTE):
            rest = self._size - begin
            body = b"x" * min(MEGABYTE, rest)
            await send({"type": "http.response.body", "body": body, "more_body": rest > MEGABYTE})


class Narrow(CarefulProtocol):
    """The system takes little that a client does not read; and no connection waits long for a further request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self.timeout_keep_alive = 1
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        super().connection_made(transport)


@contextmanager
def serving(size: int = 2, **limits: float) -> Iterator[Threaded]:
    with serve_in_thread(Answers(size), type("Limited", (Narrow,), limits)) as served:
        yield served


@contextmanager
def narrow(served: Threaded) -> Iterator[socket.socket]:
    """A connection whose client can hold little that it does not read."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", served.port))
        yield connection


def open_connections(served: Threaded) -> int:
    return len(served.uvicorn.server_state.connections)


# --- how it is answered ----------------------------------------------------------------------------


class Noting:
    """A connection that notes how often it is written to."""

    def __init__(self, transport: asyncio.Transport, writes: list[int]) -> None:
        self._transport = transport
        self._writes = writes

    def write(self, data: bytes) -> None:
        """Send."""
        self._writes.append(len(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        """All else as it is."""
        return getattr(self._transport, name)


@pytest.mark.parametrize(
    ("method", "bodies", "writes"),
    [("GET", 1, 1), ("HEAD", 1, 1), ("GET", 3 * MEGABYTE, 4)],
    ids=["one", "none", "three"],
)
def test_an_answer_of_one_part_leaves_in_one_piece(method: str, bodies: int, writes: int) -> None:
    written: list[int] = []

    class Noted(CarefulProtocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(Noting(transport, written))  # type: ignore[arg-type]

    with serve_in_thread(Answers(bodies), Noted) as served:
        answer = served.client.request(method, "/")
        assert (answer.status_code, len(answer.content)) == (200, 0 if method == "HEAD" else bodies)
    assert len(written) == writes


FOUR = (b"content-length", b"4")
#: Status, headers and parts of an answer: as they should be, as they may be, and as they must not be.
SAID: dict[str, tuple[int, list[tuple[bytes, bytes]], list[bytes]]] = {
    "/one-part": (200, [FOUR, (b"x-of-its-own", b"b")], [b"four"]),
    "/upper-case": (404, [FOUR, (b"X-Upper", b"B"), (b"set-cookie", b"a"), (b"set-cookie", b"b")], [b"four"]),
    "/two-parts": (200, [FOUR], [b"fo", b"ur"]),
    "/last": (200, [FOUR, (b"connection", b"close")], [b"four"]),
    "/last-in-upper-case": (200, [(b"Connection", b"Close"), FOUR], [b"four"]),
    "/no-length": (200, [], [b"four"]),
    "/in-chunks": (200, [(b"transfer-encoding", b"chunked")], [b"four"]),
    "/in-chunks-of-a-length": (200, [FOUR, (b"transfer-encoding", b"chunked")], [b"four"]),
    "/nothing": (204, [], [b""]),
    "/as-before": (304, [(b"etag", b'"4"')], [b""]),
    "/too-long": (200, [FOUR], [b"five!"]),
    "/too-short": (200, [FOUR], [b"two"]),
    "/two-lines": (200, [FOUR, (b"x-split", b"a\r\nset-cookie: b")], [b"four"]),
    "/two-words": (200, [FOUR, (b"x split", b"a")], [b"four"]),
    "/nothing-said-of-headers": (200, [], [b""]),
}


async def say(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers as the path tells it."""
    if scope["type"] == "lifespan":
        await Answers(0)(scope, receive, send)
        return
    status, headers, parts = SAID[scope["path"]]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    for left, part in zip(range(len(parts))[::-1], parts, strict=True):
        await send({"type": "http.response.body", "body": part, "more_body": left > 0})


def answered_by(protocol: type[HttpToolsProtocol], request_line: str) -> dict[str, bytes]:
    """Path -> all that is answered to a request for it, and to one more where the connection stays."""
    further = b"GET /last HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answered = {}
    with serve_in_thread(say, protocol) as served:
        for path in SAID:
            with socket.create_connection(("127.0.0.1", served.port), PATIENCE) as connection:
                connection.sendall(request_line.format(path).encode() + b"\r\nHost: localhost\r\n\r\n" + further)
                answered[path] = b"".join(iter(partial(connection.recv, MEGABYTE), b""))
    return {path: re.sub(rb"date: [^\r]*", b"date: now", answer) for path, answer in answered.items()}


@pytest.mark.parametrize("request_line", ["GET {} HTTP/1.1", "HEAD {} HTTP/1.1", "GET {} HTTP/1.0"])
def test_every_answer_is_what_uvicorn_would_send(request_line: str) -> None:
    assert answered_by(CarefulProtocol, request_line) == answered_by(HttpToolsProtocol, request_line)


@pytest.mark.parametrize("fails", [True, False], ids=["raises", "ends"])
def test_an_application_that_fails_behind_the_head_of_its_answer_is_answered_for(*, fails: bool) -> None:
    async def begin(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await Answers(0)(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [FOUR]})
        if fails:
            raise RuntimeError

    with serve_in_thread(begin, CarefulProtocol) as served:
        answer = served.client.get("/")
        assert (answer.status_code, answer.headers["connection"]) == (500, "close")


# --- how many --------------------------------------------------------------------------------------


def test_a_connection_too_many_is_told_so_and_closed_and_the_others_go_on() -> None:
    with serving(most_connections=2) as served, wire(served) as first, wire(served) as second:
        for connection in (first, second):
            connection.send(GET)
            assert connection.answer().status == 200
        with wire(served) as third:
            answer = third.answer()
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
            assert third.is_closed()
        first.send(GET)
        assert first.answer().status == 200
        second.close()
        wait_until(lambda: open_connections(served) == 1, "the second connection's end")
        with wire(served) as fourth:
            fourth.send(GET)
            assert fourth.answer().status == 200


def test_an_operator_s_limits_reach_the_protocol() -> None:
    config = CarefulConfig(Answers(1), most_connections=17, answer_seconds=3.5, log_config=None)
    config.load()
    loop = asyncio.new_event_loop()
    made = CarefulProtocol(config, ServerState(), {}, loop)
    loop.close()
    assert (made.most_connections, made.answer_seconds) == (17, 3.5)


def test_a_process_may_open_as_many_files_as_the_system_allows() -> None:
    program = (
        "import resource as r; from falsetrue.service.server import raise_descriptor_limit as raise_\n"
        "hard = r.getrlimit(r.RLIMIT_NOFILE)[1]\n"
        "r.setrlimit(r.RLIMIT_NOFILE, (300, hard))\n"
        "print(raise_() == r.getrlimit(r.RLIMIT_NOFILE)[0] > 300 or hard <= 300)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "True\n"


# --- clients that do not read ----------------------------------------------------------------------


@pytest.mark.parametrize("path", [b"/", b"/last"])
@pytest.mark.parametrize("size", [50_000, 20 * MEGABYTE], ids=["little", "much"])
def test_a_client_that_does_not_read_its_answer_is_hung_up_on(size: int, path: bytes) -> None:
    with serving(size, answer_seconds=0.2) as served, narrow(served) as connection:
        connection.sendall(GET.replace(b"/", path, 1))
        assert connection.recv(1) == b"H"
        wait_until(lambda: open_connections(served) == 0, "its end")


def test_a_client_that_never_reads_a_refusal_is_hung_up_on() -> None:
    with serving(50_000, answer_seconds=0.2) as served, narrow(served) as connection:
        connection.sendall(GET)
        assert connection.recv(1) == b"H"
        connection.sendall(b"this is no HTTP\r\n\r\n")
        wait_until(lambda: open_connections(served) == 0, "its end")


def test_a_client_that_takes_its_time_gets_its_whole_answer() -> None:
    size = 3 * MEGABYTE
    with serving(size, answer_seconds=5) as served, narrow(served) as connection:
        connection.sendall(GET.replace(b"/", b"/last", 1))
        assert len(b"".join(iter(lambda: connection.recv(65536), b"")).partition(b"\r\n\r\n")[2]) == size


class Stalled:
    """A transport whose client takes what a test says, and the loop that waits for it."""

    def __init__(self, unsent: int) -> None:
        self.unsent = unsent
        self.aborted = False
        self.due: list[Callable[[], None]] = []

    def get_write_buffer_size(self) -> int:
        """Bytes."""
        return self.unsent

    def abort(self) -> None:
        """Hang up."""
        self.aborted = True

    def call_later(self, _seconds: float, then: Callable[[], None]) -> object:
        """Remember what is to be done."""
        self.due.append(then)
        return then


@pytest.mark.parametrize(
    ("left", "aborted", "watched"),
    [
        ([36_000, 0], False, False),
        ([36_001], True, False),
        ([30_000, 1], True, False),
        ([30_000], False, True),
        ([100_000], True, False),
        ([0], False, False),
    ],
)
def test_each_further_64_kb_or_the_rest_must_be_taken_in_time(left: list[int], *, aborted: bool, watched: bool) -> None:
    transport = Stalled(36_000 + 64 * 1024)
    protocol = CarefulProtocol.__new__(CarefulProtocol)
    protocol.transport, protocol.loop, protocol._watching = transport, transport, None  # type: ignore[assignment]  # noqa: SLF001
    protocol._watch()  # noqa: SLF001
    for transport.unsent in left:
        transport.due.pop()()
    assert (transport.aborted, bool(transport.due)) == (aborted, watched)


# --- without a request -----------------------------------------------------------------------------


class Brief(CarefulProtocol):
    """No connection waits longer than half a second for a further request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        self.timeout_keep_alive = 0.5  # type: ignore[assignment]
        super().connection_made(transport)


async def answer_late(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that answers after twice that time where it is asked for something late."""
    if scope["type"] == "http" and scope["path"] == "/late":
        await asyncio.sleep(1)
    await Answers(2)(scope, receive, send)


def ask_on(connection: socket.socket, path: str) -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return connection.recv(MEGABYTE)


@pytest.mark.parametrize("path", ["/", "/late"])
def test_a_connection_without_a_further_request_is_closed_in_time_and_not_before(path: str) -> None:
    with (
        serve_in_thread(answer_late, Brief) as served,
        socket.create_connection(("127.0.0.1", served.port), PATIENCE) as connection,
    ):
        begun = monotonic()
        while monotonic() < begun + 0.75:  # longer than any clock that the first request may have started
            assert ask_on(connection, path).endswith(b"xx")
        answered = monotonic()
        assert connection.recv(1) == b""
        assert monotonic() - answered > 0.45
    wait_until(lambda: not open_connections(served), "the end of the connection")


# --- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    make_certificate(["localhost", "127.0.0.1"], path, datetime.now(UTC))
    return path


def test_a_certificate_for_a_try_is_its_owner_s_alone_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "state" / "certificate.pem"
    first, second = (make_certificate(["127.0.0.1", "a.example"], path, datetime.now(UTC)) for _ in range(2))
    assert first != second
    assert len(second) == 32 * 3 - 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    check_pair(path, path)


@contextmanager
def secure(port: int, certificate: Path, highest: ssl.TLSVersion | None = None) -> Iterator[ssl.SSLSocket]:
    """A connection by TLS to a server whose certificate is trusted."""
    context = ssl.create_default_context(cafile=str(certificate))
    if highest is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = highest
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        yield secured


def ask(connection: ssl.SSLSocket, path: str = "/healthz") -> bytes:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_tls_is_served_directly(tmp_path: Path, certificate: Path, workers: str) -> None:
    log = tmp_path / "log"
    options = ["--port", "0", "--workers", workers, "--tls-cert", str(certificate), "--tls-key", str(certificate)]
    with log.open("wb") as output:
        command = [sys.executable, "-m", "falsetrue", "serve", *options]
        environment = clean_environment(FALSETRUE_JOURNAL="no", FALSETRUE_STATE_FOLDER=str(tmp_path))
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=tmp_path, env=environment)
    try:
        wait_until(lambda: b"running on https://" in log.read_bytes() or process.poll() is not None, "listening")
        assert process.poll() is None, log.read_text()
        port = int(log.read_bytes().rpartition(b"https://127.0.0.1:")[2].split()[0])
        wait_until(lambda: accepts(port, certificate), "answers")
        with secure(port, certificate) as connection:
            assert connection.version() == "TLSv1.3"
            assert b"strict-transport-security: max-age=31536000" in ask(connection)
        with secure(port, certificate, ssl.TLSVersion.TLSv1_2) as connection:
            assert ask(connection).startswith(b"HTTP/1.1 200")
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as plain:
            plain.sendall(GET)
            assert not plain.recv(1000).startswith(b"HTTP/1.1 2")
    finally:
        process.terminate()
        process.wait(PATIENCE)
    assert "Traceback" not in log.read_text()


def accepts(port: int, certificate: Path) -> bool:
    try:
        with secure(port, certificate) as connection:
            return ask(connection).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_an_older_tls_is_refused() -> None:
    def lenient() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        return context

    context = _make_tls_context(None, lenient)  # type: ignore[arg-type]
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_tls_for_a_try_says_its_fingerprint(tmp_path: Path) -> None:
    environment = clean_environment(FALSETRUE_STATE_FOLDER=str(tmp_path))
    command = [sys.executable, "-m", "falsetrue", "serve", "--port", "0", "--tls-self-signed"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        process.communicate(timeout=PATIENCE)
    fingerprint = line.rpartition(" ")[2].strip()
    pem = (tmp_path / "certificate-for-a-try.pem").read_text()
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :])
    assert hashlib.sha256(der).digest().hex(":").upper() == fingerprint


# --- settings that cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"tls_cert": Path("c.pem")}, "TLS_KEY"),
        ({"tls_key": Path("c.pem")}, "TLS_CERT"),
        ({"tls_cert": Path("nowhere.pem"), "tls_key": Path("nowhere.pem")}, "nowhere.pem"),
        ({"max_waiting_bytes": 1024}, "MAX_WAITING_BYTES"),
        ({"trusted_proxies": ("everybody",)}, "TRUSTED_PROXIES"),
        ({"cors_origins": ("everybody",)}, "CORS_ORIGINS"),
        ({"jwt_audience": "us"}, "JWT_ISSUER"),
        ({"jwt_jwks": "https://login.example/jwks.json"}, "JWT_ISSUER"),
        ({"jwt_issuer": "https://login.example"}, "JWT_AUDIENCE"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_before_anything_is_served(
    given: dict[str, object], named: str
) -> None:
    check_edges(load_settings())
    with pytest.raises(InputError, match=named):
        check_edges(Settings(**given))  # type: ignore[arg-type]


def test_a_certificate_that_is_none_or_not_the_key_s_is_refused_without_asking_for_a_password(
    tmp_path: Path, certificate: Path
) -> None:
    (tmp_path / "other.pem").write_bytes(b"")
    with pytest.raises(InputError, match="PEM"):
        check_pair(certificate, tmp_path / "other.pem")
    make_certificate(["localhost"], tmp_path / "another.pem", datetime.now(UTC))
    with pytest.raises(InputError, match="PEM"):
        check_pair(certificate, tmp_path / "another.pem")
    with pytest.raises(InputError, match="self-signed"):
        check_edges(Settings(tls_cert=certificate, tls_key=certificate, tls_self_signed=True))
