"""A receiver of messages on this machine, and what it got."""

import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

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


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Signs certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @classmethod
    def made(cls) -> "Authority":
        """A new one, which nobody trusts yet."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "an authority of a test")])
        usage = dict.fromkeys(("data_encipherment", "key_agreement", "key_encipherment", "content_commitment"), False)
        usage |= dict.fromkeys(("decipher_only", "encipher_only", "digital_signature"), False)
        certificate = (
            _lasting(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(key=key, certificate=certificate)

    def pem(self) -> bytes:
        """What those read who trust it."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, address: str, folder: Path) -> ssl.SSLContext:
        """What a server at an address shows, signed by this authority; its key is written to the folder."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a receiver of a test")])
        certificate = (
            _lasting(name, self.certificate.subject, key.public_key())
            .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        file = folder / "receiver.pem"
        file.write_bytes(key.private_bytes(pem, pkcs8, serialization.NoEncryption()) + certificate.public_bytes(pem))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _lasting(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
    )


@contextmanager
def receiving(tls: ssl.SSLContext | None = None) -> Iterator[Inbox]:
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
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    inbox.url = f"http{'' if tls is None else 's'}://127.0.0.1:{server.server_port}/hook"
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
