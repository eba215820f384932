"""``/sign-in`` and ``/sign-out``: the forms, and what becomes of them."""

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from falsetrue.errors import UnknownCallerError
from falsetrue.service.facts import facts_of
from falsetrue.service.forms import check_charset, field
from falsetrue.service.signing_in import TOKEN_FIELD, Sessions, comes_from_elsewhere, lead
from falsetrue.service.views import Views

_NO_STORE = {"cache-control": "no-store"}


def add_sign_in(app: FastAPI, views: Views, sessions: Sessions) -> None:
    """Add the routes."""
    page = _SignInPage(views, sessions)
    app.add_route("/sign-in", page.show, include_in_schema=False)
    app.add_route("/sign-in", page.sign_in, methods=["POST"], include_in_schema=False)
    app.add_route("/sign-out", page.sign_out, methods=["POST"], include_in_schema=False)


class _SignInPage:
    def __init__(self, views: Views, sessions: Sessions) -> None:
        self._views = views
        self._sessions = sessions

    async def show(self, request: Request) -> Response:
        """``GET /sign-in``: the form; nothing to fill in where everybody may do everything."""
        to = lead(request.query_params.get("to", "/"))
        visitor = self._sessions.visitor(request)
        if visitor.name is None and visitor.is_operator:
            return RedirectResponse(to, 303, _NO_STORE)
        return self._form(request, 200, to, wrong=False)

    async def sign_in(self, request: Request) -> Response:
        """``POST /sign-in``: to where the visitor wanted to go, with a session; the form again for a wrong key."""
        check_charset(request)
        async with request.form(max_files=0) as sent:
            key, to, token = (field(sent, name) for name in ("key", "to", TOKEN_FIELD))
        self._sessions.check_sign_in(request, token)
        to = lead(to)
        response = RedirectResponse(to, 303, _NO_STORE)
        try:
            self._sessions.begin(request, response, key.strip())
        except UnknownCallerError:
            facts_of(request.scope).code = "unknown_caller"
            return self._form(request, 401, to, wrong=True)
        return response

    async def sign_out(self, request: Request) -> Response:
        """``POST /sign-out``: the cookie is taken back."""
        check_charset(request)
        async with request.form(max_files=0) as sent:
            self._sessions.check_form(request, field(sent, TOKEN_FIELD))
        response = RedirectResponse("/", 303, _NO_STORE)
        self._sessions.end(request, response)
        return response

    def _form(self, request: Request, status: int, to: str, *, wrong: bool) -> Response:
        token, finish = self._sessions.prepare(request)
        elsewhere = comes_from_elsewhere(request)
        response = self._views.render(
            request, "sign_in.html", status, to=to, token=token, wrong=wrong, elsewhere=elsewhere
        )
        finish(response)
        response.headers["cache-control"] = "no-store"
        return response
