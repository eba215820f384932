import errno
import os
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import MANIFEST
from falsetrue.errors import BundleError, InputError, PolicyError
from falsetrue.model.decision import Outcome, Policy, Thresholds
from falsetrue.registry.folder import find_model, list_models, shipped_folder
from falsetrue.registry.policies import BandTable, FittedTable, Policies, PolicyFile, ThresholdsTable, write_policy
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


def put_policy(folder: Path, name: str, content: str = "false_below = 0.1\nreal_above = 0.9\n") -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content)


def test_without_a_folder_there_is_the_models_own_policy(tmp_path: Path) -> None:
    policies = Policies(OF_MODEL, tmp_path / "none")
    assert policies.references() == ["default@1"]
    assert policies.find(None) is OF_MODEL
    assert policies.find("default") is OF_MODEL


def test_a_name_without_version_is_the_newest(tmp_path: Path) -> None:
    for version in (1, 2, 10):
        put_policy(tmp_path, f"newsroom@{version}.toml", f"false_below = 0.{version}1\nreal_above = 0.9\n")
    policies = Policies(OF_MODEL, tmp_path)
    assert policies.find("newsroom").version == 10
    assert policies.find("newsroom@2").false_below == 0.21


def test_a_policy_may_name_its_own_actions_and_filters(tmp_path: Path) -> None:
    put_policy(
        tmp_path,
        "newsroom@1.toml",
        "false_below = 0\nreal_above = 1\nminimum_words = 5\nminimum_known_share = 0.5\n"
        '[actions]\nfalse = "call the desk"\n',
    )
    policy = Policies(OF_MODEL, tmp_path).find("newsroom@1")
    assert policy.actions == {Outcome.FALSE: "call the desk", Outcome.UNSURE: "review", Outcome.REAL: "pass"}
    assert (policy.false_below, policy.real_above, policy.minimum_words) == (0, 1, 5)


def test_a_policy_that_says_only_thresholds_abstains_as_the_models_own_does(tmp_path: Path) -> None:
    put_policy(tmp_path, "newsroom@1.toml")
    of_model = Policy(
        name="default", version=1, false_below=0.2, real_above=0.8, minimum_words=20, minimum_known_share=0.7
    )
    policy = Policies(of_model, tmp_path).find("newsroom")
    assert (policy.minimum_words, policy.minimum_known_share) == (20, 0.7)


def test_another_default_may_be_chosen(tmp_path: Path) -> None:
    put_policy(tmp_path, "newsroom@1.toml")
    policies = Policies(OF_MODEL, tmp_path, "newsroom")
    assert policies.find(None).reference == "newsroom@1"
    assert policies.find("default").reference == "default@1"


def test_an_unknown_policy_names_those_there_are(tmp_path: Path) -> None:
    put_policy(tmp_path, "newsroom@1.toml")
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
    put_policy(tmp_path, name, content)
    put_policy(tmp_path, "sound@1.toml")
    policies = Policies(OF_MODEL, tmp_path)
    assert policies.references() == ["default@1", "sound@1"]
    (problem,) = policies.problems
    assert re.search(message, problem)
    if name == "a@1.toml":
        for reference in ("a", "a@1"):
            with pytest.raises(PolicyError, match=message):
                policies.find(reference)


# --- policies that were fitted -----------------------------------------------------------------------

FITTED = FittedTable(
    model="news@1",
    at="2026-01-02T03:04:05Z",
    targets=["precision=0.95", "false-alarm=0.01"],
    confidence=0.9,
    labelled='a "strange"\\name\x7f\ud800\n.csv',
    labelled_sha256="0" * 64,
    trained_on=False,
    rows=10,
    left_out={"too_short": 3, "with space": 1},
    bands=[
        BandTable(verdict=Outcome.FALSE, found=True, deserving=3, others=3, right=2, wrong=0, low=0.5, high=1.0),
        BandTable(verdict=Outcome.REAL, language="es", found=False, deserving=3, others=3, right=0, wrong=0, enough=99),
    ],
)
WRITTEN = PolicyFile(
    false_below=1e-05,
    real_above=0.9,
    by_language={"es": ThresholdsTable(false_below=0.25, real_above=0.75)},
    actions={Outcome.FALSE: 'hold "it" \\ \n now'},
    fitted=FITTED,
)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = write_policy(tmp_path / "new" / "policies", "newsroom", WRITTEN)
    policies = Policies(OF_MODEL, path.parent)
    policy = policies.find("newsroom")
    assert policies.problems == []
    assert (policy.reference, policy.false_below, policy.real_above) == ("newsroom@1", 1e-05, 0.9)
    assert policy.by_language == {"es": Thresholds(false_below=0.25, real_above=0.75)}
    assert policy.actions[Outcome.FALSE] == 'hold "it" \\ \n now'
    fitted = policies.fitted(policy)
    assert fitted is not None
    assert fitted.labelled.startswith('a "strange"\\name')
    assert msgspec.structs.replace(fitted, labelled="") == msgspec.structs.replace(FITTED, labelled="")


