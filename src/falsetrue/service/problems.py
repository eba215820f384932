"""Errors as ``application/problem+json`` (RFC 9457), and as ``{"detail": [...]}`` on the legacy route; their status."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

from falsetrue.errors import NotReadyError

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


def refusal(path: str, error: RequestProblem | NotReadyError) -> Response:
    """The answer to a request that was refused on purpose."""
    if isinstance(error, NotReadyError):
        error = RequestProblem("not_ready", str(error), headers={"Retry-After": "2"})
    return problem_response(path, STATUS[error.code], error)


def problem_response(path: str, status: int, problem: RequestProblem) -> Response:
    """The answer to a request that cannot be served, in the dialect of its route."""
    if path == LEGACY_PATH:
        detail = {"loc": ["body", *problem.where], "msg": problem.detail, "type": problem.code}
        return Response(_encode({"detail": [detail]}), status, problem.headers, "application/json")
    body: dict[str, Any] = {
        "type": f"urn:falsetrue:problem:{problem.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.detail,
    }
    if problem.where:
        body["where"] = problem.where
    return Response(_encode(body), status, problem.headers, "application/problem+json")
