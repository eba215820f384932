"""``falsetrue serve``."""

import os
from ipaddress import ip_address
from typing import Annotated, Any

import typer

from falsetrue.cli.options import Model
from falsetrue.cli.output import print_error
from falsetrue.errors import InputError


def serve(
    model: Model = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; nothing: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Nothing: $PORT, or 8000.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes.")] = None,
    policy: Annotated[str | None, typer.Option(help="The policy where a caller names none.")] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Serve anybody on a public address.")
    ] = False,
) -> None:
    """Serve the API and the page until told to stop.

    Every option has a setting FALSETRUE_… in the environment; options win.
    """
    # Read when NumPy is imported: its threads would do nothing here, and must not exist when workers are forked.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from falsetrue.service.server import check_address
    from falsetrue.service.server import serve as run
    from falsetrue.settings import load_settings
    from falsetrue.wiring import check_servable

    given: dict[str, Any] = {
        "model": model,
        "host": host,
        "port": port,
        "workers": workers,
        "policy": policy,
        "allow_anonymous": allow_anonymous or None,
    }
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    if not settings.allow_anonymous and not is_loopback(settings.host):
        raise InputError(
            f"{settings.host} can be reached from outside, and this version asks nobody for a key: put a gateway in "
            "front, and say --allow-anonymous"
        )
    problems = check_servable(settings)
    check_address(settings)
    for problem in problems:
        print_error(f"falsetrue: {problem}")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    whom = "" if is_loopback(settings.host) else " to anybody who can reach it"
    print_error(f"falsetrue: serving on http://{host}:{settings.port}{whom}")
    run(settings)


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