def test_each_policy_gets_the_next_free_number_and_leaves_nothing_else(tmp_path: Path) -> None:
    put_policy(tmp_path, "newsroom@7.toml", "false_below = ")
    put_policy(tmp_path, "newsroom@old.toml")
    put_policy(tmp_path, "other@30.toml")
    assert write_policy(tmp_path, "newsroom", WRITTEN).name == "newsroom@8.toml"
    assert write_policy(tmp_path, "newsroom", WRITTEN).name == "newsroom@9.toml"
    assert len(list(tmp_path.iterdir())) == 5


def test_of_many_writers_at_once_each_gets_a_number_of_its_own(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        paths = list(threads.map(lambda _: write_policy(tmp_path, "newsroom", WRITTEN), range(24)))
    assert {path.name for path in paths} == {f"newsroom@{number}.toml" for number in range(1, 25)}
    assert Policies(OF_MODEL, tmp_path).problems == []


def test_a_folder_that_cannot_be_written_says_so_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PolicyError, match="cannot be written there"):
        write_policy(tmp_path, "newsroom", WRITTEN)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(PolicyError, match="cannot be written there"):
        write_policy(tmp_path / "file", "newsroom", WRITTEN)


def test_a_policy_inherits_all_that_it_does_not_say_but_no_thresholds(tmp_path: Path) -> None:
    of_model = Policy(
        name="default",
        version=1,
        false_below=0.2,
        real_above=0.8,
        by_language={"es": Thresholds(false_below=0.1, real_above=0.9)},
        languages=("en", "es"),
        minimum_news_log_odds=-1.5,
    )
    put_policy(tmp_path, "newsroom@1.toml")
    policy = Policies(of_model, tmp_path).find("newsroom")
    assert (policy.languages, policy.minimum_news_log_odds) == (("en", "es"), -1.5)
    assert policy.thresholds("es") == Thresholds(false_below=0.1, real_above=0.9) == policy.thresholds(None)
    assert policy.by_language == {}


def test_thresholds_of_a_language_are_checked(tmp_path: Path) -> None:
    put_policy(
        tmp_path,
        "a@1.toml",
        "false_below = 0.1\nreal_above = 0.9\n[by_language.es]\nfalse_below = 0.9\nreal_above = 0.1\n",
    )
    (problem,) = Policies(OF_MODEL, tmp_path).problems
    assert "es: false_below (0.9) is above real_above (0.1)" in problem


def test_a_policy_on_another_model_or_prevalence_is_cautioned_of_and_one_by_hand_never(tmp_path: Path) -> None:
    put_policy(tmp_path, "byhand@1.toml")
    write_policy(tmp_path, "fitted", WRITTEN)
    at_prevalence = msgspec.structs.replace(FITTED, prevalence=0.05, trained_on=True)
    write_policy(tmp_path, "low", msgspec.structs.replace(WRITTEN, fitted=at_prevalence))
    policies = Policies(OF_MODEL, tmp_path)
    by_hand, fitted, low = (policies.find(name) for name in ("byhand", "fitted", "low"))
    assert policies.cautions(by_hand, "news@2", 0.3) == []
    assert policies.cautions(fitted, "news@1") == []
    assert policies.cautions(low, "news@1", 0.05) == policies.cautions(low, "news@1")
    (caution,) = policies.cautions(fitted, "news@2")
    assert caution == "policy fitted@1: it was fitted on the model news@1, not on news@2: fit it again"
    assert "not at prevalence 0.3" in policies.cautions(fitted, "news@1", 0.3)[0]
    assert "had learnt from" in policies.cautions(low, "news@1")[0]


def test_a_policy_is_applied_at_the_prevalence_it_was_fitted_at_unless_another_is_asked_for(tmp_path: Path) -> None:
    write_policy(
        tmp_path, "low", msgspec.structs.replace(WRITTEN, fitted=msgspec.structs.replace(FITTED, prevalence=0.05))
    )
    write_policy(tmp_path, "plain", WRITTEN)
    policies = Policies(OF_MODEL, tmp_path)
    assert [policies.prevalence(policies.find("low"), asked) for asked in (None, 0.2)] == [0.05, 0.2]
    assert [policies.prevalence(policies.find("plain"), asked) for asked in (None, 0.2)] == [None, 0.2]
