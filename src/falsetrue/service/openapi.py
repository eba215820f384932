"""The OpenAPI document, made from the very record types that bodies are decoded into and answers written from."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from falsetrue.access.principal import Scope
from falsetrue.service.admission import need_of
from falsetrue.service.api import ClassificationsIn, ClassificationsOut, ModelCardOut
from falsetrue.service.body import schema_of
from falsetrue.service.history import ClassificationsPage, FeedbackAnswer, FeedbackIn, ListQuery
from falsetrue.service.legacy import Answer, Texts
from falsetrue.settings import Settings

_DESCRIPTION = """\
Says how much a text resembles the false and the real news that the model learnt from, with a probability, and
says *no decision* when it does not know. It does not verify facts."""

_PROBLEM = {
    "type": "object",
    "description": "RFC 9457",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "where": {"type": "array", "items": {"type": ["string", "integer"]}},
    },
    "required": ["type", "title", "status", "detail"],
}
_LEGACY_PROBLEM = {
    "type": "object",
    "properties": {
        "detail": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
                    "msg": {"type": "string"},
                    "type": {"type": "string"},
                },
                "required": ["loc", "msg", "type"],
            },
        }
    },
    "required": ["detail"],
}
_STATUS = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
_MEANINGS = {
    400: "the Idempotency-Key is not one",
    401: "a key is needed, or the one shown is not valid",
    403: "the key shown may not do this",
    404: "there is no such prediction, or no journal",
    408: "the body took too long to arrive",
    409: "a request with this Idempotency-Key is being answered",
    413: "the body is too large, or has too many items",
    415: "the body is not application/json",
    422: "the request is not what this route expects, or its Idempotency-Key was sent with another body",
    429: "more requests than the key's quota; Retry-After says when the next one counts",
    503: "the model is not loaded, the journal cannot be written, or the service is busy or stopping",
}
#: What every route may answer that not everybody may ask.
_GUARDED = (401, 403, 429, 503)
_BODY = (408, 413, 415, 422)
_SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key of this service (`ftk_…`), or a token of the issuer that its operator trusts.",
    },
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
}
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same request sent again with the same key gets the same answer, and is written down once.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!#-~]([ !#-~]{0,253}[!#-~])?$"},
}


class Document:
    """The document, built once for each set of rights that callers have who show no key."""

    def __init__(self, app: FastAPI, settings: Settings, strangers: Callable[[], frozenset[Scope]]) -> None:
        self._app = app
        self._settings = settings
        self._strangers = strangers
        self._built: dict[frozenset[Scope], dict[str, Any]] = {}

    def __call__(self) -> dict[str, Any]:
        """The document as it is now."""
        rights = self._strangers()
        if rights not in self._built:
            self._built[rights] = _guarded(_build(self._app, self._settings), rights)
        return self._built[rights]


def _guarded(document: dict[str, Any], rights: frozenset[Scope]) -> dict[str, Any]:
    """The same, saying which operations need a key."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            need = need_of(method.upper(), path)
            if need is not None and need not in rights:
                operation["security"] = [{"bearer": []}, {"key": []}]
    return document


def _build(app: FastAPI, settings: Settings) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=[])
    references, components = schema_of(
        *(Texts, Answer, ClassificationsIn, ClassificationsOut, ModelCardOut),
        *(FeedbackIn, FeedbackAnswer, ClassificationsPage, ListQuery),
    )
    texts, answer, items, results, card, feedback, heard, page, _ = references
    components["ClassificationsIn"]["properties"]["items"]["maxItems"] = settings.max_items
    components["Texts"]["properties"]["texts"]["maxItems"] = settings.max_texts
    query = components.pop("ListQuery")["properties"]
    components |= {"Problem": _PROBLEM, "LegacyProblem": _LEGACY_PROBLEM, "Status": _STATUS}
    schema["components"] = {"schemas": components, "securitySchemes": _SECURITY}
    status = {"$ref": "#/components/schemas/Status"}
    asked = (*_BODY, *_GUARDED)
    repeatable = (400, 409, *asked)
    schema["paths"] = {
        "/falsetrue": {
            "post": _operation("classifyTexts", "0 or 1 for every text", answer, _without(repeatable, 415), texts)
        },
        "/v1/classifications": {
            "post": _operation("classifyItems", "A verdict for every item", results, repeatable, items),
            "get": _operation("listClassifications", "What was said", page, (404, 422, *_GUARDED), query=query),
        },
        "/v1/feedback": {
            "post": _operation(
                "giveFeedback", "What a prediction should have been", heard, (404, *asked), feedback, repeatable=False
            )
        },
        "/v1/model": {"get": _operation("getModel", "What the model says of itself", card, _GUARDED)},
        "/metrics": {"get": _text_operation("getMetrics", "Figures of the service, for Prometheus", _GUARDED)},
        "/healthz": {"get": _operation("healthz", "Whether the process answers", status, ())},
        "/readyz": {"get": _operation("readyz", "Whether the model may be asked", status, (503,))},
    }
    return schema


def _without(codes: tuple[int, ...], code: int) -> tuple[int, ...]:
    return tuple(each for each in codes if each != code)


_TEXT = "The ministry said on Tuesday that the vote on the budget would take place next week, an official added."
_EXAMPLES: dict[str, dict[str, Any]] = {
    "classifyTexts": {"texts": [_TEXT]},
    "classifyItems": {"items": [{"id": "a1", "title": "Budget vote next week", "text": _TEXT}]},
    "giveFeedback": {"prediction_id": "01a7f3c2-5b1e-7c44-9d0e-3f6a2b1c8d90", "label": "false"},
}


def _operation(
    name: str,
    summary: str,
    answer: dict[str, Any],
    errors: tuple[int, ...],
    body: dict[str, Any] | None = None,
    *,
    query: dict[str, Any] | None = None,
    repeatable: bool = True,
) -> dict[str, Any]:
    operation = _described(name, summary, errors)
    operation["responses"]["200"] = {"description": "the answer", "content": {"application/json": {"schema": answer}}}
    if body is not None:
        content = {"application/json": {"schema": body, "example": _EXAMPLES[name]}}
        operation["requestBody"] = {"required": True, "content": content}
        if repeatable:
            operation["parameters"] = [_IDEMPOTENCY]
    if query is not None:
        operation["parameters"] = [_parameter(name, schema) for name, schema in query.items()]
    return operation


def _text_operation(name: str, summary: str, errors: tuple[int, ...]) -> dict[str, Any]:
    operation = _described(name, summary, errors)
    content = {"text/plain": {"schema": {"type": "string"}}}
    operation["responses"]["200"] = {"description": "the answer", "content": content}
    return operation


def _described(name: str, summary: str, errors: tuple[int, ...]) -> dict[str, Any]:
    legacy = name == "classifyTexts"
    media, problem = ("application/json", "LegacyProblem") if legacy else ("application/problem+json", "Problem")
    content = {media: {"schema": {"$ref": f"#/components/schemas/{problem}"}}}
    return {
        "operationId": name,
        "summary": summary,
        "tags": ["Ask" if name in _EXAMPLES else "About the service"],
        "responses": {str(code): {"description": _MEANINGS[code], "content": content} for code in sorted(errors)},
    }


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A part of a query."""
    kind = {key: value for key, value in schema.items() if key != "default"}
    return {"name": name, "in": "query", "required": False, "schema": kind}
