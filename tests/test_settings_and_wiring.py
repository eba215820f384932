import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from falsetrue.bundle.manifest import SCORER
from falsetrue.errors import BundleDamagedError, InputError, PolicyError
from falsetrue.settings import Settings, load_settings
from falsetrue.wiring import check_servable, load_classifier


def test_a_setting_comes_from_its_variable_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSETRUE_MAX_ITEMS", "7")
    monkeypatch.setenv("FALSETRUE_WORKERS", "3")
    settings = load_settings(workers=2)
    assert (settings.max_items, settings.workers) == (7, 2)


def test_the_port_is_ports_unless_falsetrue_port_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings().port == 8000
    monkeypatch.setenv("PORT", "1234")
    assert Settings().port == 1234
    monkeypatch.setenv("FALSETRUE_PORT", "4321")
    assert Settings().port == 4321
    assert Settings(port=99).port == 99


def test_a_setting_that_makes_no_sense_is_named_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSETRUE_DRAIN_SECONDS", "soon")
    with pytest.raises(InputError, match="setting FALSETRUE_DRAIN_SECONDS: ") as caught:
        load_settings()
    assert "soon" not in str(caught.value)


def test_a_misspelt_setting_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSETRUE_MODLE", "x")
    with pytest.raises(InputError, match="there is no setting FALSETRUE_MODLE"):
        load_settings()


def test_a_damaged_model_is_neither_servable_nor_loaded(trained: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(trained("default"), tmp_path / "bundle"))
    (bundle / SCORER).write_bytes(b"")
    for work in (load_classifier, check_servable):
        with pytest.raises(BundleDamagedError, match=SCORER):
            work(Settings(model=str(bundle)))


def test_an_unknown_policy_is_found_out_before_serving(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy 'newsroom'"):
        check_servable(Settings(policy="newsroom", policies_folder=tmp_path))


def test_the_policy_of_the_settings_is_the_default_one(tmp_path: Path) -> None:
    (tmp_path / "newsroom@1.toml").write_text("false_below = 0.1\nreal_above = 0.9\n")
    classifier = load_classifier(Settings(policy="newsroom", policies_folder=tmp_path))
    assert classifier.policies.default.reference == "newsroom@1"
