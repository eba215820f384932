"""What was said: to be read again, page by page, and to be told what it should have been."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

import msgspec
from fastapi import FastAPI
from msgspec import UNSET, UnsetType
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import request_response
from starlette.types import ASGIApp

from falsetrue.errors import UnknownPredictionError
from falsetrue.journal.identifiers import Identifiers, is_identifier
from falsetrue.journal.records import Entry, Feedback, Filters, Page, keepable
from falsetrue.service.body import decode, media_type, read_body
from falsetrue.service.core import Core
from falsetrue.service.facts import facts_of
from falsetrue.service.journaling import Journaling
from falsetrue.service.keeping import LONGEST_ITEM_ID
from falsetrue.service.problems import RequestProblem

if TYPE_CHECKING:
    from falsetrue.journal.store import Journal

#: Predictions on a page, at most and where nobody says how many.
MOST, USUAL = 1000, 100
_MAC_BYTES = 16


class ListQuery(msgspec.Struct, forbid_unknown_fields=True):
    """Which predictions to list; all that is given must hold."""

    since: datetime | UnsetType = UNSET  #: with a time zone; that moment, or later
    until: datetime | UnsetType = UNSET  #: before that moment
    label: Literal["false", "real", "unsure"] | UnsetType = UNSET
    action: str | UnsetType = UNSET
    language: str | UnsetType = UNSET  #: BCP 47
    model_version: str | UnsetType = UNSET
    policy: str | UnsetType = UNSET  #: ``NAME@VERSION``
    key_id: str | UnsetType = UNSET
    id: str | UnsetType = UNSET  #: the caller's own
    route: str | UnsetType = UNSET
    request_id: str | UnsetType = UNSET
    limit: Annotated[int, msgspec.Meta(ge=1, le=MOST)] = USUAL
    page_token: str | UnsetType = UNSET  #: as the page before gave it; the rest of the query must be the same


class FeedbackOut(msgspec.Struct):
    """What somebody said of a prediction."""

    label: str
    reason: str | None
    created_at: datetime
    key_id: str | None


class PredictionOut(msgspec.Struct):
    """A prediction as the journal holds it."""

    prediction_id: str
    created_at: datetime
    route: str
    request_id: str
    key_id: str | None
    id: str | None  #: the caller's own
    model: str
    model_version: str
    policy: str | None
    label: str
    p_real: float
    prevalence: float | None
    action: str | None
    reasons: list[str]
    language: str | None
    characters: int
    words: int
    known_words: int
    text_hash: str  #: hexadecimal; equal for equal texts
    latency_seconds: float
    title: str | None  #: these two only where the text is kept
    text: str | None
    feedback: list[FeedbackOut]  #: the latest of each caller


class ClassificationsPage(msgspec.Struct):
    """Some predictions, the latest first."""

    classifications: list[PredictionOut]
    next_page_token: str | None  #: null: these are the last


class FeedbackIn(msgspec.Struct, forbid_unknown_fields=True):
    """What a prediction should have been."""

    prediction_id: str
    label: Literal["false", "real"]
    reason: Annotated[str, msgspec.Meta(max_length=2000)] | None = None


class FeedbackAnswer(msgspec.Struct):
    """It was written down."""

    prediction_id: str
    label: str


_TIMES = frozenset({"since", "until"})
#: What of a query says which predictions are wanted.
_FILTERS = tuple(name for name in ListQuery.__struct_fields__ if name not in ("limit", "page_token"))
_feedback_decoder = msgspec.json.Decoder(FeedbackIn)


class _Pages:
    """Tokens that say where a list goes on; of no use with another query, nor made by anybody else."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def token(self, query: ListQuery, last: str) -> str:
        return urlsafe_b64encode(self._mac(query, last) + UUID(last).bytes).decode()

    def read(self, query: ListQuery) -> str | None:
        """The identifier of the last prediction of the page before; raises :class:`RequestProblem`."""
        if query.page_token is UNSET:
            return None
        try:
            content = urlsafe_b64decode(str(query.page_token).encode("ascii"))
            last = str(UUID(bytes=content[_MAC_BYTES:]))
        except ValueError:
            raise _bad_token() from None
        if not hmac.compare_digest(content[:_MAC_BYTES], self._mac(query, last)):
            raise _bad_token()
        return last

    def _mac(self, query: ListQuery, last: str) -> bytes:
        said = msgspec.json.encode((msgspec.structs.replace(query, page_token=UNSET, limit=1), last))
        return blake2b(said, digest_size=_MAC_BYTES, key=self._key).digest()


def _bad_token() -> RequestProblem:
    return RequestProblem(
        "invalid_query", "this page token is not one of this list: begin without one", where=["page_token"]
    )


