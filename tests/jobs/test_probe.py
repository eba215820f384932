import difflib
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falsetrue.bundle.scorer import Floats, Scores
from falsetrue.features.languages import language_of
from falsetrue.jobs.probe import probe
from falsetrue.model.decision import Outcome, Policy
from falsetrue.model.figures import EstimateRecord
from falsetrue.model.probing import Expectation, Kind, ProbeRecord, ProbeText, describe, is_as_expected, probes

POLICY = Policy(name="halves", version=1, false_below=0.3, real_above=0.7)
EXPECTED = {
    Kind.NEGATION: Expectation.CHANGE,
    Kind.ONE_WORD: Expectation.CHANGE,
    Kind.QUOTE: Expectation.REAL,
    Kind.SATIRE: Expectation.FALSE,
    Kind.STYLE_SWAP: Expectation.FALSE,
}
OUTLETS = ("Reuters", "Associated Press", "BBC", "New York Times", "EFE", "Europa Press", "El País")


class MadeUp:
    """Scores texts by a function."""

    def __init__(self, p_real_of: Callable[[str], float]) -> None:
        self._p_real_of = p_real_of

    def p_real(self, texts: Sequence[str]) -> Floats:
        """What the function says."""
        return np.array([self._p_real_of(text) for text in texts])

    def score(self, texts: Sequence[str]) -> Scores:
        """The same, of texts whose words are all known."""
        count = [len(text.split()) for text in texts]
        return Scores(p_real=self.p_real(texts), words=count, known_words=count)


def pairs(kind: Kind) -> list[tuple[ProbeText, ProbeText]]:
    return [(each.original, each.changed) for each in probes() if each.kind is kind and each.changed is not None]


def tokens(text: ProbeText) -> list[str]:
    return text.content.split()


def replaced(original: ProbeText, changed: ProbeText) -> list[tuple[str, str]]:
    """The words that differ, place by place; fails where one text has more words."""
    both = zip(tokens(original), tokens(changed), strict=True)
    return [(before, after) for before, after in both if before != after]


# --- what the file holds ---------------------------------------------------------------------------


def test_every_kind_has_enough_probes_and_as_many_in_each_language() -> None:
    assert len(probes()) >= 120
    counts = Counter((each.kind, each.language) for each in probes())
    assert {language for _, language in counts} == {"en", "es"}
    for kind in Kind:
        assert counts[kind, "en"] == counts[kind, "es"] >= 7


def test_probes_expect_what_their_kind_says_and_are_as_long_as_short_news() -> None:
    for each in probes():
        assert each.expect is EXPECTED.get(each.kind, Expectation.STAY)
        assert (each.changed is None) == (each.kind is Kind.SATIRE)
        assert all(60 <= len(content.split()) <= 160 for content in each.contents)
        assert [language_of(content) for content in each.contents] == [each.language] * len(each.contents)


def test_no_probe_of_a_kind_stands_there_twice() -> None:
    seen = Counter((each.kind, each.original.content) for each in probes())
    assert set(seen.values()) == {1}
    assert all(len(set(each.contents)) == len(each.contents) for each in probes())


def test_a_negation_adds_one_negating_word() -> None:
    for original, changed in pairs(Kind.NEGATION):
        added = Counter(tokens(changed)) - Counter(tokens(original))
        assert list(added.elements()) in (["not"], ["no"])
        at = next(place for place, word in enumerate(tokens(changed)) if tokens(original)[place] != word)
        assert tokens(changed)[:at] + tokens(changed)[at + 1 :] == tokens(original)


def test_one_word_is_one_word() -> None:
    for original, changed in pairs(Kind.ONE_WORD):
        assert len(replaced(original, changed)) == 1


def test_capitals_change_nothing_but_the_case_of_the_title() -> None:
    for original, changed in pairs(Kind.UPPER_CASE):
        assert changed.text == original.text
        assert changed.title == original.title.upper() != original.title


