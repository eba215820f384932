"""◆ The server process."""

import socket
from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from falsetrue.errors import InputError
from falsetrue.service.app import create_app
from falsetrue.service.protocol import CarefulProtocol
from falsetrue.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
        http=CarefulProtocol,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        access_log=False,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
    )
    if settings.workers == 1:
        uvicorn.Server(config).run()
    else:
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def check_address(settings: Settings) -> None:
    """Raise :class:`InputError` where the address or port cannot be had; uvicorn says six lines and exits with 3."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        socket.create_server((settings.host, settings.port), family=family).close()
    except OSError as error:
        raise InputError(
            f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}; choose another --host or --port"
        ) from error
