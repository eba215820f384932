"""The outermost layer around every route: names a request, counts it, notes it in the log, and dresses its answer."""

import logging
from collections.abc import Container

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from falsetrue.service.facts import SCOPE_KEY, RequestFacts, read_facts
from falsetrue.service.headers import with_security_headers
from falsetrue.service.logs import as_extra
from falsetrue.service.metrics import NONE, Metrics
from falsetrue.service.spans import Spans

#: As nginx says it: the caller hung up before there was an answer.
GONE = 499
#: The least status that is noted in the log, by the setting.
LOGGED_FROM = {"all": 0, "errors": 400, "off": 1000}
_log = logging.getLogger("falsetrue.requests")


class Observing:
    """ASGI middleware. What others are to know of a request is :func:`falsetrue.service.facts.facts_of` its scope."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        metrics: Metrics,
        spans: Spans | None = None,
        paths: Container[str] = (),
        logged_from: int = LOGGED_FROM["off"],
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._spans = spans  #: ``None``: not told to anybody
        self._paths = paths  #: that are templates themselves, and answered without the framework
        self._logged_from = logged_from  #: status; answers of a lesser one are not noted in the log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with a ``send`` that adds its identifier and the headers of every answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        facts = scope[SCOPE_KEY] = read_facts(scope["headers"])
        if self._spans is not None:
            self._spans.begin(facts, scope["method"])

        async def observing_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = with_security_headers(message["headers"], scope.get("scheme"))
                message["headers"] = headers + facts.begin_answer(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, observing_send)
        finally:
            self._finish(scope, facts)

    def _finish(self, scope: Scope, facts: RequestFacts) -> None:
        if not facts.status:
            facts.begin_answer(GONE)
        route = facts.route or self._template(scope)
        self._metrics.answered(route, scope["method"], facts.status, facts.seconds, facts.key_id)
        if facts.code is not None:
            self._metrics.refused(facts.code)
        if facts.span is not None:
            facts.span.end(facts, scope["method"], route)
        if facts.status >= self._logged_from:
            _log.info("request", extra=as_extra(method=scope["method"], route=route, **facts.described()))

    def _template(self, scope: Scope) -> str:
        path: str = scope["path"]
        if path in self._paths:
            return path
        route = scope.get("route")
        if route is None and "endpoint" in scope:  # FastAPI does not say it of routes that are not its own
            endpoint = scope["endpoint"]
            route = next((each for each in scope["app"].routes if getattr(each, "endpoint", None) is endpoint), None)
        return getattr(route, "path", NONE)
