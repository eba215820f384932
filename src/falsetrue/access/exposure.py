"""Who may ask without showing a key: depends on who can reach the service."""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

from falsetrue.access.principal import Scope
from falsetrue.errors import InputError
from falsetrue.settings import Settings

#: What a gateway lets through: all but what is the operator's alone.
_BEHIND_GATEWAY = frozenset({Scope.CLASSIFY, Scope.FEEDBACK, Scope.READ, Scope.METRICS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Exposure:
    """What callers may do who show nothing."""

    anonymous: frozenset[Scope]
    until_keys: bool  #: whether that ends with the first key, or where tokens are believed


def exposing(settings: Settings) -> dict[str, Any]:
    """What of the settings the two functions below go by."""
    return {
        "host": settings.host,
        "allow_anonymous": settings.allow_anonymous,
        "behind_gateway": settings.behind_gateway,
        "behind_proxy": bool(settings.trusted_proxies),
    }


def exposure_of(*, host: str, allow_anonymous: bool, behind_gateway: bool, behind_proxy: bool = False) -> Exposure:
    """What the settings allow: what they say they do, else everything on this machine, and nothing outside.

    Where a proxy is trusted, what comes from this machine may come from anywhere.
    """
    if behind_gateway:
        return Exposure(anonymous=_BEHIND_GATEWAY, until_keys=False)
    if allow_anonymous:
        return Exposure(anonymous=frozenset({Scope.CLASSIFY}), until_keys=False)
    if is_loopback(host) and not behind_proxy:
        return Exposure(anonymous=frozenset(Scope), until_keys=True)
    return Exposure(anonymous=frozenset(), until_keys=False)


def check_exposure(
    *,
    host: str,
    allow_anonymous: bool,
    behind_gateway: bool,
    jwt_on: bool,
    keys_on: Callable[[], bool],
    behind_proxy: bool = False,
) -> str:
    """Who may ask, in a clause for the line that is shown at start.

    ``keys_on`` says whether there was ever a key, and is asked only where that decides it; ``jwt_on`` says whether
    somebody's tokens are believed. Raises
    :class:`InputError` where the service can be reached from outside, and nobody could ask it anything.
    """
    exposure = exposure_of(
        host=host, allow_anonymous=allow_anonymous, behind_gateway=behind_gateway, behind_proxy=behind_proxy
    )
    if behind_gateway:
        return "to whomever the gateway lets through"
    if allow_anonymous:
        return "to anybody who can reach it, to classify; all else needs a key"
    if jwt_on:
        return "to callers with a token or key"
    if exposure.anonymous:
        return "to everybody on this machine until somebody has a key"
    if keys_on():
        return "to callers with a key"
    where = "what a trusted proxy passes on" if is_loopback(host) else host
    raise InputError(
        f"{where} can be reached from outside, and nobody has a key: make one with falsetrue keys create, "
        "or set FALSETRUE_BEHIND_GATEWAY=yes where a gateway in front decides who may ask, or say --allow-anonymous "
        "to classify for anybody"
    )


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
