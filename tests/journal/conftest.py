from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.journal.store import Journal


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables, of each kind in turn."""
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture
def journal(engine: Engine) -> Journal:
    """An empty one."""
    return Journal(engine)
