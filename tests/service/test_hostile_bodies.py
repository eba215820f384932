"""Bodies and requests made to break something: never a 5xx, never the text given back, and the server lives on."""

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass

import httpx2
import pytest
from tests.service.conftest import LEGACY, MARK, V1, Served, Start, Wire, wire

pytestmark = pytest.mark.usefixtures("quiet")

ROUTES = pytest.mark.parametrize("path", [LEGACY, V1], ids=["legacy", "v1"])
DEPTH = 100_000
M = MARK.encode()


def body(path: str, text: bytes, before: bytes = b"") -> bytes:
    """A body with one text, given as JSON, and maybe something before it."""
    return b'{%s"texts":[%s]}' % (before, text) if path == LEGACY else b'{%s"items":[{"text":%s}]}' % (before, text)


# --- one hostile text in a body that is otherwise in order ------------------------------------------

TEXTS: dict[str, tuple[bytes, int]] = {
    "lone-high-surrogate": (b'"%s \\ud800"' % M, 422),
    "lone-low-surrogate": (b'"%s \\udfff!"' % M, 422),
    "surrogates-the-wrong-way-round": (b'"%s \\udc00\\ud800"' % M, 422),
    "high-surrogate-before-a-letter": (b'"%s \\ud83da"' % M, 422),
    "a-proper-surrogate-pair": (b'"%s \\ud83d\\ude00"' % M, 200),
    "raw-surrogate-bytes": (b'"%s \xed\xa0\x80"' % M, 422),
    "overlong-utf-8": (b'"%s \xc0\xaf"' % M, 422),
    "cut-off-utf-8": (b'"%s \xe2\x82"' % M, 422),
    "beyond-unicode": (b'"%s \xf4\x90\x80\x80"' % M, 422),
    "latin-1-bytes": (b'"%s caf\xe9"' % M, 422),
    "noncharacters": (b'"%s \\uffff\\ufffe\xef\xbf\xbf"' % M, 200),
    "escaped-nul": (b'"%s \\u0000"' % M, 200),
    "raw-nul": (b'"%s \x00"' % M, 422),
    "raw-line-feed": (b'"%s \n"' % M, 422),
    "raw-delete-character": (b'"%s \x7f"' % M, 200),
    "unknown-escape": (b'"%s \\q"' % M, 422),
    "half-an-escape": (b'"%s \\u12"' % M, 422),
    "unfinished-string": (b'"%s' % M, 422),
    "single-quotes": (b"'%s'" % M, 422),
    "NaN": (b"NaN", 422),
    "Infinity": (b"-Infinity", 422),
    "1e400": (b"1e400", 422),
    "minus-zero": (b"-0", 422),
    "a-hundred-thousand-digits": (b"9" * 100_000, 422),
    "a-number": (b"7", 422),
    "true": (b"true", 422),
    "null": (b"null", 422),
    "a-list": (b'["%s"]' % M, 422),
    "an-object": (b'{"%s":"%s"}' % (M, M), 422),
    "arrays-100000-deep": (b"[" * DEPTH + b"]" * DEPTH, 422),
    "objects-100000-deep": (b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, 422),
    "arrays-never-closed": (b"[" * DEPTH, 422),
    "one-word-of-a-megabyte": (b'"%s"' % (M * 50_000), 200),
    "a-flood-of-combining-marks": (json.dumps(MARK + " e" + "\u0301" * 10_000).encode(), 200),
    "right-to-left-and-zero-width": (json.dumps(MARK + " \u202e\u200b\u200d\ufeff\u2066").encode(), 200),
    "emoji-joined": (json.dumps(MARK + " 👩‍👩‍👧‍👦" * 500, ensure_ascii=False).encode(), 200),
    "capital-sigma-and-dotted-i": (json.dumps(MARK + " ΟΔΟΣ İSTANBUL ẞ ǅ").encode(), 200),
    "line-separators": (json.dumps(MARK + "\u2028\u2029\u0085\x1c").encode(), 200),
    "digits-of-many-scripts": (json.dumps(MARK + " ١٢٣ ४५६ \U0001d7d8\U0001d7d9").encode(), 200),
    "looks-like-a-template": (json.dumps(MARK + " {{7*7}} ${7*7} %s %n <script>alert(1)</script>").encode(), 200),
    "only-punctuation": (b'"!!! ... ,,, --- ???"', 200),
    "spaces-by-the-thousand": (b'"%s %s"' % (M, b" " * 200_000), 200),
}


