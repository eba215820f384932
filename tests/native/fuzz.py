"""Build the fuzzer of the scoring kernel and run it: ``python tests/native/fuzz.py --runs 10000000``.

Needs clang with libFuzzer (Debian: clang-14 and libclang-rt-14-dev) and a Python with a shared library. The corpus is
``corpus.tar.xz``; ``--keep`` puts what a run found into it, as few inputs as reach the same.
"""

import argparse
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
NATIVE = HERE.parent.parent / "src" / "falsetrue" / "features" / "native"
CORPUS = HERE / "corpus.tar.xz"
#: Longest input, in bytes. Options may repeat a text, so that articles are longer.
LARGEST_INPUT = 400


class CannotFuzzError(Exception):
    """What is missing on this machine."""


def find_clang() -> str:
    """The newest clang there is."""
    names = ["clang", *(f"clang-{version}" for version in range(22, 13, -1))]
    for name in names:
        if found := shutil.which(name):
            return found
    raise CannotFuzzError("there is no clang (Debian: apt-get install clang-14 libclang-rt-14-dev)")


def build_fuzzer(target: Path) -> None:
    """Compile ``fuzz.c`` with what is around it in the kernel, with both sanitizers."""
    library = sysconfig.get_config_var("LDLIBRARY") or ""
    folder = Path(sysconfig.get_config_var("LIBDIR") or "")
    if not library.endswith(".so") or not (folder / library).exists():
        raise CannotFuzzError(f"this Python has no shared library to link with ({folder / library})")
    compiled = subprocess.run(
        [
            *(find_clang(), "-O2", "-g1", "-std=c11", "-fno-omit-frame-pointer"),
            *("-fsanitize=fuzzer,address,undefined,float-cast-overflow", "-fno-sanitize-recover=all"),
            *("-fno-sanitize-coverage=trace-cmp", f"-I{sysconfig.get_path('include')}", f"-I{NATIVE}"),
            *(str(HERE / "fuzz.c"), "-o", str(target), f"-L{folder}", f"-Wl,-rpath,{folder}"),
            *(f"-l{library.removeprefix('lib').removesuffix('.so')}", "-lm"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if compiled.returncode and "libclang_rt.fuzzer" in compiled.stderr:
        raise CannotFuzzError("clang has no libFuzzer (Debian: apt-get install libclang-rt-14-dev)")
    if compiled.returncode:
        raise RuntimeError(compiled.stderr)


def run_fuzzer(fuzzer: Path, arguments: Sequence[str | Path], *, leaks: bool) -> subprocess.CompletedProcess[str]:
    """What the fuzzer says; ``leaks``: look for them when it ends, which takes a slower allocator."""
    environment = {
        **os.environ,
        # Python's own allocator is quicker, but what it holds is hidden from the search for leaks.
        "PYTHONMALLOC": "malloc" if leaks else "pymalloc",
        "ASAN_OPTIONS": f"detect_leaks={int(leaks)}",
    }
    command = [fuzzer, f"-max_len={LARGEST_INPUT}", "-detect_leaks=0", f"-dict={HERE / 'fuzz.dict'}"]
    # The peak of its memory would be that of whoever starts it, if that is higher (getrusage(2)).
    command += ["-rss_limit_mb=0", "-malloc_limit_mb=2048"]
    return subprocess.run(
        [*map(str, command), *map(str, arguments)],
        env=environment,
        cwd=fuzzer.parent,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def unpack_corpus(folder: Path) -> Path:
    """The inputs as files."""
    unpacked = folder / "corpus"
    unpacked.mkdir(exist_ok=True)
    with tarfile.open(CORPUS) as archive:
        for number, member in enumerate(archive):
            held = archive.extractfile(member)
            (unpacked / str(number)).write_bytes(held.read() if held else b"")
    return unpacked


def pack_corpus(folder: Path) -> None:
    """Write ``corpus.tar.xz``, the same bytes for the same inputs."""
    with tarfile.open(CORPUS, "w:xz", preset=9) as archive:
        for path in sorted(folder.iterdir()):
            member = tarfile.TarInfo(path.name)
            member.size = path.stat().st_size
            archive.addfile(member, io.BytesIO(path.read_bytes()))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as the command line says; 0 where nothing was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument("--keep", action="store_true", help="put what is found into the corpus")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            build_fuzzer(folder / "fuzz")
        except CannotFuzzError as error:
            sys.stderr.write(f"the kernel cannot be fuzzed here: {error}\n")
            return 2
        corpus = unpack_corpus(folder)
        every = run_fuzzer(folder / "fuzz", ["-runs=0", corpus], leaks=True)
        done = (
            every
            if every.returncode
            else run_fuzzer(folder / "fuzz", [f"-runs={options.runs}", "-print_final_stats=1", corpus], leaks=False)
        )
        kept = [line for line in done.stderr.splitlines() if "DONE" in line or line.startswith("stat::")]
        sys.stdout.write("\n".join(kept) + "\n" if done.returncode == 0 else done.stderr[-20_000:])
        if options.keep and done.returncode == 0:
            (folder / "kept").mkdir()
            run_fuzzer(folder / "fuzz", ["-merge=1", folder / "kept", corpus], leaks=False)
            pack_corpus(folder / "kept")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
