"""The page: forms for a text and for a file, and the model's card, in Spanish and English, without JavaScript."""

import asyncio
import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from fastapi import FastAPI
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from falsetrue.bundle.baseline import ReliabilityBin
from falsetrue.bundle.explaining import explain_text
from falsetrue.bundle.manifest import Manifest
from falsetrue.errors import NotReadyError
from falsetrue.jobs.classify import Classification, Classifier, Item, Refusal
from falsetrue.jobs.recording import Hearing, Recorder, Told
from falsetrue.model.decision import Outcome, Policy
from falsetrue.model.explanation import NOT_TELLING, Unexplained
from falsetrue.service.admission import PAGES, sign_in_address
from falsetrue.service.api import EXPLAINING
from falsetrue.service.assets import Assets
from falsetrue.service.core import Core
from falsetrue.service.documentation import add_documentation
from falsetrue.service.forms import check_charset, field
from falsetrue.service.highlighting import Highlights, highlight
from falsetrue.service.keeping import About
from falsetrue.service.language import Notice, examples, language_of, mark
from falsetrue.service.model_page import model_page
from falsetrue.service.monitor_page import add_monitor
from falsetrue.service.operations import add_operations
from falsetrue.service.problem_pages import ProblemPages
from falsetrue.service.sign_in_page import add_sign_in
from falsetrue.service.signing_in import TOKEN_FIELD, Sessions
from falsetrue.service.uploads import FileProblem, GivenFile, ScoredFile, score_file
from falsetrue.service.views import Keeps, Views

#: Bytes of a scored file above which it is sent as it is: browsers refuse larger ``data:`` addresses.
LARGEST_LINKED = 1_000_000
#: Sent along by the page's script, which can take a page and a file in one answer; and the answer's header that
#: says where in it the page ends.
_SCRIPT_FIELD, _PAGE_LENGTH = "script", "x-page-length"
_PATHS = ("/", "/upload", "/docs", "/model", "/ops", "/monitor", "/sign-in", "/sign-out")
#: Here problems are JSON, whoever asks.
_FOR_MACHINES = ("/falsetrue", "/v1", "/healthz", "/readyz", "/metrics", "/openapi.json", "/static")

#: The caller's identifier of a text, of which the page has none; its title; and the text.
_Given: TypeAlias = tuple[str | None, str | None, str]


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


def add_page(app: FastAPI, core: Core, status: Mapping[str, int]) -> None:
    """Add the page's routes; ``status`` gives the status code of each problem."""
    assets = Assets()
    sessions = Sessions(core.gate, core.storage.secret.key("page sessions"))
    core.gate.read_session = sessions.read
    views = Views(assets, sessions, keeps=_keeps(core))
    page = _Page(views, sessions, core, status)
    app.add_route("/static/{digest}/{name:path}", assets.respond, include_in_schema=False)
    app.add_route("/", page.show, include_in_schema=False)
    app.add_route("/", page.check, methods=["POST"], include_in_schema=False)
    app.add_route("/model", page.show_model, include_in_schema=False)
    app.add_route("/upload", page.go_back, include_in_schema=False)
    app.add_route("/upload", page.upload, methods=["POST"], include_in_schema=False)
    add_documentation(app, views)
    add_sign_in(app, views, sessions)
    add_operations(app, views, core)
    add_monitor(app, views, sessions, core)
    app.add_middleware(ProblemPages, render=page.show_problem, for_people=_for_people)


def _for_people(scope: Scope) -> bool:
    """Whether a browser shows the answer to somebody."""
    path: str = scope["path"]
    if path in _PATHS:
        return True
    accepted = Headers(scope=scope).get("accept", "").lower()
    return "text/html" in accepted and not any(path == each or path.startswith(f"{each}/") for each in _FOR_MACHINES)


def _keeps(core: Core) -> Keeps:
    """What is kept of a text that is checked here."""
    if core.journaling is None:
        return Keeps.NOTHING
    # Of an audit slice nobody knows beforehand which texts it will be.
    return Keeps.TEXTS if core.settings.store_text or core.settings.audit == "on" else Keeps.ANSWERS