@ROUTES
@pytest.mark.parametrize("case", TEXTS)
def test_a_hostile_text(client: httpx2.Client, path: str, case: str) -> None:
    text, expected = TEXTS[case]
    check(client, path, body(path, text), expected)


def check(client: httpx2.Client, path: str, content: bytes, expected: int) -> httpx2.Response:
    """Post it; the answer has the status and, where it is an error, the shape of its route, and never the text."""
    answer = client.post(path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == expected
    assert MARK not in answer.text
    if expected != httpx2.codes.OK:
        check_error(path, answer.headers["content-type"], answer.json())
    return answer


def check_error(path: str, media_type: str, problem: dict[str, object]) -> None:
    assert media_type == ("application/json" if path == LEGACY else "application/problem+json")
    assert isinstance(problem["detail"], list if path == LEGACY else str)


# --- hostile bodies --------------------------------------------------------------------------------

Make = Callable[[str], bytes]
SMALL = b'"%s"' % M
#: Name -> how to make it for a route, status of the legacy route, status of /v1 (which has no other fields).
BODIES: dict[str, tuple[Make, int, int]] = {
    "nothing": (lambda _: b"", 422, 422),
    "white-space": (lambda _: b" \r\n\t", 422, 422),
    "a-nul": (lambda _: b"\x00", 422, 422),
    "top-level-null": (lambda _: b"null", 422, 422),
    "top-level-NaN": (lambda _: b"NaN", 422, 422),
    "top-level-number": (lambda _: b"-0", 422, 422),
    "top-level-string": (lambda _: SMALL, 422, 422),
    "top-level-array": (lambda path: b"[" + body(path, SMALL) + b"]", 422, 422),
    "top-level-arrays-100000-deep": (lambda _: b"[" * DEPTH + b"]" * DEPTH, 422, 422),
    "top-level-objects-100000-deep": (lambda _: b'{"a":' * DEPTH + b"1" + b"}" * DEPTH, 422, 422),
    "cut-off": (lambda path: body(path, SMALL)[:-1], 422, 422),
    "garbage-after-it": (lambda path: body(path, SMALL) + b" " + M, 422, 422),
    "two-documents": (lambda path: body(path, SMALL) * 2, 422, 422),
    "a-comment": (lambda path: b"/* " + M + b" */" + body(path, SMALL), 422, 422),
    "a-comma-too-many": (lambda path: body(path, SMALL + b","), 422, 422),
    "white-space-around-it": (lambda path: b"\n\t " + body(path, SMALL) + b"\r\n", 200, 200),
    "utf-8-byte-order-mark": (lambda path: b"\xef\xbb\xbf" + body(path, SMALL), 200, 200),
    "two-byte-order-marks": (lambda path: b"\xef\xbb\xbf" * 2 + body(path, SMALL), 422, 422),
    "utf-16": (lambda path: body(path, SMALL).decode().encode("utf-16"), 422, 422),
    "utf-16-without-mark": (lambda path: body(path, SMALL).decode().encode("utf-16-le"), 422, 422),
    "utf-32": (lambda path: body(path, SMALL).decode().encode("utf-32"), 422, 422),
    "gzip": (lambda path: gzip.compress(body(path, SMALL)), 422, 422),
    "a-form": (lambda _: b"texts=" + M, 422, 422),
    "the-field-twice": (lambda path: body(path, SMALL, body(path, b'"a"')[1:-1] + b","), 200, 200),
    "unknown-arrays-100000-deep": (
        lambda path: body(path, SMALL, b'"x":' + b"[" * DEPTH + b"]" * DEPTH + b","),
        422,
        422,
    ),
    "unknown-arrays-never-closed": (lambda path: body(path, SMALL, b'"x":' + b"[" * DEPTH + b","), 422, 422),
    "unknown-1e400": (lambda path: body(path, SMALL, b'"x":1e400,'), 200, 422),
    "unknown-NaN": (lambda path: body(path, SMALL, b'"x":NaN,'), 422, 422),
    "unknown-huge-integer": (lambda path: body(path, SMALL, b'"x":' + b"9" * 100_000 + b","), 200, 422),
    "unknown-lone-surrogate": (lambda path: body(path, SMALL, b'"%s":"\\ud800",' % M), 422, 422),
    "key-that-is-empty": (lambda path: body(path, SMALL, b'"":1,'), 200, 422),
    "key-of-a-megabyte": (lambda path: body(path, SMALL, b'"%s":1,' % (M * 50_000)), 200, 422),
    "key-proto": (lambda path: body(path, SMALL, b'"__proto__":{"%s":1},"constructor":null,' % M), 200, 422),
    "key-with-nul": (lambda path: body(path, SMALL, b'"\\u0000%s":1,' % M), 200, 422),
    "key-lone-surrogate": (lambda path: body(path, SMALL, b'"\\ud800%s":1,' % M), 422, 422),
    "a-hundred-thousand-keys": (lambda path: body(path, SMALL, b'"%s":1,' % M * 100_000), 200, 422),
    "a-hundred-thousand-texts": (
        lambda path: body(
            path, b'"",' * 99_999 + b'""' if path == LEGACY else b'""},' + b'{"text":""},' * 99_999 + b'{"text":""'
        ),
        413,
        413,
    ),
    "ten-megabytes": (lambda path: body(path, b'"%s"' % (M * 500_000)), 413, 413),
    "ten-megabytes-of-brackets": (lambda _: b"[" * 10_000_000, 413, 413),
}


@ROUTES
@pytest.mark.parametrize("case", BODIES)
def test_a_hostile_body(client: httpx2.Client, path: str, case: str) -> None:
    make, legacy, v1 = BODIES[case]
    check(client, path, make(path), legacy if path == LEGACY else v1)


def test_of_a_field_given_twice_the_last_one_holds(client: httpx2.Client) -> None:
    assert len(client.post(LEGACY, content=b'{"texts":["a","b"],"texts":["c"]}').json()["is_falsetrue"]) == 1


@ROUTES
def test_a_body_said_to_be_compressed_is_not_decompressed(client: httpx2.Client, path: str) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    answer = client.post(path, content=gzip.compress(b" " * 5_000_000 + body(path, SMALL)), headers=headers)
    assert answer.status_code == 422


# --- the surrogate that an id may hold goes nowhere -------------------------------------------------


@pytest.mark.parametrize("field", [b"id", b"title"])
def test_a_lone_surrogate_elsewhere_in_an_item(client: httpx2.Client, field: bytes) -> None:
    check(client, V1, b'{"items":[{"text":"%s","%s":"\\udabc"}]}' % (M, field), 422)


# --- hostile HTTP ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Framing:
    """A request whose framing is wrong, and how it is answered: 400 is said before any route is asked."""

    headers: tuple[str, ...]
    body: bytes = b""


REFUSED = {
    "negative-length": Framing(("Content-Length: -1",), M),
    "signed-length": Framing(("Content-Length: +5",), M),
    "length-that-is-no-number": Framing((f"Content-Length: {MARK}",), M),
    "length-of-5000-digits": Framing(("Content-Length: " + "9" * 5000,), M),
    "two-lengths-that-differ": Framing(("Content-Length: 5", "Content-Length: 6"), M),
    "two-lengths-alike": Framing(("Content-Length: 5", "Content-Length: 5"), M),
    "length-and-chunks": Framing(("Content-Length: 5", "Transfer-Encoding: chunked"), b"0\r\n\r\n"),
    "unknown-transfer-encoding": Framing(("Transfer-Encoding: marmalade",), M),
    "chunk-size-that-is-no-number": Framing(("Transfer-Encoding: chunked",), b"zz\r\n" + M),
    "chunk-size-beyond-64-bits": Framing(("Transfer-Encoding: chunked",), b"F" * 17 + b"\r\n" + M),
    "chunk-longer-than-said": Framing(("Transfer-Encoding: chunked",), b"1\r\n" + M),
    "header-without-a-colon": Framing((MARK,), M),
    "header-with-a-nul": Framing(("X-A: a\0b", "Content-Length: 0"), M),
    "header-name-with-a-space": Framing(("X A: b", "Content-Length: 0"), M),
    "folded-header": Framing(("X-A: a", " folded", "Content-Length: 0"), M),
    "endless-header": Framing((f"X-A: {MARK * 20_000}",), M),
    "headers-without-end": Framing((f"X-A: {MARK}\r\n" * 20_000 + "X-A: b",), M),
    "endless-chunk-extension": Framing(("Transfer-Encoding: chunked",), b"1;" + M * 20_000),
    "endless-trailers": Framing(("Transfer-Encoding: chunked",), b"0\r\n" + b"X-A: b\r\n" * 60_000),
}


@ROUTES
@pytest.mark.parametrize("case", REFUSED)
def test_hostile_framing_is_400_or_closed_and_repeats_nothing(server: Served, path: str, case: str) -> None:
    framing = REFUSED[case]
    with wire(server) as connection:
        try:
            connection.post(path, framing.body, *framing.headers)
            answer = connection.answer()
        except (ConnectionError, IndexError):
            return  # it hung up on us while we were still sending: that is an answer, too
        assert 400 <= answer.status < 500
        assert M not in answer.body
        assert connection.is_closed()


@ROUTES
def test_a_body_declared_too_large_is_413_before_it_is_sent(server: Served, path: str) -> None:
    with wire(server) as connection:
        connection.post(path, b"", "Content-Length: 8388609")
        answer = connection.answer()
        assert answer.status == 413
        check_error(path, answer.headers["content-type"], answer.problem)
        assert answer.headers["connection"] == "close"
        assert connection.is_closed()


def stream(connection: Wire, chunk: bytes, most: int) -> int:
    """Send a chunk again and again until the server hangs up; returns the bytes that it let us send."""
    sent = 0
    while sent < most:
        try:
            connection.send(chunk)
        except ConnectionError:
            break
        sent += len(chunk)
    return sent


@pytest.mark.parametrize(("path", "status"), [(LEGACY, 413), (V1, 413), ("/nothing", 404), ("/v1/model", 405)], ids=str)
def test_chunks_without_end_are_answered_and_the_connection_is_closed(server: Served, path: str, status: int) -> None:
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with wire(server) as connection:
        connection.post(path, chunk * 160, "Transfer-Encoding: chunked")
        assert connection.answer().status == status
        assert stream(connection, chunk, 200_000_000) < 100_000_000


@ROUTES
def test_a_client_that_hangs_up_in_its_body_leaves_no_trace(server: Served, path: str) -> None:
    with wire(server) as connection:
        connection.post(path, b'{"texts":["' + M, "Content-Length: 1000")


@ROUTES
def test_what_stands_behind_a_body_is_not_taken_for_its_part(server: Served, path: str) -> None:
    with wire(server) as connection:
        connection.post(path, body(path, SMALL), f"Content-Length: {len(body(path, SMALL))}")
        assert connection.answer().status == 200
        connection.send(M + b"\r\n\r\n")
        answer = connection.answer()
        assert answer.status == 400
        assert M not in answer.body


@ROUTES
def test_expecting_100_continue_is_told_to_go_on(server: Served, path: str) -> None:
    content = body(path, SMALL)
    with wire(server) as connection:
        connection.post(path, b"", f"Content-Length: {len(content)}", "Expect: 100-continue")
        assert connection.received.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert connection.received.readline() == b"\r\n"
        connection.send(content)
        assert connection.answer().status == 200


@ROUTES
def test_expecting_100_continue_for_too_much_is_413_at_once(server: Served, path: str) -> None:
    with wire(server) as connection:
        connection.post(path, b"", "Content-Length: 9000000", "Expect: 100-continue")
        assert connection.answer().status == 413


@ROUTES
def test_http_1_0_is_answered_and_closed(server: Served, path: str) -> None:
    content = body(path, SMALL)
    with wire(server) as connection:
        connection.post(path, content, f"Content-Length: {len(content)}", version="1.0")
        assert connection.answer().status == 200
        assert connection.is_closed()


@pytest.mark.parametrize(
    "line", ["POST /falsetrue", "POST /falsetrue HTTP/9.9", "G\x00T / HTTP/1.1", MARK, "\x16\x03\x01"]
)
def test_what_is_no_http_is_a_client_error(server: Served, line: str) -> None:
    with wire(server) as connection:
        connection.send(line.encode() + b"\r\n\r\n")
        assert 400 <= connection.answer().status < 500


@ROUTES
def test_pipelined_requests_are_answered_in_order_past_an_error(server: Served, path: str) -> None:
    with wire(server) as connection:
        for content in (body(path, SMALL), b"{", body(path, b"7"), body(path, SMALL)):
            connection.post(path, content, f"Content-Length: {len(content)}")
        assert [connection.answer().status for _ in range(4)] == [200, 422, 422, 200]


@ROUTES
@pytest.mark.parametrize(
    "offer",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAA"),
        ("connection: upgrade", "upgrade: websocket"),
    ],
    ids=["java-http-client", "websocket"],
)
def test_an_offer_of_another_protocol_is_ignored_and_the_body_read(
    server: Served, path: str, offer: tuple[str, ...]
) -> None:
    content = body(path, SMALL)
    with wire(server) as connection:
        for _ in range(2):
            connection.post(path, content, f"Content-Length: {len(content)}", *offer)
            assert connection.answer().status == 200


