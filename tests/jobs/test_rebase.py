from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.conftest import make_news, write_csv

from falsetrue.bundle.baseline import read_baseline
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import BASELINE, REFERENCE
from falsetrue.errors import BundleDamagedError, InputError, RowError
from falsetrue.features.sketching import Sketcher
from falsetrue.jobs.classify import Classifier, Item, Refusal
from falsetrue.jobs.progress import Quiet
from falsetrue.jobs.rebase import (
    Judge,
    TextFile,
    doubts,
    read_observations,
    read_seconds,
    rebase,
    reference_of_bundle,
    timed,
)
from falsetrue.jobs.train import Training, train
from falsetrue.model.fitting import RECIPES
from falsetrue.monitor.drift import examine
from falsetrue.monitor.findings import State
from falsetrue.monitor.observations import Observations
from falsetrue.monitor.profile import Profile
from falsetrue.monitor.reference import PUBLIC_SALT
from falsetrue.news.article import join_title_and_text
from falsetrue.news.labelled import Columns
from falsetrue.registry.folder import shipped_folder
from falsetrue.registry.policies import Policies

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
SALT = b"a salt of more than sixteen bytes"


def _judge(folder: Path, tmp_path: Path) -> Judge:
    bundle = open_bundle(folder)
    policy = bundle.manifest.policy.policy()
    classifier = Classifier(
        manifest=bundle.manifest,
        baseline=bundle.baseline(),
        scorer=bundle.compiled_scorer(),
        policies=Policies(policy, tmp_path / "policies"),
    )
    return Judge(classifier=classifier, policy=policy)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    """The model that comes with the package."""
    return _judge(shipped_folder(), tmp_path)


@pytest.fixture
def labelled(tmp_path: Path) -> TextFile:
    """600 labelled texts."""
    return TextFile(path=str(write_csv(tmp_path / "ours.csv", make_news(600))))


def _read(file: TextFile, judge: Judge | None) -> list[Observations]:
    return list(read_observations(file, judge, read_seconds(file, NOW), salt=SALT))


def test_texts_of_a_file_are_observed_as_the_service_would_see_them(labelled: TextFile, judge: Judge) -> None:
    (found,) = _read(labelled, judge)
    rows = make_news(600)
    said = judge.classifier.classify([Item(title=title, text=text) for title, text, _ in rows], judge.policy)
    for row, each in enumerate(said[:50]):
        assert not isinstance(each, Refusal)
        assert found.p_real[row] == each.p_real
        assert (found.words[row], found.known_words[row]) == (each.words, each.known_words)
        assert found.languages[row] == each.language
        assert found.labels[row] == {"false": 0, "real": 1, "unsure": -1}[each.label]
    contents = [join_title_and_text(title, text) for title, text, _ in rows]
    assert found.characters.tolist() == [len(content) for content in contents]
    assert found.truth is not None
    assert found.truth.tolist() == [label for _, _, label in rows]
    assert len(Sketcher(SALT).sketch(contents[:1])) == 1
    assert found.sketched.all()
    assert np.isnan(found.seconds).all()
    (known,) = timed([found], NOW)
    assert (known.seconds == NOW.timestamp()).all()


def test_a_long_file_is_read_in_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, judge: Judge) -> None:
    file = TextFile(path=str(write_csv(tmp_path / "ours.csv", make_news(50))))
    (whole,) = _read(file, judge)
    monkeypatch.setattr("falsetrue.jobs.rebase.BATCH", 20)
    parts = _read(file, judge)
    assert [len(part) for part in parts] == [20, 20, 10]
    assert np.concatenate([part.priority for part in parts]).tolist() == whole.priority.tolist()
    assert np.concatenate([part.p_real for part in parts]).tolist() == whole.p_real.tolist()


