"""What a trusted proxy says of the request that it passes on: whose it is, and how it was asked."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal, NamedTuple

from starlette.types import ASGIApp, Receive, Scope, Send

from falsetrue.errors import InputError

Network = IPv4Network | IPv6Network
#: Which headers are read. Only one kind: a proxy that writes the one passes a client's own of the other kind on.
Kind = Literal["x-forwarded", "forwarded"]

#: RFC 7239, section 4: a pair, its value a token or a quoted string; and what ends it.
_PAIR = re.compile(r'[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=(?:"((?:[^"\\]|\\.)*)"|([^",; \t]*))[ \t]*([,;]|\Z)')
_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
_SCHEMES = ("http", "https")
#: Proxies in a row that are believed to have written what they say.
_LONGEST_CHAIN = 32


class Hop(NamedTuple):
    """What one proxy says: who asked it, and how; ``None`` for what it does not say."""

    address: str | None
    scheme: str | None
    host: str | None


def parse_networks(written: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks, as ``10.0.0.0/8``; raises :class:`InputError` naming the one that is none."""
    networks = []
    for each in written:
        try:
            networks.append(ip_network(each))
        except ValueError as error:
            raise InputError(
                f"setting FALSETRUE_TRUSTED_PROXIES: {each!r} is no address or network; write 10.1.2.3 or 10.1.0.0/16"
            ) from error
    return tuple(networks)


class TrustedProxies:
    """ASGI middleware: behind a proxy of these networks, a request is that of the proxy's client.

    Its address, scheme and host become those that the proxy names. What anybody else says of it is passed over.
    """

    def __init__(self, app: ASGIApp, *, networks: Sequence[Network], kind: Kind) -> None:
        self._app = app
        self._networks = networks
        self._read = read_forwarded if kind == "forwarded" else read_x_forwarded
        #: Of an address, as the few proxies that there are ask again and again.
        self._trusts = lru_cache(1024)(self._is_trusted)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        client = scope.get("client")
        if scope["type"] == "http" and client and self._trusts(client[0]):
            self._resolve(scope)
        await self._app(scope, receive, send)

    def _is_trusted(self, address: str) -> bool:
        try:
            found = ip_address(address)
        except ValueError:
            return False
        # What came in over IPv4 to a socket of IPv6.
        found = (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
        return any(found in network for network in self._networks)

    def _resolve(self, scope: Scope) -> None:
        """Walk from the nearest proxy to the client: the first that is no proxy of ours is believed to be it."""
        for hop in self._read(scope["headers"]):
            if hop.address is not None:
                scope["client"] = (hop.address, 0)
            if hop.scheme is not None:
                scope["scheme"] = hop.scheme
            if hop.host is not None:
                others = [header for header in scope["headers"] if header[0] != b"host"]
                scope["headers"] = [*others, (b"host", hop.host.encode())]
            if hop.address is None or not self._trusts(hop.address):
                return


def read_x_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[Hop]:
    """``X-Forwarded-For``, and the last of ``-Proto`` and ``-Host``, which the nearest proxy set; the nearest first."""
    said: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"x-forwarded-proto": [], b"x-forwarded-host": []}
    for name, value in headers:
        if name in said:
            said[name] += value.decode("latin-1").split(",")
    addresses, schemes, hosts = said.values()
    scheme, host = _scheme(schemes[-1] if schemes else None), _host(hosts[-1] if hosts else None)
    last = [Hop(_address(each), None, None) for each in addresses[-1 : -_LONGEST_CHAIN - 1 : -1]]
    return [Hop(last[0].address if last else None, scheme, host), *last[1:]]


def read_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> list[Hop]:
    """``Forwarded`` (RFC 7239), the nearest proxy first; nothing where it is not well-formed."""
    text = ",".join(value.decode("latin-1") for name, value in headers if name == b"forwarded")
    hops: list[dict[str, str]] = [{}]
    position = 0
    while position < len(text):
        pair = _PAIR.match(text, position)
        if pair is None:
            return []
        name, quoted, token, end = pair.groups()
        hops[-1][name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
        if end == ",":
            hops.append({})
        position = pair.end()
    last = hops[-1 : -_LONGEST_CHAIN - 1 : -1]
    return [Hop(_address(hop.get("for")), _scheme(hop.get("proto")), _host(hop.get("host"))) for hop in last]


def _address(said: str | None) -> str | None:
    """An address without its port; ``None`` for one that is hidden, unknown or none."""
    text = (said or "").strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ip_address(text))
    except ValueError:
        return None


def _scheme(said: str | None) -> str | None:
    text = (said or "").strip().lower()
    return text if text in _SCHEMES else None


def _host(said: str | None) -> str | None:
    text = (said or "").strip()
    return text if _HOST.fullmatch(text) else None
