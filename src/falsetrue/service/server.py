"""◆ The server process."""

from functools import partial

import uvicorn
from uvicorn.supervisors import Multiprocess

from falsetrue.service.app import create_app
from falsetrue.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until told to stop."""
    config = uvicorn.Config(
        partial(create_app, settings),
        factory=True,
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
