"""Days, read from dates as files write them; what cannot be told is counted, never guessed."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

#: No news of before this year is news.
EARLIEST = date(1900, 1, 1)
#: A year of two digits up to this one is of this century (as POSIX ``strptime`` has it: 69 is 1969).
_LAST_SHORT_YEAR = 68
#: A number above it is no month.
MONTHS = 12

_MONTH_NAMES = {
    "en": "january february march april may june july august september october november december",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "pt": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
}
_MONTHS = {
    name[:letters]: number
    for names in _MONTH_NAMES.values()
    for number, name in enumerate(names.split(), start=1)
    for letters in (3, len(name))
} | {"sept": 9, "setiembre": 9, "marco": 3}

_YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T|$)")
_MONTH_FIRST = re.compile(
    r"(?:[^\W\d]+,? )?([^\W\d]{3,})\.? (\d{1,2})(?:st|nd|rd|th)?,? (?:\d\d:\d\d:\d\d \S+ )?(\d{4})\b"
)
_DAY_FIRST = re.compile(
    r"(?:[^\W\d]+,? )?(\d{1,2})(?:st|nd|rd|th|º)?[ -](?:de |of )?([^\W\d]{3,})\.?[ -](?:de |del )?(\d{4}|\d\d)\b"
)
_NUMBERS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d\d)(?!\d)")
_EPOCH = re.compile(r"(-?\d{9,10}|-?\d{12,13})(?:\.\d+)?$")


@dataclass(frozen=True, kw_only=True)
class Dates:
    """The days of one file, in its order, and how many of its dates could not be used."""

    days: list[date | None]  #: ``None``: no date, or one that could not be used
    unreadable: int  #: dates of no known form
    ambiguous: int  #: dates as 3/4/2020 where the file does not say which number is the month
    absurd: int  #: no day of the calendar, before :data:`EARLIEST`, or more than a day after ``today``

    @property
    def dated(self) -> int:
        """How many rows have a day."""
        return sum(day is not None for day in self.days)


def read_dates(values: Sequence[str | None], today: date) -> Dates:
    """Read the dates of one file.

    Known are ISO 8601 and other dates with the year first, with or without a time; month names
    in English, Spanish and Portuguese, whole or of three letters; and seconds or milliseconds since 1970.
    Whether ``2/11/20`` is day or month first is decided by all the dates of the file in the same form
    (the same separator and digits of the year): where some first number is above 12 and no second one
    is, it is day first, and the other way round. Where neither or both are, all dates of the form are
    ambiguous and unused. A year of two digits lies in 1969 to 2068.
    """
    orders = _orders(values)
    counts = {"unreadable": 0, "ambiguous": 0, "absurd": 0}
    days: list[date | None] = []
    for value in values:
        found = _read(value.strip(), orders) if value and value.strip() else None
        if isinstance(found, date) and not EARLIEST <= found <= today + timedelta(days=1):
            found = "absurd"
        if isinstance(found, str):
            counts[found] += 1
        days.append(found if isinstance(found, date) else None)
    return Dates(days=days, **counts)


def _orders(values: Sequence[str | None]) -> dict[str, str]:
    """By form, ``day`` or ``month``: whichever all its dates put first. A form that does not say is not there."""
    numbers: dict[str, list[tuple[int, int]]] = {}
    for value in values:
        if match := _NUMBERS.match((value or "").strip()):
            numbers.setdefault(_form(match), []).append((int(match[1]), int(match[3])))
    orders = {}
    for form, pairs in numbers.items():
        day_first = any(first > MONTHS for first, _ in pairs)
        month_first = any(second > MONTHS for _, second in pairs)
        if day_first != month_first:
            orders[form] = "day" if day_first else "month"
    return orders


def _form(match: re.Match[str]) -> str:
    """Spreadsheets turn the dates that they can read into another form, and day and month around with it."""
    return f"{match[2]}{len(match[4])}"


def _read(value: str, orders: dict[str, str]) -> date | str:
    """The day, or which count it belongs to."""
    for pattern, read in _FORMS:
        if match := pattern.match(value):
            numbers = read(match, orders)
            if isinstance(numbers, str):
                return numbers
            try:
                return date(*numbers)
            except ValueError:
                return "absurd"
    return "unreadable"


def _in_numbers(match: re.Match[str], orders: dict[str, str]) -> tuple[int, int, int] | str:
    order = orders.get(_form(match))
    if order is None:
        return "ambiguous"
    first, second = int(match[1]), int(match[3])
    day, month = (first, second) if order == "day" else (second, first)
    return _year(match[4]), month, day


def _year_first(match: re.Match[str], _orders: dict[str, str]) -> tuple[int, int, int] | str:
    return int(match[1]), int(match[2]), int(match[3])


def _named(match: re.Match[str], month: str, day: str) -> tuple[int, int, int] | str:
    number = _MONTHS.get(month.lower())
    return "unreadable" if number is None else (_year(match[3]), number, int(day))


def _since_1970(match: re.Match[str], _orders: dict[str, str]) -> tuple[int, int, int] | str:
    seconds = int(match[1]) / (1000 if len(match[1].lstrip("-")) > 10 else 1)  # noqa: PLR2004 - digits of seconds
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    return moment.year, moment.month, moment.day


def _year(written: str) -> int:
    number = int(written)
    if len(written) > 2:  # noqa: PLR2004 - digits
        return number
    return number + (2000 if number <= _LAST_SHORT_YEAR else 1900)


_Read = Callable[[re.Match[str], dict[str, str]], tuple[int, int, int] | str]
_FORMS: tuple[tuple[re.Pattern[str], _Read], ...] = (
    (_YEAR_FIRST, _year_first),
    (_COMPACT, _year_first),
    (_EPOCH, _since_1970),
    (_NUMBERS, _in_numbers),
    (_MONTH_FIRST, lambda match, _: _named(match, match[1], match[2])),
    (_DAY_FIRST, lambda match, _: _named(match, match[2], match[1])),
)