@ROUTES
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "BREW"])
def test_another_method_is_a_client_error(client: httpx2.Client, path: str, method: str) -> None:
    answer = client.request(method, path, content=b"" if method in ("GET", "HEAD") else body(path, SMALL))
    assert answer.status_code in ((200,) if path == V1 and method in ("GET", "HEAD") else (400, 405))
    assert MARK not in answer.text


@pytest.mark.parametrize("host", ["[", "a/b?c#d", "a b", "", MARK, "::1", "x" * 5000], ids=range(7))
@pytest.mark.parametrize("path", [LEGACY, V1, "/nothing", "/healthz/"])
def test_any_host_header_is_answered(client: httpx2.Client, path: str, host: str) -> None:
    assert client.post(path, content=b"{", headers={"host": host}).status_code < 500


@ROUTES
@pytest.mark.parametrize(
    "query", ["?", "?texts=" + MARK, "?%ff=%00", "?" + "a" * 10_000, "?a[]=1&a[b]=2"], ids=range(5)
)
def test_a_query_changes_nothing(client: httpx2.Client, path: str, query: str) -> None:
    answer = client.post(path + query, content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert MARK not in answer.text
    check_error(path, answer.headers["content-type"], answer.json())


# --- slow bodies -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(start: Start) -> Served:
    return start(FALSETRUE_BODY_SECONDS="0.3")


@ROUTES
@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"], ids=["length", "chunked"])
def test_a_body_that_does_not_arrive_is_408_and_the_connection_closed(
    impatient: Served, path: str, framing: str
) -> None:
    with wire(impatient) as connection:
        connection.post(path, b"", framing)
        answer = connection.answer()
        assert answer.status == 408
        check_error(path, answer.headers["content-type"], answer.problem)
        assert connection.is_closed()


def test_a_body_that_trickles_in_is_408_although_it_never_stops(impatient: Served) -> None:
    with wire(impatient) as connection:
        connection.post(LEGACY, b"", "Content-Length: 8000000")
        connection.socket.settimeout(0.05)
        status = None
        while status is None:
            connection.send(b" ")
            try:
                status = connection.socket.recv(12)
            except TimeoutError:
                continue
        assert status == b"HTTP/1.1 408"


def test_a_body_in_time_is_read_however_many_pieces_it_has(impatient: Served) -> None:
    with wire(impatient) as connection:
        connection.post(LEGACY, b"", "Content-Length: 12")
        for byte in b'{"texts":[]}':
            connection.send(bytes([byte]))
        assert connection.answer().body == b'{"is_falsetrue":[]}'
