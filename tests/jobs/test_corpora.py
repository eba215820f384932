"""The bars that only the labelled corpora can show."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from falsetrue.bundle.manifest import Manifest
from falsetrue.jobs.classify import Item
from falsetrue.jobs.progress import Quiet
from falsetrue.jobs.train import Training, train
from falsetrue.model.fitting import RECIPES
from falsetrue.registry.folder import shipped_folder
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

pytestmark = pytest.mark.corpora


@pytest.fixture(scope="module")
def train_on_isot(corpora: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Manifest]]:
    """A model by recipe, trained once, and its manifest."""
    return cache(lambda recipe: _train_on_isot(corpora, tmp_path_factory.mktemp("isot"), recipe))


def _train_on_isot(corpora: Path, folder: Path, recipe: str) -> tuple[Path, Manifest]:
    training = Training(
        recipe=RECIPES[recipe],
        name=recipe,
        real=str(corpora / "isot" / "True.csv"),
        fake=str(corpora / "isot" / "Fake.csv"),
        split="random",
        quick=True,
    )
    manifest = train(training, folder / recipe, now=datetime(2026, 1, 1, tzinfo=UTC), progress=Quiet())
    return folder / recipe, manifest


@pytest.mark.parametrize(("recipe", "at_least"), [("deployed", 0.94), ("default", 0.985)])
def test_accuracy_on_the_isot_split_of_the_deployed_model(
    train_on_isot: Callable[[str], tuple[Path, Manifest]], recipe: str, at_least: float
) -> None:
    _, manifest = train_on_isot(recipe)
    assert manifest.split.held_out == 825
    assert manifest.metrics.accuracy.value >= at_least


def test_the_deployed_recipe_is_the_deployed_pipeline(
    train_on_isot: Callable[[str], tuple[Path, Manifest]],
) -> None:
    from falsetrue.bundle.folder import open_bundle
    from falsetrue.bundle.foreign import load_estimator
    from falsetrue.bundle.manifest import ESTIMATOR

    folder, _ = train_on_isot("deployed")
    pipeline = load_estimator(open_bundle(folder, keep=(ESTIMATOR,)).contents[ESTIMATOR])
    vectorizer, forest = (step for _, step in pipeline.steps)
    assert vectorizer.max_features == 122131
    assert (forest.max_depth, forest.random_state, forest.n_estimators) == (6, 0, 100)


def test_no_sentence_of_the_corpora_is_in_the_shipped_model(corpora: Path) -> None:
    text = b"".join(path.read_bytes() for path in shipped_folder().iterdir() if path.suffix != ".joblib")
    for name in ("isot_partial_fulltext", "spanish_fakenews_corpus"):
        for row in pq.read_table(corpora / f"{name}.parquet", columns=["text"]).to_pylist()[:200]:
            assert " ".join((row["text"] or "").lower().split()[3:10]).encode() not in text


def test_the_shipped_model_decides_and_is_mostly_right_on_news_of_its_kind(corpora: Path) -> None:
    rows = pq.read_table(corpora / "isot_partial_fulltext.parquet").to_pylist()[::20]
    classifier = load_classifier(Settings())
    items = [Item(title=row["title"], text=row["text"]) for row in rows]
    labels = [getattr(found, "is_falsetrue", None) for found in classifier.classify(items, classifier.policies.default)]
    decided = [(said, row["label"]) for said, row in zip(labels, rows, strict=True) if said is not None]
    assert len(decided) > len(rows) / 2
    assert sum(said == label for said, label in decided) / len(decided) > 0.95
