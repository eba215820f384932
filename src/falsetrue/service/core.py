"""What answers without the framework: the routes that score, and the probes; and how the service starts and stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope

from falsetrue.jobs.classify import Classifier
from falsetrue.service import api, legacy
from falsetrue.service.body import BodyLimit
from falsetrue.service.bugs import DiscreetBugs
from falsetrue.service.direct import Direct
from falsetrue.service.draining import drain_on_sigterm
from falsetrue.service.headers import SecurityHeaders
from falsetrue.service.problems import STATUS
from falsetrue.service.serving import Serving
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

#: Threads for what takes long. Scoring holds the interpreter's lock: of 16 batches of 5 MB at once each thread more
#: makes none faster and all small requests slower (99th percentile 65 ms with one thread, 670 ms with Python's six).
_SCORING_THREADS = 1


class Core:
    """The served model and its direct routes. The model is loaded once the service starts; ``load`` says how."""

    def __init__(self, settings: Settings, load: Callable[[], Classifier] | None = None) -> None:
        self.settings = settings
        self.serving = Serving(load or partial(load_classifier, settings))
        #: Around every route of the service, the outermost first.
        self.layers = [
            Middleware(SecurityHeaders),
            Middleware(DiscreetBugs),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds, status=STATUS),
        ]
        texts = partial(legacy.classify_texts, serving=self.serving, max_texts=settings.max_texts)
        items = partial(api.classify_items, serving=self.serving, settings=settings)
        #: Path -> methods and the route, without the layers.
        self.routes = {
            "/falsetrue": (("POST",), Direct(texts)),
            "/v1/classifications": (("POST",), Direct(items)),
            "/healthz": (("GET", "HEAD"), Direct(_healthz)),
            "/readyz": (("GET", "HEAD"), Direct(self._readyz)),
        }
        self._wrapped = {
            (method, path): self._wrap(route) for path, (methods, route) in self.routes.items() for method in methods
        }

    def _wrap(self, route: ASGIApp) -> ASGIApp:
        for layer, arguments, options in reversed(self.layers):
            route = layer(route, *arguments, **options)
        return route

    def find(self, scope: Scope) -> ASGIApp | None:
        """The direct route that a request asks for, if any."""
        return self._wrapped.get((scope["method"], scope["path"])) if scope["type"] == "http" else None

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """Load the model in the background, from the start of the service to its stop."""
        drain_on_sigterm(self.serving, self.settings.drain_seconds)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_SCORING_THREADS, "scoring"))
        loading = asyncio.create_task(self.serving.load())
        yield
        await loading

    async def _readyz(self, _scope: Scope, _receive: Receive) -> bytes:
        """The model has answered its golden texts, and the process is not stopping."""
        self.serving.check_ready()
        return b'{"status":"ready"}'


async def _healthz(_scope: Scope, _receive: Receive) -> bytes:
    """The process answers."""
    return b'{"status":"ok"}'
