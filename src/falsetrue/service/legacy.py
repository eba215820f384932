"""``POST /falsetrue``, byte for byte as the clients of the first deployment know it."""

from functools import partial

import msgspec
from starlette.types import Receive, Scope

from falsetrue.service.body import decode, read_body
from falsetrue.service.facts import facts_of
from falsetrue.service.keeping import About, Keeping, Said
from falsetrue.service.problems import RequestProblem
from falsetrue.service.serving import Serving
from falsetrue.service.spans import part_of


class Texts(msgspec.Struct):
    """Texts to classify, as they come. Other fields are passed over, as they always were."""

    texts: list[str]


class Answer(msgspec.Struct):
    """0 false, 1 real, in the order of the texts. This route cannot abstain."""

    is_falsetrue: list[int]


_decoder = msgspec.json.Decoder(Texts)


async def classify_texts(scope: Scope, receive: Receive, serving: Serving, keeping: Keeping, max_texts: int) -> bytes:
    """Answer 0 or 1 for every text.

    Whatever content type is declared, the body is read as JSON: the first deployment did so, and
    ``curl -d`` declares a form.
    """
    content = await read_body(receive)
    texts = decode(content, _decoder).texts
    if len(texts) > max_texts:
        raise RequestProblem("too_many_items", f"more than {max_texts} texts; send fewer at a time", where=["texts"])
    return await keeping.answer(scope, content, partial(_say, scope, texts, serving, keeping))


async def _say(scope: Scope, texts: list[str], serving: Serving, keeping: Keeping) -> Said:
    recorder, sizes = serving.recorder, [len(text) for text in texts]
    part = part_of(facts_of(scope), "score", items=len(texts))
    if keeping.journaling is None:
        work = recorder.classifier.labels
        with part:
            labels = await serving.turns.score(work, work, texts, sizes)
        said = Said((), partial(_encode, labels))
    else:
        with part:
            told = await serving.turns.score(recorder.label, recorder.label, texts, sizes)
        labels = [each.found.is_falsetrue for each in told]
        about = About(scope=scope, manifest=recorder.classifier.manifest, route=scope["path"])
        entries = keeping.entries(about, told, [(None, None, text) for text in texts], store=None)
        said = Said(entries, partial(_encode, labels))
    return said


def _encode(labels: list[int], _journaled: bool) -> bytes:  # noqa: FBT001 - old clients know one answer
    return msgspec.json.encode(Answer(is_falsetrue=labels))
