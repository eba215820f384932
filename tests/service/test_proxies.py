"""Whose request it is: the peer's, unless the peer is a trusted proxy, and then whoever that says."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send

from falsetrue.errors import InputError
from falsetrue.service.proxies import Kind, TrustedProxies, parse_networks, read_forwarded, read_x_forwarded

PROXIES = parse_networks(["10.0.0.0/8", "192.0.2.7", "2001:db8:1::/48"])
FOR, PROTO, HOST = "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"

Said = tuple[str | None, str, str]


def resolve(peer: str | None, *headers: tuple[str, str], kind: Kind = "x-forwarded") -> Said:
    """Client, scheme and host of a request as the application sees it."""
    seen: list[Said] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
        assert len(hosts) == 1
        seen.append((scope["client"] and scope["client"][0], scope["scheme"], hosts[0]))

    raw = [(b"host", b"inside:8000"), *((name.lower().encode(), value.encode("latin-1")) for name, value in headers)]
    scope: dict[str, Any] = {"type": "http", "scheme": "http", "headers": raw, "client": peer and (peer, 1234)}
    asyncio.run(TrustedProxies(app, networks=PROXIES, kind=kind)(scope, None, None))  # type: ignore[arg-type]
    return seen[0]


def test_a_trusted_proxy_says_who_asks_and_how() -> None:
    said = resolve("10.1.2.3", (FOR, "203.0.113.5"), (PROTO, "https"), (HOST, "news.example"))
    assert said == ("203.0.113.5", "https", "news.example")


@pytest.mark.parametrize("peer", ["203.0.113.9", "192.0.2.8", "2001:db8:2::1", "", "unix", None])
def test_nobody_else_is_believed(peer: str | None) -> None:
    for kind in ("x-forwarded", "forwarded"):
        said = resolve(
            peer,
            (FOR, "10.9.9.9"),
            (PROTO, "https"),
            (HOST, "evil.example"),
            ("Forwarded", "for=10.9.9.9;proto=https;host=evil.example"),
            kind=kind,
        )
        assert said == (peer, "http", "inside:8000")


@pytest.mark.parametrize("peer", ["192.0.2.7", "2001:db8:1:2::3", "::ffff:10.1.2.3"])
def test_proxies_are_networks_or_addresses_of_either_version(peer: str) -> None:
    assert resolve(peer, (FOR, "203.0.113.5"))[0] == "203.0.113.5"


def test_what_a_client_writes_before_the_proxy_is_not_believed() -> None:
    assert resolve("10.1.2.3", (FOR, "127.0.0.1, 203.0.113.5"))[0] == "203.0.113.5"
    assert resolve("10.1.2.3", (FOR, "127.0.0.1"), (FOR, "203.0.113.5"))[0] == "203.0.113.5"
    assert resolve("10.1.2.3", (PROTO, "https, http"), (HOST, "evil.example, news.example"))[1:] == (
        "http",
        "news.example",
    )


def test_proxies_in_a_row_are_walked_back_to_the_client() -> None:
    assert resolve("10.1.2.3", (FOR, "198.51.100.1, 203.0.113.5, 192.0.2.7, 10.4.4.4"))[0] == "203.0.113.5"
    assert resolve("10.1.2.3", (FOR, "10.5.5.5, 10.4.4.4"))[0] == "10.5.5.5"


@pytest.mark.parametrize("address", ["unknown", "_hidden", "", "203.0.113.5.6", "999.1.1.1", "a" * 5000, "[", "::1::"])
def test_an_address_that_is_none_leaves_the_proxy_s(address: str) -> None:
    assert resolve("10.1.2.3", (FOR, address))[0] == "10.1.2.3"
    assert resolve("10.1.2.3", (FOR, f"203.0.113.5, {address}, 10.4.4.4"))[0] == "10.4.4.4"


@pytest.mark.parametrize(
    ("written", "address"),
    [("203.0.113.5:4711", "203.0.113.5"), ("[2001:db8::5]:4711", "2001:db8::5"), ("2001:db8::5", "2001:db8::5")],
)
def test_a_port_is_no_part_of_an_address(written: str, address: str) -> None:
    assert resolve("10.1.2.3", (FOR, written))[0] == address


@pytest.mark.parametrize("host", ["", "evil.example/path", "a b", "user@evil.example", "a" * 300, 'x"', "[::1"])
def test_a_host_that_is_none_is_passed_over(host: str) -> None:
    assert resolve("10.1.2.3", (HOST, host))[2] == "inside:8000"


@pytest.mark.parametrize("scheme", ["", "ftp", "javascript", "HTTPS ,ws", "https:"])
def test_a_scheme_that_is_none_is_passed_over(scheme: str) -> None:
    assert resolve("10.1.2.3", (PROTO, scheme))[1] == "http"


def test_only_the_kind_that_the_proxy_writes_is_read() -> None:
    """A proxy passes on what its client says in the other kind."""
    forwarded = ("Forwarded", "for=198.51.100.1;proto=https")
    assert resolve("10.1.2.3", (FOR, "203.0.113.5"), forwarded)[:2] == ("203.0.113.5", "http")
    assert resolve("10.1.2.3", (FOR, "203.0.113.5"), forwarded, kind="forwarded")[:2] == ("198.51.100.1", "https")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("for=203.0.113.5;proto=https;host=news.example", ("203.0.113.5", "https", "news.example")),
        ('For="[2001:db8:cafe::17]:4711"', ("2001:db8:cafe::17", "http", "inside:8000")),
        ('for=198.51.100.1, FOR="203.0.113.5" ; PROTO=https;by=203.0.113.43', ("203.0.113.5", "https", "inside:8000")),
        ('host="news.example:8443"', ("10.1.2.3", "http", "news.example:8443")),
        ('for="203.0.113.\\5"', ("203.0.113.5", "http", "inside:8000")),
        ("for=_gazonk", ("10.1.2.3", "http", "inside:8000")),
        ('for="_mdn, for=127.0.0.1', ("10.1.2.3", "http", "inside:8000")),
        ("for", ("10.1.2.3", "http", "inside:8000")),
        ("for=127.0.0.1;;;proto", ("10.1.2.3", "http", "inside:8000")),
        ("", ("10.1.2.3", "http", "inside:8000")),
    ],
)
def test_forwarded_is_read_as_rfc_7239_says(value: str, said: Said) -> None:
    assert resolve("10.1.2.3", ("Forwarded", value), kind="forwarded") == said


def test_forwarded_of_proxies_in_a_row_says_how_the_first_of_them_was_asked() -> None:
    value = "for=198.51.100.1;proto=http, for=203.0.113.5;proto=https;host=news.example, for=10.4.4.4;proto=http"
    assert resolve("10.1.2.3", ("Forwarded", value), kind="forwarded") == ("203.0.113.5", "https", "news.example")


@given(st.lists(st.binary(max_size=60), max_size=3))
def test_whatever_is_written_breaks_nothing(values: list[bytes]) -> None:
    for name, read in ((b"x-forwarded-for", read_x_forwarded), (b"forwarded", read_forwarded)):
        assert len(read([(name, value) for value in values])) <= 32


@pytest.mark.parametrize("written", ["10.0.0.1/8", "proxy.example", "", "10.0.0.0/33", "::/129"])
def test_a_network_that_is_none_is_refused_by_name(written: str) -> None:
    with pytest.raises(InputError, match="TRUSTED_PROXIES"):
        parse_networks([written])
