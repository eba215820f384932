"""What many tests need: news made up on the spot, models trained on it, and the labelled corpora where they are."""

import csv
import os
import random
import signal
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import hypothesis
import pytest
from sqlalchemy import Engine
from tests.postgres import PostgresServer, find_programs

from falsetrue.database.engine import open_database
from falsetrue.database.schema import migrate
from falsetrue.jobs.progress import Quiet
from falsetrue.jobs.train import Training, train
from falsetrue.model.fitting import RECIPES

# A busy machine is no bug; and what CI finds, anybody must be able to find again.
hypothesis.settings.register_profile("here", deadline=None, derandomize=bool(os.environ.get("CI")))
hypothesis.settings.load_profile("here")

#: When the models of the tests say they were made.
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

_COMMON = "the of and a in that it was for on with as by at from they about city people week report plan water road"
_REAL = "said minister parliament percent official statement spokesman committee agreed budget quarter according vote"
_FALSE = "shocking truth exposed hoax elites wake share deleted secret cure miracle corrupt traitor panic banned"


def make_news(count: int, seed: int = 0) -> list[tuple[str, str, int]]:
    """``count`` rows of (title, text, label), about half of each class, with words that tell them apart mostly."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    rows = []
    for number in range(count):
        label = number % 2
        own = (_REAL if label else _FALSE).split()
        other = (_FALSE if label else _REAL).split()
        words = generator.choices(_COMMON.split(), k=30) + generator.choices(own, k=8) + generator.choices(other, k=2)
        generator.shuffle(words)
        rows.append((f"Item {number}", " ".join(words) + ".", label))
    return rows


def write_csv(path: Path, rows: list[tuple[str, str, int]]) -> Path:
    """A labelled CSV file with the columns title, text and label."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["title", "text", "label"])
        writer.writerows(rows)
    return path


@pytest.fixture
def news_csv(tmp_path: Path) -> Path:
    """A labelled CSV file of 200 articles."""
    return write_csv(tmp_path / "news.csv", make_news(200))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A bundle folder by recipe, trained once on made-up news. Tests must not change it."""
    folder = tmp_path_factory.mktemp("trained")
    source = write_csv(folder / "news.csv", make_news(400))
    made: dict[str, Path] = {}

    def bundle(recipe: str = "default") -> Path:
        if recipe not in made:
            training = Training(recipe=RECIPES[recipe], name=recipe, files=[str(source)], languages=["en"])
            train(training, folder / recipe, now=NOW, progress=Quiet())
            made[recipe] = folder / recipe
        return made[recipe]

    return bundle


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of the labelled corpora."""
    folder = os.environ.get("FALSETRUE_CORPORA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("FALSETRUE_CORPORA does not name the folder of the labelled corpora")
    return Path(folder)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A running PostgreSQL of the tests' own. Who stops it starts it again."""
    programs = find_programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (apt-get install postgresql)")
    server = PostgresServer(programs)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """An empty database of PostgreSQL."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_server.make_database(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/falsetrue.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with all tables, of each kind in turn."""
    opened = open_database(database_url)
    migrate(opened)
    yield opened
    opened.dispose()


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees, or writes to, the settings and state of whoever runs it."""
    for name in list(os.environ):
        if (
            name.startswith("FALSETRUE_") and name not in ("FALSETRUE_CORPORA", "FALSETRUE_NO_SKIPS")
        ) or name == "PORT":
            monkeypatch.delenv(name)
    monkeypatch.setenv("FALSETRUE_STATE_FOLDER", str(tmp_path_factory.mktemp("state")))


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Turn a run with forbidden skips into a failed one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter is not None and reporter.stats.get("skipped")
    if reporter is not None and skipped and os.environ.get("FALSETRUE_NO_SKIPS") and session.exitstatus == 0:
        reporter.write_line(f"FALSETRUE_NO_SKIPS is set, and {len(skipped)} tests were skipped", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def listen_to_sigint() -> None:
    """For a process that is to be interrupted: a shell has what runs in its background ignore that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
