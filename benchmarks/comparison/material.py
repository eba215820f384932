"""What both sides work on: one set of articles, one model for each recipe, the same texts in the same order."""

import csv
import json
import os
import random
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pyarrow
import pyarrow.parquet
from benchmarks.comparison.synthetic import write_news

from falsetrue.news.article import Article, Label
from falsetrue.news.labelled import Columns, read_one_class

ROOT = Path(__file__).parents[2]
RECIPES = ("default", "deployed")
#: Texts that rotate.
TEXTS = 2000


@dataclass(frozen=True, kw_only=True)
class Material:
    """Files that the measurements read."""

    described: str  #: where the articles come from, for the report
    articles: int
    mean_bytes: float  #: of a text, UTF-8
    texts: Path  #: JSON list of the texts that rotate, titles joined
    bodies: Path  #: the same as request bodies, one a line
    news: dict[str, Path]  #: every article, as ``csv`` and as ``parquet``
    text_bytes: int  #: of all articles, title and text, UTF-8
    models: dict[str, Path]  #: recipe -> bundle folder


def prepare(folder: Path) -> Material:
    """Find or make news, train both recipes on it and write every input below ``folder``; models found are kept."""
    described, real, fake = _find_news(folder)
    articles = _read(real, Label.REAL) + _read(fake, Label.FALSE)
    texts = [article.content for article in articles]
    random.Random(0).shuffle(texts)  # noqa: S311 - reproducible, no secret
    texts = texts[:TEXTS]
    return Material(
        described=described,
        articles=len(articles),
        mean_bytes=sum(len(text.encode()) for text in texts) / len(texts),
        texts=_write_lines(folder / "texts.json", [json.dumps(texts)]),
        bodies=_write_lines(folder / "bodies.jsonl", [json.dumps({"texts": [text]}) for text in texts]),
        news={"csv": _write_csv(folder / "news.csv", articles), "parquet": _write_parquet(folder, articles)},
        text_bytes=sum(len(f"{article.title or ''}{article.text}".encode()) for article in articles),
        models={recipe: _train(recipe, folder / recipe, real, fake) for recipe in RECIPES},
    )


def _find_news(folder: Path) -> tuple[str, Path, Path]:
    corpora = Path(os.environ.get("FALSETRUE_CORPORA") or ROOT.parent / "shared" / "data")
    real, fake = corpora / "isot" / "True.csv", corpora / "isot" / "Fake.csv"
    if real.is_file() and fake.is_file():
        return "ISOT", real, fake
    return "synthetic", *write_news(folder, articles=2000, words=400)


def _read(path: Path, label: Label) -> list[Article]:
    return [found for found in read_one_class(str(path), label, path.stem, Columns()) if found.text.strip()]


def _train(recipe: str, bundle: Path, real: Path, fake: Path) -> Path:
    if not bundle.is_dir():
        command = [sys.executable, "-m", "falsetrue", "train", "--recipe", recipe, "--json"]
        command += ["--real", str(real), "--fake", str(fake), "-o", str(bundle)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return bundle


def _write_lines(path: Path, lines: list[str]) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _write_csv(path: Path, articles: list[Article]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("title", "text"))
        writer.writerows((article.title, article.text) for article in articles)
    return path


def _write_parquet(folder: Path, articles: list[Article]) -> Path:
    path = folder / "news.parquet"
    columns = {"title": [article.title for article in articles], "text": [article.text for article in articles]}
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path
