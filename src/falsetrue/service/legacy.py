"""``POST /falsetrue``, byte for byte as the clients of the first deployment know it."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from falsetrue.service.body import read_json
from falsetrue.service.problems import RequestProblem
from falsetrue.service.serving import Serving


class Texts(msgspec.Struct):
    """Texts to classify, as they come. Other fields are passed over, as they always were."""

    texts: list[str]


class Answer(msgspec.Struct):
    """0 false, 1 real, in the order of the texts. This route cannot abstain."""

    is_falsetrue: list[int]


_decoder = msgspec.json.Decoder(Texts)


async def classify_texts(request: Request, serving: Serving, max_texts: int) -> Response:
    """Answer 0 or 1 for every text.

    Whatever content type is declared, the body is read as JSON: the first deployment did so, and
    ``curl -d`` declares a form.
    """
    body = await read_json(request, _decoder)
    if len(body.texts) > max_texts:
        raise RequestProblem("too_many_items", f"more than {max_texts} texts; send fewer at a time", where=["texts"])
    classifier = serving.classifier
    labels = await serving.run(sum(map(len, body.texts)), lambda: classifier.labels(body.texts))
    return Response(msgspec.json.encode(Answer(is_falsetrue=labels)), media_type="application/json")
