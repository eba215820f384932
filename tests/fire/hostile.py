"""Requests that were written by hand to break something, sent over bare sockets."""

import gzip
import json
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass

#: Stands in every request, and never in an answer of an error, nor in the log.
MARK = "marmalade-of-zanzibar"
_M = MARK.encode()
_PATH = b"/v1/classifications"
_PATIENCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Hostile:
    """What is sent, and what it is called."""

    name: str
    data: bytes
    reset: bool = False  #: hang up with a reset, reading nothing


def _item(**more: object) -> bytes:
    return json.dumps({"items": [{"text": MARK + " says the minister", **more}]}).encode()


def _post(body: bytes, *headers: bytes, path: bytes = _PATH, json_type: bool = True) -> bytes:
    return _bare(body, *headers, b"Content-Length: %d" % len(body), path=path, json_type=json_type)


def _bare(body: bytes, *headers: bytes, path: bytes = _PATH, json_type: bool = True) -> bytes:
    """One whose length is the caller's affair."""
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: localhost", *headers]
    lines += [b"Content-Type: application/json"] if json_type else []
    return b"\r\n".join([*lines, b"", b""]) + body


def _get(path: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    return b"\r\n".join([method + b" " + path + b" HTTP/1.1", b"Host: localhost", *headers, b"", b""])


_BODY = _item()
_CHUNKED = b"Transfer-Encoding: chunked"
_NEXT = _get(b"/" + _M)


def _chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def _framing() -> dict[str, bytes]:
    """Where a request ends, said wrongly or twice: what smuggling lives on."""
    whole = _chunk(_BODY) + b"0\r\n\r\n"
    return {
        "length and chunks": _post(whole, _CHUNKED) + _NEXT,
        "chunks and a length that cuts them": _bare(b"0\r\n\r\n" + _NEXT, _CHUNKED, b"Content-Length: 5"),
        "two lengths that differ": _post(_BODY, b"Content-Length: 3"),
        "two lengths alike": _post(_BODY, b"Content-Length: %d" % len(_BODY)),
        "a list of lengths": _bare(_BODY, b"Content-Length: 5, 5"),
        "length with a plus": _bare(_BODY, b"Content-Length: +%d" % len(_BODY)),
        "length with a minus": _bare(_BODY, b"Content-Length: -1"),
        "length in hexadecimal": _bare(_BODY, b"Content-Length: 0x10"),
        "length with an underscore": _bare(_BODY, b"Content-Length: 1_0"),
        "length of 300 digits": _bare(_BODY, b"Content-Length: " + b"9" * 300),
        "length beyond 64 bits": _bare(_BODY, b"Content-Length: 18446744073709551617"),
        "length in other digits": _bare(_BODY, "Content-Length: \u0663".encode()),
        "length that is empty": _bare(_BODY, b"Content-Length:"),
        "a space before the colon": _post(_BODY, b"Content-Length : 3"),
        "chunked with a tab": _bare(whole, b"Transfer-Encoding:\tchunked"),
        "chunked behind an unknown one": _bare(whole, b"Transfer-Encoding: marmalade, chunked"),
        "chunked before another": _bare(whole, b"Transfer-Encoding: chunked, identity"),
        "chunked twice": _bare(whole, _CHUNKED, _CHUNKED),
        "chunked in capitals with a vertical tab": _bare(whole, b"Transfer-Encoding: \x0bchunked"),
        "chunked on a folded line": _bare(whole, b"Transfer-Encoding:\r\n chunked"),
        "transfer encoding in HTTP 1.0": _bare(whole, _CHUNKED).replace(b"HTTP/1.1", b"HTTP/1.0"),
        "chunk size with 0x": _bare(b"0x10\r\n" + _BODY, _CHUNKED),
        "chunk size beyond 64 bits": _bare(b"F" * 17 + b"\r\n" + _BODY, _CHUNKED),
        "chunk size with a minus": _bare(b"-1\r\n" + _BODY, _CHUNKED),
        "chunk size that is empty": _bare(b"\r\n" + _BODY, _CHUNKED),
        "chunk that is longer than it says": _bare(b"2\r\n" + _BODY + b"\r\n0\r\n\r\n", _CHUNKED),
        "chunk without its end": _bare(b"%x\r\n" % len(_BODY) + _BODY + b"0\r\n\r\n", _CHUNKED),
        "chunks with bare line feeds": _bare(whole.replace(b"\r\n", b"\n"), _CHUNKED),
        "chunk with a long extension": _bare(_chunk(_BODY, b";" + _M * 4000), _CHUNKED),
        "chunk with line feeds in its extension": _bare(_chunk(_BODY, b";a\nb: c") + b"0\r\n\r\n", _CHUNKED),
        "one byte to a chunk": _bare(b"".join(map(_chunk, _bytes(_BODY))) + b"0\r\n\r\n", _CHUNKED),
        "trailers that would be headers": _bare(
            _chunk(_BODY) + b"0\r\nContent-Length: 3\r\nX-" + _M + b": 1\r\n\r\n", _CHUNKED
        ),
        "a request in the body of a GET": _get(b"/healthz", b"Content-Length: %d" % len(_NEXT)) + _NEXT,
        "a body behind its length": _post(_BODY) + _M * 3 + b"\r\n\r\n",
        "more than was said": _bare(_BODY, b"Content-Length: 4") + _NEXT,
        "less than was said, and the end": _bare(_BODY[:20], b"Content-Length: 900"),
    }


def _bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _heads() -> dict[str, bytes]:
    """Lines and headers."""
    return {
        "a header of 100 kB": _post(_BODY, b"X-Long: " + _M * 5000),
        "5,000 headers": _post(_BODY, *[b"X-%d: %s" % (number, _M) for number in range(5000)]),
        "a header without a name": _post(_BODY, b": " + _M),
        "a header without a colon": _post(_BODY, _M),
        "a NUL in a header": _post(_BODY, b"X-A: " + _M + b"\0"),
        "a carriage return in a header": _post(_BODY, b"X-A: a\rX-B: " + _M),
        "a line feed alone in a header": _post(_BODY, b"X-A: a\nX-B: " + _M),
        "a name in Cyrillic": _post(_BODY, "\u0425-\u0410: ".encode() + _M),
        "Latin-1 in a header": _post(_BODY, b"X-A: caf\xe9 " + _M),
        "a path of 70 kB": _get(b"/" + _M * 3500),
        "a path with NUL": _get(b"/" + _M + b"%00"),
        "a path that climbs": _get(b"/static/../../../../etc/passwd?" + _M),
        "a path that climbs in disguise": _get(b"/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd?" + _M),
        "a path that climbs with backslashes": _get(b"/static/..\\..\\" + _M),
        "a path with bytes that are no UTF-8": _get(b"/%ff%fe" + _M),
        "a path with a double slash": _get(b"//evil.example/" + _M),
        "a path with spaces": _get(b"/" + _M + b" and more"),
        "an absolute target": _get(b"http://evil.example/" + _M),
        "a target that is an authority": _get(b"evil.example:443", method=b"CONNECT"),
        "a target that is a star": _get(b"*", b"X-A: " + _M, method=b"OPTIONS"),
        "a query of odd bytes": _get(b"/v1/classifications?limit=%00&page_token=" + _M + b"%ff&since=" + _M),
        "a query with fields twice": _get(b"/v1/classifications?label=real&label=" + _M),
        "a method that nobody knows": _get(b"/", b"X-A: " + _M, method=_M.upper().replace(b"-", b"")),
        "a method in small letters": _get(b"/" + _M, method=b"get"),
        "TRACE": _get(b"/", b"X-A: " + _M, method=b"TRACE"),
        "HTTP 0.9": b"GET /" + _M + b"\r\n",
        "HTTP 9.9": _post(_BODY).replace(b"HTTP/1.1", b"HTTP/9.9"),
        "the preface of HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _M,
        "the hello of TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + _M,
        "a proxy's line": b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + _post(_BODY),
        "no host": _post(_BODY).replace(b"Host: localhost\r\n", b""),
        "two hosts": _post(_BODY, b"Host: " + _M),
        "a host with odd bytes": _post(_BODY).replace(b"Host: localhost", b"Host: [" + _M + b"\xff"),
        "an upgrade to HTTP 2": _post(_BODY, b"Connection: Upgrade", b"Upgrade: h2c", b"HTTP2-Settings: AAEAAEAA"),
        "an upgrade to a WebSocket": _get(b"/", b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: x"),
        "an expectation that nobody knows": _post(_BODY, b"Expect: " + _M),
        "100-continue and nothing after": _get(_PATH, b"Expect: 100-continue", b"Content-Length: 9", method=b"POST"),
        "ranges by the thousand": _get(b"/static/app.css", b"Range: bytes=" + b"0-1," * 5000 + b"0-1"),
        "a range that runs backwards": _get(b"/static/app.css", b"Range: bytes=9-" + b"1" * 300),
        "line feeds alone": _post(_BODY).replace(b"\r\n", b"\n"),
        "empty lines before": b"\r\n" * 50 + _post(_BODY),
        "nothing but line feeds": b"\n" * 10_000,
        "nothing": b"",
    }


def _names() -> dict[str, bytes]:
    """Headers whose value goes somewhere."""
    odd: dict[str, tuple[bytes, list[bytes]]] = {
        "request id": (
            b"X-Request-ID",
            [
                _M + b"\xff",
                b"a" * 3000 + _M,
                b"%0d%0aSet-Cookie:" + _M,
                b"${jndi:ldap://" + _M + b"}",
                b"\x1b[31m" + _M,
            ],
        ),
        "trace context": (
            b"traceparent",
            [_M, b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"ff-" + b"a" * 32 + b"-" + b"b" * 16 + b"-00" + _M],
        ),
        "idempotency key": (
            b"Idempotency-Key",
            [
                b"",
                b'""',
                b"\x01" + _M,
                b"\xff" + _M,
                _M * 100,
                b'"' + _M,
                "\u043a\u043b\u044e\u0447 ".encode() + _M,
                b"a\tb" + _M,
            ],
        ),
        "authorization": (
            b"Authorization",
            [
                b"Bearer",
                b"Bearer " + _M,
                b"Bearer ftk_" + _M,
                b"Bearer " + _M * 1000,
                b"Basic " + _M,
                b"Bearer eyJhbGciOiJub25lIn0.e30." + _M,
                b"Bearer \xff\xfe" + _M,
            ],
        ),
        "forwarded": (b"X-Forwarded-For", [_M, b"1.2.3.4, " * 1000 + _M, b"[::1" + _M]),
        "cookie": (b"Cookie", [b"session=" + _M, b"=;=;" + _M, b"a=b;" * 2000 + _M]),
        "origin": (b"Origin", [b"null", b"https://evil.example/" + _M, b"\xff" + _M]),
        "accept-language": (b"Accept-Language", [_M * 500, b"*;q=" + _M, b"en;q=1e400,\xff"]),
        "accept-encoding": (b"Accept-Encoding", [b"gzip;q=nan, " + _M]),
        "content-type": (b"Content-Type", [b"text/html; charset=" + _M, b"multipart/form-data; boundary=" + _M]),
    }
    return {
        f"{name} {number}": _post(_BODY, header + b": " + value, json_type=header != b"Content-Type")
        for name, (header, values) in odd.items()
        for number, value in enumerate(values)
    }


def _bodies() -> dict[str, bytes]:
    """JSON that is odd, wrong, or large."""
    deep = 100_000
    raw: dict[str, bytes] = {
        "100,000 lists": b"[" * deep + b"]" * deep,
        "100,000 objects": b'{"items":' * deep + b"1" + b"}" * deep,
        "lists that never end": b'{"items":' + b"[" * deep,
        "NaN": b'{"items":[{"text":NaN,"id":"%s"}]}' % _M,
        "a prevalence that is infinite": b'{"items":[{"text":"%s"}],"prevalence":1e999}' % _M,
        "a number of a million digits": b'{"items":[{"text":"%s"}],"prevalence":0.%s}' % (_M, b"1" * 1_000_000),
        "keys given twice": b'{"items":[],"items":[{"text":"%s","text":"b"}],"items":{}}' % _M,
        "a key that nobody knows": b'{"items":[{"text":"b","%s":1}]}' % _M,
        "a lone surrogate": b'{"items":[{"text":"%s \\ud800"}]}' % _M,
        "a lone surrogate in an id": b'{"items":[{"text":"%s","id":"\\udfff"}]}' % _M,
        "raw surrogates": b'{"items":[{"text":"%s \xed\xa0\x80"}]}' % _M,
        "overlong UTF-8": b'{"items":[{"text":"%s \xc0\xaf"}]}' % _M,
        "UTF-16": _BODY.decode().encode("utf-16"),
        "Latin-1": '{"items":[{"text":"café"}]}'.encode("latin-1") + _M,
        "a byte order mark": b"\xef\xbb\xbf" + _BODY,
        "NUL in a text, an id and a title": _item(id="a\0b", title="\0"),
        "an id of 100 kB": _item(id="x" * 100_000),
        "an id with line feeds and colours": _item(id="a\r\nSet-Cookie: b=c\x1b[31m\u202e"),
        "an id that is SQL": _item(id="'; DROP TABLE predictions; --"),
        "an id that is a number": _item(id=7),
        "a language that is a path": _item(language="../../etc/passwd"),
        "a language that ends in a line feed": _item(language="en\n"),
        "a policy that is a path": json.dumps({"items": [{"text": MARK}], "policy": "../" + MARK}).encode(),
        "a policy with a lone surrogate": b'{"items":[{"text":"a"}],"policy":"%s\\ud800"}' % _M,
        "a store that is a text": json.dumps({"items": [{"text": MARK}], "store": "true"}).encode(),
        "129 items": json.dumps({"items": [{"text": MARK}] * 129}).encode(),
        "an empty text": _item(text=""),
        "10 MB of text": json.dumps({"items": [{"text": MARK * 500_000}]}).encode(),
        "a text of one word of a megabyte": json.dumps({"items": [{"text": MARK.replace("-", "") * 50_000}]}).encode(),
        "a flood of combining marks": json.dumps({"items": [{"text": MARK + "e\u0301" * 9000}]}).encode(),
        "two documents": _BODY * 2,
        "a comment": b"/* " + _M + b" */" + _BODY,
        "single quotes": _BODY.replace(b'"', b"'"),
        "nothing": b"",
        "gzip": gzip.compress(_BODY),
    }
    made = {name: _post(body) for name, body in raw.items()}
    bomb = gzip.compress(b"0" * 50_000_000)
    made["a bomb said to be gzip"] = _post(bomb, b"Content-Encoding: gzip")
    made["deflate"] = _post(zlib.compress(_BODY), b"Content-Encoding: deflate")
    made["a coding that nobody knows"] = _post(_BODY, b"Content-Encoding: " + _M)
    texts = json.dumps({"texts": [MARK] * 1025}).encode()
    made["1,025 texts to the old route"] = _post(texts, path=b"/falsetrue")
    feedback = json.dumps({"prediction_id": MARK, "label": MARK, "reason": MARK * 9000}).encode()
    made["feedback on nothing"] = _post(feedback, path=b"/v1/feedback")
    made["a form that is no form"] = _post(
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="../' + _M + b'"\r\n\r\n\0\xff',
        b"Content-Type: multipart/form-data; boundary=x",
        path=b"/upload",
        json_type=False,
    )
    made["a form of 5,000 fields"] = _post(
        b"&".join(b"%s%d=1" % (_M, number) for number in range(5000)),
        b"Content-Type: application/x-www-form-urlencoded",
        path=b"/",
        json_type=False,
    )
    return made


def requests() -> list[Hostile]:
    """All of them."""
    found = []
    makers: dict[str, Callable[[], dict[str, bytes]]] = {
        "framing": _framing,
        "head": _heads,
        "header": _names,
        "body": _bodies,
    }
    for kind, make in makers.items():
        found += [Hostile(name=f"{kind}: {name}", data=data) for name, data in make().items()]
    for name in ("framing: length and chunks", "body: 10 MB of text"):
        data = next(each.data for each in found if each.name == name)
        found.append(Hostile(name=f"{name}, and a reset", data=data, reset=True))
    return found


def send(port: int, hostile: Hostile) -> bytes:
    """All that comes back until the server closes, or says no more."""
    with socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE) as connection:
        if hostile.reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        received = b""
        try:
            connection.sendall(hostile.data)
            if hostile.reset:
                return b""
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                received += data
                connection.settimeout(1)
        except OSError:
            pass  # hanging up on it is an answer, too, at whatever moment
    return received
