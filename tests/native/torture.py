"""Everything that the compiled kernel must bear, in a day's work rather than a test's: ``make torture``.

Prints a line for each trial, and ends with 1 where one failed. Every trial that may crash runs in a process of its own.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from falsetrue.bundle.blob import Header, Member, make_terms, to_bytes
from falsetrue.bundle.scorer import CompiledScorer, from_bytes
from falsetrue.errors import BundleDamagedError, BundleFormatError

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
#: Mutated files that one child process reads.
SHARE = 500
#: How far two kernels may differ.
CLOSE = 1e-9
SANITIZERS = "-fsanitize=address,undefined"
_WORDS = ["the", "budget", "vote", "minister", "said", "parliament", "hoax", "elites", "share", "deleted", "x1"]
_WORDS += ["İstanbul", "ΟΔΥΣΣΕΥΣ", "新闻", "café", "naïve"]


# --- models to damage -------------------------------------------------------------------------------


def make_blobs() -> dict[str, bytes]:
    """One of each kind of file: formats 2 and 3, sums and trees, terms and hashes."""
    words = [word.lower() for word in _WORDS]
    terms = [*words, *(f"{one} {other}" for one in words[:8] for other in words[4:12])]
    count, numbers = len(terms), np.random.default_rng(0)
    listed: dict[str, Any] = {"terms": make_terms(terms), "idf": numbers.uniform(1, 5, count)}
    weights, news = numbers.normal(size=count), numbers.normal(size=count)
    plain = Header(head="linear", smallest_ngram=1, largest_ngram=2, sublinear_tf=True, members=[Member(intercept=0.5)])
    both = [Member(link="clip", calibration="isotonic"), Member(link="none", calibration="sigmoid")]
    many = Header(head="linear", smallest_ngram=1, largest_ngram=2, sublinear_tf=False, norm="l1", members=both)
    hashed = Header(
        head="linear",
        smallest_ngram=1,
        largest_ngram=3,
        sublinear_tf=False,
        hash_columns=1024,
        alternate_sign=True,
        members=[Member()],
    )
    trees = Header(head="forest", smallest_ngram=1, largest_ngram=2, sublinear_tf=False, members=[Member(link="none")])
    steps = {
        "isotonic_x": np.array([0.0, 0.4, 1.0]),
        "isotonic_y": np.array([0.1, 0.5, 0.9]),
        "isotonic_sizes": np.array([3], dtype=np.int32),
    }
    stops = {"stop_words": make_terms(["the", "said"])}
    return {
        "linear": to_bytes(plain, {**listed, "weights": weights, "news_weights": news}),
        "members": to_bytes(many, {**listed, **steps, **stops, "weights": np.append(weights, news)}),
        "hashed": to_bytes(hashed, {"weights": numbers.normal(size=1024)}),
        "forest": to_bytes(trees, {**listed, **_make_trees(numbers, count)}),
    }


def _make_trees(numbers: np.random.Generator, columns: int) -> dict[str, Any]:
    """Five trees of seven nodes."""
    inner, leaf = [0, 1, 2], [-1] * 4
    feature, left, right, roots = [], [], [], []
    for tree in range(5):
        roots.append(7 * tree)
        feature += [*numbers.integers(0, columns, len(inner)), *leaf]
        left += [7 * tree + child for child in (1, 3, 5, 0, 0, 0, 0)]
        right += [7 * tree + child for child in (2, 4, 6, 0, 0, 0, 0)]
    arrays = {"feature": feature, "left": left, "right": right, "roots": roots}
    made: dict[str, Any] = {name: np.array(values, dtype=np.int32) for name, values in arrays.items()}
    return made | {"threshold": numbers.uniform(0, 0.4, 35), "value": numbers.uniform(0, 1, 35)}


def make_texts(count: int, seed: int) -> list[str]:
    """Texts of up to 60 words, most of which the models know."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    return [" ".join(generator.choices(_WORDS, k=generator.randrange(60))) for _ in range(count)]


# --- damage -----------------------------------------------------------------------------------------


def _flip_bits(blob: bytearray, generator: random.Random) -> bytes:
    end = generator.choice([len(blob), min(len(blob), 900)])
    for _ in range(generator.choice([1, 1, 2, 8])):
        blob[generator.randrange(end)] ^= 1 << generator.randrange(8)
    return bytes(blob)


def _cut_off(blob: bytearray, generator: random.Random) -> bytes:
    return bytes(blob[: generator.randrange(len(blob))])


def _shift(blob: bytearray, generator: random.Random) -> bytes:
    at = generator.randrange(len(blob))
    if generator.random() < 0.5:
        return bytes(blob[:at] + generator.randbytes(generator.randrange(1, 9)) + blob[at:])
    return bytes(blob[:at] + blob[at + generator.randrange(1, 9) :])


