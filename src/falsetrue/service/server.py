"""◆ The server: one process, or several that share what they loaded."""

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from falsetrue.bundle.folder import open_bundle
from falsetrue.errors import InputError
from falsetrue.registry.folder import find_model
from falsetrue.service.core import Core
from falsetrue.service.early import Early
from falsetrue.service.protocol import CarefulProtocol
from falsetrue.service.supervisor import Supervisor
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

#: Connections that may wait to be accepted.
_BACKLOG = 2048
_log = logging.getLogger("uvicorn.error")


def serve(settings: Settings) -> None:
    """Serve until told to stop; raises what :func:`load_classifier` raises where workers share one model."""
    if settings.workers == 1:
        uvicorn.Server(_configure(settings, partial(_early, settings), factory=True)).run()
    elif hasattr(os, "fork"):
        _serve_forked(settings)
    else:
        from uvicorn.supervisors import Multiprocess  # noqa: PLC0415 - it takes time

        config = _configure(settings, partial(_early, settings), factory=True)
        Multiprocess(config, sockets=[config.bind_socket()]).run()


def _early(settings: Settings) -> ASGIApp:
    return Early(Core(settings))


def _configure(settings: Settings, app: ASGIApp | Callable[[], ASGIApp], *, factory: bool) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=factory,
        http=CarefulProtocol,
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        backlog=_BACKLOG,
        access_log=False,
        timeout_graceful_shutdown=settings.stop_seconds,
        server_header=False,
        proxy_headers=False,
        ws="none",
        lifespan="on",
    )


def check_address(settings: Settings) -> None:
    """Raise :class:`InputError` where the address or port cannot be had; uvicorn says six lines and exits with 3."""
    _listen(settings.host, settings.port, 1)[0].close()


def _listen(host: str, port: int, count: int) -> list[socket.socket]:
    """``count`` sockets that share an address, and the connections that come to it; raises :class:`InputError`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sockets: list[socket.socket] = []
    try:
        for _ in range(count):
            sockets.append(socket.create_server((host, port), family=family, backlog=_BACKLOG, reuse_port=count > 1))
            port = sockets[0].getsockname()[1]
    except OSError as error:
        raise InputError(
            f"cannot listen on {host}, port {port}: {error.strerror}; choose another --host or --port"
        ) from error
    return sockets


# --- several processes -----------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """A worker's: ends where its supervisor does."""

    def __init__(self, config: uvicorn.Config, life: int) -> None:
        super().__init__(config)
        self._life = life

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets=sockets)
        asyncio.get_running_loop().add_reader(self._life, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._life)
        self.should_exit = True


def _serve_forked(settings: Settings) -> None:
    # Linux deals connections out evenly among sockets; of one that all accept from, one worker may take nearly all.
    sockets = _listen(settings.host, settings.port, settings.workers if sys.platform == "linux" else 1)
    config = _configure(settings, _load_app(settings), factory=False)
    # Each worker would do this; here it is done once, and the memory is shared.
    config.load()
    config.get_loop_factory()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    _log.info("Uvicorn running on http://%s:%d (Press CTRL+C to quit)", host, sockets[0].getsockname()[1])

    def work(slot: int, life: int) -> None:
        own = sockets[slot % len(sockets)]
        for other in sockets:
            if other is not own:
                other.close()
        _Server(config, life).run(sockets=[own])

    def let_go() -> None:
        for each in sockets:
            each.close()

    Supervisor(settings.workers, work, on_stop=let_go).run()


def _load_app(settings: Settings) -> ASGIApp:
    """The application with its model loaded, or to load it in each worker where libraries might start threads."""
    from falsetrue.service.app import create_app  # noqa: PLC0415 - a single worker is ready before it has this

    manifest = open_bundle(find_model(settings.model, settings.models_folder), keep=()).manifest
    if not manifest.compiled:
        return create_app(settings)
    classifier = load_classifier(settings)
    return create_app(settings, load=lambda: classifier)
