import pytest
from sqlalchemy import Engine

from falsetrue.journal.store import Journal


@pytest.fixture
def journal(engine: Engine) -> Journal:
    """An empty one."""
    return Journal(engine)
