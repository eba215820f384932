"""What answers without the framework: the routes that score, and the probes; and how the service starts and stops."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope

from falsetrue.errors import NotReadyError
from falsetrue.jobs.classify import Classifier
from falsetrue.service import api, legacy
from falsetrue.service.admission import Admission, make_gate, open_gate, watch_keys
from falsetrue.service.backpressure import BodyBudget
from falsetrue.service.body import BodyLimit
from falsetrue.service.bugs import DiscreetBugs
from falsetrue.service.direct import Direct
from falsetrue.service.draining import drain_on_sigterm
from falsetrue.service.journaling import Journaling
from falsetrue.service.keeping import Keeping
from falsetrue.service.logs import log_lost_errors
from falsetrue.service.metrics import Metrics
from falsetrue.service.monitor_gauges import watch_monitoring
from falsetrue.service.observing import LOGGED_FROM, Observing
from falsetrue.service.problems import STATUS
from falsetrue.service.proxies import TrustedProxies, parse_networks
from falsetrue.service.serving import Serving
from falsetrue.service.spans import Spans, wants_spans
from falsetrue.service.traffic import Pace
from falsetrue.service.turns import Turns
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier, make_slice, make_tracing, open_counts, open_spool, open_storage

if TYPE_CHECKING:
    from falsetrue.journal.spool import Spool

#: Threads for what takes long. Scoring holds the interpreter's lock: of 16 batches of 5 MB at once each thread more
#: makes none faster and all small requests slower (99th percentile 65 ms with one thread, 670 ms with Python's six).
_SCORING_THREADS = 1
#: Seconds between two looks at the figures that are not counted as they come.
_BETWEEN_REPORTS = 1.0


class Shared:
    """What all workers of a service count in, from its start to its end; to be made before they are forked."""

    def __init__(self, settings: Settings, workers: int = 1) -> None:
        self.metrics = Metrics(workers)
        self.counts = open_counts(settings)


class Core:
    """The served model, what it keeps, who may ask, and its direct routes.

    The model is loaded, and the database opened, once the service starts; ``load`` says how the model is.
    Raises :class:`InputError` where the operator's secret cannot be read.
    """

    def __init__(
        self, settings: Settings, load: Callable[[], Classifier] | None = None, *, shared: Shared | None = None
    ) -> None:
        self.settings = settings
        shared = Shared(settings) if shared is None else shared
        self.metrics = shared.metrics
        self.pace = Pace()
        self.slot = 0  #: of this worker among those of its instance
        self.storage = open_storage(settings)
        secret = self.storage.secret
        tracing = partial(make_tracing, secret) if settings.journal else None
        turns = Turns(settings.max_waiting_requests)
        self.serving = Serving(load or partial(load_classifier, settings), tracing, turns)
        self.journaling = self._make_journaling() if settings.journal else None
        self.keeping = Keeping(
            self.journaling,
            secret=secret.key("idempotency"),
            answer_hours=settings.answer_hours,
            store_text=settings.store_text,
            audit=make_slice(settings, secret),
            on_kept=self.metrics.predicted,
            on_refused=self.metrics.items_refused,
        )
        self.gate = make_gate(settings, self.storage, shared.counts)
        self._bodies = BodyBudget(settings.max_waiting_bytes)
        texts = partial(legacy.classify_texts, serving=self.serving, keeping=self.keeping, max_texts=settings.max_texts)
        items = partial(api.classify_items, serving=self.serving, keeping=self.keeping, settings=settings)
        #: Path -> methods and the route, without the layers.
        self.routes = {
            "/falsetrue": (("POST",), Direct(texts)),
            "/v1/classifications": (("POST",), Direct(items)),
            "/healthz": (("GET", "HEAD"), Direct(_healthz)),
            "/readyz": (("GET", "HEAD"), Direct(self._readyz)),
        }
        self.spans = Spans() if wants_spans(settings.otel, os.environ) else None
        #: Around every route of the service, the outermost first.
        self.layers = self._make_layers()
        self._wrapped = {
            (method, path): self._wrap(route) for path, (methods, route) in self.routes.items() for method in methods
        }

    def _make_layers(self) -> list[Middleware]:
        settings = self.settings
        logged_from = LOGGED_FROM[settings.log_requests]
        layers = [
            Middleware(
                Observing, metrics=self.metrics, paths=self.routes.keys(), logged_from=logged_from, spans=self.spans
            ),
            Middleware(DiscreetBugs),
            Middleware(Admission, gate=self.gate, status=STATUS),
            Middleware(
                BodyLimit,
                max_bytes=settings.max_body_bytes,
                seconds=settings.body_seconds,
                status=STATUS,
                budget=self._bodies,
            ),
        ]
        if settings.cors_origins:
            from falsetrue.service.cors import ApiCors  # noqa: PLC0415 - few want it

            layers.insert(1, Middleware(ApiCors, origins=settings.cors_origins))
        if settings.trusted_proxies:
            networks = parse_networks(settings.trusted_proxies)
            layers.insert(0, Middleware(TrustedProxies, networks=networks, kind=settings.proxy_headers))
        return layers

    def begin(self, slot: int) -> None:
        """This process is the worker in a slot that no other living one has."""
        self.slot = slot
        self.metrics.begin(slot)

    def _make_journaling(self) -> Journaling:
        has_spool = self.settings.journal_when_down == "degrade"
        journaling = Journaling(self.storage.journal, self._open_spool if has_spool else None)
        journaling.on_written = self.metrics.journal_wrote
        return journaling

    def _open_spool(self) -> "Spool":
        return open_spool(self.settings, self.slot)

    def _wrap(self, route: ASGIApp) -> ASGIApp:
        for layer, arguments, options in reversed(self.layers):
            route = layer(route, *arguments, **options)
        return route

    def find(self, scope: Scope) -> ASGIApp | None:
        """The direct route that a request asks for, if any."""
        return self._wrapped.get((scope["method"], scope["path"])) if scope["type"] == "http" else None

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """Load the model and open the database in the background, from the start of the service to its stop."""
        drain_on_sigterm(self.serving, self.settings.drain_seconds)
        asyncio.get_running_loop().set_exception_handler(log_lost_errors)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_SCORING_THREADS, "scoring"))
        open_gate(self.gate, self.settings)
        loading = asyncio.create_task(self._load())
        watching = [asyncio.create_task(watch_keys(self.gate, self.storage)), asyncio.create_task(self._report())]
        if self.journaling is not None:
            self.journaling.start()
            gauges = watch_monitoring(self.journaling, self.storage, self.settings, self.metrics)
            watching.append(asyncio.create_task(gauges))
        yield
        for task in watching:
            task.cancel()
        await loading
        if self.journaling is not None:
            await self.journaling.stop()
        self.storage.close()
        if self.spans is not None:
            self.spans.close()

    async def _report(self) -> None:
        """Keep the figures that are not counted as they come up to date, until cancelled."""
        while True:
            self.metrics.ready(is_ready=self._is_ready())
            self.metrics.waiting(self.serving.turns.waiting, self._bodies.held)
            self.pace.note(datetime.now(UTC), monotonic(), self.metrics.read)
            if self.journaling is not None:
                self.metrics.database(is_up=self.journaling.problem is None)
                self.metrics.journal_lag(self.journaling.lag, self.journaling.waiting, self.journaling.spooled)
            await asyncio.sleep(_BETWEEN_REPORTS)

    async def _load(self) -> None:
        await self.serving.load()
        if self.spans is not None:
            with ThreadPoolExecutor(1, "spans") as thread:
                await asyncio.get_running_loop().run_in_executor(thread, self.spans.open)
        if not self.serving.failed:
            manifest, policy = self.serving.classifier.manifest, self.serving.classifier.policies.default
            self.metrics.loaded(
                model=manifest.name, version=manifest.version, policy=policy.reference, languages=manifest.languages
            )

    async def _readyz(self, _scope: Scope, _receive: Receive) -> bytes:
        """The model has answered its golden texts, what must be kept can be, and the process is not stopping."""
        self.check_ready()
        return b'{"status":"ready"}'

    def check_ready(self) -> None:
        """Raise :class:`NotReadyError` unless new requests should come here."""
        self.serving.check_ready()
        self.check_able()

    def check_able(self) -> None:
        """Raise :class:`NotReadyError` until requests can be answered; they can while the process is stopping, too."""
        _ = self.serving.recorder
        self.gate.check_ready()
        self.keeping.check_ready()

    def _is_ready(self) -> bool:
        try:
            self.check_ready()
        except NotReadyError:
            return False
        return True


async def _healthz(_scope: Scope, _receive: Receive) -> bytes:
    """The process answers."""
    return b'{"status":"ok"}'
