"""◆ The tables of a database brought forward to those that this version knows."""

from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine

from falsetrue.database.engine import describe, is_sqlite, reading, writing
from falsetrue.errors import DatabaseFormatError

#: All revisions, the oldest first; ``tables.py`` describes the last.
REVISIONS = ("0001", "0002", "0003", "0004")
NEWEST = REVISIONS[-1]
_MIGRATIONS = Path(__file__).parent / "migrations"
#: Number of PostgreSQL's advisory lock; any that nobody else uses.
_LOCK = 7_102_384_159


def migrate(engine: Engine, revision: str = NEWEST) -> bool:
    """Bring the tables to a revision, forward unless said otherwise; whether anything was to be done.

    ``base`` is the revision before the first. Several processes may do it at once: one does it, in one transaction,
    the others wait. Raises :class:`DatabaseFormatError` where a newer version has been there, and
    :class:`DatabaseError`.
    """
    if current_revision(engine) == revision:
        return False
    with writing(engine, wait=True) as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        current = _current(engine, connection)
        if current != revision:
            _move(connection, current, revision)
        return current != revision


def current_revision(engine: Engine) -> str | None:
    """The revision of the tables; ``None`` where there are none. Raises as :func:`migrate` does."""
    with reading(engine) as connection:
        return _current(engine, connection)


def _current(engine: Engine, connection: Connection) -> str | None:
    if not sqlalchemy.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    if found is not None and found not in REVISIONS:
        raise DatabaseFormatError(
            f"{describe(engine)}: its tables are of revision {found[:40]}, this version knows those up to {NEWEST}; "
            "install the newer falsetrue again, or name another database"
        )
    return found


def _move(connection: Connection, current: str | None, revision: str) -> None:
    # 0.4 s that a database which is as it should be does not cost.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    known = ("base", *REVISIONS)
    forward = known.index(current or "base") < known.index(revision)
    (command.upgrade if forward else command.downgrade)(config, revision)
