"""``POST /falsetrue``, byte for byte as the clients of the first deployment know it."""

import msgspec
from starlette.types import Receive, Scope

from falsetrue.service.body import decode, read_body
from falsetrue.service.problems import RequestProblem
from falsetrue.service.serving import Serving


class Texts(msgspec.Struct):
    """Texts to classify, as they come. Other fields are passed over, as they always were."""

    texts: list[str]


class Answer(msgspec.Struct):
    """0 false, 1 real, in the order of the texts. This route cannot abstain."""

    is_falsetrue: list[int]


_decoder = msgspec.json.Decoder(Texts)


async def classify_texts(_scope: Scope, receive: Receive, serving: Serving, max_texts: int) -> bytes:
    """Answer 0 or 1 for every text.

    Whatever content type is declared, the body is read as JSON: the first deployment did so, and
    ``curl -d`` declares a form.
    """
    texts = decode(await read_body(receive), _decoder).texts
    if len(texts) > max_texts:
        raise RequestProblem("too_many_items", f"more than {max_texts} texts; send fewer at a time", where=["texts"])
    labels = serving.classifier.labels
    found = await serving.turns.score(labels, labels, texts, [len(text) for text in texts])
    return msgspec.json.encode(Answer(is_falsetrue=found))
