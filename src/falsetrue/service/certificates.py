"""◆ Certificates for TLS: the operator's, checked before anything is served, or one made at start for a try."""

import os
import ssl
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from falsetrue.errors import InputError

#: How long a certificate for a try is good.
_SELF_SIGNED_DAYS = 7


def check_pair(certificate: Path, key: Path) -> None:
    """Raise :class:`InputError` where a certificate and its key cannot be read, or do not belong together."""
    for name, path in (("TLS_CERT", certificate), ("TLS_KEY", key)):
        try:
            path.open("rb").close()
        except OSError as error:
            raise InputError(f"setting FALSETRUE_{name}: {path}: {error.strerror}") from error
    try:
        # A password that is asked for on the terminal would hold up the start for ever.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password=lambda: "")
    except (ssl.SSLError, ValueError) as error:
        raise InputError(
            f"{certificate} and {key} are no PEM files of a certificate and its key without a password"
        ) from error


def make_certificate(hosts: Sequence[str], path: Path, now: datetime) -> str:
    """Write a new key and a certificate for it, signed by itself, to one PEM file that its owner alone may read.

    It takes the place of an earlier one. ``now`` in UTC. Returns the certificate's SHA-256 fingerprint as people
    compare it: ``AB:CD:…``.
    """
    # It takes 60 ms, and few make one.
    from cryptography import x509  # noqa: PLC0415
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "falsetrue, for a try")])
    names = [x509.IPAddress(ip_address(host)) if _is_address(host) else x509.DNSName(host) for host in hosts]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_SELF_SIGNED_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key.private_bytes(pem, pkcs8, plain) + made.public_bytes(pem))
    fresh.replace(path)
    return made.fingerprint(hashes.SHA256()).hex(":").upper()


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
