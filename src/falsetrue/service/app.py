"""The application: routes, their documentation, and the one map from errors to status codes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from falsetrue import __version__
from falsetrue.errors import NotReadyError
from falsetrue.jobs.classify import Classifier
from falsetrue.service import api, legacy, page
from falsetrue.service.body import BodyLimit
from falsetrue.service.bugs import DiscreetBugs
from falsetrue.service.draining import drain_on_sigterm
from falsetrue.service.headers import SecurityHeaders
from falsetrue.service.openapi import document
from falsetrue.service.problems import RequestProblem, problem_response
from falsetrue.service.serving import Serving
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

#: Code of a problem -> HTTP status.
STATUS = {
    "body_too_large": 413,
    "body_too_slow": 408,
    "empty_text": 422,
    "invalid_body": 422,
    "invalid_json": 422,
    "not_ready": 503,
    "text_too_long": 413,
    "too_many_items": 413,
    "too_many_rows": 413,
    "unknown_policy": 422,
    "unsupported_media_type": 415,
    "unusable_file": 422,
}

#: Threads for what takes long. Scoring holds the interpreter's lock: of 16 batches of 5 MB at once each thread more
#: makes none faster and all small requests slower (99th percentile 65 ms with one thread, 670 ms with Python's six).
_SCORING_THREADS = 1


def create_app(settings: Settings, *, load: Callable[[], Classifier] | None = None) -> FastAPI:
    """Build the service. The model is loaded in the background once it starts; ``load`` says how."""
    serving = Serving(load or partial(load_classifier, settings))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        drain_on_sigterm(serving, settings.drain_seconds)
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_SCORING_THREADS, "scoring"))
        loading = asyncio.create_task(serving.load())
        yield
        await loading

    app = FastAPI(
        title="falsetrue",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(DiscreetBugs),
            Middleware(BodyLimit, max_bytes=settings.max_body_bytes, seconds=settings.body_seconds, status=STATUS),
        ],
    )
    app.state.serving = serving
    # FastAPI's documented way to write the document oneself.
    app.openapi = partial(document, app, settings)  # type: ignore[method-assign]
    _add_error_handlers(app)
    _add_routes(app, serving, settings)
    page.add_page(app, serving, settings, STATUS)
    return app


def _add_routes(app: FastAPI, serving: Serving, settings: Settings) -> None:
    async def classify_texts(request: Request) -> Response:
        return await legacy.classify_texts(request, serving, settings.max_texts)

    async def classify_items(request: Request) -> Response:
        return await api.classify_items(request, serving, settings)

    async def get_model() -> Response:
        return api.describe_model(serving.classifier, settings)

    async def healthz() -> Response:
        """The process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz() -> Response:
        """The model has answered its golden texts, and the process is not stopping."""
        serving.check_ready()
        return JSONResponse({"status": "ready"})

    app.add_api_route("/falsetrue", classify_texts, methods=["POST"])
    app.add_api_route("/v1/classifications", classify_items, methods=["POST"])
    app.add_api_route("/v1/model", get_model, methods=["GET", "HEAD"])
    app.add_api_route("/healthz", healthz, methods=["GET", "HEAD"])
    app.add_api_route("/readyz", readyz, methods=["GET", "HEAD"])


# --- errors to answers -----------------------------------------------------------------------------


def _add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(RequestProblem, _on_request_problem)
    app.add_exception_handler(NotReadyError, _on_not_ready)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_client_gone)


async def _on_request_problem(request: Request, error: Any) -> Response:
    return problem_response(request.url.path, STATUS[error.code], error)


async def _on_not_ready(request: Request, error: Exception) -> Response:
    problem = RequestProblem("not_ready", str(error), headers={"Retry-After": "2"})
    return problem_response(request.url.path, STATUS[problem.code], problem)


async def _on_http_exception(request: Request, error: Any) -> Response:
    """What the framework itself refuses: no such route (404), or not with this method (405)."""
    problem = RequestProblem(f"http_{error.status_code}", str(error.detail), headers=error.headers)
    return problem_response(request.url.path, error.status_code, problem)


async def _on_client_gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this: it is here so that a client that hangs up leaves no traceback in the log."""
    return Response(status_code=400)
