"""◆ Labelled news: the articles of a file, strictly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from falsetrue.errors import InputError, RowError
from falsetrue.news.article import Article, Label, parse_label
from falsetrue.news.cleaning import Dropped
from falsetrue.news.reading import Row, Table, open_table, text_value


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which columns hold what."""

    text: str = "text"
    title: str | None = None  #: ``None``: use ``title`` where there is such a column
    label: str = "label"
    source: str | None = None  #: ``None``: use ``source`` where there is such a column
    date: str | None = None  #: ``None``: use ``date`` where there is such a column

    def named(self) -> list[str]:
        """Those that somebody asked for by name and that must therefore be there."""
        return [name for name in (self.text, self.title, self.source, self.date) if name is not None]


def corpus_names(paths: Sequence[str]) -> list[str]:
    """What the corpora of some files are called; raises :class:`InputError` where two would be called alike."""
    names = [Path(path).stem for path in paths]
    if len(set(names)) < len(names):
        raise InputError("two of the files have the same name; a corpus is called after its file, so rename one")
    return names


def read_labelled(path: str, columns: Columns, dropped: Dropped) -> Iterator[Article]:
    """Labelled articles of one file; rows without a label are counted in ``dropped``.

    Raises :class:`RowError` at the first row that cannot be read: training on a file that is
    partly misread would be a silent guess.
    """
    with open_table(path) as table:
        table.require(columns.label)
        for row in _rows(table, columns):
            try:
                label = parse_label(row.values.get(columns.label))
                if label is not None:
                    yield _article(row, label, Path(path).stem, columns)
                    continue
            except ValueError as error:
                raise RowError(path, row.line, str(error)) from error
            dropped.no_label += 1


def read_one_class(path: str, label: Label, corpus: str, columns: Columns) -> Iterator[Article]:
    """Articles of a file that holds one class only, as ``True.csv`` and ``Fake.csv`` do."""
    with open_table(path) as table:
        for row in _rows(table, columns):
            try:
                yield _article(row, label, corpus, columns)
            except ValueError as error:
                raise RowError(path, row.line, str(error)) from error


def _rows(table: Table, columns: Columns) -> Iterator[Row]:
    for name in columns.named():
        table.require(name)
    for row in table.rows:
        if row.problem:
            raise RowError(table.name, row.line, row.problem)
        yield row


def _article(row: Row, label: Label, corpus: str, columns: Columns) -> Article:
    """Raises :class:`ValueError` where title or text is no text; what else is said of it may be written in any way."""
    return Article(
        corpus=corpus,
        line=row.line,
        title=_title(row, columns),
        text=text_value(row, columns.text) or "",
        label=label,
        source=_written(row, columns.source or "source"),
        subject=_written(row, "subject"),
        date=_written(row, columns.date or "date"),
        language=_written(row, "lang") or _written(row, "language"),
    )


def _title(row: Row, columns: Columns) -> str | None:
    """Nothing where the text is read from the column that titles would otherwise be in."""
    column = columns.title or "title"
    return None if column == columns.text else text_value(row, column)


def _written(row: Row, column: str) -> str | None:
    """What a column says, as text; ``None`` for nothing."""
    value = row.values.get(column)
    written = "" if value is None else str(value).strip()
    return written or None
