"""A short run of the kernel's fuzzer; ``make torture`` runs it for long."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("fuzz", Path(__file__).parent / "fuzz.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


fuzz = _load()

pytestmark = pytest.mark.newest


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("fuzz") / "fuzz"
    try:
        fuzz.build_fuzzer(target)
    except fuzz.CannotFuzzError as error:
        pytest.skip(str(error))
    return target


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer is built as on Linux")
def test_no_input_of_the_corpus_leads_the_kernel_astray_or_leaks(fuzzer: Path) -> None:
    done = fuzz.run_fuzzer(fuzzer, ["-runs=0", fuzz.unpack_corpus(fuzzer.parent)], leaks=True)
    assert done.returncode == 0, done.stderr[-5000:]


@pytest.mark.skipif(sys.platform != "linux", reason="the fuzzer is built as on Linux")
def test_no_new_input_leads_the_kernel_astray(fuzzer: Path) -> None:
    done = fuzz.run_fuzzer(fuzzer, ["-runs=20000", "-seed=1", fuzz.unpack_corpus(fuzzer.parent)], leaks=False)
    assert done.returncode == 0, done.stderr[-5000:]
