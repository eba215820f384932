from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.news.dates import EARLIEST, Dates, read_dates

TODAY = date(2026, 1, 2)


def day(*values: str) -> date | None:
    return read_dates(values, TODAY).days[0]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2017-12-31", date(2017, 12, 31)),
        ("December 31, 2017 ", date(2017, 12, 31)),
        ("Dec 31, 2017", date(2017, 12, 31)),
        ("Sept. 5, 2016", date(2016, 9, 5)),
        ("19-Feb-18", date(2018, 2, 19)),
        ("26 de março de 2018", date(2018, 3, 26)),
        ("3 de abril de 2019", date(2019, 4, 3)),
        ("1º de enero del 2020", date(2020, 1, 1)),
        ("14 Marzo 2019", date(2019, 3, 14)),
        ("2020-10-14T15:47:14-04:00", date(2020, 10, 14)),
        ("20200331T17:35:54Z", date(2020, 3, 31)),
        ("2017/5/1 10:00", date(2017, 5, 1)),
        ("Tue Oct 14 15:47:14 +0000 2020", date(2020, 10, 14)),
        ("Tue, 14 Oct 2020 15:47:14 GMT", date(2020, 10, 14)),
        ("1496000000", date(2017, 5, 28)),
        ("1496000000.0", date(2017, 5, 28)),
        ("1496000000000", date(2017, 5, 28)),
        ("31/01/2018 22h24", date(2018, 1, 31)),
        ("4/30/20", date(2020, 4, 30)),
    ],
)
def test_a_date_that_can_be_told_is_read(written: str, read: date) -> None:
    assert day(written) == read


@given(st.dates(date(1900, 1, 1), TODAY))
def test_every_day_written_as_iso_or_with_its_month_s_name_is_that_day(each: date) -> None:
    assert day(each.isoformat()) == each
    assert day(each.strftime("%B %d, %Y")) == each


def test_the_whole_file_says_whether_the_day_stands_first() -> None:
    assert day("2/11/20", "17/11/20") == date(2020, 11, 2)
    assert day("2/11/20", "2/17/20") == date(2020, 2, 11)


@pytest.mark.parametrize("values", [("2/11/20",), ("2/11/20", "3/4/20"), ("17/11/20", "2/17/20")])
def test_where_the_file_does_not_say_or_says_both_no_such_date_is_used(values: tuple[str, ...]) -> None:
    found = read_dates(values, TODAY)
    assert found.days == [None] * len(values)
    assert found.ambiguous == len(values)


def test_another_form_of_date_says_nothing_about_this_one() -> None:
    found = read_dates(["2/11/20", "2/17/20", "03/04/2020", "3-4-20"], TODAY)
    assert found.days == [date(2020, 2, 11), date(2020, 2, 17), None, None]
    assert found.ambiguous == 2


def test_what_is_no_date_is_counted_by_what_is_wrong_with_it() -> None:
    found = read_dates(["2017-13-01", "1899-12-31", "03 months ago", "2026-01-04", "2026-01-03", None, " "], TODAY)
    tomorrow = date(2026, 1, 3)
    assert found == Dates(days=[None, None, None, None, tomorrow, None, None], unreadable=1, ambiguous=0, absurd=3)
    assert found.dated == 1


@given(st.lists(st.none() | st.text(alphabet="0123456789/-. ,deabrilMayT:", max_size=24), max_size=12))
def test_every_date_is_used_or_counted_and_no_day_is_absurd(values: list[str | None]) -> None:
    found = read_dates(values, TODAY)
    written = sum(bool(value and value.strip()) for value in values)
    assert found.dated + found.unreadable + found.ambiguous + found.absurd == written
    assert all(each is None or EARLIEST <= each <= TODAY + timedelta(days=1) for each in found.days)
