"""How ``falsetrue serve`` starts: without Typer, which would take a third of the time until it is ready."""

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from socket import gethostname
from typing import Any

from msgspec.structs import replace

from falsetrue.access.exposure import check_exposure, exposing
from falsetrue.errors import DatabaseUnavailableError, InputError
from falsetrue.settings import Settings, load_settings, read_settings

#: Options that a value follows, and those that none does; each is a setting.
VALUED = {"--model", "--host", "--port", "--workers", "--policy", "--tls-cert", "--tls-key"}
FLAGS = {"--allow-anonymous", "--tls-self-signed"}


def read_options(arguments: Sequence[str]) -> dict[str, Any] | None:
    """The settings that plain options give; ``None`` where any is not plain, or wrong: Typer knows what to say."""
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if argument in FLAGS:
            given[_setting(argument)] = True
        elif option in VALUED and (value := value if equals else next(rest, "")) and not value.startswith("-"):
            given[_setting(option)] = value
        else:
            return None
    try:
        read_settings(Settings, {}, given)
    except InputError:
        return None
    return given


def _setting(option: str) -> str:
    return option.removeprefix("--").replace("-", "_")


def start(given: dict[str, Any]) -> None:
    """Serve with these settings, and those of the environment for the others, until told to stop.

    Raises :class:`InputError` where a setting cannot be used, and what :func:`check_servable` raises.
    """
    # Read when NumPy is imported: its threads would do nothing here, and must not exist when workers are forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from falsetrue.service.server import check_address, check_edges
    from falsetrue.service.server import serve as run
    from falsetrue.wiring import check_servable

    settings = load_settings(**given)
    whom = _check_exposure(settings)
    check_edges(settings)
    problems = check_servable(settings)
    check_address(settings)
    for problem in problems:
        _say(f"falsetrue: {problem}")
    if settings.tls_self_signed:
        settings = _sign_for_a_try(settings)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if settings.tls_cert is None else "https"
    _say(f"falsetrue: serving on {scheme}://{host}:{settings.port} {whom}")
    run(settings)


def _check_exposure(settings: Settings) -> str:
    """Who may ask; raises :class:`InputError` where nobody could."""
    return check_exposure(
        **exposing(settings), jwt_on=settings.jwt_issuer is not None, keys_on=lambda: _has_keys(settings)
    )


def _has_keys(settings: Settings) -> bool:
    """Whether a key was ever made; while the database is away nobody is let in without one anyway."""
    from falsetrue.wiring import open_storage

    storage = open_storage(settings)
    if not storage.is_wanted:
        return False
    try:
        keyring = storage.keyring()
        return not keyring.refresh() or keyring.on
    except DatabaseUnavailableError:
        return True
    finally:
        storage.close()


def _sign_for_a_try(settings: Settings) -> Settings:
    """The settings with a certificate that nobody vouches for, whose fingerprint is said."""
    from falsetrue.service.certificates import make_certificate

    path = settings.state_folder / "certificate-for-a-try.pem"
    hosts = dict.fromkeys([settings.host or gethostname(), gethostname(), "localhost", "127.0.0.1", "::1"])
    fingerprint = make_certificate(list(hosts), path, datetime.now(UTC))
    _say(f"falsetrue: a certificate for a try, which browsers warn of; its SHA-256 fingerprint: {fingerprint}")
    return replace(settings, tls_cert=path, tls_key=path)


def _say(message: str) -> None:
    sys.stderr.write(f"{message}\n")
