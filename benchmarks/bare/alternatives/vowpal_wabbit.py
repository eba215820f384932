"""Vowpal Wabbit: logistic regression on word 1-2-grams in 2^22 hashed weights."""

import re
from pathlib import Path

import vowpalwabbit
from task import Label, solve

_PASSES = 3


def learn(_bundle: Path, texts: list[str], labels: list[int]) -> Label:
    """In its own line format."""
    workspace = vowpalwabbit.Workspace("--loss_function logistic --ngram 2 -b 22 --quiet")
    lines = [f"{1 if label else -1} {_clean(text)}" for label, text in zip(labels, texts, strict=True)]
    for _ in range(_PASSES):
        for line in lines:
            workspace.learn(line)
    return lambda asked: [int(workspace.predict(_clean(text)) > 0) for text in asked]


def _clean(text: str) -> str:
    """Its line format gives a meaning to colons, bars and line feeds."""
    return "| " + re.sub(r"[:|\s]+", " ", text.lower())


solve(learn)
