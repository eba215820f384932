"""The application: routes, their documentation, and what becomes of errors."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from falsetrue import __version__
from falsetrue.errors import DatabaseError, NotReadyError
from falsetrue.jobs.classify import Classifier
from falsetrue.service import api, history, page
from falsetrue.service.core import Core
from falsetrue.service.openapi import Document
from falsetrue.service.problems import STATUS, RequestProblem, problem_response, refusal
from falsetrue.settings import Settings

__all__ = ["STATUS", "create_app", "make_app"]


class _Service(FastAPI):
    """The application; its direct routes are asked before the framework spends more time than scoring takes."""

    def __init__(self, core: Core) -> None:
        super().__init__(
            title="falsetrue",
            version=__version__,
            lifespan=core.lifespan,
            docs_url=None,
            redoc_url=None,
            middleware=core.layers,
        )
        self._core = core

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or start and stop."""
        await (self._core.find(scope) or super().__call__)(scope, receive, send)


class _Either:
    """One path, read by one application and written by another."""

    def __init__(self, *, write: ASGIApp, read: ASGIApp) -> None:
        self._write = write
        self._read = read

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._write if scope["method"] == "POST" else self._read)(scope, receive, send)


def create_app(settings: Settings, *, load: Callable[[], Classifier] | None = None) -> FastAPI:
    """Build the service. The model is loaded in the background once it starts; ``load`` says how."""
    return make_app(Core(settings, load))


def make_app(core: Core) -> FastAPI:
    """Build the service around its core."""
    app = _Service(core)
    app.state.serving = core.serving
    # FastAPI's documented way to write the document oneself.
    app.openapi = Document(app, core.settings, core.gate.strangers)  # type: ignore[method-assign]
    _add_error_handlers(app)
    readers = history.add_history(app, core)
    for path, (methods, route) in core.routes.items():
        # For what the core does not find: other methods, and an application below another path.
        reader = readers.get(path)
        either = route if reader is None else _Either(write=route, read=reader)
        all_methods = [*methods, *(("GET", "HEAD") if reader else ())]
        app.add_route(path, either, methods=all_methods, include_in_schema=False)  # type: ignore[arg-type]

    async def get_model() -> Response:
        return api.describe_model(core.serving.classifier, core.settings)

    async def get_metrics(request: Request) -> Response:
        from falsetrue.service.exposition import expose  # noqa: PLC0415 - it takes longer than a request

        content, media_type = expose(core.metrics, request.headers.get("accept", ""))
        return Response(content, headers={"content-type": media_type, "cache-control": "no-store"})

    app.add_api_route("/v1/model", get_model, methods=["GET", "HEAD"])
    app.add_route("/metrics", get_metrics, methods=["GET", "HEAD"], include_in_schema=False)
    page.add_page(app, core, STATUS)
    return app


# --- errors to answers -----------------------------------------------------------------------------


def _add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RequestProblem, _on_refusal)
    app.add_exception_handler(NotReadyError, _on_refusal)
    app.add_exception_handler(DatabaseError, _on_refusal)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)


async def _on_refusal(request: Request, error: Any) -> Response:
    return refusal(request.url.path, error)


async def _on_http_exception(request: Request, error: Any) -> Response:
    """What the framework itself refuses: no such route (404), or not with this method (405)."""
    problem = RequestProblem(f"http_{error.status_code}", str(error.detail), headers=error.headers)
    return problem_response(request.url.path, error.status_code, problem)


async def _on_client_gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this: it is here so that a client that hangs up leaves no traceback in the log."""
    return Response(status_code=400)
