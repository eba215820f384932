"""The page: forms for a text and for a file, and the model's card, in Spanish and English, without JavaScript."""

import asyncio
import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fastapi import FastAPI
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from falsetrue.bundle.baseline import ReliabilityBin
from falsetrue.bundle.explaining import explain_text
from falsetrue.bundle.manifest import Manifest
from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.model.decision import Outcome, Policy
from falsetrue.model.explanation import NOT_TELLING, Unexplained
from falsetrue.service.api import EXPLAINING
from falsetrue.service.assets import Assets
from falsetrue.service.documentation import add_documentation
from falsetrue.service.highlighting import Highlights, highlight
from falsetrue.service.language import Notice, examples, language_of, mark
from falsetrue.service.model_page import model_page
from falsetrue.service.problem_pages import ProblemPages
from falsetrue.service.problems import RequestProblem
from falsetrue.service.serving import Serving
from falsetrue.service.uploads import FileProblem, GivenFile, ScoredFile, score_file
from falsetrue.service.views import Views
from falsetrue.settings import Settings

#: Bytes of a scored file above which it is sent as it is: browsers refuse larger ``data:`` addresses.
LARGEST_LINKED = 1_000_000
#: Sent along by the page's script, which can take a page and a file in one answer; and the answer's header that
#: says where in it the page ends.
_SCRIPT_FIELD, _PAGE_LENGTH = "script", "x-page-length"
_PATHS = ("/", "/upload", "/docs", "/model")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([^\"';\s]+)", re.IGNORECASE)
#: Here problems are JSON, whoever asks.
_FOR_MACHINES = ("/falsetrue", "/v1", "/healthz", "/readyz", "/openapi.json", "/static")


@dataclass(frozen=True, kw_only=True)
class TextForm:
    """The form for a text, as it was sent."""

    title: str = ""
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class FileForm:
    """The form for a file, less the file, which browsers never fill in again."""

    text_column: str = ""
    title_column: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is said of one text."""

    found: Classification
    policy: Policy
    similar: ReliabilityBin | None  #: ``None`` where no held-out texts are like it
    overall: float | None  #: share of all held-out texts with this verdict that deserved it, where it was measured
    why: Highlights | Unexplained | None  #: ``None`` of a text whose words say little: the model knows none like it
    prevalence: float | None  #: share of false news that the policy supposes, where it supposes one


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the page shows beside the forms; mostly nothing."""

    text_form: TextForm = TextForm()
    file_form: FileForm = FileForm()
    answer: Answer | None = None
    problem: Notice | None = None  #: with the text
    scored: ScoredFile | None = None
    download: str = ""  #: address of the scored file
    file_problem: Notice | None = None


def add_page(app: FastAPI, serving: Serving, settings: Settings, status: Mapping[str, int]) -> None:
    """Add the page's routes; ``status`` gives the status code of each problem."""
    assets = Assets()
    views = Views(assets)
    page = _Page(views, serving, settings, status)
    app.add_route("/static/{digest}/{name:path}", assets.respond, include_in_schema=False)
    app.add_route("/", page.show, include_in_schema=False)
    app.add_route("/", page.check, methods=["POST"], include_in_schema=False)
    app.add_route("/model", page.show_model, include_in_schema=False)
    app.add_route("/upload", page.go_back, include_in_schema=False)
    app.add_route("/upload", page.upload, methods=["POST"], include_in_schema=False)
    add_documentation(app, views)
    app.add_middleware(ProblemPages, render=page.show_problem, for_people=_for_people)


def _for_people(scope: Scope) -> bool:
    """Whether a browser shows the answer to somebody."""
    path: str = scope["path"]
    if path in _PATHS:
        return True
    accepted = Headers(scope=scope).get("accept", "").lower()
    return "text/html" in accepted and not any(path == each or path.startswith(f"{each}/") for each in _FOR_MACHINES)


class _Page:
    """The answers to the page's requests."""

    def __init__(self, views: Views, serving: Serving, settings: Settings, status: Mapping[str, int]) -> None:
        self._views = views
        self._serving = serving
        self._settings = settings
        self._status = status

    async def show(self, request: Request) -> Response:
        """``GET /``: the empty forms, or one of the examples in them."""
        example = examples(language_of(request)).get(request.query_params.get("example", ""))
        form = TextForm(title=example.title, text=example.text) if example else TextForm()
        return self._render(request, 200, Shown(text_form=form))

    async def check(self, request: Request) -> Response:
        """``POST /``: the form with what is said of its text."""
        _check_charset(request)
        async with request.form(max_part_size=self._settings.max_body_bytes) as sent:
            form = TextForm(title=_field(sent, "title"), text=_field(sent, "text"))
        classifier = self._serving.classifier
        characters = EXPLAINING * (len(form.title) + len(form.text))
        found = await self._serving.run(characters, lambda: self._classify(classifier, form))
        if isinstance(found, Answer):
            return self._render(request, 200, Shown(text_form=form, answer=found))
        code, problem = self._refused(found)
        return self._render(request, self._status[code], Shown(text_form=form, problem=problem))

    def _classify(self, classifier: Classifier, form: TextForm) -> Answer | Refusal:
        policy = classifier.policies.default
        item = Item(title=form.title, text=form.text)
        (found,) = classifier.classify([item], policy, longest=self._settings.max_text_bytes)
        if isinstance(found, Refusal):
            return found
        overall = _precision(classifier.manifest, policy, found.label)
        why = None if NOT_TELLING.intersection(found.reasons) else _explain(classifier, form)
        prevalence = classifier.policies.prevalence(policy, None)
        # What is known of similar test texts is about the model's own score.
        similar = classifier.similar(found) if prevalence is None else None
        return Answer(found=found, policy=policy, similar=similar, overall=overall, why=why, prevalence=prevalence)

    def _refused(self, refusal: Refusal) -> tuple[str, Notice]:
        """The code of the problem and its sentence."""
        if refusal is Refusal.EMPTY:
            return "empty_text", Notice(message=mark("Write or paste a text first: the text is empty."))
        message = mark(
            "The text is too long: at most %(limit)s characters can be checked at once, somewhat fewer where they "
            "have accents. Paste a part of it."
        )
        return "text_too_long", Notice(message=message, values={"limit": self._settings.max_text_bytes})

    async def show_model(self, request: Request) -> Response:
        """``GET /model``: what the model is, for people."""
        classifier = self._serving.classifier
        manifest, policy = classifier.manifest, classifier.policies.default
        return self._views.render(
            request,
            "model.html",
            manifest=manifest,
            shown=model_page(manifest),
            policy=policy,
            measured=_is_models_own(policy, manifest),
        )

    async def go_back(self, _request: Request) -> Response:
        """``GET /upload``: somebody reloads, or switches language on, the answer to a file."""
        return RedirectResponse("/#file", 303)

    async def upload(self, request: Request) -> Response:
        """``POST /upload``: what came of a file, with a link to the scored one, or that file itself."""
        classifier = self._serving.classifier
        _check_charset(request)
        async with request.form() as sent:
            form = FileForm(text_column=_field(sent, "text_column"), title_column=_field(sent, "title_column"))
            shown = Shown(file_form=form)
            try:
                scored = await asyncio.to_thread(self._score, sent, form, classifier)
            except FileProblem as problem:
                shown = replace(shown, file_problem=problem.notice)
                return self._render(request, self._status[problem.code], shown)
        shown = replace(shown, scored=scored)
        if len(scored.content) > LARGEST_LINKED:
            if _field(sent, _SCRIPT_FIELD):
                return self._page_and_file(request, shown, scored)
            disposition = f'attachment; filename="{scored.name}"'
            return Response(scored.content, headers={"content-disposition": disposition}, media_type="text/csv")
        address = "data:text/csv;charset=utf-8;base64," + base64.b64encode(scored.content).decode()
        return self._render(request, 200, replace(shown, download=address))

    def _page_and_file(self, request: Request, shown: Shown, scored: ScoredFile) -> Response:
        """The page with the scored file behind it, for the script."""
        page = self._render(request, 200, shown)
        length = str(len(page.body))
        return Response(bytes(page.body) + scored.content, headers={_PAGE_LENGTH: length, "cache-control": "no-store"})

    def _score(self, sent: FormData, form: FileForm, classifier: Classifier) -> ScoredFile:
        file = sent.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise FileProblem("unusable_file", Notice(message=mark("Choose a file first.")))
        given = GivenFile(
            name=file.filename,
            content=file.file,
            text_column=form.text_column.strip(),
            title_column=form.title_column.strip(),
        )
        return score_file(given, classifier, self._settings.max_upload_rows)

    def _render(self, request: Request, status: int, shown: Shown) -> Response:
        manifest = self._serving.classifier.manifest
        return self._views.render(
            request,
            "page.html",
            status,
            shown=shown,
            manifest=manifest,
            learnt_from=sum(corpus.real + corpus.false for corpus in manifest.corpora),
            max_rows=self._settings.max_upload_rows,
            max_bytes=self._settings.max_body_bytes,
        )

    def show_problem(self, request: Request, status: int, code: str) -> Response:
        """A page that says why there is none."""
        loading = code == "not_ready" and not self._serving.failed
        limit = self._settings.max_body_bytes
        response = self._views.render(request, "problem.html", status, code=code, loading=loading, max_bytes=limit)
        response.headers.add_vary_header("Accept")
        if loading and request.method == "GET":
            response.headers["refresh"] = "2"
        return response


def _explain(classifier: Classifier, form: TextForm) -> Highlights | Unexplained:
    explanation = explain_text(classifier.scorer, form.text, form.title)
    if isinstance(explanation, Unexplained):
        return explanation
    return highlight(explanation, text=form.text, title=form.title)


def _check_charset(request: Request) -> None:
    """Refuse a form in any encoding but UTF-8, which is what browsers send.

    Form parsers take any codec of Python's that a client names, and some of these take time that grows with the square
    of the text.
    """
    named = _CHARSET.search(request.headers.get("content-type", ""))
    if named and named[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise RequestProblem("unsupported_media_type", "send the form in UTF-8")


def _is_models_own(policy: Policy, manifest: Manifest) -> bool:
    """Whether the manifest's figures of a policy are those of this one."""
    return policy == manifest.policy.policy()


def _precision(manifest: Manifest, policy: Policy, label: Outcome) -> float | None:
    """What was measured of one verdict; nothing of a policy that is not the model's own."""
    if not _is_models_own(policy, manifest):
        return None
    selective = manifest.metrics.selective
    figures = {Outcome.FALSE: selective.precision_false, Outcome.REAL: selective.precision_real}
    figure = figures.get(label)
    return figure.value if figure else None


def _field(sent: FormData, name: str) -> str:
    value = sent.get(name)
    return value if isinstance(value, str) else ""
