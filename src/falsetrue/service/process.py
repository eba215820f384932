"""◆ One process that serves: uvicorn's server, and what it does when it is to stop or to make way for another."""

import asyncio
import logging
import signal
import socket
from contextlib import suppress

import uvicorn
from uvicorn.server import ServerState

from falsetrue.errors import NotReadyError
from falsetrue.service.core import Core
from falsetrue.service.serving import Serving
from falsetrue.service.supervisor import Post, watch_terminal

#: Seconds between two looks at whether a worker is ready.
_LOOK_SECONDS = 0.02
_log = logging.getLogger("uvicorn.error")


class State(ServerState):
    """What all connections of a server know of it."""

    def __init__(self, serving: Serving) -> None:
        super().__init__()
        self._serving = serving
        self.making_way = False  #: another process has taken over

    @property
    def parting(self) -> bool:
        """Whether each connection is to be closed after its next answer."""
        return self.making_way or self._serving.draining


class SingleServer(uvicorn.Server):
    """The only process of a service. SIGHUP, which would renew several, stops it only where its terminal has gone."""

    def __init__(self, config: uvicorn.Config, core: Core) -> None:
        super().__init__(config)
        self.server_state = State(core.serving)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve."""
        await super().startup(sockets=sockets)
        if hasattr(signal, "SIGHUP"):  # not on Windows
            self._hung_up = watch_terminal()
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._on_sighup)

    def _on_sighup(self) -> None:
        if self._hung_up():
            signal.raise_signal(signal.SIGTERM)
        else:
            _log.warning("SIGHUP replaces processes where there are several (--workers 2); a single one goes on")


class WorkerServer(uvicorn.Server):
    """One of several: takes connections once it is ready, ends where its supervisor does, makes way on SIGHUP."""

    def __init__(self, config: uvicorn.Config, core: Core, post: Post) -> None:
        super().__init__(config)
        self.server_state: State = State(core.serving)
        self._core = core
        self._post = post

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, but for taking connections: what another process could answer must not come here yet."""
        await super().startup(sockets=[])
        loop = asyncio.get_running_loop()
        loop.add_reader(self._post.life, self._end)
        loop.add_signal_handler(signal.SIGHUP, self._make_way)
        self._opening = loop.create_task(self._open(sockets or []))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what was begun."""
        self._opening.cancel()
        await super().shutdown(sockets)

    async def _open(self, sockets: list[socket.socket]) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._until_ready(), self._post.patience)
        config, loop = self.config, asyncio.get_running_loop()
        for each in sockets:
            listening = loop.create_server(self._connect, sock=each, ssl=config.ssl, backlog=config.backlog)
            self.servers.append(await listening)
        await self._until_ready()
        self._post.ready()

    def _connect(self) -> asyncio.Protocol:
        """As uvicorn does."""
        return self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )

    async def _until_ready(self) -> None:
        """Until the model is loaded, and the journal and the keys can be read; also where it is to stop already."""
        while True:
            with suppress(NotReadyError):
                self._core.check_able()
                return
            await asyncio.sleep(_LOOK_SECONDS)

    def _make_way(self) -> None:
        """Take no further connection; close those that there are politely, and end."""
        if self.server_state.making_way:
            return
        self.server_state.making_way = True
        self._opening.cancel()
        for server in self.servers:
            server.close()
        # So long, clients may go on with the connections that they keep.
        asyncio.get_running_loop().call_later(self._core.settings.drain_seconds, self._stop)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._post.life)
        self._stop()

    def _stop(self) -> None:
        self.should_exit = True
