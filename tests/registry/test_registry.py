import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import MANIFEST
from falsetrue.errors import BundleError, InputError, PolicyError
from falsetrue.model.decision import Outcome, Policy
from falsetrue.registry.folder import find_model, list_models, shipped_folder
from falsetrue.registry.policies import Policies
from falsetrue.registry.trust import is_trusted, trust

OF_MODEL = Policy(name="default", version=1, false_below=0.2, real_above=0.8)


@pytest.fixture
def models(trained: Callable[[str], Path], tmp_path: Path) -> Path:
    """A models folder with two models."""
    folder = tmp_path / "models"
    for name in ("default", "deployed"):
        shutil.copytree(trained(name), folder / name)
    return folder


# --- models ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reference", [None, "", "shipped"])
def test_nothing_means_the_shipped_model(reference: str | None, tmp_path: Path) -> None:
    assert find_model(reference, tmp_path) == shipped_folder()


def test_a_model_is_found_by_folder_name_and_version(models: Path) -> None:
    version = open_bundle(models / "default").manifest.version
    for reference in (str(models / "default"), "default", f"default@{version}", f"default@{version[:10]}"):
        assert find_model(reference, models) == models / "default"


def test_an_unknown_model_names_those_there_are(models: Path) -> None:
    with pytest.raises(BundleError, match=r"there is no model 'nope'.*there are only 'default', 'deployed'"):
        find_model("nope", models)
    with pytest.raises(BundleError, match="there are none"):
        find_model("default@1999", models / "none")


def test_a_copy_under_another_folder_name_does_not_take_over_the_name(models: Path) -> None:
    shutil.copytree(models / "default", models / "copy")
    version = open_bundle(models / "default").manifest.version
    assert find_model("default", models) == models / "default"
    assert find_model(f"default@{version}", models) == models / "default"
    assert find_model("copy", models) == models / "copy"


def test_a_damaged_model_is_found_by_its_folder_so_that_its_damage_is_told(models: Path) -> None:
    (models / "default" / MANIFEST).write_text("{")
    assert find_model("default", models) == models / "default"


def test_a_damaged_model_is_listed_with_its_problem(models: Path) -> None:
    (models / "default" / MANIFEST).write_text("{}")
    (models / "notes.txt").write_text("")
    by_name = {listed.folder.name: listed for listed in list_models(models)}
    assert set(by_name) == {"default", "deployed"}
    assert by_name["default"].problem
    assert by_name["deployed"].manifest is not None


# --- trust -----------------------------------------------------------------------------------------


def test_only_what_was_trusted_is_trusted(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert not is_trusted(state, "a" * 64)
    trust(state, "a" * 64, "one")
    trust(state, "b" * 64, "other")
    assert is_trusted(state, "a" * 64)
    assert is_trusted(state, "b" * 64)
    assert not is_trusted(state, "c" * 64)


@pytest.mark.parametrize("wrong", ["", ".", "..", "a" * 63])
def test_nothing_but_a_digest_is_ever_trusted(tmp_path: Path, wrong: str) -> None:
    trust(tmp_path, "a" * 64, "one")
    assert not is_trusted(tmp_path, wrong)


def test_a_state_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        trust(tmp_path / "file", "a" * 64, "one")


# --- policies --------------------------------------------------------------------------------------


def write_policy(folder: Path, name: str, content: str = "false_below = 0.1\nreal_above = 0.9\n") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)


def test_without_a_folder_there_is_the_models_own_policy(tmp_path: Path) -> None:
    policies = Policies(OF_MODEL, tmp_path / "none")
    assert policies.references() == ["default@1"]
    assert policies.find(None) is OF_MODEL
    assert policies.find("default") is OF_MODEL


def test_a_name_without_version_is_the_newest(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        write_policy(tmp_path, f"newsroom@{version}.toml", f"false_below = 0.{version}1\nreal_above = 0.9\n")
    policies = Policies(OF_MODEL, tmp_path)
    assert policies.find("newsroom").version == 10
    assert policies.find("newsroom@2").false_below == 0.21


def test_a_policy_may_name_its_own_actions_and_filters(tmp_path: Path) -> None:
    write_policy(
        tmp_path,
        "newsroom@1.toml",
        "false_below = 0\nreal_above = 1\nminimum_words = 5\nminimum_known_share = 0.5\n"
        '[actions]\nfalse = "call the desk"\n',
    )
    policy = Policies(OF_MODEL, tmp_path).find("newsroom@1")
    assert policy.actions == {Outcome.FALSE: "call the desk", Outcome.UNSURE: "review", Outcome.REAL: "pass"}
    assert (policy.false_below, policy.real_above, policy.minimum_words) == (0, 1, 5)


def test_a_policy_that_says_only_thresholds_abstains_as_the_models_own_does(tmp_path: Path) -> None:
    write_policy(tmp_path, "newsroom@1.toml")
    of_model = Policy(
        name="default", version=1, false_below=0.2, real_above=0.8, minimum_words=20, minimum_known_share=0.7
    )
    policy = Policies(of_model, tmp_path).find("newsroom")
    assert (policy.minimum_words, policy.minimum_known_share) == (20, 0.7)


def test_another_default_may_be_chosen(tmp_path: Path) -> None:
    write_policy(tmp_path, "newsroom@1.toml")
    policies = Policies(OF_MODEL, tmp_path, "newsroom")
    assert policies.find(None).reference == "newsroom@1"
    assert policies.find("default").reference == "default@1"


def test_an_unknown_policy_names_those_there_are(tmp_path: Path) -> None:
    write_policy(tmp_path, "newsroom@1.toml")
    for reference in ("nope", "newsroom@7"):
        with pytest.raises(PolicyError, match="there are default@1, newsroom@1"):
            Policies(OF_MODEL, tmp_path).find(reference)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("newsroom.toml", "", r"newsroom\.toml: a policy's file is called NAME@N\.toml"),
        ("newsroom@0.toml", "", "is called NAME@N"),
        ("default@2.toml", "", "is the model's own policy"),
        ("a@1.toml", "false_below = ", r"a@1\.toml"),
        ("a@1.toml", "false_below = 0.1", "missing required field `real_above`"),
        ("a@1.toml", "false_below = 0.1\nreal_above = 0.9\nreal_abov = 1", "unknown field"),
        ("a@1.toml", "false_below = 0.9\nreal_above = 0.1", "is above real_above"),
        ("a@1.toml", 'false_below = "x"\nreal_above = 0.1', "Expected `float`"),
        ("a@1.toml", "false_below = nan\nreal_above = 0.1", "between 0 and 1"),
    ],
)
def test_a_policy_file_that_is_wrong_is_named_and_spoils_no_other(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    write_policy(tmp_path, name, content)
    write_policy(tmp_path, "sound@1.toml")
    policies = Policies(OF_MODEL, tmp_path)
    assert policies.references() == ["default@1", "sound@1"]
    (problem,) = policies.problems
    assert re.search(message, problem)
    if name == "a@1.toml":
        for reference in ("a", "a@1"):
            with pytest.raises(PolicyError, match=message):
                policies.find(reference)