class _Page:
    """The answers to the page's requests."""

    def __init__(self, views: Views, sessions: Sessions, core: Core, status: Mapping[str, int]) -> None:
        self._views = views
        self._sessions = sessions
        self._serving = core.serving
        self._keeping = core.keeping
        self._settings = core.settings
        self._status = status

    async def show(self, request: Request) -> Response:
        """``GET /``: the empty forms, or one of the examples in them."""
        example = examples(language_of(request)).get(request.query_params.get("example", ""))
        form = TextForm(title=example.title, text=example.text) if example else TextForm()
        return self._render(request, 200, Shown(text_form=form))

    async def check(self, request: Request) -> Response:
        """``POST /``: the form with what is said of its text."""
        check_charset(request)
        async with request.form(max_part_size=self._settings.max_body_bytes) as sent:
            self._sessions.check_form(request, field(sent, TOKEN_FIELD))
            form = TextForm(title=field(sent, "title"), text=field(sent, "text"))
        recorder = self._serving.recorder
        self._keeping.check()
        characters = EXPLAINING * (len(form.title) + len(form.text))
        answer, told = await self._serving.run(characters, lambda: self._classify(recorder, form))
        if isinstance(told, Refusal):
            code, problem = self._refused(told)
            return self._render(request, self._status[code], Shown(text_form=form, problem=problem))
        await self._keep(request, recorder.classifier, [told], [(None, form.title, form.text)])
        return self._render(request, 200, Shown(text_form=form, answer=answer))

    async def _keep(
        self,
        request: Request,
        classifier: Classifier,
        told: list[Told],
        items: list[_Given],
    ) -> None:
        """Write down what is said by the default policy."""
        policy = classifier.policies.default
        about = About(
            scope=request.scope,
            manifest=classifier.manifest,
            route="page",
            policy=policy.reference,
            prevalence=classifier.policies.prevalence(policy, None),
        )
        await self._keeping.keep(self._keeping.entries(about, told, items, store=None))

    def _classify(self, recorder: Recorder, form: TextForm) -> tuple[Answer | None, Told | Refusal]:
        classifier = recorder.classifier
        policy = classifier.policies.default
        item = Item(title=form.title, text=form.text)
        (told,) = recorder.classify([item], policy, longest=self._settings.max_text_bytes)
        if isinstance(told, Refusal):
            return None, told
        found = told.found
        overall = _precision(classifier.manifest, policy, found.label)
        why = None if NOT_TELLING.intersection(found.reasons) else _explain(classifier, form)
        prevalence = classifier.policies.prevalence(policy, None)
        # What is known of similar test texts is about the model's own score.
        similar = classifier.similar(found) if prevalence is None else None
        answer = Answer(found=found, policy=policy, similar=similar, overall=overall, why=why, prevalence=prevalence)
        return answer, told

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
        recorder = self._serving.recorder
        self._keeping.check()
        check_charset(request)
        async with request.form() as sent:
            self._sessions.check_form(request, field(sent, TOKEN_FIELD))
            form = FileForm(text_column=field(sent, "text_column"), title_column=field(sent, "title_column"))
            shown = Shown(file_form=form)
            try:
                scored, told, items = await asyncio.to_thread(self._score, sent, form, recorder)
            except FileProblem as problem:
                shown = replace(shown, file_problem=problem.notice)
                return self._render(request, self._status[problem.code], shown)
        await self._keep(request, recorder.classifier, told, items)
        shown = replace(shown, scored=scored)
        if len(scored.content) > LARGEST_LINKED:
            if field(sent, _SCRIPT_FIELD):
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

    def _score(self, sent: FormData, form: FileForm, recorder: Recorder) -> tuple[ScoredFile, list[Told], list[_Given]]:
        file = sent.get("file")
        if not isinstance(file, UploadFile) or not file.filename:
            raise FileProblem("unusable_file", Notice(message=mark("Choose a file first.")))
        given = GivenFile(
            name=file.filename,
            content=file.file,
            text_column=form.text_column.strip(),
            title_column=form.title_column.strip(),
        )
        contents: list[str] = []
        heard = Hearing(recorder.classifier.scorer, contents.extend)
        scored = score_file(given, replace(recorder.classifier, scorer=heard), self._settings.max_upload_rows)
        if self._keeping.journaling is None:
            return scored, [], []
        items = [Item(text=content) for content in contents]
        told = recorder.classify(items, recorder.classifier.policies.default)
        return (
            scored,
            [each for each in told if not isinstance(each, Refusal)],
            [(None, None, content) for content in contents],
        )

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

    def _is_loading(self) -> bool:
        """Whether there is no model yet, but will be."""
        try:
            _ = self._serving.recorder
        except NotReadyError:
            return not self._serving.failed
        return False

    def show_problem(self, request: Request, status: int, code: str, where: Sequence[str | int]) -> Response:
        """A page that says why there is none."""
        loading = code == "not_ready" and self._is_loading()
        response = self._views.render(
            request,
            "problem.html",
            status,
            code="foreign_form" if where == [TOKEN_FIELD] else code,
            loading=loading,
            failed=self._serving.failed,
            here="",
            sign_in=sign_in_address(request.scope) if request.url.path in PAGES else "",
            was_sent=request.method == "POST",
            max_bytes=self._settings.max_body_bytes,
        )
        response.headers.add_vary_header("Accept")
        if loading and request.method == "GET":
            response.headers["refresh"] = "2"
        return response


def _explain(classifier: Classifier, form: TextForm) -> Highlights | Unexplained:
    explanation = explain_text(classifier.scorer, form.text, form.title)
    if isinstance(explanation, Unexplained):
        return explanation
    return highlight(explanation, text=form.text, title=form.title)


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
