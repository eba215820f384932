"""The task that each alternative is given: learn from the articles, label the texts; prints what it took as JSON."""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet

Label = Callable[[list[str]], list[int]]


def solve(learn: Callable[[Path, list[str], list[int]], Label]) -> None:
    """``python ALTERNATIVE.py FOLDER BUNDLE TEXTS REPETITIONS``; learning and loading are not counted."""
    folder, bundle, source = map(Path, sys.argv[1:4])
    columns = pyarrow.parquet.read_table(folder / "training.parquet").to_pydict()
    joined = [f"{title} , {text}" for title, text in zip(columns["title"], columns["text"], strict=True)]
    label = learn(bundle, joined, columns["label"])
    texts = json.loads(source.read_text(encoding="utf-8"))
    seconds, labels = [], []
    for _ in range(int(sys.argv[4])):
        started = time.perf_counter()
        labels = label(texts)
        seconds.append(time.perf_counter() - started)
    print()
    print(json.dumps({"seconds": seconds, "labels": labels}))
