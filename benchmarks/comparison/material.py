"""What both sides work on: one pool of articles, one model for each recipe, the same texts in the same order."""

import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow
import pyarrow.parquet
from benchmarks.comparison.machine import ROOT, environment
from benchmarks.comparison.synthetic import make_news

from falsetrue.news.article import join_title_and_text
from falsetrue.registry.folder import shipped_folder

#: Collections of whole articles below ``$FALSETRUE_CORPORA``.
POOL = (
    "isot_partial_fulltext",
    "fakenewsnet_gossipcop",
    "fakenewsnet_politifact",
    "cs216_outlets2017",
    "buzzfeed_webis2016",
    "fakenewsamt",
    "spanish_fakenews_corpus",
    "fake_br",
)
#: Shorter articles are none; the longest would decide what a mean is; in UTF-8 bytes.
SHORTEST, LONGEST = 100, 10_000
#: Recipes that are trained here; the third model is the shipped one.
TRAINED = ("plain", "deployed")
SHIPPED = "default"
#: Made up where there are no collections.
SYNTHETIC = 20_000


class Piece(NamedTuple):
    """A labelled article."""

    title: str | None
    text: str
    label: int

    @property
    def content(self) -> str:
        """Title and text joined as everywhere."""
        return join_title_and_text(self.title, self.text)


@dataclass(frozen=True, kw_only=True)
class Material:
    """What the sections measure with."""

    folder: Path  #: for what they write
    described: str  #: where the articles come from, for the report
    articles: list[Piece]  #: shuffled
    texts: list[str]  #: that none of the trained models has learnt from
    models: dict[str, Path]  #: recipe -> bundle folder

    @property
    def mean_bytes(self) -> float:
        """Of a text, UTF-8."""
        return sum(len(text.encode()) for text in self.texts) / len(self.texts)

    def write_json(self, name: str, value: object) -> Path:
        """A file for a process that is measured."""
        path = self.folder / name
        path.write_text(json.dumps(value), encoding="utf-8")
        return path


def prepare(folder: Path, *, learn: int, texts: int) -> Material:
    """Find or make articles, train both recipes on ``learn`` of them; models found in ``folder`` are kept."""
    described, articles = _find()
    random.Random(0).shuffle(articles)  # noqa: S311 - reproducible, no secret
    pyarrow.parquet.write_table(_table(articles[:learn]), folder / "training.parquet")
    _train(folder)
    return Material(
        folder=folder,
        described=described,
        articles=articles,
        texts=[article.content for article in articles[-texts:]],
        models={recipe: folder / recipe for recipe in TRAINED} | {SHIPPED: shipped_folder()},
    )


def _find() -> tuple[str, list[Piece]]:
    corpora = Path(os.environ.get("FALSETRUE_CORPORA") or ROOT.parent / "shared" / "data")
    found = [path for path in (corpora / f"{name}.parquet" for name in POOL) if path.is_file()]
    if not found:
        return "made-up", [Piece(*row) for row in make_news(SYNTHETIC, words=400)]
    articles = [piece for path in found for piece in _read(path)]
    return f"real ({', '.join(path.stem for path in found)})", articles


def _read(path: Path) -> list[Piece]:
    columns = pyarrow.parquet.read_table(path, columns=["title", "text", "label"]).to_pydict().values()
    rows = (Piece(*row) for row in zip(*columns, strict=True) if row[1] and row[2] is not None)
    return [piece for piece in rows if SHORTEST <= len(piece.content.encode()) <= LONGEST]


def _table(articles: list[Piece]) -> pyarrow.Table:
    return pyarrow.table(dict(zip(Piece._fields, zip(*articles, strict=True), strict=True)))


def _train(folder: Path) -> None:
    """Both at once, without the figures that the report of a training has beside the model."""
    missing = [recipe for recipe in TRAINED if not (folder / recipe).is_dir()]
    command = [sys.executable, "-m", "falsetrue", "train", str(folder / "training.parquet"), "--quick", "--json"]
    state = environment(FALSETRUE_STATE_FOLDER=str(folder / "state"))
    running = [
        subprocess.Popen(
            [*command, "--recipe", recipe, "-o", str(folder / recipe)], stdout=subprocess.DEVNULL, env=state
        )
        for recipe in missing
    ]
    if sum(process.wait() for process in running):
        sys.exit("benchmarks: a model could not be trained")
