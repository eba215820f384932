import re
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Meta, Struct

from falsetrue.bundle.manifest import SCORER
from falsetrue.errors import BundleDamagedError, InputError, PolicyError
from falsetrue.settings import Settings, load_settings, read_settings
from falsetrue.wiring import check_servable, load_classifier


def test_a_setting_comes_from_its_variable_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSETRUE_MAX_ITEMS", "7")
    monkeypatch.setenv("FALSETRUE_WORKERS", "3")
    settings = load_settings(workers=2)
    assert (settings.max_items, settings.workers) == (7, 2)


def test_the_port_is_ports_unless_falsetrue_port_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().port == 8000
    monkeypatch.setenv("PORT", "1234")
    assert load_settings().port == 1234
    monkeypatch.setenv("FALSETRUE_PORT", "4321")
    assert load_settings().port == 4321
    assert load_settings(port=99).port == 99


def test_the_record_itself_reads_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FALSETRUE_MAX_ITEMS", "7")
    assert Settings().max_items == 128


def test_a_variable_counts_in_any_case() -> None:
    assert read_settings(Settings, {"Falsetrue_Max_Items": "7"}, {}).max_items == 7


class Shade(StrEnum):
    LIGHT = "light"
    DARK = "dark"


class Varied(Struct, frozen=True, kw_only=True):
    """A setting of each kind."""

    switch: bool = False
    count: Annotated[int, Meta(ge=1, le=64)] = 1
    seconds: Annotated[float, Meta(gt=0)] = 1
    name: str | None = None
    folder: Path = Path()
    file: Path | None = None
    mode: Literal["some", "all"] = "all"
    shade: Shade = Shade.DARK
    networks: tuple[str, ...] = ()
    limit: Annotated[int, Meta(ge=0)] | None = None


@pytest.mark.parametrize(
    ("field", "said", "read"),
    [
        *(("switch", word, True) for word in ("1", "true", "True", "T", "yes", "Y", "ON", " on ")),
        *(("switch", word, False) for word in ("0", "false", "FALSE", "f", "no", "n", "Off")),
        ("count", " 64 ", 64),
        ("seconds", "0.5", 0.5),
        ("name", "null", "null"),
        ("name", "", ""),
        ("folder", "a/b", Path("a/b")),
        ("file", "a/b", Path("a/b")),
        ("mode", "some", "some"),
        ("shade", "light", Shade.LIGHT),
        ("networks", "10.0.0.0/8, ::1,", ("10.0.0.0/8", "::1")),
        ("networks", "", ()),
        ("limit", "0", 0),
    ],
)
def test_each_kind_of_setting_is_read_from_text(field: str, said: str, read: object) -> None:
    found = getattr(read_settings(Varied, {f"FALSETRUE_{field.upper()}": said}, {}), field)
    assert (type(found), found) == (type(read), read)


@pytest.mark.parametrize(
    ("field", "said", "wanted"),
    [
        ("switch", "maybe", "yes or no (or true, on, 1; false, off, 0)"),
        ("switch", "", "yes or no (or true, on, 1; false, off, 0)"),
        ("count", "65", "a whole number, at least 1 and at most 64"),
        ("count", "1.5", "a whole number, at least 1 and at most 64"),
        ("count", "", "a whole number, at least 1 and at most 64"),
        ("seconds", "0", "a number, more than 0"),
        ("seconds", "nan", "a number, more than 0"),
        ("mode", "none", "one of all, some"),
        ("shade", "grey", "one of light, dark"),
        ("limit", "-1", "a whole number, at least 0"),
    ],
)
def test_a_value_of_another_kind_is_refused_and_not_repeated(field: str, said: str, wanted: str) -> None:
    with pytest.raises(InputError) as caught:
        read_settings(Varied, {f"FALSETRUE_{field.upper()}": said}, {})
    assert str(caught.value) == f"setting FALSETRUE_{field.upper()}: must be {wanted}"


@pytest.mark.parametrize(
    ("field", "given"), [("port", 70000), ("workers", 0), ("kernel", "maybe"), ("drain_seconds", "soon")]
)
def test_a_given_value_is_checked_as_well(field: str, given: object) -> None:
    with pytest.raises(InputError, match=f"setting FALSETRUE_{field.upper()}: must be "):
        load_settings(**{field: given})


@example("1\udcff", "count")  # a byte that is not UTF-8
@given(st.text(st.characters(categories=("L", "N", "P", "Z", "Cs"))), st.sampled_from(sorted(Varied.__struct_fields__)))
def test_any_text_is_read_or_refused_by_name(said: str, field: str) -> None:
    try:
        read_settings(Varied, {f"FALSETRUE_{field.upper()}": said}, {})
    except InputError as error:
        assert re.fullmatch(f"setting FALSETRUE_{field.upper()}: must be [^\n]+", str(error))


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
