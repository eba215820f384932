import csv
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def test_evaluate_says_what_a_recipe_is_worth_and_writes_the_report(
    falsetrue: Run, news_csv: Path, tmp_path: Path
) -> None:
    answered = falsetrue("evaluate", news_csv, "--html", "report.html")
    assert answered.returncode == 0, answered.stderr
    for said in ("Kept aside from the same corpora", "AUC", "deployed recipe", "always real", "Not run: later in time"):
        assert said in answered.stdout
    assert max(map(len, answered.stdout.splitlines()[:12])) <= 120
    page = (tmp_path / "report.html").read_text()
    assert "Evaluation of default" in page
    again = falsetrue("evaluate", news_csv, "--html", "report.html")
    assert again.returncode == 2
    assert again.stderr == "falsetrue: report.html: exists already; --replace puts the report in its place\n"


def test_evaluate_answers_machines_about_a_saved_model(
    falsetrue: Run, news_csv: Path, trained: Callable[[str], Path], tmp_path: Path
) -> None:
    rows = list(csv.reader(news_csv.read_text().splitlines()))
    with (tmp_path / "second.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows[:61])
    models = ("--model", trained("default"), "--compare", trained("deployed"))
    answered = falsetrue("evaluate", news_csv, "second.csv", *models, "--json", "--rows", "50")
    assert answered.returncode == 0, answered.stderr
    assert answered.stdout.count("\n") == 1
    report = json.loads(answered.stdout)
    assert (report["format"], report["kind"], report["rows"]) == (1, "model", 50)
    assert report["compared_with"].startswith("deployed ")
    pooled = report["protocols"][0]["pooled"]
    assert set(pooled["model"]["auc"]) == {"value", "low", "high"}
    assert pooled["policy"]["policy"] == "default@1"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.csv"], "nowhere.csv: cannot be opened (No such file or directory)"),
        (["news.csv", "--recipe", "best"], "there is no recipe 'best'; there are default, plain, deployed"),
        (["news.csv", "--compare-recipe", "best"], "there is no recipe 'best'; there are default, plain, deployed"),
        (["news.csv", "--recipe", "default", "--model", "m"], "--recipe fits afresh, --model judges what was saved"),
        (["news.csv", "--compare", "m"], "--compare and --policy are for saved models"),
        (["news.csv", "--policy", "p"], "--compare and --policy are for saved models"),
        (["news.csv", "--model", "m", "--compare-recipe", "deployed"], "--compare-recipe is for a recipe"),
        (["news.csv", "--model", "m", "--family", "a,b"], "--family says what a recipe is not fitted on"),
        (["news.csv", "--family", ","], "--family names corpora, with commas between them"),
        (["news.csv", "--family", "news,old"], "a family names 'old'; the corpora are news"),
        (["news.csv", "--html", "no/folder.html"], "no/folder.html: there is no folder no"),
        (["news.csv", "--label", "class"], "news.csv: there is no column 'class'"),
        (["three.csv"], "a class has only"),
    ],
)
@pytest.mark.usefixtures("news_csv")
def test_what_cannot_be_evaluated_is_one_line_and_exit_code_2(
    falsetrue: Run, tmp_path: Path, arguments: list[str], said: str
) -> None:
    text = "a text that is long enough to be kept by the cleaning of news"
    (tmp_path / "three.csv").write_text("text,label\n" + "".join(f"{text} {n},{n % 2}\n" for n in range(3)))
    answered = falsetrue("evaluate", *arguments)
    assert answered.returncode == 2
    assert answered.stderr.startswith(f"falsetrue: {said}")
    assert answered.stderr.count("\n") == 1
