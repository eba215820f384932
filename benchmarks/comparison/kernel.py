"""The kernel against a bare pass in C over the same bytes.

Run as a program it times the kernel in its own process and prints JSON; :func:`measure` starts it.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

import numpy as np
from benchmarks.comparison.machine import run
from benchmarks.comparison.material import Material
from benchmarks.comparison.sample import OURS, Effort, Found, Sample

from falsetrue.bundle.blob import parts_of, read_blob
from falsetrue.bundle.folder import open_bundle
from falsetrue.features.kernel import ABSENT, native_kernel

BARE = "bare pass"
COMPILE = ["cc", "-O3", "-std=c11"]
_SOURCE = Path(__file__).parents[1] / "native" / "bare_pass.c"


def measure(material: Material, effort: Effort) -> Iterator[Found]:
    """Both over the texts one behind the other, as a column of Arrow holds them, on one core."""
    texts = [article.content.encode() for article in material.articles[: 5 * effort.batch]]
    column, sizes = material.folder / "column.utf8", material.folder / "sizes.json"
    column.write_bytes(b"".join(texts))
    sizes.write_text(json.dumps([len(text) for text in texts]), encoding="utf-8")
    program = material.folder / "bare_pass"
    subprocess.run([*COMPILE, str(_SOURCE), "-o", str(program)], check=True, capture_output=True)
    megabytes = column.stat().st_size / 1e6
    ours = [sys.executable, "-m", __name__, str(material.models["plain"]), str(column), str(sizes)]
    for _ in range(effort.repetitions):
        for contestant, command in ((OURS, ours), (BARE, [str(program), str(column)])):
            seconds = min(run([*command, "3"])["seconds"])
            yield Sample(row="kernel.mb_s", contestant=contestant, value=megabytes / seconds)


def main(bundle: Path, column: Path, sizes: Path, passes: int) -> dict[str, list[float]]:
    """Seconds of each pass, from bytes to probabilities."""
    blob = open_bundle(bundle).scorer
    if blob is None or ABSENT is not None:
        raise RuntimeError(ABSENT or "the model has no compiled scorer")
    parts = parts_of(*read_blob(blob))
    kernel = native_kernel(parts)
    ends = [0, *accumulate(json.loads(sizes.read_text(encoding="utf-8")))]
    columns = ((column.read_bytes(), np.array(ends, dtype=np.int64), True),)
    said = np.empty((len(ends) - 1, 1, parts.said))
    seconds = []
    for _ in range(passes):
        started = time.perf_counter()
        kernel.score_utf8(columns, 0, len(said), said, None, False)  # noqa: FBT003 - positional only
        seconds.append(time.perf_counter() - started)
    return {"seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))))
