"""The comparison in ``benchmarks/`` compares equals."""

import asyncio
import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
from benchmarks.comparison.synthetic import make_news

from falsetrue.service.app import create_app
from falsetrue.settings import Settings

BARE = Path(__file__).parents[2] / "benchmarks" / "bare"

TEXTS = [
    "The minister said the official budget of the quarter was agreed by parliament, according to a statement.",
    "SHOCKING truth exposed: the elites deleted the secret miracle cure. Wake up and share this hoax!",
    "people of the city water the road",
    "\u201c\u00dcber\u201d na\u00efve a\u00f1o, 5 % of it \u039f\u0394\u039f\u03a3",
    "",
]


def load_app(path: Path) -> Any:
    """The application in a file of its own, read as a server would read it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app


async def ask(app: Any) -> tuple[int, str, bytes]:
    """Status, content type and body of the answer, once the application is ready."""
    transport = httpx2.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        answer = await client.post("/falsetrue", json={"texts": TEXTS})
        while answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
            await asyncio.sleep(0.01)
            answer = await client.post("/falsetrue", json={"texts": TEXTS})
    return answer.status_code, answer.headers["content-type"], answer.content


@pytest.mark.parametrize("variant", ["main", "main_async"])
def test_the_bare_app_answers_byte_for_byte_as_falsetrue_does(
    variant: str, trained: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = trained("default")
    monkeypatch.chdir(bundle)
    answered = asyncio.run(ask(create_app(Settings(model=str(bundle)))))
    assert answered == asyncio.run(ask(load_app(BARE / f"{variant}.py")))
    assert answered[:2] == (200, "application/json")
    assert answered[2].startswith(b'{"is_falsetrue":[1,0,')


def test_synthetic_news_is_the_same_each_time() -> None:
    first = make_news(20, words=30)
    assert first == make_news(20, words=30)
    assert [label for _, _, label in first] == [0, 1] * 10
