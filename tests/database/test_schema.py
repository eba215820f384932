import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from falsetrue.database import schema
from falsetrue.database.engine import open_database, reading, writing
from falsetrue.database.schema import NEWEST, REVISIONS, current_revision, migrate
from falsetrue.database.tables import facts, metadata
from falsetrue.errors import DatabaseFormatError

MIGRATE = """
import sys
from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
engine = open_database(sys.argv[1])
print(migrate(engine), "alembic" in sys.modules)
engine.dispose()
"""


def test_migrated_tables_are_those_that_the_code_knows(engine: Engine) -> None:
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_the_known_revisions_are_the_ones_that_there_are() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema._MIGRATIONS))  # noqa: SLF001
    there = [revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(there)) == REVISIONS


def test_every_revision_goes_back_and_forward(database_url: str) -> None:
    engine = open_database(database_url)
    for revision in (*REVISIONS, *reversed(REVISIONS[:-1]), "base", *REVISIONS):
        assert migrate(engine, revision)
        assert current_revision(engine) == (None if revision == "base" else revision)
        if revision == "base":
            assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_tables_that_are_there_are_left_alone(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(facts.insert().values(name="a", value="1"))
    assert not migrate(engine)
    with reading(engine) as connection:
        assert connection.execute(facts.select()).all() == [("a", "1")]


def test_alembic_is_imported_only_where_there_is_something_to_do(database_url: str) -> None:
    said = [
        subprocess.run([sys.executable, "-c", MIGRATE, database_url], capture_output=True, text=True, check=True).stdout
        for _ in range(2)
    ]
    assert said == ["True True\n", "False False\n"]


def test_several_processes_at_once_migrate_once(database_url: str) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", MIGRATE, database_url], stdout=subprocess.PIPE, text=True)
        for _ in range(5)
    ]
    said = sorted(process.communicate()[0].split()[0] for process in started)
    assert said == ["False"] * 4 + ["True"]


def test_tables_of_a_newer_version_are_refused(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseFormatError, match=f"revision 9999.*up to {NEWEST}"):
        migrate(engine)


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = open_database(database_url)
    monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, "9999"))
    with pytest.raises(Exception, match="9999"):
        migrate(engine, "9999")
    assert inspect(engine).get_table_names() == []
    engine.dispose()