def test_misspelt_words_are_few_and_can_still_be_read() -> None:
    for original, changed in pairs(Kind.TYPOS):
        misspelt = replaced(original, changed)
        assert 5 <= len(misspelt) <= 7
        assert all(difflib.SequenceMatcher(None, before, after).ratio() > 0.7 for before, after in misspelt)


def test_an_outlet_is_named_and_little_else_changes() -> None:
    for original, changed in pairs(Kind.SOURCE_NAME):
        assert not any(outlet in original.content for outlet in OUTLETS)
        assert any(outlet in changed.content for outlet in OUTLETS)
        assert difflib.SequenceMatcher(None, tokens(original), tokens(changed), autojunk=False).ratio() > 0.9


def test_a_refuting_report_quotes_the_claim_word_by_word() -> None:
    for asserted, report in pairs(Kind.QUOTE):
        quoted = [quote.rstrip(",").casefold() for quote in re.findall(r'["«](.+?)["»]', report.text)]
        claim = asserted.content.casefold()
        assert any(len(quote.split()) >= 5 and quote in claim for quote in quoted), report.title


def test_a_paraphrase_has_other_words() -> None:
    for original, changed in pairs(Kind.PARAPHRASE):
        match = difflib.SequenceMatcher(None, tokens(original), tokens(changed), autojunk=False)
        assert match.find_longest_match().size <= 6


def test_styles_are_swapped() -> None:
    for tabloid, wire in pairs(Kind.STYLE_SWAP):
        assert "!" in tabloid.content
        assert "!" not in wire.content


# --- what is expected of verdicts --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expect", "said", "right"),
    [
        (Expectation.CHANGE, ["false", "real"], True),
        (Expectation.CHANGE, ["real", "real"], False),
        (Expectation.STAY, ["real", "real"], True),
        (Expectation.STAY, ["real", "false"], False),
        (Expectation.FALSE, ["false"], True),
        (Expectation.FALSE, ["real"], False),
        (Expectation.FALSE, ["real", "false"], True),
        (Expectation.FALSE, ["false", "false"], False),
        (Expectation.REAL, ["false", "real"], True),
        (Expectation.REAL, ["real", "false"], False),
    ],
)
def test_verdicts_are_held_against_the_facts(expect: Expectation, said: list[str], right: bool) -> None:  # noqa: FBT001
    assert is_as_expected(expect, [Outcome(each) for each in said]) is right


def facts() -> dict[str, float]:
    """A ``p_real`` for every text that a judge of the facts could give."""
    truth: dict[str, float] = {}
    for each in probes():
        if each.expect in (Expectation.FALSE, Expectation.REAL):
            truth[each.contents[-1]] = 0.9 if each.expect is Expectation.REAL else 0.1
            for original in each.contents[:-1]:
                truth[original] = 1 - truth[each.contents[-1]]
    for each in probes():
        if each.changed and each.expect in (Expectation.CHANGE, Expectation.STAY):
            before = truth.setdefault(each.original.content, 0.9)
            truth[each.changed.content] = before if each.expect is Expectation.STAY else 1 - before
    return truth


def test_a_judge_of_the_facts_has_no_failures() -> None:
    for record in probe(MadeUp(facts().__getitem__), POLICY):
        assert record.as_expected == record.decided == record.probes == record.as_expected_if_forced
        assert record.share_as_expected is not None
        assert record.share_as_expected.value == 1
        assert not re.search(r"[1-9]\d* of (the|\d)", describe(record))


def test_whoever_calls_everything_real_misses_what_turns_the_facts() -> None:
    for record in probe(MadeUp(lambda _: 0.9), POLICY):
        keeps = EXPECTED.get(record.kind, Expectation.STAY) is Expectation.STAY
        assert record.as_expected == (record.probes if keeps else 0)
        assert set(record.verdicts) == {"real" if record.kind is Kind.SATIRE else "real, real"}
        if record.mean_change is not None:
            assert (record.mean_change.value, record.mean_change.high, record.largest_change) == (0, 0, 0)


