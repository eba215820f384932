import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.jobs.audit import EVERYTHING, Auditing, audit, audit_articles
from falsetrue.jobs.progress import Quiet
from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.duplicates import number_words
from falsetrue.news.labelled import Columns, read_labelled
from falsetrue.news.leaks import testing
from falsetrue.news.leaks.after import Treatment
from falsetrue.news.leaks.evidence import gather, number
from falsetrue.news.leaks.facts import date_form, labels_around, one_source_one_label, year_of
from falsetrue.news.leaks.findings import After, Audit, Finding
from falsetrue.news.leaks.search import judge
from falsetrue.news.leaks.shape import MEASURES, measure
from falsetrue.news.leaks.words import find_grams, flatten
from falsetrue.news.masking import Masker

NOW = datetime(2026, 1, 2, tzinfo=UTC)
_VOCABULARY = [f"word{at}" for at in range(400)]


def news(count: int = 240, seed: int = 0, corpus: str = "made") -> list[Article]:
    """Articles whose labels nothing gives away."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    labels = [Label(at % 2) for at in range(count)]
    generator.shuffle(labels)
    return [
        Article(
            corpus=corpus,
            line=at + 2,
            title=" ".join(generator.choices(_VOCABULARY, k=8)),
            text=" ".join(generator.choices(_VOCABULARY, k=generator.randrange(60, 120))),
            label=label,
        )
        for at, label in enumerate(labels)
    ]


def changed(articles: list[Article], change: Callable[[Article], Article], label: Label) -> list[Article]:
    """The articles, those of one class changed."""
    return [change(article) if article.label is label else article for article in articles]


def found(articles: list[Article]) -> list[Finding]:
    return list(audit_articles(articles, 0, Quiet(), now=NOW).findings)


def test_nothing_is_found_where_nothing_gives_the_label_away() -> None:
    assert found(news()) == []


#: What is planted, and the kind, place and name of a finding that must be among those found.
PLANTED: dict[str, tuple[Callable[[Article], Article], Label, tuple[str, str, str]]] = {
    "a dateline": (
        lambda each: replace(each, text=f"LONDON (Reuters) - {each.text}"),
        Label.REAL,
        ("family", "text", "dateline@1"),
    ),
    "a word at the beginning": (
        lambda each: replace(each, text=f"zwounds {each.text}"),
        Label.FALSE,
        ("wording", "text", "zwounds"),
    ),
    "capitals in the title": (
        lambda each: replace(each, title=(each.title or "").title()),
        Label.FALSE,
        ("shape", "title", "words that begin with a capital, share"),
    ),
    "a blank behind": (
        lambda each: replace(each, text=f"{each.text} "),
        Label.REAL,
        ("shape", "text", "white space behind"),
    ),
    "length": (
        lambda each: replace(each, text=each.text[:200]),
        Label.FALSE,
        ("shape", "text", "length in characters"),
    ),
    "a missing title": (lambda each: replace(each, title=None), Label.FALSE, ("shape", "title", "missing or blank")),
    "one source": (lambda each: replace(each, source="The Planted"), Label.REAL, ("fact", "article", "source")),
    "a form of dates": (
        lambda each: replace(each, date="May 3, 2017"),
        Label.REAL,
        ("fact", "article", "form of the date"),
    ),
    "the same title": (
        lambda each: replace(each, title="Please wait"),
        Label.REAL,
        ("repeated", "title", "please wait"),
    ),
    "the same text": (
        lambda each: replace(each, text="you are being sent elsewhere now"),
        Label.REAL,
        ("repeated", "text", "you are being sent elsewhere now"),
    ),
}


@pytest.mark.parametrize("leak", PLANTED)
def test_a_planted_leak_is_found_with_its_shares_and_a_remedy(leak: str) -> None:
    change, label, key = PLANTED[leak]
    findings = {(each.kind, each.where, each.name): each for each in found(changed(news(), change, label))}
    assert key in findings
    finding = findings[key]
    assert finding.auc > 0.9
    assert finding.p_value < 0.01
    assert abs(finding.share_real - finding.share_false) > 0.8
    assert finding.remedy.says


def test_a_leak_that_only_some_articles_have_is_found_at_its_edge() -> None:
    articles = news(1200)
    planted = [
        replace(each, text=f"{each.text} zwounds") if each.label is Label.FALSE and each.line % 12 == 0 else each
        for each in articles
    ]
    (finding,) = [each for each in found(planted) if each.kind == "wording"]
    assert (finding.where, finding.name, finding.direction) == ("text closing", "zwounds", "false")
    assert finding.remedy.says == 'block the term "zwounds"'


def test_a_topic_of_one_class_is_no_leak() -> None:
    generator = random.Random(1)  # noqa: S311 - not for secrets

    def about(each: Article) -> Article:
        words = each.text.split()
        for _ in range(6):
            words.insert(generator.randrange(len(words)), "plague")
        return replace(each, text=" ".join(words))

    articles = news(600)
    topical = [about(each) if each.label is Label.REAL and each.line % 10 < 3 else each for each in articles]
    assert [each for each in found(topical) if each.kind == "wording"] == []


def test_what_is_repeated_word_for_word_is_a_leak_wherever_it_stands() -> None:
    said = "kindly look at our terms before you copy any of this text"

    def within(each: Article) -> Article:
        words = each.text.split()
        return replace(each, text=" ".join([*words[:30], said, *words[30:]]))

    planted = [within(each) if each.label is Label.REAL and each.line % 5 == 0 else each for each in news(600)]
    wordings = [each for each in found(planted) if each.kind == "wording"]
    assert [each.name for each in wordings] == ["kindly look at our terms before you copy …"]


def test_examples_show_at_most_three_words_on_each_side() -> None:
    change, label, _ = PLANTED["a dateline"]
    examples = [
        example for each in found(changed(news(), change, label)) if each.kind == "wording" for example in each.examples
    ]
    assert examples
    for example in examples:
        before, _, rest = example.partition("[")
        inside, _, after = rest.partition("]")
        assert len(before.split()) <= 3
        assert len(after.split()) <= 3
        assert len(inside.split()) <= 3


def test_a_mask_that_blanks_the_wording_is_its_remedy() -> None:
    change, label, _ = PLANTED["a dateline"]
    audited = audit_articles(changed(news(), change, label), 0, Quiet(), now=NOW)
    wordings = [each for each in audited.findings if each.kind == "wording"]
    assert {each.remedy.masks for each in wordings} == {("dateline@1",)}
    assert "dateline@1" in audited.masks


def test_case_and_marks_are_said_not_to_reach_the_default_features() -> None:
    for leak, seen in (("capitals in the title", False), ("a blank behind", False), ("a dateline", True)):
        change, label, key = PLANTED[leak]
        (finding,) = [
            each for each in found(changed(news(), change, label)) if (each.kind, each.where, each.name) == key
        ]
        assert finding.seen_by_default_features is seen


# --- after masks and filters ---------------------------------------------------------------------------


def audited_under(articles: list[Article], *masks: str) -> dict[tuple[str, str], Finding]:
    """By place and name, what is found where a recipe has these masks and all filters."""
    treatment = Treatment(masker=Masker(masks), filters=EVERYTHING.filters)
    audited = audit_articles(articles, 0, Quiet(), now=NOW, treatment=treatment)
    return {(each.where, each.name): each for each in audited.findings}


def after(finding: Finding) -> After:
    assert finding.after is not None
    return finding.after


def with_dateline(each: Article, more: str = "") -> Article:
    return replace(each, text=f"LONDON (Reuters) - {more}{each.text}")


@pytest.mark.parametrize("name", ["london reuters", "dateline@1", "outlet@1", "brackets, share"])
def test_a_finding_says_what_the_masks_of_the_recipe_leave_of_it(name: str) -> None:
    """Words, marks and what other masks find in a dateline go with it; under a mask that finds nothing all stay."""
    articles = changed(news(), with_dateline, Label.REAL)
    masked = after(audited_under(articles, "dateline@1")["text", name])
    assert (masked.share_real, masked.share_false, masked.auc, masked.is_leak) == (0, 0, 0.5, False)
    other = audited_under(articles, "url@1")["text", name]
    assert (after(other).auc, after(other).is_leak) == (other.auc, True)


def test_words_that_also_stand_where_no_mask_looks_are_only_partly_taken_away() -> None:
    articles = [
        replace(each, text=f"{each.text} london reuters {each.text}") if each.line % 4 == 0 else each
        for each in changed(news(800), with_dateline, Label.REAL)
        if each.line % 4 or each.label is Label.REAL
    ]
    left = after(audited_under(articles, "dateline@1")["text", "london reuters"])
    assert 0.15 < left.share_real < 0.35
    assert left.share_false == 0
    assert left.is_leak


def test_a_wording_of_which_a_mask_leaves_some_words_is_still_there() -> None:
    """``zwounds`` follows every dateline: without the dateline it still gives the label away."""
    articles = changed(news(), lambda each: with_dateline(each, "zwounds "), Label.REAL)
    found = audited_under(articles, "dateline@1")["text", "london reuters zwounds"]
    assert (after(found).auc, after(found).is_leak) == (found.auc, True)


def test_a_wording_of_which_some_stands_in_the_title_is_still_there() -> None:
    """The strongest stands for those in the same articles, wherever these are."""
    titled = changed(news(), lambda each: replace(with_dateline(each), title=f"{each.title} zwounds"), Label.REAL)
    found = audited_under(titled, "dateline@1")["text", "london reuters"]
    assert "zwounds" in found.also
    assert (after(found).auc, after(found).is_leak) == (found.auc, True)


def test_pages_that_a_filter_matches_are_left_out_and_it_is_the_remedy() -> None:
    wall = "This website is using a security service to protect itself from online attacks."
    pages = [
        replace(each, text=wall) if each.label is Label.REAL and each.line % 3 == 0 else each for each in news(600)
    ]
    found = audited_under(pages)["text", "this website is using a security service to"]
    assert found.remedy.filters == ("bot_wall@1",)
    assert found.remedy.says.startswith("filter bot_wall@1: ")
    assert (after(found).share_real, after(found).is_leak) == (0, False)


def test_a_fact_is_judged_again_on_the_articles_that_are_left() -> None:
    """Where all that one source ever wrote is a wall, the source tells nothing once these are left out."""
    wall = "You must log in to continue."
    articles = [
        replace(each, source="b", text=wall)
        if each.label is Label.REAL and each.line % 2
        else replace(each, source="a")
        for each in news(600)
    ]
    source = audited_under(articles)["article", "source"]
    assert source.auc > 0.7
    assert (after(source).auc, after(source).is_leak) == (0.5, False)


def test_a_sign_that_flips_says_what_is_left_of_it_in_both_corpora() -> None:
    one = changed(news(corpus="one"), lambda each: replace(each, text=f"{each.text} @abcdef"), Label.REAL)
    other = changed(news(seed=1, corpus="other"), lambda each: replace(each, text=f"{each.text} @abcdef"), Label.FALSE)
    for masks, is_left in ((["handle@1"], False), (["url@1"], True)):
        flips = [each for each in audited_under(one + other, *masks).values() if each.kind == "sign_flip"]
        assert {"handle@1", "at signs, share"} <= {each.name for each in flips}
        assert {after(each).is_leak for each in flips} == {is_left}


def test_near_copies_do_not_confirm_each_other() -> None:
    """Eight copies of each of a few articles that share a word: found if the copies stood in both halves."""
    articles = news(400)
    copies = []
    for at, each in enumerate(articles[:10]):
        text = f"zwounds {each.text}" if each.label is Label.REAL else each.text
        copies += [replace(each, text=text, line=1000 + 10 * at + copy) for copy in range(8)]
    assert [each for each in found(articles[10:] + copies) if each.kind == "wording"] == []


def test_copies_are_counted_and_conflicts_between_labels_named() -> None:
    articles = news(200)
    other = replace(articles[0], label=Label(1 - articles[0].label), line=900)
    copy = replace(articles[1], text=articles[1].text.upper(), line=901)
    (corpus,) = audit_articles([*articles, other, copy], 0, Quiet(), now=NOW).corpora
    assert (corpus.duplicates.exact, corpus.duplicates.near) == (2, 2)
    assert (corpus.duplicates.conflicting_groups, corpus.duplicates.conflicting_articles) == (1, 2)
    assert corpus.duplicates.largest_group == 2


def test_articles_of_two_corpora_and_of_two_parts_of_a_split_are_counted() -> None:
    one, other = news(200, corpus="one"), news(200, seed=1, corpus="other")
    shared = [replace(each, corpus="other", line=1000 + at) for at, each in enumerate(one[:5])]
    articles = one + other + shared
    audited = audit_articles(
        articles, 0, Quiet(), now=NOW, split=["test" if each.line >= 1000 else "train" for each in articles]
    )
    (found,) = audited.shared
    assert (found.one, found.other, found.in_one, found.in_other, found.conflicting_groups) == ("one", "other", 5, 5, 0)
    assert audited.across_split == 10


def test_a_feature_whose_sign_flips_between_corpora_is_told() -> None:
    one = changed(news(corpus="one"), lambda each: replace(each, text=f"{each.text}!"), Label.REAL)
    other = changed(news(seed=1, corpus="other"), lambda each: replace(each, text=f"{each.text}!"), Label.FALSE)
    flips = {(each.where, each.name) for each in found(one + other) if each.kind == "sign_flip"}
    assert ("text", "exclamation marks, share") in flips


def test_which_corpus_an_article_is_of_is_a_leak_where_it_tells_the_label() -> None:
    one = [each for each in news(300, corpus="one") if each.label is Label.REAL or each.line % 5 == 0]
    other = [each for each in news(300, seed=1, corpus="other") if each.label is Label.FALSE or each.line % 5 == 0]
    assert "corpus" in {each.name for each in found(one + other)}


def test_a_corpus_with_few_articles_of_a_class_is_noted() -> None:
    few = [each for each in news() if each.label is Label.REAL or each.line < 20]
    (corpus,) = audit_articles(few, 0, Quiet(), now=NOW).corpora
    assert corpus.note is not None
    assert "fewer than 30" in corpus.note


def test_the_same_articles_and_seed_find_the_same() -> None:
    change, label, _ = PLANTED["a dateline"]
    articles = changed(news(), change, label)
    assert audit_articles(articles, 3, Quiet(), now=NOW) == audit_articles(articles, 3, Quiet(), now=NOW)


def shuffles_with_a_finding(articles: list[Article], count: int) -> int:
    evidence = gather("made", number(articles))
    labels = np.array([int(article.label) for article in articles], dtype=np.int64)
    drawn = (np.random.default_rng(seed).permutation(labels) for seed in range(count))
    return sum(bool(judge(evidence, labels, seed).findings) for seed, labels in enumerate(drawn))


def test_shuffled_labels_give_no_finding_in_97_of_100() -> None:
    """On articles full of leaks, so that there is something that chance could line up with."""
    articles = news(400)
    for change, label, _ in PLANTED.values():
        half = [each for each in articles if each.line % 2]
        articles = changed(half, change, label) + [each for each in articles if not each.line % 2]
    assert shuffles_with_a_finding(articles, 100) <= 3


def test_hardly_anything_passes_the_first_step_by_chance() -> None:
    """In few articles much looks strong: without the correction hundreds of words would pass in each shuffle."""
    articles = news(72)
    evidence = gather("made", number(articles))
    labels = np.array([int(article.label) for article in articles], dtype=np.int64)
    judged = [judge(evidence, np.random.default_rng(seed).permutation(labels), seed) for seed in range(50)]
    columns = len(evidence.facts) + evidence.ordered  # these are all tested again
    assert sum(each.discovered - columns for each in judged) <= 3


# --- parts -----------------------------------------------------------------------------------------


def test_exact_p_values_are_those_of_fishers_test() -> None:
    # The lady tasting tea (Fisher, 1935): 3 of 4 right has a tail of 17/70, 4 of 4 one of 1/70.
    counts = testing.Counts(real=np.array([3, 4]), false=np.array([1, 0]), real_size=4, false_size=4)
    assert testing.exact_p_values(counts) == pytest.approx([2 * 17 / 70, 2 / 70])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=40))
def test_the_auc_is_the_share_of_pairs_in_the_right_order(rows: list[tuple[int, bool]]) -> None:
    values = np.array([value for value, _ in rows], dtype=float)
    labels = np.array([int(label) for _, label in rows])
    auc, p_value = testing.auc_and_p(values, labels)
    real, false = values[labels == 1], values[labels == 0]
    if len(real) and len(false) and len(set(values.tolist())) > 1:
        pairs = np.sign(real[:, None] - false[None])
        assert auc == pytest.approx(float(np.mean((pairs + 1) / 2)))
    else:
        assert (auc, p_value) == (0.5, 1.0)
    assert 0 <= p_value <= 1


def test_halves_never_part_near_copies_but_part_many_of_the_same_page() -> None:
    duplicates = np.array([0] * 50 + [1] * 5 + [2] * 5)
    sides = testing.draw_sides(np.zeros(60, dtype=np.int64), duplicates, seed=0)
    assert int(sides.half(0)[:50].sum()) == 25
    assert len(set(sides.half(0)[50:55])) == 1
    assert len(set(sides.half(0)[55:])) == 1


def test_unknown_categories_take_the_mean() -> None:
    codes, labels = np.array([0, 0, 1, 2]), np.array([1, 1, 0, 1])
    encoded = testing.encode(codes, labels, np.array([True, True, True, False]))
    assert encoded[0] > encoded[3] > encoded[2]
    assert encoded[3] == pytest.approx(2 / 3)


def test_measures_of_a_text() -> None:
    table = measure([" The NATO “talks”, in 2017. ", "", "\ud800 a"])
    first = dict(zip(MEASURES, table[0], strict=True))
    assert first["length in characters"] == 28
    assert first["length in words"] == 4
    assert first["words that begin with a capital, share"] == 0.5
    assert first["words in capitals, share"] == 0.25
    assert first["curly double quotes, share"] == pytest.approx(2 / 28)
    assert first["digits, share"] == pytest.approx(4 / 28)
    assert (first["white space in front"], first["white space behind"], first["ends with a full stop"]) == (1, 1, 1)
    assert dict(zip(MEASURES, table[1], strict=True)) == {name: name == "missing or blank" for name in MEASURES}


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=8), max_size=12), st.integers(1, 3))
def test_n_grams_are_counted_as_by_hand(texts: list[list[str]], fewest: int) -> None:
    text = flatten(number_words(" ".join(words) for words in texts))
    everywhere = np.ones(len(texts), dtype=bool)
    for grams, held in find_grams(text, fewest, everywhere):
        length = grams.length
        expected: dict[str, set[int]] = {}
        for at, words in enumerate(texts):
            for begin in range(len(words) - length + 1):
                expected.setdefault(" ".join(words[begin : begin + length]), set()).add(at)
        expected = {name: holders for name, holders in expected.items() if len(holders) >= fewest}
        counted: dict[str, set[int]] = {}
        for document, feature in zip(held.document.tolist(), held.feature.tolist(), strict=True):
            counted.setdefault(grams.name(feature), set()).add(document)
        assert counted == expected


def test_forms_and_years_of_dates() -> None:
    forms = [date_form("12/5/2017"), date_form("1/25/2017"), date_form("May 3, 2017"), date_form(None)]
    assert forms == ["9/9/9999", "9/9/9999", "a 9, 9999", None]
    assert [year_of("3 de mayo de 2018"), year_of("99999"), year_of(None)] == ["2018", None, None]


def test_the_label_of_the_neighbours_tells_sorted_rows_but_not_shuffled_ones() -> None:
    labels = np.array([1] * 10 + [0] * 10)
    fit = np.arange(20) % 2 == 0
    assert labels_around(labels, fit)[[1, 19]].tolist() == [1.0, 0.0]
    assert labels_around(labels, np.zeros(20, dtype=bool)).tolist() == [0.5] * 20


def test_one_source_one_label_is_a_share_of_articles_of_large_sources() -> None:
    articles = news(40)
    assert one_source_one_label(articles) is None
    named = [replace(each, source="a" if each.label is Label.REAL else "b") for each in articles]
    assert one_source_one_label(named) == 1.0
    assert one_source_one_label([replace(each, source="a") for each in articles]) == 0.0


# --- the corpora -----------------------------------------------------------------------------------


@cache
def audited(corpora: Path, *names: str) -> Audit:
    return audit(Auditing(files=[str(corpora / f"{name}.parquet") for name in names]), Quiet(), now=NOW)


#: Place and name of findings that must be there, by corpus.
KNOWN = {
    "isot_partial_fulltext": {
        ("text", "dateline@1"),
        ("text", "reuters"),
        ("text", "credit@1"),
        ("text", "mojibake@1"),
        ("title", "words that begin with a capital, share"),
        ("article", "subject"),
    },
    "isot_titles": {
        ("title", "words that begin with a capital, share"),
        ("title", "words in capitals, share"),
        ("title closing", "video"),
    },
    "coaid": {
        ("article", "source"),
        ("text", "missing or blank"),
        ("title", "accented letters, share of letters"),
        ("title", "domain@1"),
    },
    "covid19_fnir": {
        ("article", "source"),
        ("text", "white space in front"),
        ("text", "url@1"),
        ("text", "hash signs, share"),
        ("article", "form of the date"),
    },
    "cs216_outlets2017": {
        ("article", "source"),
        ("text", "curly apostrophes, share"),
        ("text", "place@1"),
        ("text", "mojibake@1"),
    },
    "buzzfeed_webis2016": {
        ("article", "source"),
        ("article", "subject"),
        ("text", "dateline@1"),
        ("title", "words that begin with a capital, share"),
    },
    "fake_br": {
        ("article", "source"),
        ("article", "form of the date"),
        ("text", "length in words"),
        ("text", "curly double quotes, share"),
        ("text", "label@1"),
    },
    "fakenewsnet_gossipcop": {("article", "source"), ("text", "verdict@1")},
}


@pytest.mark.corpora
@pytest.mark.parametrize("name", KNOWN)
def test_what_the_corpora_give_away_is_found(corpora: Path, name: str) -> None:
    findings = audited(corpora, name).findings
    assert {(each.where, each.name) for each in findings} >= KNOWN[name]
    # All files but this one hold one class after the other.
    assert ("order in the file" in {each.name for each in findings}) == (name != "buzzfeed_webis2016")


@pytest.mark.corpora
def test_walls_in_the_place_of_articles_are_found(corpora: Path) -> None:
    repeated = [each for each in audited(corpora, "coaid").findings if each.kind == "repeated"]
    assert {each.where for each in repeated} == {"title", "text"}
    assert any("security service" in each.name for each in repeated)


@pytest.mark.corpora
def test_corpora_together_show_flips_and_shared_articles(corpora: Path) -> None:
    together = audited(corpora, "buzzfeed_webis2016", "coaid", "covid19_fnir", "isot_partial_fulltext")
    assert any(each.kind == "sign_flip" and each.name == "url@1" for each in together.findings)
    assert any({each.one, each.other} == {"buzzfeed_webis2016", "coaid"} for each in together.shared)


@pytest.mark.corpora
@pytest.mark.parametrize("name", ["isot_partial_fulltext", "coaid", "fake_br"])
def test_shuffled_labels_of_real_articles_give_no_finding_in_97_of_100(corpora: Path, name: str) -> None:
    articles = list(read_labelled(str(corpora / f"{name}.parquet"), Columns(), Dropped()))[::6]
    assert shuffles_with_a_finding(articles, 100) <= 3