def test_a_baseline_of_a_file_has_what_its_labels_say(labelled: TextFile, judge: Judge) -> None:
    reference = rebase(labelled, judge, salt=SALT, is_secret=False, now=NOW)
    assert (reference.name, reference.salt) == ("ours.csv", SALT)
    assert reference.model_version == judge.classifier.manifest.version
    assert reference.policy == judge.policy.reference
    assert reference.all.outcomes.texts == 600
    (found,) = _read(labelled, judge)
    assert found.truth is not None
    assert reference.all.outcomes.forced.errors == int(np.sum((found.p_real > 0.5) != (found.truth == 1)))
    findings = examine(Profile.of(found), reference)
    assert {finding.state for finding in findings if finding.watch != "expected_error"} <= {
        State.QUIET,
        State.OFF,
    }


def test_a_secret_salt_is_not_written_down(labelled: TextFile, judge: Judge) -> None:
    reference = rebase(labelled, judge, salt=SALT, is_secret=True, now=NOW)
    assert reference.salt is None
    assert SALT not in reference.to_bytes()


def test_no_text_gets_into_a_baseline(labelled: TextFile, judge: Judge) -> None:
    content = rebase(labelled, judge, salt=SALT, is_secret=False, now=NOW).to_bytes()
    for word in (b"shocking", b"minister", b"parliament", b"Item 7"):
        assert word not in content


def test_scores_of_another_model_are_taken_from_a_column(tmp_path: Path) -> None:
    rows = [
        f"{text},{label},{0.9 if label else 0.2},{number % 28 + 1}.10.2026"
        for number, (_, text, label) in enumerate(make_news(300))
    ]
    path = tmp_path / "scored.csv"
    path.write_text("\n".join(["body,is_real,score,day", *rows]))
    columns = Columns(text="body", label="is_real", date="day")
    file = TextFile(path=str(path), columns=columns, score="score")
    (found,) = _read(file, None)
    assert set(found.p_real.tolist()) == {0.9, 0.2}
    assert found.known_words.tolist() == [-1] * 300
    assert len({datetime.fromtimestamp(second, UTC).day for second in found.seconds.tolist()}) == 28
    reference = rebase(file, None, salt=SALT, is_secret=False, now=NOW)
    assert reference.all.outcomes.forced.errors == 0
    assert (reference.model_name, reference.model_version, reference.policy) == ("score", "", "")
    named = rebase(replace(file, name="bert"), None, salt=SALT, is_secret=False, now=NOW)
    assert named.model_name == "bert"


def _dated(path: Path, *dates: str) -> TextFile:
    """One text of each date; a row of another kind has none."""
    path.write_text("text,score,date\n" + "".join(f"some text,0.5,{date}\n" for date in dates))
    return TextFile(path=str(path), score="score")


def test_a_text_without_a_usable_date_has_no_day(tmp_path: Path) -> None:
    file = _dated(tmp_path / "week.csv", "2026-11-01", "", "soon", "2031-01-01", "1.11.26")
    seconds = read_seconds(file, NOW)
    assert seconds is not None
    assert np.isnan(seconds).tolist() == [False, True, True, True, True]
    assert datetime.fromtimestamp(seconds[0], UTC) == datetime(2026, 11, 1, tzinfo=UTC)
    assert len(_read(file, None)[0]) == 5


@settings(max_examples=30)
@given(
    days=st.lists(st.none() | st.integers(0, 27), min_size=1, max_size=40),
    bounds=st.tuples(st.none() | st.integers(0, 27), st.none() | st.integers(0, 27)),
)
@example(days=[1, 2, 3, None], bounds=(2, 3))
def test_of_a_period_there_are_the_texts_of_its_days_and_no_others(
    tmp_path_factory: pytest.TempPathFactory, days: list[int | None], bounds: tuple[int | None, int | None]
) -> None:
    first = datetime(2026, 10, 1, tzinfo=UTC)
    path = tmp_path_factory.mktemp("dated") / "month.csv"
    file = _dated(path, *("" if day is None else f"{first + timedelta(days=day):%Y-%m-%d}" for day in days))
    since, until = (None if bound is None else first + timedelta(days=bound) for bound in bounds)
    has_period = since is not None or until is not None
    wanted = [
        day
        for day in days
        if not has_period or (day is not None and (bounds[0] or 0) <= day < (28 if bounds[1] is None else bounds[1]))
    ]
    chosen = replace(file, since=since, until=until)
    if has_period and not wanted:
        with pytest.raises(InputError, match="no text is of the days asked for"):
            _read(chosen, None)
        return
    (found,) = _read(chosen, None)
    known = [None if np.isnan(each) else (each - first.timestamp()) / 86_400 for each in found.seconds.tolist()]
    assert known == wanted


