import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import make_news

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_train_says_what_it_learnt_and_how_good_it_is(falsetrue: Run, news_csv: Path, tmp_path: Path) -> None:
    answered = falsetrue("train", news_csv, "-o", "models/mine")
    assert answered.returncode == 0, answered.stderr
    for said in (
        "100 real, 100 false",
        "accuracy",
        "F1, false",
        "Brier score",
        "AUC",
        "called false",
        "falsetrue serve",
    ):
        assert said in answered.stdout
    assert answered.stderr == ""
    assert sorted(path.name for path in (tmp_path / "models" / "mine").iterdir()) == [
        "baseline.json",
        "card.md",
        "manifest.json",
        "model_final.joblib",
        "scorer.safetensors",
    ]


def test_train_answers_machines_with_the_manifest(falsetrue: Run, news_csv: Path) -> None:
    manifest = json.loads(falsetrue("train", news_csv, "-o", "m", "--json", "--recipe", "deployed").stdout)
    assert manifest["recipe"] == "deployed"
    assert set(manifest["metrics"]["accuracy"]) == {"value", "low", "high"}


@pytest.mark.parametrize("recipe", ["default", "deployed"])
def test_two_processes_make_the_same_bytes(falsetrue: Run, news_csv: Path, tmp_path: Path, recipe: str) -> None:
    for name, seed in (("one", "1"), ("other", "2")):
        command = ("train", news_csv, "-o", name, "--name", "same", "--recipe", recipe)
        assert falsetrue(*command, PYTHONHASHSEED=seed).returncode == 0
    for path in (tmp_path / "one").iterdir():
        if path.name != "manifest.json":
            assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name


def test_what_was_trained_here_is_trusted_and_verified_with_its_pipeline(falsetrue: Run, news_csv: Path) -> None:
    falsetrue("train", news_csv, "-o", "models/mine")
    checked = json.loads(falsetrue("models", "verify", "mine", "--json").stdout)
    assert checked["estimator_difference"] <= 1e-6


@pytest.mark.parametrize("name", ["a@1", "shipped", "", "a/b", "two\nlines", "x" * 65, "-o"])
def test_a_name_under_which_no_model_is_found_again_is_refused(falsetrue: Run, news_csv: Path, name: str) -> None:
    answered = falsetrue("train", news_csv, "-o", "m", f"--name={name}" if name else "--name=")
    assert answered.returncode == (0 if not name else 2)
    assert name == "" or "a model cannot be called" in answered.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "nowhere.csv: cannot be opened (No such file or directory)"),
        (["--real", "True.csv"], "--real and --fake go together"),
        ([], "name labelled files, or --real and --fake"),
        (["news.csv", "--recipe", "best"], "there is no recipe 'best'; there are default, plain, deployed"),
        (
            ["news.csv", "--text", "body"],
            "news.csv: there is no column 'body'; the columns are 'title', 'text', 'label'",
        ),
        (["latin.csv"], "latin.csv, line 2: byte 0xF1 is not UTF-8"),
        (["label.csv"], "label.csv, line 2: label 'maybe' is none of 0, 1, false, true, fake, real"),
        (["empty.csv"], "empty.csv: the file is empty"),
    ],
)
@pytest.mark.usefixtures("news_csv")
def test_news_that_cannot_be_used_is_one_line_and_exit_code_2(
    falsetrue: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    (tmp_path / "latin.csv").write_bytes(b"text,label\nse\xf1or,1\n")
    (tmp_path / "label.csv").write_text("text,label\na,maybe\n")
    (tmp_path / "empty.csv").write_text("")
    answered = falsetrue("train", *arguments, "-o", "m")
    assert answered.returncode == 2
    assert answered.stderr.startswith(f"falsetrue: {said}")
    assert answered.stderr.count("\n") == 1
    assert not (tmp_path / "m").exists()


def test_a_model_that_learnt_nothing_is_saved_with_a_warning(falsetrue: Run, tmp_path: Path) -> None:
    same_class = [text.replace(",", "") for _, text, _ in make_news(200)[::2]]
    rows = [f"{text},{n % 2}" for n, text in enumerate(same_class)]
    (tmp_path / "n.csv").write_text("text,label\n" + "\n".join(rows))
    answered = falsetrue("train", "n.csv", "-o", "m")
    assert answered.returncode == 0
    assert "Warning: this cannot be told from always giving the same answer" in answered.stdout


def test_a_blocked_word_is_in_no_term(falsetrue: Run, news_csv: Path) -> None:
    answered = falsetrue("train", str(news_csv), "-o", "m", "--block", "Minister", "--quick", "--json")
    assert json.loads(answered.stdout)["blocked_words"] == ["minister"]
    asked = falsetrue("check", "--model", "m", "--json", "minister " * 30).stdout
    assert "out_of_scope" in json.loads(asked)["reasons"]  # it knows no word of this


def test_corpora_of_which_nothing_is_known_are_named(falsetrue: Run, news_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "about.toml").write_text("[nwes]\nfamily = 'x'\n")
    answered = falsetrue("train", str(news_csv), "-o", "m", "--about", "about.toml", "--quick")
    assert answered.returncode == 0
    assert "about.toml says nothing of news" in answered.stderr


def test_an_empty_word_cannot_be_blocked(falsetrue: Run, news_csv: Path) -> None:
    answered = falsetrue("train", str(news_csv), "-o", "m", "--block", "")
    assert answered.returncode == 2
    assert "--block names a word" in answered.stderr
