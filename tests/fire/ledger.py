"""What the journal holds, held against what clients were told."""

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.fire.load import Tally

_ROWS = "SELECT id, item_id FROM predictions"


def sqlite_rows(folder: Path) -> list[tuple[str, str | None]]:
    """Identifier and item of every row, in the order in which they were written; raises where the file is damaged."""
    with closing(sqlite3.connect(f"file:{folder / 'falsetrue.db'}?mode=ro", uri=True)) as database:
        found = database.execute("PRAGMA integrity_check").fetchone()[0]
        assert found == "ok", f"the journal is damaged: {found}"
        return database.execute(f"{_ROWS} ORDER BY rowid").fetchall()


def sqlite_count(folder: Path) -> int:
    """How many rows there are."""
    with closing(sqlite3.connect(f"file:{folder / 'falsetrue.db'}?mode=ro", uri=True)) as database:
        return int(database.execute("SELECT count(*) FROM predictions").fetchone()[0])


def postgres_rows(url: str) -> list[tuple[str, str | None]]:
    """The same of PostgreSQL, by the transactions that wrote them; those of one transaction by their identifiers."""
    import psycopg

    with psycopg.connect(url) as database:
        rows = database.execute(f"{_ROWS} ORDER BY xmin::text::bigint, id").fetchall()
    return [(str(identifier), item) for identifier, item in rows]


def find_disorder(rows: list[tuple[str, str | None]]) -> list[str]:
    """Items of one client that were written, or have identifiers, in another order than the client asked in."""
    latest: dict[str, tuple[int, str]] = {}
    found = []
    for identifier, item in rows:
        client, number, _ = (item or "").split("-")
        before = latest.get(client, (-1, ""))
        if before >= (int(number), identifier) or before[1] >= identifier:
            found.append(str(item))
        latest[client] = (int(number), identifier)
    return found


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How the two compare."""

    rows: int
    answered: int  #: items that a client was told of with 200
    lost: int  #: ... of which there is no such row
    doubled: int  #: items with more than one row
    contradicted: int  #: items that were told of twice, with different identifiers
    unknown: int  #: rows of items that no client has asked for

    def check(self) -> None:
        """Raise where a row is lost, doubled or from nowhere, or where nothing was tried."""
        assert self.answered, "nothing was answered"
        assert self.lost + self.doubled + self.contradicted + self.unknown == 0, str(self)

    def __str__(self) -> str:
        return (
            f"{self.answered} items answered, {self.rows} rows: {self.lost} lost, {self.doubled} doubled, "
            f"{self.contradicted} answered twice with different identifiers"
        )


def compare(rows: list[tuple[str, str | None]], tally: Tally) -> Balance:
    """Rows against answers."""
    identifiers = dict(rows)
    counts = Counter(item for _, item in rows)
    return Balance(
        rows=len(rows),
        answered=len(tally.said),
        lost=sum(any(identifiers.get(told or "") != item for told in told_of) for item, told_of in tally.said.items()),
        doubled=sum(count > 1 for count in counts.values()),
        contradicted=sum(len(set(told_of)) > 1 for told_of in tally.said.values()),
        unknown=len(counts.keys() - tally.said.keys() - tally.unsure),
    )


def keeps_journal(said: Tally) -> bool:
    """Whether the service gave predictions identifiers."""
    return any(told for told_of in said.said.values() for told in told_of)
