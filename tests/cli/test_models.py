import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from falsetrue import wiring
from falsetrue.bundle.folder import open_bundle, open_scorer, write_bundle
from falsetrue.bundle.foreign import EstimatorScorer, dump_estimator, load_estimator
from falsetrue.bundle.golden import golden_texts
from falsetrue.bundle.manifest import ESTIMATOR, MANIFEST, SCORER, fingerprint, seal
from falsetrue.errors import BundleError
from falsetrue.settings import Settings

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def uncompiled(trained: Callable[[str], Path], tmp_path: Path) -> Path:
    """A sealed model that only unpickling can serve."""
    sound = open_bundle(trained("default"), keep=("baseline.json", "card.md"))
    pipeline = make_pipeline(HashingVectorizer(), LogisticRegression()).fit(["real words", "fake words"], [1, 0])
    files = {**sound.contents, ESTIMATOR: dump_estimator(pipeline)}
    manifest = msgspec.structs.replace(
        sound.manifest,
        name="foreign",
        compiled=False,
        not_compiled_because="HashingVectorizer",
        golden_p_real=pipeline.predict_proba(list(golden_texts()))[:, 1].tolist(),
        files={name: fingerprint(content) for name, content in files.items()},
    )
    write_bundle(tmp_path / "models" / "foreign", seal(manifest, datetime(2026, 1, 1, tzinfo=UTC)), files)
    return tmp_path / "models" / "foreign"


def test_list_shows_the_shipped_model_and_those_of_the_folder(falsetrue: Run, uncompiled: Path) -> None:
    damaged = Path(shutil.copytree(uncompiled, uncompiled.with_name("damaged")))
    (damaged / MANIFEST).write_text("{}")
    listed = json.loads(falsetrue("models", "list", "--json").stdout)
    assert [row.get("name") for row in listed] == ["news-en-es", None, "foreign"]
    assert [row.get("served_by") for row in listed] == [
        "compiled scorer",
        None,
        "joblib, not trusted: cannot be served",
    ]
    assert "news-en-es@" in falsetrue("models", "list").stdout


def test_verify_proves_scorer_and_pipeline_equal(falsetrue: Run) -> None:
    checked = json.loads(falsetrue("models", "verify", "--json").stdout)
    assert checked["golden_texts"] == len(golden_texts())
    assert 0 <= checked["scorer_difference"] <= 1e-6
    assert 0 <= checked["estimator_difference"] <= 1e-6


