"""◆ The journal column by column, for who counts over very many entries: no record is made for each.

Read in blocks, by identifier, of the entries of one version of a model; no transaction stays open between blocks.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Engine, Float, Text, cast, func, select

from falsetrue.database.engine import is_sqlite, reading
from falsetrue.database.tables import predictions
from falsetrue.journal.records import Filters
from falsetrue.journal.store import bounds_of, conditions_of

#: Entries of a block.
ROWS = 25_000


@dataclass(frozen=True, kw_only=True)
class Columns:
    """What n entries say, the oldest identifiers first."""

    ids: list[str]  #: UUIDs in their canonical form
    seconds: NDArray[np.float64]  #: since 1970, UTC
    p_real: NDArray[np.float64]
    prevalence: NDArray[np.float64]  #: that ``p_real`` was re-derived for; NaN where for none
    labels: NDArray[np.object_]  #: ``false``, ``real`` or ``unsure``
    languages: NDArray[np.object_]  #: BCP 47 or ``None``
    keys: NDArray[np.object_]  #: who asked, or ``None``
    characters: NDArray[np.int64]
    words: NDArray[np.int64]
    known_words: NDArray[np.int64]
    sketches: list[bytes | None]

    def __len__(self) -> int:
        """How many entries there are."""
        return len(self.seconds)


@dataclass(frozen=True, kw_only=True)
class DayCount:
    """How many entries a day has."""

    day: date  #: UTC
    model_name: str
    model_version: str
    rows: int


def read_columns(engine: Engine, filters: Filters, *, rows: int = ROWS) -> Iterator[Columns]:
    """The entries that the filters let through, in blocks of at most ``rows``: by identifier, which is nearly by time.

    An entry that is written meanwhile may be missed, as by :meth:`Journal.export`. Raises :class:`DatabaseError`.
    """
    ids = predictions.c.id
    with reading(engine, wait=True) as connection:
        where = _wanted(connection, filters)
        shapes = _shapes(engine)
        after: str | None = None
        while True:
            query = select(*shapes).where(*where).order_by(ids).limit(rows)
            found = connection.execute(query if after is None else query.where(ids > after)).all()
            connection.rollback()
            if not found:
                return
            after = found[-1][0]
            yield _columns(found, as_text=is_sqlite(engine))
            if len(found) < rows:
                return


def largest_keys(engine: Engine, filters: Filters, most: int) -> list[str]:
    """The callers with the most entries, the largest first; anonymous ones are none."""
    key = predictions.c.key_id
    with reading(engine, wait=True) as connection:
        query = select(key).where(*_wanted(connection, filters), key.is_not(None))
        return list(connection.scalars(query.group_by(key).order_by(func.count().desc(), key).limit(most)))


def count_days(engine: Engine, filters: Filters) -> list[DayCount]:
    """Entries by day and version of the model, the oldest first."""
    columns = predictions.c
    with reading(engine, wait=True) as connection:
        if is_sqlite(engine):
            day: Any = func.substr(columns.created_at, 1, 10, type_=Text)
        else:
            day = func.to_char(columns.created_at, "YYYY-MM-DD")  # the connection's time zone is UTC
        groups = (day, columns.model_name, columns.model_version)
        query = select(*groups, func.count()).where(*_wanted(connection, filters)).group_by(*groups)
        found = connection.execute(query.order_by(*groups)).all()
    return [DayCount(day=date.fromisoformat(at), model_name=n, model_version=v, rows=rows) for at, n, v, rows in found]


def _wanted(connection: Connection, filters: Filters) -> list[ColumnElement[bool]]:
    return [*bounds_of(connection, filters), *conditions_of(filters)]


def _shapes(engine: Engine) -> list[Any]:
    """The columns as they take the least time to read: SQLite's times as it holds them, PostgreSQL's as numbers."""
    columns = predictions.c
    at = columns.created_at
    return [
        columns.id if is_sqlite(engine) else cast(columns.id, Text),
        cast(at, Text) if is_sqlite(engine) else cast(func.extract("epoch", at), Float(53)),
        columns.p_real,
        columns.prevalence,
        columns.label,
        columns.language,
        columns.key_id,
        columns.characters,
        columns.words,
        columns.known_words,
        columns.sketch,
    ]


def _columns(rows: Sequence[Any], *, as_text: bool) -> Columns:
    ids, at, p_real, prevalence, labels, languages, keys, characters, words, known_words, sketches = zip(
        *rows, strict=True
    )
    return Columns(
        ids=list(ids),
        seconds=_seconds(at) if as_text else np.array(at, dtype=np.float64),
        p_real=np.array(p_real, dtype=np.float64),
        prevalence=np.array(prevalence, dtype=np.float64),
        labels=np.array(labels, dtype=object),
        languages=np.array(languages, dtype=object),
        keys=np.array(keys, dtype=object),
        characters=np.array(characters, dtype=np.int64),
        words=np.array(words, dtype=np.int64),
        known_words=np.array(known_words, dtype=np.int64),
        sketches=list(sketches),
    )


def _seconds(written: Sequence[str]) -> NDArray[np.float64]:
    """Of times as SQLite holds them, ``2026-01-02T03:04:05.678901Z``."""
    bare = np.array(written, dtype="S26")  # without the Z, which NumPy does not know
    return bare.astype("datetime64[us]").astype(np.int64) / 1e6