class _History:
    """The answers of the routes."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._pages = _Pages(core.storage.secret.key("page tokens"))
        self._identifiers = Identifiers()

    @property
    def _journaling(self) -> Journaling:
        if self._core.journaling is None:
            raise RequestProblem("journal_off", "this service keeps no journal")
        return self._core.journaling

    async def show(self, request: Request) -> Response:
        """``GET /v1/classifications``."""
        query = _read_query(request)
        filters = _filters(query)
        before = self._pages.read(query)

        def look(journal: "Journal") -> tuple[Page, dict[str, list[Feedback]]]:
            page = journal.search(filters, before=before, limit=query.limit)
            return page, journal.feedback_for([entry.id for entry in page.entries])

        page, said = await self._journaling.ask(look)
        return _json(
            ClassificationsPage(
                classifications=[_prediction(entry, said.get(entry.id, ())) for entry in page.entries],
                next_page_token=None if page.next is None else self._pages.token(query, page.next),
            )
        )

    async def hear(self, request: Request) -> Response:
        """``POST /v1/feedback``."""
        if media_type(request.scope["headers"]) != b"application/json":
            raise RequestProblem("unsupported_media_type", "send the body as application/json")
        given = decode(await read_body(request.receive), _feedback_decoder)
        if not is_identifier(given.prediction_id):
            raise _unknown()
        feedback = Feedback(
            id=self._identifiers.new(),
            prediction_id=given.prediction_id,
            created_at=datetime.now(UTC),
            key_id=facts_of(request.scope).key_id,
            label=given.label,
            reason=given.reason,
        )
        try:
            await self._journaling.ask(lambda journal: journal.add_feedback(feedback))
        except UnknownPredictionError:
            raise _unknown() from None
        return _json(FeedbackAnswer(prediction_id=given.prediction_id, label=given.label))


def add_history(app: FastAPI, core: Core) -> dict[str, ASGIApp]:
    """Add the routes; returns those that only read a path which another route writes."""
    history = _History(core)
    app.add_route("/v1/feedback", history.hear, methods=["POST"], include_in_schema=False)
    return {"/v1/classifications": request_response(history.show)}


def _read_query(request: Request) -> ListQuery:
    given = dict(request.query_params.multi_items())
    if len(given) < len(request.query_params.multi_items()):
        raise RequestProblem("invalid_query", "a part of the query was given twice")
    if any(keepable(value) != value for value in given.values()):
        raise RequestProblem("invalid_query", "a part of the query is no text")
    try:
        return msgspec.convert(given, ListQuery, strict=False)
    except ValueError as error:  # of a time beyond the calendar, msgspec raises no error of its own
        name = str(error).rpartition("`$.")[2].rstrip("`")
        where = [name] if name in ListQuery.__struct_fields__ else []
        raise RequestProblem("invalid_query", "this part of the query cannot be used", where=where) from None


def _filters(query: ListQuery) -> Filters:
    given = {name: value for name in _FILTERS if (value := getattr(query, name)) is not UNSET}
    if "id" in given:
        given["item_id"] = given.pop("id")[:LONGEST_ITEM_ID]
    for name in _TIMES & given.keys():
        given[name] = _in_utc(given[name], name)
    return Filters(**given)


def _in_utc(moment: datetime, name: str) -> datetime:
    if moment.tzinfo is None:
        raise RequestProblem("invalid_query", "this time needs a time zone, as in 2026-01-02T03:04:05Z", where=[name])
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise RequestProblem("invalid_query", "this time is beyond the calendar", where=[name]) from None


def _unknown() -> RequestProblem:
    return RequestProblem(
        "unknown_prediction", "there is no prediction with this id, or not any more", where=["prediction_id"]
    )


def _prediction(entry: Entry, feedback: "list[Feedback] | tuple[Feedback, ...]") -> PredictionOut:
    return PredictionOut(
        prediction_id=entry.id,
        created_at=entry.created_at,
        route=entry.route,
        request_id=entry.request_id,
        key_id=entry.key_id,
        id=entry.item_id,
        model=entry.model_name,
        model_version=entry.model_version,
        policy=entry.policy,
        label=entry.label,
        p_real=entry.p_real,
        prevalence=entry.prevalence,
        action=entry.action,
        reasons=list(entry.reasons),
        language=entry.language,
        characters=entry.characters,
        words=entry.words,
        known_words=entry.known_words,
        text_hash=entry.text_hash.hex(),
        latency_seconds=entry.latency,
        title=entry.title,
        text=entry.text,
        feedback=[
            FeedbackOut(label=each.label, reason=each.reason, created_at=each.created_at, key_id=each.key_id)
            for each in feedback
        ],
    )


def _json(answer: msgspec.Struct) -> Response:
    return Response(msgspec.json.encode(answer), media_type="application/json", headers={"cache-control": "no-store"})
