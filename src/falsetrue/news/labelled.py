"""◆ Labelled news: the articles of a file, strictly."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from falsetrue.errors import RowError
from falsetrue.news.article import Article, Label, parse_label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.reading import Row, Table, open_table, text_value


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what."""

    text: str = "text"
    title: str | None = None  #: ``None``: use ``title`` where there is such a column
    label: str = "label"


def read_labelled(path: str, columns: Columns, dropped: Dropped) -> Iterator[Article]:
    """Labelled articles of one file; rows without a label are counted in ``dropped``.

    Raises :class:`RowError` at the first row that cannot be read: training on a file that is
    partly misread would be a silent guess.
    """
    with open_table(path) as table:
        table.require(columns.label)
        for row, title, text in _titles_and_texts(table, columns):
            try:
                label = parse_label(row.values.get(columns.label))
            except ValueError as error:
                raise RowError(path, row.line, str(error)) from error
            if label is None:
                dropped.no_label += 1
            else:
                yield Article(corpus=Path(path).stem, line=row.line, title=title, text=text, label=label)


def read_one_class(path: str, label: Label, corpus: str, columns: Columns) -> Iterator[Article]:
    """Articles of a file that holds one class only, as ``True.csv`` and ``Fake.csv`` do."""
    with open_table(path) as table:
        for row, title, text in _titles_and_texts(table, columns):
            yield Article(corpus=corpus, line=row.line, title=title, text=text, label=label)


def _titles_and_texts(table: Table, columns: Columns) -> Iterator[tuple[Row, str | None, str]]:
    table.require(columns.text)
    if columns.title is not None:
        table.require(columns.title)
    title_column = columns.title or "title"
    for row in table.rows:
        if row.problem:
            raise RowError(table.name, row.line, row.problem)
        try:
            yield row, text_value(row, title_column), text_value(row, columns.text) or ""
        except ValueError as error:
            raise RowError(table.name, row.line, str(error)) from error