@pytest.mark.parametrize(
    ("header", "date", "says"),
    [
        ("date", "2026-10-03", "its dates go from 2026-10-03 to 2026-10-03"),
        ("date", "soon", "none of its dates, in the column 'date', can be used"),
        ("day", "2026-10-03", "name one with --date"),
    ],
)
def test_days_that_cannot_be_told_are_refused(tmp_path: Path, header: str, date: str, says: str) -> None:
    path = tmp_path / "week.csv"
    path.write_text(f"text,score,{header}\nsome text,0.5,{date}\n")
    with pytest.raises(InputError, match=says):
        read_seconds(TextFile(path=str(path), score="score", since=datetime(2026, 11, 1, tzinfo=UTC)), NOW)


def test_a_column_of_dates_that_is_named_must_be_there(tmp_path: Path) -> None:
    file = replace(_dated(tmp_path / "week.csv", "2026-11-01"), columns=Columns(date="day"))
    with pytest.raises(InputError, match="there is no column 'day'"):
        read_seconds(file, NOW)


def test_scores_and_labels_are_read_as_spreadsheets_write_them(tmp_path: Path) -> None:
    path = tmp_path / "hoja.csv"
    path.write_text("text;label;score\nuno;1,0;0,93\ndos;0.0;0,1\ntres;Verdadera;1\ncuatro;falso;0\ncinco;;0,5\n")
    (found,) = _read(TextFile(path=str(path), score="score"), None)
    assert found.p_real.tolist() == [0.93, 0.1, 1, 0, 0.5]
    assert found.truth is not None
    assert found.truth.tolist() == [1, 0, 1, 0, -1]


@pytest.mark.parametrize(
    ("label", "score", "says"),
    [
        (lambda row: row % 2, lambda row: row / 300, []),
        (lambda _: 1, lambda row: row / 300, ["all its labels say real"]),
        (lambda _: 0, lambda _: 0.5, ["all its labels say false", "all its texts have the same score"]),
    ],
)
def test_a_baseline_of_little_use_is_doubted(
    tmp_path: Path, label: Callable[[int], int], score: Callable[[int], float], says: list[str]
) -> None:
    path = tmp_path / "ours.csv"
    path.write_text("text,label,score\n" + "".join(f"a text,{label(row)},{score(row)}\n" for row in range(300)))
    found = doubts(rebase(TextFile(path=str(path), score="score"), None, salt=SALT, is_secret=False, now=NOW))
    assert len(found) == len(says)
    assert all(each.startswith(said) for each, said in zip(found, says, strict=True))


@pytest.mark.parametrize("score", ["", "high", "1.5", "nan", "-0.1"])
def test_what_is_no_probability_is_named_with_its_line(tmp_path: Path, score: str) -> None:
    path = tmp_path / "scored.csv"
    path.write_text(f"text,label,score\none,1,0.5\ntwo,0,{score}\n")
    with pytest.raises(RowError, match=r"line 3: score .* from 0 to 1"):
        _read(TextFile(path=str(path), score="score"), None)


