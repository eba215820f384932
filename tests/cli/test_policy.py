import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import make_news, write_csv

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Labelled news that the test model has not learnt from."""
    return write_csv(tmp_path / "labelled.csv", make_news(400, seed=1))


@pytest.fixture
def fit(falsetrue: Run, trained: Callable[[str], Path], labelled: Path) -> Run:
    """Run ``falsetrue policy fit`` with the test model."""

    def run(*options: object) -> "subprocess.CompletedProcess[str]":
        return falsetrue("policy", "fit", labelled, "--model", trained("default"), *options)

    return run


def test_fit_says_what_it_promises_and_writes_the_policy(fit: Run, tmp_path: Path) -> None:
    answered = fit("--target", "precision=0.9", "--action", "false=hold")
    assert answered.returncode == 0, answered.stderr
    first, set_on, promise, *rest = answered.stdout.splitlines()
    assert first == "policies/newsroom@1.toml: policy newsroom@1"
    assert set_on.startswith("Set on ")
    assert promise.startswith("With a probability of at least 0.9 over the draw of the labelled file")
    assert "'hold' (called false)" in rest[0]
    assert rest[2].startswith("Of 1,000 such texts: hold ")
    assert "names no sources" in answered.stderr
    assert (tmp_path / "policies" / "newsroom@1.toml").exists()


def test_fit_answers_machines(fit: Run) -> None:
    answered = fit("--target", "precision=0.9", "--name", "desk", "--json")
    said = json.loads(answered.stdout)
    assert said["policy"] == "desk@1"
    assert set(said) == {
        "path",
        "policy",
        "false_below",
        "real_above",
        "by_language",
        "fitted",
        "expected",
        "guarantee",
        "warnings",
    }
    assert sum(said["expected"]["per_1000"].values()) == pytest.approx(1000)
    assert answered.stderr == ""


def test_a_target_out_of_reach_says_what_would_help(fit: Run) -> None:
    said = fit("--target", "precision=0.999").stdout
    assert "is never said: no threshold reaches a precision of at least 0.999" in said
    assert "would" in said


def test_at_a_prevalence_the_words_say_so(fit: Run) -> None:
    said = fit("--target", "precision.real=0.9", "--target", "false-alarm=0.2", "--prevalence", "0.3").stdout
    assert "on texts from the same source of which a share of 0.3 is false" in said
    assert "false alarms on at most a share of 0.2 of real news" in said
    assert "Of 1,000 such texts, 0.3 of them false" in said


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--target", "recall=0.9"], "target 'recall=0.9': say precision=0.95"),
        (["--target", "precision=0.9", "--action", "maybe=x"], "action 'maybe=x': say what false, unsure or real"),
        (["--target", "precision=0.9", "--name", "default"], "a policy cannot be called 'default'"),
        (["--target", "precision=0.9", "--label", "truth"], "there is no column 'truth'"),
    ],
)
def test_what_cannot_be_done_is_one_line(fit: Run, tmp_path: Path, options: list[str], said: str) -> None:
    answered = fit(*options)
    assert answered.returncode == 2
    assert answered.stderr.startswith("falsetrue: ")
    assert said in answered.stderr
    assert answered.stderr.count("\n") == 1
    assert not (tmp_path / "policies").exists()


def test_news_that_the_model_learnt_from_is_refused(
    falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    source = write_csv(tmp_path / "renamed.csv", make_news(400))  # the very bytes that the model was trained on
    command = ["policy", "fit", source, "--model", trained("default"), "--target", "precision=0.9"]
    refused = falsetrue(*command)
    assert refused.returncode == 2
    assert "has learnt from this very file" in refused.stderr
    assert falsetrue(*command, "--even-if-trained-on").returncode == 0
    assert "had learnt from" in falsetrue("policy", "show", "newsroom", "--model", trained("default")).stdout


def test_a_policy_fitted_on_another_model_is_listed_with_a_caution_and_still_applied(fit: Run, falsetrue: Run) -> None:
    fit("--target", "precision=0.9")
    listed = falsetrue("policy", "list").stdout
    assert "default@1  false below" in listed
    assert "newsroom@1: it was fitted on the model default@" in listed
    checked = falsetrue("check", "the minister said that the vote on the budget is next week", "--policy", "newsroom")
    assert checked.returncode == 0
    assert "fit it again" in checked.stderr


def test_list_and_show_answer_machines(fit: Run, falsetrue: Run, trained: Callable[[str], Path]) -> None:
    fit("--target", "precision=0.9")
    own, fitted = json.loads(falsetrue("policy", "list", "--model", trained("default"), "--json").stdout)
    assert (own["policy"], own["fitted_on"], own["cautions"]) == ("default@1", None, [])
    assert (fitted["policy"], fitted["targets"], fitted["cautions"]) == ("newsroom@1", ["precision=0.9"], [])
    shown = json.loads(falsetrue("policy", "show", "newsroom", "--json").stdout)
    assert shown["fitted"]["model"] == fitted["fitted_on"]


def test_show_says_all_of_a_policy(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "desk@3.toml").write_text(
        "false_below = 0.1\nreal_above = 0.9\n[by_language.es]\nfalse_below = 0.2\nreal_above = 0.8\n"
        '[actions]\nfalse = "hold"\n'
    )
    (tmp_path / "policies" / "bad@1.toml").write_text("nonsense")
    said = falsetrue("policy", "show", "desk").stdout.splitlines()
    assert said[:3] == [
        "desk@3",
        "  es: false below 0.2, real above 0.8",
        "  any other language: false below 0.1, real above 0.9",
    ]
    assert "false 'hold'" in said[4]
    assert said[5] == "  thresholds chosen by hand"
    assert "bad@1.toml" in falsetrue("policy", "list").stdout
    assert falsetrue("policy", "show", "nope").returncode == 2


def test_a_policy_is_judged_without_a_caution_on_the_model_that_it_was_fitted_on(
    fit: Run, falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    labelled = str(write_csv(tmp_path / "judged.csv", make_news(120, seed=5)))
    assert fit("--target", "precision=0.5").returncode == 0
    answered = falsetrue("evaluate", labelled, "--model", trained("default"), "--policy", "newsroom", "--json")
    assert answered.returncode == 0, answered.stderr
    assert not [warning for warning in json.loads(answered.stdout)["warnings"] if "was fitted on the model" in warning]


def test_a_copy_of_what_the_model_learnt_from_is_refused(
    falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    rows = make_news(400)
    copy = write_csv(tmp_path / "copy.csv", rows[::-1][:300])
    refused = falsetrue("policy", "fit", copy, "--model", trained("default"), "--target", "precision=0.9")
    assert refused.returncode == 2
    assert "has learnt from most of its articles: about 100% are in news (300 of 300 looked for)" in refused.stderr
    assert refused.stderr.count("\n") == 1
