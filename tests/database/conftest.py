from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables, of each kind in turn."""
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.dispose()
