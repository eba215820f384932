"""The case study learns nothing from what it watches, looks at all of it once, and finds what it is shown."""

from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from benchmarks.monitor.case_study import (
    ALARMS,
    DAILY,
    FIRST,
    Case,
    News,
    Seen,
    _by_days,
    _dated,
    _errors,
    _five_days,
    _read,
    _shuffled,
    alarms,
    draw,
    tell,
    watch,
)

from falsetrue.news.article import Article, Label

ONE_DAY = timedelta(days=1)

pytestmark = pytest.mark.newest


def _article(number: int, day: date | None = None) -> Article:
    label = Label.REAL if number % 2 else Label.FALSE
    return Article(corpus="made", line=number, title=None, text=f"text {number}", label=label, date=str(day or ""))


def test_days_are_whole_and_have_every_article_once() -> None:
    days = _by_days([_article(number) for number in range(25)], 10)
    assert list(days) == [FIRST, FIRST + ONE_DAY]
    assert [article.line for each in days.values() for article in each] == list(range(20))


def test_nothing_is_learnt_from_what_was_published_later() -> None:
    published = [date(2017, 1, 1) + number * ONE_DAY for number in range(90)]
    articles = _shuffled(_article(number, day) for number, day in enumerate(published))
    begin, since, until = date(2017, 2, 1), date(2017, 3, 1), date(2017, 3, 20)
    news = _dated([*articles, _article(99)], begin, since, until)
    assert {str(article.date) for article in news.train} == {str(day) for day in published if day < begin}
    assert {str(article.date) for article in news.baseline} == {str(day) for day in published if begin <= day < since}
    assert list(news.days) == [day for day in published if since <= day < until]


def test_texts_without_a_decision_are_no_verdicts() -> None:
    seen = [Seen(FIRST, said, 0.5, "real") for said in ("real", "false", "unsure", "unsure")]
    assert _errors(seen) == (1, 2)


@pytest.mark.corpora
def test_every_text_is_looked_at_once_and_another_language_is_found_when_it_comes(
    corpora: Path, tmp_path: Path
) -> None:
    english = _shuffled(_read(corpora, "fakenewsnet_politifact"))
    spanish = _shuffled(_read(corpora, "spanish_fakenews_corpus"))
    change = FIRST + 5 * ONE_DAY
    days = _by_days(english[550:800], 50) | _by_days(spanish[:250], 50, change)
    news = News(train=english[:300], baseline=english[300:550], days=days, change=change)
    case = Case(title="Short", news=lambda _folder, _size: news, period=_five_days)
    found = watch(case, news, tmp_path / "work")
    assert len(found.reports) == len(days) == 10
    assert found.reports[-1].days[-1].texts == 50
    assert sum(day.texts for day in found.reports[-1].days) == len(found.seen) == 500
    assert len(found.audited) == 10 * DAILY
    began = {each.watch: each.raised_at.date() - ONE_DAY for each in found.alarms}
    assert began["language_mix"] >= change
    assert all(len(row) == len(ALARMS) for row in alarms(found))
    assert "| language_mix |" in tell(case, news, found)
    assert ElementTree.fromstring(draw(case, news, found)).tag.endswith("svg")  # noqa: S314 - our own
