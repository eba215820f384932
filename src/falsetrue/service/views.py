"""Templates to answers, in the visitor's language."""

from enum import StrEnum
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from falsetrue import __version__
from falsetrue.service.assets import Assets
from falsetrue.service.language import (
    COOKIE,
    LANGUAGES,
    chosen_language,
    examples,
    format_number,
    format_seconds,
    format_size,
    language_of,
    translations,
)
from falsetrue.service.signing_in import Sessions

_YEAR = 365 * 24 * 3600


class Keeps(StrEnum):
    """What the service keeps of a text that somebody checks."""

    NOTHING = "nothing"
    ANSWERS = "answers"  #: what was said of it
    TEXTS = "texts"  #: the text too


class Views:
    """Renders the templates; one environment for each language."""

    def __init__(self, assets: Assets, sessions: Sessions, *, keeps: Keeps) -> None:
        self._environments = {language: _environment(language, assets, keeps) for language in LANGUAGES}
        self._sessions = sessions

    def render(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A page in the language of the request; a switch of language is remembered in a cookie."""
        language = language_of(request)
        visitor = self._sessions.visitor(request)
        content = self._environments[language].get_template(template).render(values, visitor=visitor)
        fresh = "no-cache" if visitor.name is None else "private, no-cache"
        headers = {
            "cache-control": fresh if request.method == "GET" else "no-store",
            "content-language": language,
            "vary": "Accept-Language, Cookie",
        }
        response = HTMLResponse(content, status, headers)
        if chosen_language(request):
            secure = request.url.scheme == "https"
            response.set_cookie(COOKIE, language, max_age=_YEAR, httponly=True, samesite="lax", secure=secure)
        self._sessions.go_on(request, response)
        return response


def _environment(language: str, assets: Assets, keeps: Keeps) -> Environment:
    environment = Environment(
        loader=PackageLoader("falsetrue.service"),
        autoescape=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["ext.i18n.trimmed"] = True
    # The extension adds the method, which type checkers cannot know.
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["number"] = lambda value, digits=0: format_number(value, digits, language)
    environment.filters["size"] = lambda value: format_size(value, language)
    environment.filters["seconds"] = lambda value: format_seconds(value, language)
    environment.filters["said"] = lambda notice: notice.said(language)
    environment.globals |= {
        "asset": assets.url,
        "examples": examples(language).values(),
        "keeps": keeps,
        "language": language,
        "languages": LANGUAGES,
        "translate": translations(language).gettext,
        "version": __version__,
    }
    return environment
