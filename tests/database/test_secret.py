import stat
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine

from falsetrue.database.ownership import check_secret
from falsetrue.database.secret import load_secret
from falsetrue.errors import InputError, SecretMismatchError

GIVEN = "correct horse battery staple"


def test_a_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = load_secret(None, tmp_path / "state")
    assert load_secret(None, tmp_path / "state") == made
    assert [path.name for path in (tmp_path / "state").iterdir()] == ["secret"]
    assert stat.S_IMODE((tmp_path / "state" / "secret").stat().st_mode) == 0o600


def test_two_secrets_are_different(tmp_path: Path) -> None:
    first, second = (load_secret(None, tmp_path / name) for name in "ab")
    assert first.fingerprint != second.fingerprint
    assert first.key("texts") != second.key("texts")


def test_keys_are_different_for_each_purpose_and_the_same_each_time(tmp_path: Path) -> None:
    secret = load_secret(GIVEN, tmp_path)
    keys = {secret.key(purpose) for purpose in ("texts", "cookies", "fingerprint")}
    assert len(keys) == 3
    assert {len(key) for key in keys} == {32}
    assert load_secret(GIVEN, tmp_path).key("texts") in keys


def test_a_secret_that_is_given_is_written_nowhere(tmp_path: Path) -> None:
    secret = load_secret(GIVEN, tmp_path)
    assert GIVEN not in repr(secret)
    assert list(tmp_path.iterdir()) == []


def test_a_secret_that_can_be_guessed_is_refused_and_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shorter than 16") as refused:
        load_secret("pa55word", tmp_path)
    assert "pa55word" not in str(refused.value)


def test_a_file_that_is_no_secret_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"")
    with pytest.raises(InputError, match="secret"):
        load_secret(None, tmp_path)


def test_a_folder_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="FALSETRUE_SECRET"):
        load_secret(None, tmp_path / "file")


def test_processes_that_begin_at_once_have_the_same_secret(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from falsetrue.database.secret import load_secret; "
        "print(load_secret(None, pathlib.Path(sys.argv[1])).fingerprint)"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "state")]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    assert len({process.communicate()[0] for process in started}) == 1


def test_a_database_stays_with_its_secret(engine: Engine, tmp_path: Path) -> None:
    check_secret(engine, load_secret(GIVEN, tmp_path))
    check_secret(engine, load_secret(GIVEN, tmp_path))
    with pytest.raises(SecretMismatchError, match="another secret"):
        check_secret(engine, load_secret(None, tmp_path))
