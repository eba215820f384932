"""The service from its first moment on: importing the framework takes longer than loading the model."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from falsetrue.service.core import Core


class Early:
    """ASGI application: answers the direct routes itself, the others by :func:`falsetrue.service.app.make_app`.

    That is imported once the model is loaded, or for the first request that needs it.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lifespan = Router(lifespan=core.lifespan).lifespan
        self._making: asyncio.Future[ASGIApp] | None = None
        core.serving.on_loaded = self._begin_to_make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop."""
        route = self._core.find(scope)
        if route is not None:
            await route(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(scope, receive, send)
        else:
            app = await asyncio.shield(self._begin_to_make())
            await app(scope, receive, send)

    def _begin_to_make(self) -> asyncio.Future[ASGIApp]:
        if self._making is None:
            # A thread of its own: the other may still be loading a large model.
            thread = ThreadPoolExecutor(1, "framework")
            self._making = asyncio.get_running_loop().run_in_executor(thread, _make, self._core)
            thread.shutdown(wait=False)
        return self._making


def _make(core: Core) -> ASGIApp:
    from falsetrue.service.app import make_app  # noqa: PLC0415 - that is the point

    return make_app(core)
