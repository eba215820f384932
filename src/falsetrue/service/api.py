"""``/v1``: verdicts with a probability, an action and reasons; and what the model says of itself."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope

from falsetrue.bundle.explaining import explain_text
from falsetrue.bundle.manifest import CorpusRecord, MetricsRecord, PolicyRecord
from falsetrue.errors import PolicyError
from falsetrue.features.languages import UNDETERMINED
from falsetrue.jobs.classify import Classifier, Item, Refusal
from falsetrue.jobs.recording import Recorder, Told
from falsetrue.journal.records import Entry, RefusedItems
from falsetrue.model.decision import Outcome, Policy, Reason
from falsetrue.model.explanation import Explanation, Unexplained
from falsetrue.service.body import decode, media_type, read_body
from falsetrue.service.facts import facts_of
from falsetrue.service.keeping import About, Keeping, Said
from falsetrue.service.problems import RequestProblem
from falsetrue.service.serving import Serving
from falsetrue.service.spans import part_of
from falsetrue.settings import Settings

#: Asks for the language to be found out.
AUTO = "auto"
#: Behind ``$`` stands what keeps it from matching before a last line feed.
_LANGUAGE = r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$(?!\n)"


class ItemIn(msgspec.Struct, forbid_unknown_fields=True):
    """One text to classify."""

    text: str
    title: str | None = None
    id: str | None = None  #: the caller's own, given back as it is
    #: BCP 47, or to be found out.
    language: Annotated[str, msgspec.Meta(pattern=_LANGUAGE, max_length=35)] | None = AUTO

    def item(self) -> Item:
        """What is to be classified; of a language tag, the language alone."""
        language = (self.language or AUTO).partition("-")[0].lower()
        known = None if language in (AUTO, UNDETERMINED) else language
        return Item(text=self.text, title=self.title, language=known)


class ClassificationsIn(msgspec.Struct, forbid_unknown_fields=True):
    """A batch of texts, and the policy to apply (``NAME`` or ``NAME@VERSION``)."""

    items: list[ItemIn]
    policy: str | None = None
    explain: bool = False  #: whether each result is to say which words led to it
    store: bool | None = None  #: whether the journal is to keep the texts; none: as the operator chose
    #: Share of false news where the texts come from; none: what the policy was fitted at, else what the model supposes.
    prevalence: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None


class ModelOut(msgspec.Struct):
    """Which model answered."""

    name: str
    version: str


class ErrorOut(msgspec.Struct):
    """Why one item was not classified; the others were."""

    code: Refusal
    message: str


class ResultOut(msgspec.Struct):
    """What is said of one item; where ``error`` is set nothing else is."""

    prediction_id: str | None  #: UUIDv7, of the journal's entry; null where none is kept
    id: str | None  #: the caller's own
    label: Outcome | None
    is_falsetrue: int | None
    p_real: float | None
    action: str | None
    reasons: list[Reason]
    language: str | None  #: BCP 47, as asked for or found; ``und`` where none is recognised
    error: ErrorOut | None
    #: Both only where ``p_real`` was re-derived for a prevalence; null where there is an error.
    prevalence: float | msgspec.UnsetType | None = msgspec.UNSET
    p_real_unadjusted: float | msgspec.UnsetType | None = msgspec.UNSET
    #: Only where it was asked for; null where there is none, and then the next field may say why.
    explanation: Explanation | msgspec.UnsetType | None = msgspec.UNSET
    explanation_unavailable: Unexplained | msgspec.UnsetType = msgspec.UNSET


class ClassificationsOut(msgspec.Struct):
    """Results in the order of the items."""

    model: ModelOut
    policy: str
    results: list[ResultOut]
    #: Only where there are any: why the policy may not keep what was promised of it, one sentence each.
    warnings: list[str] | msgspec.UnsetType = msgspec.UNSET
    #: Only where it is false: the database is away, and the predictions will be in the journal once it is back.
    journaled: bool | msgspec.UnsetType = msgspec.UNSET


class LimitsOut(msgspec.Struct):
    """How much may be asked at once."""

    items: int
    text_bytes: int
    body_bytes: int


class ModelCardOut(msgspec.Struct):
    """What the served model says of itself."""

    name: str
    version: str
    created_at: str
    recipe: str
    recipe_summary: str
    compiled: bool
    languages: list[str]
    classes: dict[str, str]
    corpora: list[CorpusRecord]
    metrics: MetricsRecord
    policy: PolicyRecord
    policies: list[str]
    limits: LimitsOut


#: A text with its explanation takes about so many times as long as without.
EXPLAINING = 4
#: Characters that are explained at once: an explanation can be 27 times as large as its text.
LARGEST_EXPLAINED = 1_000_000
_decoder = msgspec.json.Decoder(ClassificationsIn)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Asked:
    """A batch of texts, checked, with what is to be made of it."""

    scope: Scope
    body: ClassificationsIn
    items: list[Item]
    sizes: list[int]  #: characters of each item
    recorder: Recorder
    policy: Policy
    prevalence: float | None  #: that the probabilities are re-derived for

    @property
    def classifier(self) -> Classifier:
        return self.recorder.classifier


async def classify_items(
    scope: Scope, receive: Receive, serving: Serving, keeping: Keeping, settings: Settings
) -> bytes:
    """Classify a batch; an item that cannot be classified has an ``error``, the others are answered."""
    if media_type(scope["headers"]) != b"application/json":
        raise RequestProblem("unsupported_media_type", "send the body as application/json")
    content = await read_body(receive)
    asked = _check(scope, decode(content, _decoder), serving.recorder, settings)
    return await keeping.answer(scope, content, partial(_say, asked, serving, keeping, settings.max_text_bytes))


def _check(scope: Scope, body: ClassificationsIn, recorder: Recorder, settings: Settings) -> _Asked:
    if len(body.items) > settings.max_items:
        raise RequestProblem(
            "too_many_items", f"more than {settings.max_items} items; send fewer at a time", where=["items"]
        )
    policy = _find_policy(recorder.classifier, body.policy)
    items = [item.item() for item in body.items]
    sizes = [len(item.text) + len(item.title or "") for item in items]
    if body.explain:
        _check_explainable(sum(sizes))
    prevalence = recorder.classifier.policies.prevalence(policy, body.prevalence)
    return _Asked(
        scope=scope, body=body, items=items, sizes=sizes, recorder=recorder, policy=policy, prevalence=prevalence
    )


async def _say(asked: _Asked, serving: Serving, keeping: Keeping, longest: int) -> Said:
    work = asked.recorder.classify
    classify = partial(work, policy=asked.policy, longest=longest, prevalence=asked.prevalence)
    key = (work, asked.policy.reference, asked.prevalence)
    with part_of(facts_of(asked.scope), "score", items=len(asked.items)):
        found = await serving.turns.score(classify, key, asked.items, asked.sizes)
    entries, refused = _kept(asked, keeping, found)
    identifiers = (entry.id for entry in entries)
    results = [
        _result(None if isinstance(each, Refusal) else next(identifiers, None), item.id, each, longest)
        for item, each in zip(asked.body.items, found, strict=True)
    ]
    if asked.prevalence is not None:
        results = [
            _with_prevalence(result, each, asked.prevalence) for result, each in zip(results, found, strict=True)
        ]
    if asked.body.explain:
        explain = partial(_explain, asked.classifier, asked.items, results)
        results = await serving.run(EXPLAINING * sum(asked.sizes), explain)
    return Said(entries, partial(_encode, asked, results), refused)


def _kept(
    asked: _Asked, keeping: Keeping, found: list[Told | Refusal]
) -> tuple[tuple[Entry, ...], tuple[RefusedItems, ...]]:
    """What the journal is to keep of the items that were classified, and of those that were not."""
    about = About(
        scope=asked.scope,
        manifest=asked.classifier.manifest,
        route=asked.scope["path"],
        policy=asked.policy.reference,
        prevalence=asked.prevalence,
    )
    told = [each for each in found if not isinstance(each, Refusal)]
    items = [
        (item.id, item.title, item.text)
        for item, each in zip(asked.body.items, found, strict=True)
        if not isinstance(each, Refusal)
    ]
    refused: tuple[RefusedItems, ...] = ()
    if len(told) < len(found):
        refused = keeping.refused(about, (each.value for each in found if isinstance(each, Refusal)))
    return keeping.entries(about, told, items, store=asked.body.store), refused


def _check_explainable(characters: int) -> None:
    if characters > LARGEST_EXPLAINED:
        raise RequestProblem(
            "body_too_large",
            f"with explain, more than {LARGEST_EXPLAINED} characters; send fewer items at a time",
            where=["items"],
        )


def _find_policy(classifier: Classifier, reference: str | None) -> Policy:
    """The policy asked for. Its own error would repeat what was sent."""
    try:
        return classifier.policies.find(reference)
    except PolicyError as error:
        known = ", ".join(classifier.policies.references())
        raise RequestProblem(
            "unknown_policy", f"there is no such policy; there are {known}", where=["policy"]
        ) from error


def _encode(asked: _Asked, results: list[ResultOut], journaled: bool) -> bytes:  # noqa: FBT001 - as Said says
    manifest = asked.classifier.manifest
    cautions = asked.classifier.policies.cautions(asked.policy, manifest.reference, asked.body.prevalence)
    answer = ClassificationsOut(
        model=ModelOut(name=manifest.name, version=manifest.version),
        policy=asked.policy.reference,
        results=results,
        warnings=cautions or msgspec.UNSET,
        journaled=msgspec.UNSET if journaled else False,
    )
    return msgspec.json.encode(answer)


def _result(identifier: str | None, caller_id: str | None, told: Told | Refusal, longest: int) -> ResultOut:
    if isinstance(told, Refusal):
        return ResultOut(
            prediction_id=None,
            id=caller_id,
            label=None,
            is_falsetrue=None,
            p_real=None,
            action=None,
            reasons=[],
            language=None,
            error=ErrorOut(code=told, message=explain_refusal(told, longest)),
        )
    found = told.found
    return ResultOut(
        prediction_id=identifier,
        id=caller_id,
        label=found.label,
        is_falsetrue=found.is_falsetrue,
        p_real=found.p_real,
        action=found.action,
        reasons=list(found.reasons),
        language=found.language,
        error=None,
    )


def _with_prevalence(result: ResultOut, told: Told | Refusal, prevalence: float) -> ResultOut:
    """The same, and what the model itself said before the share of false news was taken into account."""
    if isinstance(told, Refusal):
        return msgspec.structs.replace(result, prevalence=None, p_real_unadjusted=None)
    return msgspec.structs.replace(result, prevalence=prevalence, p_real_unadjusted=told.found.p_real_unadjusted)


def _explain(classifier: Classifier, items: list[Item], results: list[ResultOut]) -> list[ResultOut]:
    return [_explained(classifier, item, result) for item, result in zip(items, results, strict=True)]


def _explained(classifier: Classifier, item: Item, result: ResultOut) -> ResultOut:
    """The same, and the words that led to it: null for an item that was not classified, and where the model cannot."""
    found = None if result.error else explain_text(classifier.scorer, item.text, item.title)
    if isinstance(found, Unexplained):
        return msgspec.structs.replace(result, explanation=None, explanation_unavailable=found)
    return msgspec.structs.replace(result, explanation=found)


def explain_refusal(refused: Refusal, longest: int) -> str:
    """One sentence for people."""
    if refused is Refusal.EMPTY:
        return "the text is empty"
    return f"the text is longer than {longest} bytes of UTF-8"


def describe_model(classifier: Classifier, settings: Settings) -> Response:
    """The served model's own record, without digests."""
    manifest = classifier.manifest
    card = ModelCardOut(
        **{field: getattr(manifest, field) for field in _FROM_MANIFEST},
        policies=classifier.policies.references(),
        limits=LimitsOut(
            items=settings.max_items, text_bytes=settings.max_text_bytes, body_bytes=settings.max_body_bytes
        ),
    )
    return Response(msgspec.json.encode(card), media_type="application/json")


_FROM_MANIFEST: tuple[str, ...] = tuple(
    field for field in ModelCardOut.__struct_fields__ if field not in ("policies", "limits")
)
