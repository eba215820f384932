"""A large Parquet file: ``falsetrue predict``, and pandas with the scikit-learn pipeline on its first rows."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.compute
import pyarrow.parquet
from benchmarks.comparison.machine import CORES, run
from benchmarks.comparison.material import SHIPPED, Material
from benchmarks.comparison.packages import install
from benchmarks.comparison.sample import OURS, Effort, Found, Missing, Sample
from benchmarks.comparison.servers import BARE

PANDAS = "pandas"
#: Rows of a row group.
GROUP = 100_000
_PEAK = str(Path(__file__).with_name("peak.py"))


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """Start-up and loading of the model are not counted on either side; the peak of memory is of the whole process."""
    large, small, head = _write(material, effort)
    try:
        packages: Path | None = install(material.folder, "pandas")
    except RuntimeError as error:
        packages = None
        yield Missing(rows="predict.", why=str(error))
    for _ in range(effort.repetitions):
        said = _predict(material.models["plain"], large)
        yield from _samples("plain", OURS, said)
        yield Sample(row="predict.plain.peak_mb", contestant=OURS, value=said["peak_mb"])
        said = _predict(material.models["plain"], small)
        yield Sample(row="predict.plain.small_peak_mb", contestant=OURS, value=said["peak_mb"])
        yield from _samples("shipped", OURS, _predict(material.models[SHIPPED], small))
        if packages is not None:
            said = _predict_with_pandas(material.models["plain"], head, packages)
            yield from _samples("plain", PANDAS, said)
            yield from _samples("shipped", PANDAS, said)
            yield Sample(row="predict.plain.peak_mb", contestant=PANDAS, value=said["peak_mb"])
            _check_same(_scored(large, OURS), _scored(head, PANDAS))


def _samples(model: str, contestant: str, said: dict[str, float]) -> Iterator[Sample]:
    yield Sample(row=f"predict.{model}.us_row", contestant=contestant, value=said["seconds"] / said["rows"] * 1e6)


def _predict(bundle: Path, source: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "falsetrue", "predict", str(source), "-o", str(_scored(source, OURS))]
    return _run([*command, "--model", str(bundle), "--replace", "--json"], bundle)


def _predict_with_pandas(bundle: Path, source: Path, packages: Path) -> dict[str, float]:
    command = [sys.executable, str(BARE / "predict_file.py"), str(source), str(_scored(source, PANDAS))]
    return _run(command, bundle, packages)


def _run(command: list[str], bundle: Path, packages: Path | None = None) -> dict[str, float]:
    said: dict[str, float] = run([sys.executable, _PEAK, *command], cores=CORES, cwd=bundle, packages=packages)
    return said


def _scored(source: Path, contestant: str) -> Path:
    return source.with_name(f"{source.stem}-{contestant}.parquet")


def _check_same(ours: Path, theirs: Path) -> None:
    first, second = (pyarrow.parquet.read_table(path, columns=["p_real"])["p_real"] for path in (ours, theirs))
    if np.abs(first.to_numpy()[: len(second)] - second.to_numpy()).max() > 1e-6:
        raise RuntimeError("the two sides do not answer the same; there is nothing to compare")


# --- the files ------------------------------------------------------------------------------------------


def _write(material: Material, effort: Effort) -> tuple[Path, Path, Path]:
    """The large file, one of a tenth of its text, and the first rows of the large one."""
    large, small, head = (
        material.folder / name
        for name in (f"news-{effort.predict_mb}.parquet", f"news-{effort.predict_mb // 10}.parquet", "head.parquet")
    )
    for path, megabytes in ((large, effort.predict_mb), (small, effort.predict_mb // 10)):
        if not path.is_file():
            _write_news(path, material, megabytes)
    first = next(pyarrow.parquet.ParquetFile(large).iter_batches(effort.head))
    pyarrow.parquet.write_table(pyarrow.Table.from_batches([first]), head)
    return large, small, head


def _write_news(path: Path, material: Material, megabytes: int) -> None:
    """Articles drawn again and again, until there is so much text, each with its row's number: no two are the same."""
    titled = [article for article in material.articles if article.title and article.title.strip()]
    titles, texts = (pyarrow.array([getattr(article, name) for article in titled]) for name in ("title", "text"))
    draw = np.random.default_rng(0)
    partial, rows, size = path.with_suffix(".partial"), 0, 0
    with pyarrow.parquet.ParquetWriter(partial, pyarrow.schema({"title": "string", "text": "string"})) as writer:
        while size < megabytes * 1e6:
            rest = int((megabytes * 1e6 - size) / material.mean_bytes) + 1
            drawn = draw.integers(len(titled), size=min(GROUP, rest))
            numbers = pyarrow.array(np.arange(rows, rows + len(drawn))).cast("string")
            numbered = pyarrow.compute.binary_join_element_wise(texts.take(drawn), numbers, " ")
            table: Any = pyarrow.table({"title": titles.take(drawn), "text": numbered})
            writer.write_table(table)
            rows += len(drawn)
            size += sum(pyarrow.compute.sum(pyarrow.compute.binary_length(column)).as_py() for column in table.columns)
    partial.rename(path)
