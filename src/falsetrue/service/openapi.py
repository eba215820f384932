"""The OpenAPI document, made from the very record types that bodies are decoded into and answers written from."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from falsetrue.service.api import ClassificationsIn, ClassificationsOut, ModelCardOut
from falsetrue.service.body import schema_of
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
    408: "the body took too long to arrive",
    413: "the body is too large, or has too many items",
    415: "the body is not application/json",
    422: "the body is not what this route expects",
    503: "the model is not loaded, or the service is stopping",
}


def document(app: FastAPI, settings: Settings) -> dict[str, Any]:
    """The document, built once."""
    if app.openapi_schema is None:
        app.openapi_schema = _build(app, settings)
    return app.openapi_schema


def _build(app: FastAPI, settings: Settings) -> dict[str, Any]:
    schema = get_openapi(title=app.title, version=app.version, description=_DESCRIPTION, routes=[])
    references, components = schema_of(Texts, Answer, ClassificationsIn, ClassificationsOut, ModelCardOut)
    texts, answer, items, results, card = references
    components["ClassificationsIn"]["properties"]["items"]["maxItems"] = settings.max_items
    components["Texts"]["properties"]["texts"]["maxItems"] = settings.max_texts
    components |= {"Problem": _PROBLEM, "LegacyProblem": _LEGACY_PROBLEM, "Status": _STATUS}
    schema["components"] = {"schemas": components}
    status = {"$ref": "#/components/schemas/Status"}
    schema["paths"] = {
        "/falsetrue": {"post": _operation("classifyTexts", "0 or 1 for every text", answer, _LEGACY_ERRORS, texts)},
        "/v1/classifications": {
            "post": _operation("classifyItems", "A verdict for every item", results, _ITEM_ERRORS, items)
        },
        "/v1/model": {"get": _operation("getModel", "What the model says of itself", card, (503,))},
        "/healthz": {"get": _operation("healthz", "Whether the process answers", status, ())},
        "/readyz": {"get": _operation("readyz", "Whether the model may be asked", status, (503,))},
    }
    return schema


_TEXT = "The ministry said on Tuesday that the vote on the budget would take place next week, an official added."
_EXAMPLES: dict[str, dict[str, Any]] = {
    "classifyTexts": {"texts": [_TEXT]},
    "classifyItems": {"items": [{"id": "a1", "title": "Budget vote next week", "text": _TEXT}]},
}
_LEGACY_ERRORS = (408, 413, 422, 503)
_ITEM_ERRORS = (408, 413, 415, 422, 503)


def _operation(
    name: str, summary: str, answer: dict[str, Any], errors: tuple[int, ...], body: dict[str, Any] | None = None
) -> dict[str, Any]:
    legacy = errors is _LEGACY_ERRORS
    media, problem = ("application/json", "LegacyProblem") if legacy else ("application/problem+json", "Problem")
    content = {media: {"schema": {"$ref": f"#/components/schemas/{problem}"}}}
    responses: dict[str, Any] = {
        "200": {"description": "the answer", "content": {"application/json": {"schema": answer}}}
    }
    responses |= {str(code): {"description": _MEANINGS[code], "content": content} for code in errors}
    tag = "Ask" if body is not None else "About the service"
    operation: dict[str, Any] = {"operationId": name, "summary": summary, "tags": [tag], "responses": responses}
    if body is not None:
        content = {"application/json": {"schema": body, "example": _EXAMPLES[name]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation
