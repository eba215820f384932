"""``/monitor``: what watching the traffic has found; alarms are acknowledged there, and texts labelled."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from falsetrue.errors import DatabaseError, InputError, UnknownPredictionError
from falsetrue.service.core import Core
from falsetrue.service.facts import facts_of
from falsetrue.service.forms import check_charset, field
from falsetrue.service.language import language_of
from falsetrue.service.problems import RequestProblem
from falsetrue.service.signing_in import TOKEN_FIELD, Sessions
from falsetrue.service.views import Views

if TYPE_CHECKING:
    from falsetrue.journal.store import Journal
    from falsetrue.service.monitor_view import View

#: Where the page is.
PATH = "/monitor"
#: Characters of a note at most.
LONGEST_NOTE = 2000
#: What may be said of a text, and the key that says it.
ANSWERS = {"false": "f", "real": "r", "unclear": "u"}
_NO_STORE = {"cache-control": "no-store"}
Answer = TypeVar("Answer")


def add_monitor(app: FastAPI, views: Views, sessions: Sessions, core: Core) -> None:
    """Add the routes."""
    page = _MonitorPage(views, sessions, core)
    app.add_route(PATH, page.show, include_in_schema=False)
    app.add_route(PATH, page.hear, methods=["POST"], include_in_schema=False)


class _MonitorPage:
    def __init__(self, views: Views, sessions: Sessions, core: Core) -> None:
        self._views = views
        self._sessions = sessions
        self._core = core

    async def show(self, request: Request) -> Response:
        """``GET /monitor``: the page, or one of its tables as a file."""
        wanted = request.query_params.get("csv")
        if wanted is not None:
            return await self._download(wanted)
        return await self._page(request, 200)

    async def hear(self, request: Request) -> Response:
        """``POST /monitor``: an alarm is acknowledged, or a text labelled; then the page again."""
        check_charset(request)
        async with request.form(max_files=0, max_part_size=self._core.settings.max_body_bytes) as sent:
            self._sessions.check_form(request, field(sent, TOKEN_FIELD))
            alarm, item = field(sent, "alarm"), field(sent, "item")
            note, label = field(sent, "note").strip()[:LONGEST_NOTE], field(sent, "label")
        by, now = _who(request), datetime.now(UTC)
        try:
            if alarm:
                await self._ask(partial(self._acknowledge, alarm, by, note, now))
                return RedirectResponse(f"{PATH}#alarms", 303, _NO_STORE)
            await self._ask(partial(self._label, item, label, by, now))
        except (InputError, UnknownPredictionError):
            return await self._page(request, 409, refused="alarm" if alarm else "label")
        return RedirectResponse(f"{PATH}?labelled={quote(item)}#audit", 303, _NO_STORE)

    async def _page(self, request: Request, status: int, refused: str = "") -> Response:
        view, is_away = None, False
        if self._core.journaling is not None:
            labelled = request.query_params.get("labelled", "")
            try:
                view = await self._ask(partial(self._look, labelled, language_of(request)))
            except (DatabaseError, msgspec.MsgspecError):  # the latter of a report that a newer version wrote
                is_away = True
        response = self._views.render(
            request,
            "monitor.html",
            status,
            shown=view and view.shown,
            open=view.open if view else (),
            history=view.history if view else (),
            slice=view and view.slice,
            keeps_journal=self._core.journaling is not None,
            is_away=is_away,
            refused=refused,
            answers=ANSWERS,
        )
        response.headers["cache-control"] = "no-store"
        return response

    async def _download(self, wanted: str) -> Response:
        content = await self._ask(partial(self._make_file, wanted))
        headers = {**_NO_STORE, "content-disposition": f'attachment; filename="monitor-{wanted}.csv"'}
        return Response(content, media_type="text/csv", headers=headers)

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        """What the database answers, in a thread; raises :class:`RequestProblem` or :class:`DatabaseError`."""
        if self._core.journaling is None:
            raise RequestProblem("journal_off", "this service keeps no journal")

        def put(_journal: "Journal") -> Answer:
            return question()

        return await self._core.journaling.ask(put)

    # --- in a thread, which imports what takes longer than a request ------------------------------------

    def _look(self, labelled: str, language: str) -> "View":
        from falsetrue.service.monitor_view import look  # noqa: PLC0415

        now = datetime.now(UTC)
        return look(self._core.storage, self._core.settings, labelled=labelled, language=language, now=now)

    def _make_file(self, wanted: str) -> bytes:
        from falsetrue.service.monitor_view import make_file  # noqa: PLC0415

        return make_file(self._core.storage, wanted)

    def _acknowledge(self, alarm: str, by: str, note: str, now: datetime) -> None:
        from falsetrue.monitor.store import MonitorStore  # noqa: PLC0415

        MonitorStore(self._core.storage.engine(), tells=self._core.settings.webhook_url is not None).acknowledge(
            alarm, by=by, note=note or None, now=now
        )

    def _label(self, item: str, label: str, by: str, now: datetime) -> None:
        self._core.storage.audit_items().label(item, label, by=by, now=now)


def _who(request: Request) -> str:
    """Who acknowledges or labels, by name."""
    principal = facts_of(request.scope).principal
    return "anonymous" if principal is None else principal.name