def test_a_file_without_labels_can_be_looked_at_and_is_no_baseline(tmp_path: Path, judge: Judge) -> None:
    path = tmp_path / "week.csv"
    path.write_text("text\n" + "some text\n" * 300)
    (found,) = _read(TextFile(path=str(path)), judge)
    assert found.truth is not None
    assert (found.truth == -1).all()
    with pytest.raises(InputError, match="no column 'label'"):
        rebase(TextFile(path=str(path)), judge, salt=SALT, is_secret=False, now=NOW)


def test_too_few_labels_are_refused_with_what_to_do(tmp_path: Path, judge: Judge) -> None:
    path = tmp_path / "week.csv"
    path.write_text("text,label\n" + "some text,1\n" * 150 + "some text,\n" * 100)
    with pytest.raises(InputError, match=r"week.csv: 150 texts with a label are too few .* 200 are the least"):
        rebase(TextFile(path=str(path)), judge, salt=SALT, is_secret=False, now=NOW)


def test_empty_texts_are_counted_and_not_judged(tmp_path: Path, judge: Judge) -> None:
    path = tmp_path / "week.csv"
    path.write_text('text,label\n"",1\n" ",0\nsome text,1\n')
    (found,) = _read(TextFile(path=str(path)), judge)
    assert found.labels.tolist()[:2] == [-1, -1]
    assert Profile.of(found).problem("empty") == 2


def test_a_model_or_scores_are_needed_and_not_both(labelled: TextFile, judge: Judge) -> None:
    for file, model in ((labelled, None), (replace(labelled, score="label"), judge)):
        with pytest.raises(InputError, match="either a model"):
            _read(file, model)


def test_the_reference_of_an_older_bundle_is_made_of_its_baseline() -> None:
    bundle = open_bundle(shipped_folder(), keep=(BASELINE, REFERENCE))
    assert reference_of_bundle(bundle).texts == read_baseline(bundle.contents[BASELINE]).texts


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of so much news that enough is kept aside."""
    folder = tmp_path_factory.mktemp("large")
    source = write_csv(folder / "news.csv", make_news(1600))
    training = Training(recipe=RECIPES["default"], name="large", files=[str(source)], languages=["en"], quick=True)
    train(training, folder / "large", now=NOW, progress=Quiet())
    return folder / "large"


def test_training_writes_what_the_monitor_compares_with(large: Path, tmp_path: Path) -> None:
    bundle = open_bundle(large, keep=(BASELINE, REFERENCE))
    reference = reference_of_bundle(bundle)
    manifest = bundle.manifest
    assert (reference.name, reference.salt) == ("held-out news", PUBLIC_SALT)
    assert (reference.model_name, reference.model_version) == ("large", manifest.version)
    assert reference.texts == manifest.split.held_out
    confusion = reference.all.outcomes.confusion()
    assert confusion == manifest.metrics.confusion
    assert manifest.evaluation is not None
    verdicts = manifest.evaluation.policy.verdicts
    profile = reference.all.profile
    assert (profile.false, profile.real, profile.unsure) == tuple(
        verdicts[name] for name in ("false", "real", "unsure")
    )
    assert profile.sample is not None
    assert len(profile.sample) == reference.texts
    (found,) = _read(
        TextFile(path=str(write_csv(tmp_path / "new.csv", make_news(400, seed=5)))), _judge(large, tmp_path)
    )
    assert {each.state for each in examine(Profile.of(found), reference)} <= {State.QUIET, State.INSUFFICIENT}


def test_a_bundle_with_little_kept_aside_has_no_reference(trained: Callable[[str], Path]) -> None:
    manifest = open_bundle(trained("default")).manifest
    assert manifest.split.held_out < 200
    assert REFERENCE not in manifest.files


def test_a_reference_that_was_sealed_and_cannot_be_read_is_named(large: Path) -> None:
    bundle = open_bundle(large, keep=(BASELINE, REFERENCE))
    damaged = replace(bundle, contents={**bundle.contents, REFERENCE: b"nothing"})
    with pytest.raises(BundleDamagedError, match=REFERENCE):
        reference_of_bundle(damaged)
