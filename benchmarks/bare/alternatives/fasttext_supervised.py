"""fastText's own classifier, word 1-2-grams in hashed buckets."""

import tempfile
from pathlib import Path

import fasttext
from task import Label, solve


def learn(_bundle: Path, texts: list[str], labels: list[int]) -> Label:
    """One line a text, its label in front, as fastText reads it."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.writelines(f"__label__{label} {clean}\n" for label, clean in zip(labels, map(_clean, texts), strict=True))
        file.flush()
        model = fasttext.train_supervised(file.name, lr=1.0, wordNgrams=2, thread=2, verbose=0)
    return lambda asked: [int(found[0][-1]) for found in model.predict([_clean(text) for text in asked])[0]]


def _clean(text: str) -> str:
    """No line feed may be in it."""
    return " ".join(text.lower().split())


solve(learn)
