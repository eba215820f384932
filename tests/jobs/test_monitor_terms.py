"""Which words are new, as far as texts may be read."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.journal.entries import NOW, Maker

from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import BASELINE, REFERENCE
from falsetrue.bundle.scorer import CompiledScorer, Scorer
from falsetrue.jobs import monitor_terms
from falsetrue.jobs.monitor import report_file, report_journal, watched_model, watched_scores
from falsetrue.jobs.monitor_look import look
from falsetrue.jobs.monitor_subjects import Journalled
from falsetrue.jobs.monitor_terms import MOST_TERMS, NewTerms, terms_of_slice
from falsetrue.jobs.rebase import Judge, TextFile, rebase
from falsetrue.journal.audit_items import AuditItems
from falsetrue.journal.records import Drawn, Entry, Writing
from falsetrue.journal.store import Journal
from falsetrue.monitor.findings import Term
from falsetrue.monitor.reference import PUBLIC_SALT
from falsetrue.monitor.store import MonitorStore
from falsetrue.registry.folder import find_model
from falsetrue.settings import Settings
from falsetrue.wiring import load_classifier

#: Words of no language that any model was made for.
ODD = ["".join(letters) for letters in zip("bcdfghjklm", "xzqwxzqwxz", "zxwqzxwqzx", "qwzxqwzxqw", strict=True)]


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return load_classifier(Settings()).scorer


def told(scorer: Scorer, *texts: str) -> dict[str, int]:
    """Of texts that differ by a number, which is no word."""
    terms = NewTerms(scorer)
    terms.add([f"{text} {number}" for number, text in enumerate(texts)])
    return {term.term: term.texts for term in terms.terms()}


def test_a_word_is_new_if_the_model_does_not_know_it_and_three_texts_have_it(scorer: Scorer) -> None:
    often, rare = "Bxzq said the president, bxzq again", "cxzw said the president"
    assert told(scorer, often, often, often, rare, rare) == {"bxzq": 3}


def test_numbers_and_what_is_too_long_for_a_word_and_what_a_mask_hides_are_no_words(scorer: Scorer) -> None:
    assert told(scorer, *[f"20391 {'q' * 41} https://bxzq.example/cxzw dxwz"] * 3) == {"dxwz": 3}


@given(
    texts=st.lists(st.lists(st.sampled_from([*ODD, "the", "president"]), max_size=6), max_size=30),
    cut=st.integers(0, 30),
)
def test_they_are_counted_as_one_by_one(scorer: Scorer, texts: list[list[str]], cut: int) -> None:
    terms, contents = NewTerms(scorer), [" ".join([*text, str(number)]) for number, text in enumerate(texts)]
    terms.add(contents[:cut])
    terms.add(contents[cut:])
    counts = Counter(word for text in texts for word in set(text) if word in ODD)
    wanted = sorted(((word, n) for word, n in counts.items() if n >= 3), key=lambda each: (-each[1], each[0]))
    assert terms.terms() == tuple(Term(term=word, texts=n, of=len(texts)) for word, n in wanted)


def test_a_text_that_is_sent_again_counts_once(scorer: Scorer) -> None:
    terms = NewTerms(scorer)
    for _ in range(3):
        terms.add(["bxzq said the president"] * 4)
    assert terms.terms() == ()
    terms.add([f"bxzq said {minister}" for minister in ("a minister", "the minister")])
    assert terms.terms() == (Term(term="bxzq", texts=3, of=3),)


def test_the_most_frequent_are_told(scorer: Scorer) -> None:
    words = [f"zx{number}q" for number in range(MOST_TERMS + 5)]
    texts = [" ".join(words[at:]) for at in range(len(words))]
    found = told(scorer, *texts)
    assert list(found) == words[:4:-1]


def test_with_very_many_words_the_frequent_ones_are_still_found(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(monitor_terms, "MOST_COUNTED", 50)
    terms = NewTerms(scorer)
    for number in range(100):
        terms.add([f"bxzq zx{number}qa zx{number}qb"])
        assert len(terms._counts) <= 50  # noqa: SLF001
    assert [(term.term, term.texts) for term in terms.terms()] == [("bxzq", 100)]


def test_of_a_model_that_says_nothing_of_words_none_are_told() -> None:
    class Other:
        score = p_real = None

    assert told(Other(), *["bxzq"] * 3) == {}  # type: ignore[arg-type]


# --- in reports ------------------------------------------------------------------------------------------


def write(path: Path) -> TextFile:
    rows = [{"text": f"bxzq the minister said {n}", "label": n % 2, "score": 0.1 + n % 2 * 0.8} for n in range(300)]
    path.write_bytes(b"\n".join(map(msgspec.json.encode, rows)))
    return TextFile(path=str(path))


def test_a_report_of_a_file_tells_them_with_our_model_and_not_with_scores_of_another(tmp_path: Path) -> None:
    file, classifier = write(tmp_path / "news.jsonl"), load_classifier(Settings())
    judge = Judge(classifier=classifier, policy=classifier.policies.default)
    watched = watched_model(open_bundle(find_model(None, tmp_path), keep=(BASELINE, REFERENCE)))
    report = report_file(file, judge, watched, salt=PUBLIC_SALT, now=NOW)
    assert report.terms[0] == Term(term="bxzq", texts=300, of=300)
    scored = TextFile(path=file.path, score="score")
    others = rebase(scored, None, salt=PUBLIC_SALT, is_secret=False, now=NOW)
    assert report_file(scored, None, watched_scores(others, scored.scorer), salt=PUBLIC_SALT, now=NOW).terms == ()


def drawn(at: datetime, count: int, word: str, version: str, *, refused: bool = False) -> list[Entry]:
    maker = Maker(at)
    texts = [None if refused else f"{word} the minister said {number}" for number in range(count)]
    return [
        maker.entry(drawn=Drawn(rank=n, refused=refused, text=text), model_version=version, sketch=None)
        for n, text in enumerate(texts)
    ]


@pytest.fixture
def journal(engine: Engine) -> Journalled:
    return Journalled(
        engine=engine,
        store=MonitorStore(engine),
        audit=AuditItems(engine, daily=5),
        audited=True,
        audit_daily=5,
    )


def test_of_the_journal_they_are_those_of_the_slices_of_the_version_and_the_time(
    journal: Journalled, scorer: CompiledScorer
) -> None:
    first = datetime(2026, 3, 1, 1, tzinfo=UTC)
    one_day = timedelta(days=1)
    days = [(first + n * one_day, word) for n, word in enumerate(["before", "bxzq", "cxzw", "today"])]
    entries = [entry for at, word in days for entry in drawn(at, 9, f"{word} {word}zxq", "1")]
    entries += drawn(first + one_day, 5, "otherzxq", "2")
    Journal(journal.engine).write([Writing(entries=tuple(entries))])
    since, until, now = first + one_day, first + 4 * one_day, first + 3 * one_day + timedelta(hours=1)
    found = terms_of_slice(journal, "1", lambda: scorer, since, until, now=now)
    texts = {term.term: (term.texts, term.of) for term in found}
    assert "beforezxq" not in texts
    assert "todayzxq" not in texts
    assert "otherzxq" not in texts
    assert texts["cxzwzxq"][0] == 5


def test_without_texts_no_model_is_opened(journal: Journalled) -> None:
    def fail() -> CompiledScorer:
        raise AssertionError

    at = datetime(2026, 3, 1, 1, tzinfo=UTC)
    Journal(journal.engine).write([Writing(entries=tuple(drawn(at, 5, "", "1", refused=True)))])
    end = at + timedelta(days=1)
    assert terms_of_slice(journal, "1", fail, at, end, now=end) == ()


def test_reports_on_the_spot_have_them_and_looks_do_not(
    journal: Journalled, tmp_path: Path, scorer: CompiledScorer
) -> None:
    watched = watched_model(open_bundle(find_model(None, tmp_path), keep=(BASELINE, REFERENCE)))
    at = datetime(2026, 3, 1, 1, tzinfo=UTC)
    Journal(journal.engine).write([Writing(entries=tuple(drawn(at, 5, "bxzq", watched.version)))])
    now = at + timedelta(days=1)
    made = report_journal(journal, watched, at, now, now=now, scorer=lambda: scorer)
    assert made.terms == (Term(term="bxzq", texts=5, of=5),)
    assert [report.terms for report in look(journal, watched, lambda: now, holder="test")] == [()]
