from falsetrue.news.article import Article, Label
from falsetrue.news.cleaning import Dropped, clean, clean_as_deployed
from falsetrue.news.filtering import Filters

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


def test_what_a_filter_matches_is_dropped_and_counted_by_its_name() -> None:
    """The title counts for what it is: a text of nothing but a wall is no article whatever its title says."""
    dropped = Dropped()
    wall = "You must log in to continue, or go back to where you came from."
    rows = [article(wall, title=LONG), article(wall, Label.FALSE), article("Page not found. " + LONG), article(LONG)]
    assert clean(rows, dropped, Filters(["login_wall@1", "error_page@1"])) == [rows[3]]
    assert {reason: count for reason, count in dropped.reasons().items() if count} == {
        "error_page@1": 1,
        "login_wall@1": 2,
    }
    assert dropped.total() == 3
    assert clean(rows, Dropped(), Filters(["error_page@1"])) == [*rows[:2], rows[3]]
    assert clean(rows, Dropped()) == rows


def test_order_is_kept() -> None:
    rows = [article(f"{LONG} {number}") for number in range(5)]
    assert clean(rows, Dropped()) == rows


def test_the_deployed_preparation_measures_the_length_of_false_rows_only() -> None:
    dropped = Dropped()
    rows = [article("short"), article("short", Label.FALSE), article(" "), article(LONG, Label.FALSE)]
    kept = clean_as_deployed(rows, dropped)
    assert kept == [rows[0], rows[3]]
    assert (dropped.empty_text, dropped.too_short, dropped.total()) == (1, 1, 2)
