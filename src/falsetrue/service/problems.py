"""Errors as ``application/problem+json`` (RFC 9457), and as ``{"detail": [...]}`` on the legacy route; their status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from falsetrue.errors import DatabaseError, NotReadyError
from falsetrue.service.facts import facts_of

#: Code of a problem -> HTTP status.
STATUS = {
    "body_too_large": 413,
    "body_too_slow": 408,
    "empty_text": 422,
    "idempotency_key_reused": 422,
    "invalid_body": 422,
    "invalid_idempotency_key": 400,
    "invalid_json": 422,
    "invalid_query": 422,
    "journal_off": 404,
    "journal_unavailable": 503,
    "not_allowed": 403,
    "not_ready": 503,
    "overloaded": 503,
    "quota_exceeded": 429,
    "request_in_flight": 409,
    "text_too_long": 413,
    "too_many_items": 413,
    "too_many_rows": 413,
    "unknown_caller": 401,
    "unknown_policy": 422,
    "unknown_prediction": 404,
    "unsupported_media_type": 415,
    "unusable_file": 422,
}

#: The route whose clients expect ``{"detail": [...]}``.
LEGACY_PATH = "/falsetrue"

_encode = msgspec.json.encode


class RequestProblem(Exception):  # noqa: N818 - it carries a problem in the sense of RFC 9457
    """A request that cannot be answered."""

    def __init__(
        self, code: str, detail: str, *, where: Sequence[str | int] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.code = code  #: stable, for machines; ``STATUS`` gives its status
        self.detail = detail  #: for people; never repeats what was sent
        self.where = list(where)  #: path of the part of the body that is wrong
        self.headers = headers


#: What a route may raise to refuse a request on purpose.
REFUSALS = (RequestProblem, NotReadyError, DatabaseError)


def refusal(path: str, error: RequestProblem | NotReadyError | DatabaseError) -> Response:
    """The answer to a request that was refused on purpose."""
    if isinstance(error, DatabaseError):
        detail = "what is said here must be written down, and cannot be now; try again soon"
        error = RequestProblem("journal_unavailable", detail, headers={"Retry-After": "2"})
    if isinstance(error, NotReadyError):
        error = RequestProblem("not_ready", str(error), headers={"Retry-After": "2"})
    return problem_response(path, STATUS[error.code], error)


def problem_response(path: str, status: int, problem: RequestProblem) -> Response:
    """The answer to a request that cannot be served, in the dialect of its route."""
    if path == LEGACY_PATH:
        detail = {"loc": ["body", *problem.where], "msg": problem.detail, "type": problem.code}
        return _Problem(problem.code, _encode({"detail": [detail]}), status, problem.headers, "application/json")
    body: dict[str, Any] = {
        "type": f"urn:falsetrue:problem:{problem.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.detail,
    }
    if problem.where:
        body["where"] = problem.where
    return _Problem(problem.code, _encode(body), status, problem.headers, "application/problem+json")


class _Problem(Response):
    """Tells those who count which problem it was."""

    def __init__(self, code: str, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._code = code

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        facts_of(scope).code = self._code
        await super().__call__(scope, receive, send)
