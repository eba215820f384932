"""``falsetrue serve``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from falsetrue.cli.options import Model
from falsetrue.cli.serving import start


def serve(
    model: Model = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; nothing: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Nothing: $PORT, or 8000.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes.")] = None,
    policy: Annotated[str | None, typer.Option(help="The policy where a caller names none.")] = None,
    allow_anonymous: Annotated[
        bool, typer.Option("--allow-anonymous", help="Classify for anybody, on a public address too.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file of a certificate: speak TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its private key.")] = None,
    tls_self_signed: Annotated[
        bool, typer.Option("--tls-self-signed", help="Speak TLS, for a try, with a certificate made now.")
    ] = False,
) -> None:
    """Serve the API and the page until told to stop.

    Every option has a setting FALSETRUE_… in the environment; options win.
    """
    given: dict[str, Any] = {
        "model": model,
        "host": host,
        "port": port,
        "workers": workers,
        "policy": policy,
        "allow_anonymous": allow_anonymous or None,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "tls_self_signed": tls_self_signed or None,
    }
    start({name: value for name, value in given.items() if value is not None})
