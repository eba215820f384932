"""A receiver of messages on this machine, and what it got."""

import base64
import hashlib
import hmac
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: 32 bytes.
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


@dataclass(kw_only=True)
class Inbox:
    """What a receiver got, and what it answers."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)  #: of the next answers; then 204
    headers: dict[str, str] = field(default_factory=dict)  #: of every answer
    body: bytes = b""
    messages: list[tuple[str, Message, bytes]] = field(default_factory=list)  #: path, headers and content
    silence: threading.Event | None = None  #: no answer until it is set

    @property
    def ids(self) -> list[str]:
        """Of the messages, as they came."""
        return [str(headers["webhook-id"]) for _, headers, _ in self.messages]


def is_signed(headers: Message, content: bytes, secret: str = SECRET) -> bool:
    """As a receiver verifies it, by the specification."""
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), content])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    wanted = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return wanted in headers["webhook-signature"].split(" ")


@contextmanager
def receiving() -> Iterator[Inbox]:
    """A receiver that runs."""
    inbox = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["content-length"]))
            inbox.messages.append((self.path, self.headers, content))
            if inbox.silence is not None:
                inbox.silence.wait(60)
            self.send_response(inbox.statuses.pop(0) if inbox.statuses else 204)
            for name, value in inbox.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(inbox.body)))
            self.end_headers()
            self.wfile.write(inbox.body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    inbox.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield inbox
    finally:
        if inbox.silence is not None:
            inbox.silence.set()
        server.shutdown()
        thread.join()
        server.server_close()
