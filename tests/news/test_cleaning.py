from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped, clean, clean_as_deployed

LONG = "a text that is certainly long enough to learn something from it"


def article(text: str, label: Label = Label.REAL, title: str | None = None) -> Article:
    return Article(corpus="c", line=1, title=title, text=text, label=label)


def test_empty_and_short_texts_are_dropped_and_counted() -> None:
    dropped = Dropped()
    kept = clean([article(""), article("  \n"), article("short"), article(LONG)], dropped)
    assert [each.text for each in kept] == [LONG]
    counted = {reason: count for reason, count in dropped.reasons().items() if count}
    assert counted == {"empty_text": 2, "too_short": 1}


def test_a_title_counts_towards_the_length() -> None:
    assert len(clean([article("short", title=LONG)], Dropped())) == 1


def test_a_duplicate_is_kept_once() -> None:
    dropped = Dropped()
    assert len(clean([article(LONG), article(LONG.upper()), article(LONG + "  ")], dropped)) == 1
    assert dropped.duplicate == 2


def test_content_under_both_labels_is_left_out_altogether() -> None:
    dropped = Dropped()
    rows = [article(LONG), article(LONG, Label.FALSE), article(LONG)]
    assert clean(rows, dropped) == []
    assert dropped.conflicting == 3


def test_order_is_kept() -> None:
    rows = [article(f"{LONG} {number}") for number in range(5)]
    assert clean(rows, Dropped()) == rows


def test_the_deployed_preparation_measures_the_length_of_false_rows_only() -> None:
    dropped = Dropped()
    rows = [article("short"), article("short", Label.FALSE), article(" "), article(LONG, Label.FALSE)]
    kept = clean_as_deployed(rows, dropped)
    assert kept == [rows[0], rows[3]]
    assert (dropped.empty_text, dropped.too_short, dropped.total()) == (1, 1, 2)
