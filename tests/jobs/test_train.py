import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import make_news, write_csv

from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import MANIFEST, LeakAfterRecord, Manifest
from falsetrue.errors import InputError
from falsetrue.jobs.progress import Quiet
from falsetrue.jobs.train import Training, train
from falsetrue.model.decision import Outcome
from falsetrue.model.fitting import RECIPES, balanced_weights
from falsetrue.news.about import About
from falsetrue.news.article import Article, Label
from falsetrue.news.filtering import CATALOGUE
from falsetrue.news.labelled import Columns

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HEADER = "title,text,label\n"


def run(folder: Path, *files: Path, recipe: str = "default", now: datetime = NOW, **options: Any) -> Manifest:
    training = Training(recipe=RECIPES[recipe], name="m", files=[str(file) for file in files], **options)
    return train(training, folder, now=now, progress=Quiet())


class Phases(Quiet):
    """Remembers the phases it was told of."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def phase(self, name: str, total: int | None = None, unit: str = "") -> None:
        """Remember one."""
        del total, unit
        self.names.append(name)


@pytest.mark.parametrize("recipe", list(RECIPES))
def test_the_same_news_and_seed_give_the_same_bytes_but_for_the_times(
    news_csv: Path, tmp_path: Path, recipe: str
) -> None:
    later = datetime(2026, 7, 7, tzinfo=UTC)
    one = run(tmp_path / "one", news_csv, recipe=recipe)
    other = run(tmp_path / "other", news_csv, recipe=recipe, now=later)
    for path in (tmp_path / "one").iterdir():
        if path.name != MANIFEST:
            assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes(), path.name
    assert one.content_sha256 == other.content_sha256
    assert (one.created_at, one.version) != (other.created_at, other.version)


def test_another_seed_gives_another_model(news_csv: Path, tmp_path: Path) -> None:
    one = run(tmp_path / "one", news_csv)
    other = run(tmp_path / "other", news_csv, seed=1)
    assert one.content_sha256 != other.content_sha256


def test_the_summary_holds_every_figure_with_its_interval(trained: Callable[[str], Path]) -> None:
    metrics = open_bundle(trained("default")).manifest.metrics
    for estimate in (metrics.accuracy, metrics.f1_false, metrics.f1_real, metrics.brier, metrics.auc):
        assert estimate.low <= estimate.value <= estimate.high
    assert sum(metrics.confusion.values()) == 80
    assert metrics.accuracy.value > 0.9


def test_pages_in_the_place_of_articles_are_left_out_counted_and_named_in_the_manifest(tmp_path: Path) -> None:
    rows = make_news(200)
    wall = "You must log in to continue, or go back to where you came from."
    pages = [(f"Title {at}", wall, at % 2) for at in range(10)]
    manifest = run(tmp_path / "m", write_csv(tmp_path / "news.csv", rows + pages), quick=True)
    (corpus,) = manifest.corpora
    assert (corpus.real + corpus.false, corpus.dropped["login_wall@1"]) == (200, 10)
    assert manifest.filters == list(CATALOGUE)
    assert any("(login_wall@1)" in words for words in manifest.left_out)
    plain = run(tmp_path / "plain", tmp_path / "news.csv", recipe="plain", quick=True)
    assert (plain.filters, plain.corpora[0].real + plain.corpora[0].false) == ([], 210)


def test_the_leaks_say_what_the_masks_of_the_recipe_leave_of_them(tmp_path: Path) -> None:
    rows = [(title, f"LONDON (Reuters) - {text}" if label else text, label) for title, text, label in make_news(240)]
    source = write_csv(tmp_path / "news.csv", rows)
    masked, plain = (
        {leak.name: leak.after for leak in run(tmp_path / recipe, source, recipe=recipe).leaks}["dateline@1"]
        for recipe in ("default", "plain")
    )
    assert masked == LeakAfterRecord(real_share=0, false_share=0, auc=0.5)
    assert plain == LeakAfterRecord(real_share=1, false_share=0, auc=1)


def test_titles_count_where_there_are_titles(tmp_path: Path) -> None:
    bodies = [text.replace(",", "") for _, text, _ in make_news(400)[::2]]  # of one class, so that they tell nothing
    rows = [f"{'minister says' if n % 2 else 'shocking hoax'},{body},{n % 2}" for n, body in enumerate(bodies)]
    (tmp_path / "n.csv").write_text(HEADER + "\n".join(rows))
    assert run(tmp_path / "m", tmp_path / "n.csv").metrics.accuracy.value > 0.9


def test_columns_may_have_other_names(news_csv: Path, tmp_path: Path) -> None:
    content = news_csv.read_text().replace("title,text,label", "titulo,cuerpo,clase", 1)
    (tmp_path / "n.csv").write_text(content)
    columns = Columns(text="cuerpo", title="titulo", label="clase")
    assert run(tmp_path / "m", tmp_path / "n.csv", columns=columns).split.held_out == 40


def test_several_files_are_several_corpora_and_shared_articles_count_once(news_csv: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    rows = news_csv.read_text().splitlines()
    other.write_text("\n".join([rows[0], *rows[1:21], *(row.replace("Item", "Other") for row in rows[21:101])]))
    manifest = run(tmp_path / "m", news_csv, other)
    assert [(corpus.name, corpus.real + corpus.false) for corpus in manifest.corpora] == [("news", 200), ("other", 80)]
    assert manifest.corpora[1].dropped["duplicate"] == 20
    assert set(manifest.metrics.by_corpus) == {"news", "other"}


def test_an_article_under_both_labels_in_two_corpora_is_left_out_of_both(news_csv: Path, tmp_path: Path) -> None:
    rows = news_csv.read_text().splitlines()
    turned = [row[:-1] + str(1 - int(row[-1])) for row in rows[1:5]]
    own = [row.replace("Item", "Other") for row in rows[5:101]]
    (tmp_path / "other.csv").write_text("\n".join([rows[0], *turned, *own]))
    manifest = run(tmp_path / "m", news_csv, tmp_path / "other.csv")
    assert [corpus.dropped["conflicting"] for corpus in manifest.corpora] == [4, 4]
    assert [corpus.real + corpus.false for corpus in manifest.corpora] == [196, 96]


def test_a_corpus_left_with_one_class_by_another_is_refused(news_csv: Path, tmp_path: Path) -> None:
    rows = news_csv.read_text().splitlines()
    real_of_both = [row for row in rows[1:] if row.endswith("1")][:20]
    false_of_its_own = [row.replace("Item", "Other") for row in rows[1:] if row.endswith("0")][:20]
    (tmp_path / "other.csv").write_text("\n".join([rows[0], *real_of_both, *false_of_its_own]))
    with pytest.raises(InputError, match=r"other\.csv: all 20 articles are false"):
        run(tmp_path / "m", news_csv, tmp_path / "other.csv")


def test_corpora_and_classes_weigh_the_same() -> None:
    def articles(corpus: str, label: Label, count: int) -> list[Article]:
        return [Article(corpus=corpus, line=1, title=None, text="t", label=label)] * count

    many = articles("a", Label.REAL, 90) + articles("a", Label.FALSE, 10) + articles("b", Label.REAL, 5)
    weights = balanced_weights(many)
    assert weights[:90].sum() == pytest.approx(weights[90:100].sum()) == pytest.approx(weights[100:].sum())
    assert weights.mean() == pytest.approx(1)


def test_the_summary_of_the_recipe_names_the_corpora_that_weigh_less(news_csv: Path, tmp_path: Path) -> None:
    other = tmp_path / "claims.csv"
    other.write_text(news_csv.read_text().replace("Item", "Claim"))
    recipe = RECIPES["default"].summary
    assert run(tmp_path / "same", news_csv, other).recipe_summary == recipe
    lighter = run(tmp_path / "less", news_csv, other, about={"claims": About(weight=0.25)})
    assert lighter.recipe_summary == f"{recipe}; corpora of less weight: claims 0.25"


def test_the_default_policy_keeps_its_distance_from_a_half(trained: Callable[[str], Path]) -> None:
    policy = open_bundle(trained("default")).manifest.policy.policy()
    assert policy.false_below <= 0.4
    assert policy.real_above >= 0.6
    assert policy.actions[Outcome.UNSURE] == "review"


def test_the_pair_layout_is_one_corpus_of_both_files(tmp_path: Path, news_csv: Path) -> None:
    rows = news_csv.read_text().splitlines()
    for name, label in (("True.csv", "1"), ("Fake.csv", "0")):
        own = [row.rpartition(",")[0] for row in rows[1:] if row.endswith(label)]
        (tmp_path / name).write_text("\n".join(["title,text", *own]))
    manifest = run(tmp_path / "m", real=str(tmp_path / "True.csv"), fake=str(tmp_path / "Fake.csv"))
    (corpus,) = manifest.corpora
    assert (corpus.name, corpus.real, corpus.false) == ("True+Fake", 100, 100)
    assert set(corpus.files) == {"True.csv", "Fake.csv"}


def test_phases_are_told_in_order(news_csv: Path, tmp_path: Path) -> None:
    phases = Phases()
    training = Training(recipe=RECIPES["default"], name="m", files=[str(news_csv)])
    train(training, tmp_path / "m", now=NOW, progress=phases)
    assert phases.names == [
        "read news.csv",
        "find copies",
        "audit news",
        "find near duplicates",
        "tell languages",
        "count words",
        "fit and calibrate",
        "measure",
        "reference rows",
        "save",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"n\.csv: the file is empty"),
        (HEADER, r"n\.csv: no article is left to learn from \(the file has no rows\)"),
        (HEADER + ",,1\n,,0\n", r"no article is left to learn from \(2 empty_text\)"),
        (HEADER + "".join(f",{'some words ' * 9}{n},1\n" for n in range(9)), r"n\.csv: all 9 articles are real; both"),
        ("title,body,label\n", "there is no column 'text'"),
        (HEADER + ",a,2\n", r"n\.csv, line 2: label '2' is none of"),
        (
            HEADER + "".join(f",{'some words ' * 9}{n},{n % 2}\n" for n in range(8)),
            "a class has only .* articles to fit on",
        ),
    ],
)
def test_news_that_cannot_be_learnt_from_ends_in_one_line_and_no_model(
    tmp_path: Path, content: str, message: str
) -> None:
    (tmp_path / "n.csv").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        run(tmp_path / "m", tmp_path / "n.csv")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "m").exists()


def test_articles_without_a_word_in_common_end_in_one_line(tmp_path: Path) -> None:
    rows = [f",{' '.join(f'w{n}x{k}' for k in range(20))},{n % 2}" for n in range(60)]
    (tmp_path / "n.csv").write_text(HEADER + "\n".join(rows))
    with pytest.raises(InputError, match="share too few words"):
        run(tmp_path / "m", tmp_path / "n.csv")


def test_two_files_of_one_name_are_refused(news_csv: Path, tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    shutil.copy(news_csv, tmp_path / "more" / "news.csv")
    with pytest.raises(InputError, match="two of the files have the same name"):
        run(tmp_path / "m", news_csv, tmp_path / "more" / "news.csv")


def test_an_existing_model_is_refused_before_anything_is_read(trained: Callable[[str], Path]) -> None:
    with pytest.raises(InputError, match="exists already"):
        run(trained("default"), Path("nowhere.csv"))


def test_the_languages_are_those_that_serving_finds_whatever_the_file_says(news_csv: Path, tmp_path: Path) -> None:
    rows = news_csv.read_text().splitlines()
    named = tmp_path / "named.csv"
    named.write_text("\n".join([f"{rows[0]},language", *(f"{row},English" for row in rows[1:])]))
    manifest = run(tmp_path / "m", named)
    assert manifest.languages == manifest.policy.languages == ["en"]
    assert manifest.metrics.selective.coverage.value > 0


def test_a_language_that_no_text_can_be_found_to_be_in_is_refused(news_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="language 'English' is none that is recognised"):
        run(tmp_path / "m", news_csv, languages=["English"])


def test_a_corpus_that_is_not_judged_is_fitted_on_and_nothing_else(news_csv: Path, tmp_path: Path) -> None:
    other = write_csv(tmp_path / "claims.csv", make_news(200, seed=1))
    about = {"claims": About(judged=False, weight=0.3)}
    manifest = run(tmp_path / "m", news_csv, other, about=about)
    assert manifest.evaluation is not None
    assert set(manifest.evaluation.by_corpus) == {"news"}
    assert manifest.evaluation.left_out == []  # without the news nothing is left to make probabilities of
    assert manifest.split.fitted > 300


def test_where_no_corpus_is_judged_there_is_nothing_to_make_probabilities_of(news_csv: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="of one class"):
        run(tmp_path / "m", news_csv, about={"news": About(judged=False)})


def test_outlets_are_drawn_together_where_they_are_known(tmp_path: Path) -> None:
    rows = make_news(400)
    lines = [f"{title},{text},{label},outlet{n % 100}" for n, (title, text, label) in enumerate(rows)]
    (tmp_path / "n.csv").write_text("title,text,label,source\n" + "\n".join(lines))
    manifest = run(tmp_path / "m", tmp_path / "n.csv")
    assert manifest.evaluation is not None
    assert manifest.evaluation.known_outlets is not None
    assert manifest.evaluation.held_out.clustered_by == "source"
    assert manifest.split.sources_apart == {"n": True}