_STRANGE: list[Any] = [
    0,
    -1,
    1,
    2,
    3,
    4,
    17,
    255,
    2**31 - 1,
    2**31,
    2**32,
    2**63 - 1,
    2**64,
    -(2**63),
    1e308,
    -1e-320,
    0.5,
]
_STRANGE += [True, None, "", "F64", "I32", "U8", "linear", "forest", "clip", "isotonic", "l1", [], {}, [0], [0, 8]]


def _edit_header(blob: bytearray, generator: random.Random) -> bytes:
    """Another value at some place of the JSON, the length before it put right."""
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    inside = json.loads(header["__metadata__"]["falsetrue"])
    for _ in range(generator.choice([1, 1, 2])):
        if generator.random() < 0.5:
            _edit(inside, generator)
        else:
            _edit(header[generator.choice([name for name in header if name != "__metadata__"])], generator)
    header["__metadata__"]["falsetrue"] = json.dumps(inside)
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + bytes(blob[8 + size :])


def _edit(value: Any, generator: random.Random) -> None:
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = generator.choice(keys)
        if not isinstance(value[key], dict | list) or generator.random() < 0.3:
            value[key] = generator.choice(_STRANGE)
            return
        value = value[key]


def _swap_arrays(blob: bytearray, generator: random.Random) -> bytes:
    """Two arrays trade names, or places, or an array is filled with something else."""
    size = int.from_bytes(blob[:8], "little")
    header = json.loads(blob[8 : 8 + size])
    names = [name for name in header if name != "__metadata__"]
    one, other = generator.choice(names), generator.choice(names)
    way = generator.randrange(3)
    if way == 0:
        header[one], header[other] = header[other], header[one]
    elif way == 1:
        key = generator.choice(["data_offsets", "shape", "dtype"])
        header[one][key], header[other][key] = header[other][key], header[one][key]
    else:
        begin, end = (8 + size + offset for offset in header[one]["data_offsets"])
        at = begin + generator.randrange(max(1, (end - begin) // 8)) * 8
        strange = np.array([generator.choice([np.nan, np.inf, 1e300, 5e-324, -1.0, 1e9])]).tobytes()
        blob[at : at + 8] = generator.choice([strange, b"\xff" * 8, b"\0" * 8, generator.randbytes(8)])[: end - at]
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + bytes(blob[8 + size :])


_DAMAGES: list[Callable[[bytearray, random.Random], bytes]] = [_flip_bits, _cut_off, _shift, _edit_header, _swap_arrays]


def read_mutants(seed: int, count: int) -> tuple[int, int]:
    """How many damaged files were refused, and how many were models that both kernels read alike."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    blobs, texts = list(make_blobs().values()), [*make_texts(6, seed), "", "İ ΟΔΥΣΣΕΥΣ the the", "新闻" * 40]
    refused = alike = 0
    for _ in range(count):
        mutant = generator.choice(_DAMAGES)(bytearray(generator.choice(blobs)), generator)
        compiled, plain = _open(mutant, native=True), _open(mutant, native=False)
        if (compiled is None) != (plain is None):
            raise AssertionError(f"one kernel reads what the other refuses: {mutant!r}")
        if compiled is None or plain is None:
            refused += 1
            continue
        ours, theirs = compiled.score(texts), plain.score(texts)
        np.testing.assert_allclose(ours.p_real, theirs.p_real, rtol=0, atol=CLOSE)
        np.testing.assert_allclose(ours.halves, theirs.halves, rtol=0, atol=CLOSE)  # type: ignore[arg-type]
        if (ours.words, ours.known_words, ours.languages) != (theirs.words, theirs.known_words, theirs.languages):
            raise AssertionError(f"two kernels count differently: {mutant!r}")
        alike += 1
    return refused, alike


def _open(blob: bytes, *, native: bool) -> CompiledScorer | None:
    try:
        return from_bytes(blob, native=native)
    except (BundleDamagedError, BundleFormatError) as error:
        if "scorer.safetensors" not in str(error):
            raise
        return None


# --- threads ----------------------------------------------------------------------------------------


def score_in_threads(threads: int, count: int) -> None:
    """Every thread scores all texts; raises :class:`AssertionError` where one says anything else than one alone."""
    scorer = from_bytes(make_blobs()["linear"])
    texts = make_texts(count, 0)
    expected = scorer.score(texts)
    failures: list[str] = []

    def score() -> None:
        found = scorer.score(texts)
        same = found.p_real.tobytes() == expected.p_real.tobytes() and found.words == expected.words
        if not same or not np.array_equal(found.halves, expected.halves):  # type: ignore[arg-type]
            failures.append("another answer")

    running = [threading.Thread(target=score) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    if failures:
        raise AssertionError(f"{len(failures)} of {threads} threads got other answers")


# --- the trials -------------------------------------------------------------------------------------


def sanitized_environment(folder: Path) -> dict[str, str]:
    """With which the package is imported from a copy whose kernel is built with sanitizers."""
    shutil.copytree(ROOT / "src" / "falsetrue", folder / "falsetrue", ignore=shutil.ignore_patterns("_kernel*.so"))
    target = folder / "falsetrue" / "features" / f"_kernel{sysconfig.get_config_var('EXT_SUFFIX')}"
    source = folder / "falsetrue" / "features" / "native" / "kernel.c"
    flags = ["-O1", "-g", "-std=c11", "-fno-omit-frame-pointer", "-fno-sanitize-recover=all", "-fPIC", "-shared"]
    include = f"-I{sysconfig.get_path('include')}"
    subprocess.run(["gcc", SANITIZERS, *flags, include, str(source), "-o", str(target)], check=True)
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        "PYTHONPATH": str(folder),
        "LD_PRELOAD": library.stdout.strip(),
        "PYTHONMALLOC": "malloc",
        # Python itself leaves memory behind; leaks are the fuzzer's business.
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
    }


def _run(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    """What a child process says; raises :class:`AssertionError` where it fails or crashes."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"ended with {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-6000:]}")
    return done.stdout.splitlines()


def _python(*arguments: str | Path, environment: dict[str, str] | None = None) -> list[str]:
    return _run([sys.executable, *map(str, arguments)], environment)


def _mutants(count: int, environment: dict[str, str] | None = None) -> str:
    refused = alike = 0
    for share in range(0, count, SHARE):
        size = min(SHARE, count - share)
        last = _python(__file__, "--mutants", str(size), "--seed", str(share), environment=environment)[-1]
        refused, alike = refused + int(last.split()[0]), alike + int(last.split()[1])
    return f"{count} damaged files: {refused} refused, {alike} read alike by both kernels"


def _valgrind() -> str:
    """The kernel's tests but for those that take long, and hours under valgrind."""
    options = ["--error-exitcode=99", "--num-callers=20", f"--suppressions={HERE / 'valgrind.supp'}"]
    tests = ["tests/features/test_kernel.py", "-k", "not too_long and not huge and not threads and not any_text"]
    python = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", *tests]
    return _run(["valgrind", *options, *python], {"PYTHONMALLOC": "malloc"})[-1]


def trials(runs: int, mutants: int, threads: int, texts: int, examples: int) -> Iterator[tuple[str, Callable[[], str]]]:
    """Name of each, and what runs it."""
    yield "fuzzer", lambda: " ".join(_python(HERE / "fuzz.py", "--runs", str(runs))[:1])
    yield "damaged files", lambda: _mutants(mutants)
    with tempfile.TemporaryDirectory() as name:
        environment = sanitized_environment(Path(name))
        pytest = ("-m", "pytest", "-q", "-p", "no:cacheprovider")
        yield (
            "sanitizers, tests",
            lambda: _python(*pytest, "tests/features/test_kernel.py", environment=environment)[-1],
        )
        yield "sanitizers, damaged files", lambda: _mutants(mutants // 10, environment)
    yield "valgrind", _valgrind
    yield "threads", lambda: _python(__file__, "--threads", str(threads), "--texts", str(texts))[-1]
    scorer = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "timeout=0", "tests/bundle/test_scorer.py")
    yield "equality", lambda: _python(*scorer, environment={"FALSETRUE_EXAMPLES": str(examples)})[-1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; 0 where nothing failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000_000, help="of the fuzzer")
    parser.add_argument("--damaged", type=int, default=10_000, help="files, in all")
    parser.add_argument("--examples", type=int, default=200, help="of each of the hundreds of properties of the scorer")
    parser.add_argument("--only", nargs="*", help="names of trials")
    parser.add_argument("--mutants", type=int, default=0, help="read so many damaged files here, and end")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="score in so many threads here, and end")
    parser.add_argument("--texts", type=int, default=100_000, help="for each thread")
    options = parser.parse_args(arguments)
    if options.mutants:
        sys.stdout.write("{} {}\n".format(*read_mutants(options.seed, options.mutants)))
        return 0
    if options.threads:
        score_in_threads(options.threads, options.texts)
        sys.stdout.write(f"{options.threads} threads, {options.texts} texts each: the same answers\n")
        return 0
    failed = 0
    for name, run in trials(options.runs, options.damaged, 8, options.texts, options.examples):
        if options.only and name not in options.only:
            continue
        started = time.monotonic()
        try:
            found = run()
        except AssertionError as error:
            failed, found = 1, f"FAILED: {error}"
        sys.stdout.write(f"{name} ({time.monotonic() - started:.0f} s): {found}\n")
        sys.stdout.flush()
    return failed


if __name__ == "__main__":
    sys.exit(main())