def test_verify_names_the_file_that_changed(falsetrue: Run, trained: Callable[[str], Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(trained("default"), tmp_path / "bundle"))
    (bundle / SCORER).write_bytes((bundle / SCORER).read_bytes()[:-1] + b"x")
    answered = falsetrue("models", "verify", bundle)
    assert answered.returncode == 4
    assert answered.stderr.startswith(f"falsetrue: {bundle / SCORER}: is not the file that was saved")


@pytest.mark.usefixtures("uncompiled")
def test_a_model_that_must_be_unpickled_is_served_only_once_trusted(falsetrue: Run) -> None:
    refused = falsetrue("check", "some text", "--model", "foreign")
    assert refused.returncode == 4
    assert "falsetrue models trust" in refused.stderr
    assert "model_final.joblib was not opened" in falsetrue("models", "verify", "foreign").stdout
    assert json.loads(falsetrue("models", "trust", "foreign", "--json").stdout)["trusted"] is True
    assert falsetrue("check", "some text", "--model", "foreign").returncode == 0
    assert "model_final.joblib answers" in falsetrue("models", "verify", "foreign").stdout
    assert "joblib, trusted" in falsetrue("models", "list").stdout


def test_trust_is_of_the_bytes_not_of_the_name(falsetrue: Run, uncompiled: Path) -> None:
    falsetrue("models", "trust", "foreign")
    other = make_pipeline(HashingVectorizer(), LogisticRegression(C=2)).fit(["real words", "fake words"], [1, 0])
    opened = open_bundle(uncompiled, keep=("baseline.json", "card.md"))
    files = {**opened.contents, ESTIMATOR: dump_estimator(other)}
    changed = msgspec.structs.replace(
        opened.manifest, files={name: fingerprint(content) for name, content in files.items()}
    )
    write_bundle(uncompiled, seal(changed, datetime(2026, 1, 2, tzinfo=UTC)), files, replace=True)
    assert falsetrue("check", "some text", "--model", "foreign").returncode == 4


def test_a_model_swapped_after_trust_was_checked_is_not_unpickled(
    uncompiled: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is unpickled is the bytes whose digest was trusted, not what stands there by then."""
    opened = open_bundle(uncompiled, keep=("baseline.json", "card.md"))
    other = make_pipeline(HashingVectorizer(), LogisticRegression(C=9)).fit(["real words", "fake words"], [1, 0])
    files = {**opened.contents, ESTIMATOR: dump_estimator(other)}
    swapped = msgspec.structs.replace(
        opened.manifest, files={name: fingerprint(content) for name, content in files.items()}
    )

    def trusted_then_swapped(_state: Path, _sha256: str) -> bool:
        write_bundle(uncompiled, seal(swapped, datetime(2026, 1, 3, tzinfo=UTC)), files, replace=True)
        return True

    monkeypatch.setattr(wiring, "is_trusted", trusted_then_swapped)
    classifier = wiring.load_classifier(Settings(model=str(uncompiled), state_folder=tmp_path))
    assert classifier.manifest == opened.manifest


def test_estimators_whose_classes_are_not_ours_are_refused() -> None:
    for labels in (["real", "unreliable"], [1, 2], ["0", "1"]):
        pipeline = make_pipeline(HashingVectorizer(), LogisticRegression()).fit(["real words", "fake words"], labels)
        with pytest.raises(BundleError, match="must be 0 \\(false\\) and 1 \\(real\\)"):
            EstimatorScorer(pipeline)


# --- compile ------------------------------------------------------------------------------------------


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Somebody's pipeline, saved with joblib."""
    pipeline = make_pipeline(HashingVectorizer(n_features=64), LogisticRegression())
    path = tmp_path / "theirs.joblib"
    path.write_bytes(dump_estimator(pipeline.fit(["real words", "fake words"], [1, 0])))
    return path


def test_compile_writes_a_proved_scorer_of_a_file_that_is_trusted(falsetrue: Run, saved: Path, tmp_path: Path) -> None:
    answered = falsetrue("models", "compile", saved, "-o", "theirs.safetensors", "--trust", "--json")
    said = json.loads(answered.stdout)
    assert (said["head"], said["columns"], said["format"]) == ("linear", 64, 3)
    assert said["parts"] == ["HashingVectorizer", "LogisticRegression"]
    assert said["proved_on"] >= len(golden_texts())
    assert said["difference"] <= 1e-6
    scorer = open_scorer(tmp_path / "theirs.safetensors")
    expected = load_estimator(saved.read_bytes()).predict_proba(["real words"])[0, 1]
    assert scorer.p_real(["real words"])[0] == pytest.approx(expected, abs=1e-12)
    assert (tmp_path / "theirs.safetensors").stat().st_size == said["bytes"]


def test_compile_writes_into_a_folder_and_replaces_only_when_told_to(falsetrue: Run, saved: Path) -> None:
    (saved.parent / "out").mkdir()
    command = ("models", "compile", saved, "-o", "out", "--trust")
    assert "says what the pipeline says" in falsetrue(*command).stdout
    assert (saved.parent / "out" / SCORER).is_file()
    assert falsetrue(*command).returncode == 2
    assert falsetrue(*command, "--replace").returncode == 0


def test_compile_opens_no_pickle_that_nobody_trusts(falsetrue: Run, tmp_path: Path) -> None:
    (tmp_path / "evil.joblib").write_bytes(b"cos\nsystem\n(S'touch opened'\ntR.")
    refused = falsetrue("models", "compile", "evil.joblib", "-o", "out.safetensors")
    assert refused.returncode == 4
    assert "say --trust" in refused.stderr
    assert not (tmp_path / "opened").exists()


def test_compile_names_what_has_no_compiled_form(falsetrue: Run, tmp_path: Path) -> None:
    pipeline = make_pipeline(HashingVectorizer(analyzer="char"), LogisticRegression())
    (tmp_path / "chars.joblib").write_bytes(dump_estimator(pipeline.fit(["real words", "fake words"], [1, 0])))
    refused = falsetrue("models", "compile", "chars.joblib", "-o", "out.safetensors", "--trust")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "chars.joblib: HashingVectorizer(analyzer='char') has no compiled form" in refused.stderr
    assert not (tmp_path / "out.safetensors").exists()


@pytest.mark.parametrize(
    ("source", "output", "code", "message"),
    [
        ("none.joblib", "out", 2, "none.joblib: cannot be read"),
        ("theirs.joblib", "no/such/folder", 2, "there is no folder no/such"),
        ("theirs.joblib", "model", 2, "is a model, which is sealed"),
        ("broken.joblib", "out", 4, "cannot be loaded by the installed libraries"),
        ("number.joblib", "out", 4, "int has no compiled form"),
    ],
)
@pytest.mark.usefixtures("saved")
def test_compile_says_what_it_cannot_use(
    *, falsetrue: Run, tmp_path: Path, source: str, output: str, code: int, message: str
) -> None:
    (tmp_path / "broken.joblib").write_bytes(b"no pickle")
    (tmp_path / "number.joblib").write_bytes(dump_estimator(7))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / MANIFEST).write_text("{}")
    refused = falsetrue("models", "compile", source, "-o", output, "--trust")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (code, 1)
    assert message in refused.stderr