def test_no_decision_is_counted_as_none() -> None:
    for record in probe(MadeUp(lambda _: 0.6), POLICY):
        assert (record.decided, record.as_expected, record.share_as_expected) == (0, 0, None)
        assert "unsure" in next(iter(record.verdicts))


def test_a_change_is_the_difference_within_a_pair() -> None:
    longer = {changed.content for _, changed in pairs(Kind.SOURCE_NAME)}
    by_kind = {record.kind: record for record in probe(MadeUp(lambda text: 0.75 if text in longer else 0.5), POLICY)}
    named = by_kind[Kind.SOURCE_NAME]
    assert named.mean_change == EstimateRecord(value=0.25, low=0.25, high=0.25)
    assert named.largest_change == 0.25
    assert named.verdicts == {"unsure, real": named.probes}
    assert by_kind[Kind.TYPOS].largest_change == 0
    assert by_kind[Kind.SATIRE].mean_change is None


@settings(max_examples=10)
@given(st.integers(0, 2**31))
def test_records_add_up_are_the_same_again_and_can_be_written_down(seed: int) -> None:
    def p_real_of(text: str) -> float:
        return random.Random(f"{seed} {text}").random()  # noqa: S311 - not for secrets

    found = probe(MadeUp(p_real_of), POLICY)
    assert [record.kind for record in found] == list(Kind)
    assert found == probe(MadeUp(p_real_of), POLICY)
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[ProbeRecord]) == found
    for record in found:
        assert sum(record.verdicts.values()) == record.probes
        assert record.decided == sum(count for said, count in record.verdicts.items() if "unsure" not in said)
        assert record.as_expected <= record.decided
        assert record.share_as_expected_if_forced.value == record.as_expected_if_forced / record.probes
        if record.mean_change is not None and record.largest_change is not None:
            assert 0 <= record.mean_change.low <= record.mean_change.high <= record.largest_change <= 1


# --- in words -------------------------------------------------------------------------------------------


def made_record(kind: Kind, verdicts: dict[str, int], *, as_expected: int) -> ProbeRecord:
    some = EstimateRecord(value=0.5, low=0.0, high=1.0)
    return ProbeRecord(
        kind=kind,
        probes=sum(verdicts.values()),
        verdicts=verdicts,
        decided=sum(count for said, count in verdicts.items() if "unsure" not in said),
        as_expected=as_expected,
        share_as_expected=some,
        as_expected_if_forced=3,
        share_as_expected_if_forced=some,
        mean_change=some,
        largest_change=0.5,
    )


def test_pairs_are_described_by_what_went_wrong() -> None:
    record = made_record(Kind.NEGATION, {"real, real": 18, "real, false": 2, "unsure, real": 5}, as_expected=2)
    assert describe(record) == (
        "In 18 of the 20 pairs whose texts were both decided, negating the central claim left the verdict as it was; "
        "made to choose every time, in 22 of all 25 pairs."
    )
    undecided = describe(made_record(Kind.TYPOS, {"unsure, real": 5}, as_expected=0))
    assert undecided.startswith("In no pair were both texts decided; made to choose every time, in 2 of all 5 pairs")


def test_texts_whose_truth_is_known_are_described_one_by_one() -> None:
    record = made_record(Kind.QUOTE, {"false, false": 4, "false, unsure": 3, "real, false": 2}, as_expected=0)
    assert describe(record).startswith(
        "2 of 9 false claims were called real where they are asserted and 6 of 9 reports"
    )
    satire = describe(made_record(Kind.SATIRE, {"real": 4, "unsure": 1}, as_expected=0))
    assert satire.startswith("4 of 5 satirical pieces in sober style were called real")


def test_the_page_tells_of_every_kind_and_its_program_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "explanation" / "known-failures.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` ", page, re.MULTILINE) == [kind.value for kind in Kind]
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(program, {})  # noqa: S102 - our own page
    assert len(capsys.readouterr().out.splitlines()) == len(Kind)
