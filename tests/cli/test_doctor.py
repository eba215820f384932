import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from falsetrue.bundle.manifest import SCORER
from falsetrue.cli import doctor
from falsetrue.features import kernel
from falsetrue.settings import Settings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def findings(answered: "subprocess.CompletedProcess[str]") -> dict[str, dict[str, Any]]:
    """By what they are about."""
    said = json.loads(answered.stdout)
    assert answered.returncode == (0 if said["well"] else 1)
    assert said["well"] == all(finding["well"] for finding in said["findings"])
    return {finding["about"]: finding for finding in said["findings"]}


def test_where_all_is_well_it_says_what_is_there(falsetrue: Run) -> None:
    answered = falsetrue("doctor")
    assert ("MEND" in answered.stdout) == (kernel.ABSENT is not None)
    for about in ("falsetrue", "python", "training", "kernel", "settings", "model", "policies"):
        assert f"  {about}: " in answered.stdout
    assert "verified, compiled scorer" in answered.stdout


def test_a_kernel_that_was_turned_off_is_named_and_well(falsetrue: Run) -> None:
    found = findings(falsetrue("doctor", "--json", FALSETRUE_KERNEL="off"))
    assert "FALSETRUE_KERNEL" in found["kernel"]["says"] or kernel.ABSENT


def test_a_kernel_that_was_not_built_is_to_be_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "ABSENT", "No module named '_kernel'")
    found = doctor._kernel(Settings())  # noqa: SLF001
    assert not found.well
    assert "not built (No module named '_kernel')" in found.says


def test_a_damaged_model_is_to_be_mended(falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(trained("default"), tmp_path / "bundle"))
    (bundle / SCORER).write_bytes(b"")
    found = findings(falsetrue("doctor", "--json", FALSETRUE_MODEL=str(bundle)))
    assert not found["model"]["well"]
    assert "is not the file that was saved" in found["model"]["says"]


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("FALSETRUE_MODLE", "x", "there is no setting FALSETRUE_MODLE"),
        ("FALSETRUE_WORKERS", "64", "FALSETRUE_WORKERS is 64"),
        ("FALSETRUE_WORKERS", "none", "FALSETRUE_WORKERS"),
        ("FALSETRUE_MAX_BODY_BYTES", "2000", "FALSETRUE_MAX_BODY_BYTES is less"),
        ("FALSETRUE_STATE_FOLDER", "/dev/null/state", "cannot be written"),
    ],
)
def test_a_setting_that_looks_wrong_is_named(falsetrue: Run, setting: str, value: str, message: str) -> None:
    found = findings(falsetrue("doctor", "--json", **{setting: value}))
    assert not found["settings"]["well"]
    assert message in found["settings"]["says"]


def test_a_policy_that_cannot_be_read_is_to_be_mended(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "ours@1.toml").write_text("false_below = 2")
    found = findings(falsetrue("doctor", "--json"))
    assert not found["policies"]["well"]
    assert "ours@1" in found["policies"]["says"]
    missing = findings(falsetrue("doctor", "--json", FALSETRUE_POLICY="absent"))
    assert not missing["policies"]["well"]
