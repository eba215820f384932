"""◆ The journal column by column, for who counts over very many entries: no record is made for each.

Read in blocks, by identifier, of the entries of one version of a model; no transaction stays open between blocks.
"""

from collections.abc import Iterable, Iterator, Sequence
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
    forced: NDArray[np.bool_]  #: whether no policy was applied, so that ``unsure`` was no choice
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
class Callers:
    """How many entries a caller has of a version of a model."""

    model_version: str
    key: str | None  #: who asked; ``None``: anonymous
    first: date  #: UTC, when the first was made
    rows: int


def read_columns(engine: Engine, filters: Filters, *, rows: int = ROWS) -> Iterator[Columns]:
    """The entries that the filters let through, in blocks of at most ``rows``: by identifier, which is nearly by time.

    An entry that is written meanwhile may be missed, as by :meth:`Journal.export`. Raises :class:`DatabaseError`.
    """
    ids = predictions.c.id
    with reading(engine, wait=True) as connection:
        if not is_sqlite(engine):
            # Before it has counted the rows of a table PostgreSQL would sort all of them for each block.
            connection.exec_driver_sql("SET enable_sort = off")
            connection.commit()
        shapes = _shapes(engine)
        after: str | None = None
        while True:
            query = select(*shapes).where(*_wanted(connection, filters, after)).order_by(ids).limit(rows)
            found = connection.execute(query).all()
            connection.rollback()
            if not found:
                return
            after = found[-1][0]
            yield _columns(found, as_text=is_sqlite(engine))
            if len(found) < rows:
                return


def count_callers(engine: Engine, filters: Filters) -> list[Callers]:
    """Entries by version of the model and by who asked. Raises :class:`DatabaseError`."""
    columns = predictions.c
    groups = (columns.model_version, columns.key_id)
    query = select(*groups, func.min(columns.created_at), func.count()).group_by(*groups)
    with reading(engine, wait=True) as connection:
        found = connection.execute(query.where(*_wanted(connection, filters))).all()
    return [Callers(model_version=v, key=key, first=first.date(), rows=rows) for v, key, first, rows in found]


def largest_keys(counted: Iterable[Callers], model_version: str, most: int) -> list[str]:
    """Of a version the callers with the most entries, the largest first; anonymous ones are none."""
    rows = {each.key: each.rows for each in counted if each.key is not None and each.model_version == model_version}
    return sorted(rows, key=lambda key: (-rows[key], key))[:most]


def first_days(counted: Iterable[Callers]) -> dict[str, date]:
    """When each version of the model said something first, the oldest first."""
    found: dict[str, date] = {}
    for each in sorted(counted, key=lambda each: (each.first, each.model_version)):
        found.setdefault(each.model_version, each.first)
    return found


def _wanted(connection: Connection, filters: Filters, after: str | None = None) -> list[ColumnElement[bool]]:
    return [*bounds_of(connection, filters, after=after), *conditions_of(filters)]


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
        columns.policy.is_(None),
        columns.language,
        columns.key_id,
        columns.characters,
        columns.words,
        columns.known_words,
        columns.sketch,
    ]


def _columns(rows: Sequence[Any], *, as_text: bool) -> Columns:
    ids, at, p_real, prevalence, labels, forced, languages, keys, characters, words, known_words, sketches = zip(
        *rows, strict=True
    )
    return Columns(
        ids=list(ids),
        seconds=_seconds(at) if as_text else np.array(at, dtype=np.float64),
        p_real=np.array(p_real, dtype=np.float64),
        prevalence=np.array(prevalence, dtype=np.float64),
        labels=np.array(labels, dtype=object),
        forced=np.array(forced, dtype=bool),
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
