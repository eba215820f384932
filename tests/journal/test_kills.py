"""A process that is killed in the middle of its writing, on each kind of database."""

import signal
import subprocess
import sys

from sqlalchemy import Engine

from falsetrue.database.engine import reading
from falsetrue.database.tables import answers, predictions
from falsetrue.journal.records import Filters
from falsetrue.journal.store import Journal

#: Writes transactions of 40 entries and a stored answer each, and says when each is written.
WRITE = """
import sys
from tests.journal.entries import Maker, answer
from falsetrue.database.engine import open_database
from falsetrue.journal.identifiers import Identifiers
from falsetrue.journal.records import Writing
from falsetrue.journal.store import Journal
journal, maker, names = Journal(open_database(sys.argv[1])), Maker(), Identifiers()
while True:
    name = names.new()
    entries = tuple(maker.entry(id=names.new(), request_id=name) for _ in range(40))
    journal.write([Writing(entries=entries, answer=answer(name[:32].encode(), name.encode()))])
    print(name, flush=True)
"""


def test_a_killed_process_leaves_whole_transactions_and_all_that_it_said_was_written(
    engine: Engine, database_url: str
) -> None:
    told: set[str] = set()
    for turn in range(6):
        with subprocess.Popen([sys.executable, "-c", WRITE, database_url], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout
            told |= {writer.stdout.readline().strip() for _ in range(5 + turn)}
            writer.send_signal(signal.SIGKILL)
            told |= {line.strip() for line in writer.stdout if line.endswith("\n")}
    with reading(engine) as connection:
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        written = [row.request_id for row in connection.execute(predictions.select())]
        answered = {row.content.decode() for row in connection.execute(answers.select())}
    assert told <= set(written)
    assert {name: written.count(name) for name in set(written)} == dict.fromkeys(answered, 40)
    assert len(list(Journal(engine).export(Filters()))) == len(written)
