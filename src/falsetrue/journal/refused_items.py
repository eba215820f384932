"""◆ How many items were refused, for who watches what comes."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Engine, Text, func, select

from falsetrue.database.engine import is_sqlite, reading
from falsetrue.database.tables import refused_items


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedCount:
    """How many items of a caller were refused on a day for one reason."""

    day: date  #: UTC
    key: str | None  #: who asked; ``None``: anonymous
    code: str  #: as the items' errors said
    items: int


def count_refused(engine: Engine, model_version: str, since: datetime, until: datetime) -> list[RefusedCount]:
    """Items that were sent to a version of a model, from ``since`` on and before ``until``, and refused.

    By day, caller and code, in that order. Raises :class:`DatabaseError`.
    """
    columns = refused_items.c
    if is_sqlite(engine):
        day: Any = func.substr(columns.created_at, 1, 10, type_=Text)
    else:
        day = func.to_char(columns.created_at, "YYYY-MM-DD")  # the connection's time zone is UTC
    groups = (day, columns.key_id, columns.code)
    query = select(*groups, func.sum(columns["items"])).where(
        columns.model_version == model_version, columns.created_at >= since, columns.created_at < until
    )
    with reading(engine, wait=True) as connection:
        found = connection.execute(query.group_by(*groups).order_by(*groups)).all()
    return [RefusedCount(day=date.fromisoformat(at), key=key, code=code, items=int(n)) for at, key, code, n in found]
