import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from falsetrue.access.keys import is_well_formed
from falsetrue.access.principal import Quota, Scope
from falsetrue.cli.app import main
from falsetrue.errors import UnknownCallerError
from falsetrue.settings import load_settings
from falsetrue.wiring import open_storage

Answer = subprocess.CompletedProcess[str]
Run = Callable[..., Answer]

CREATE = ("create", "--name", "newsroom")
FULL = (*CREATE, "--scopes", "classify,feedback", "--expires", "90d", "--quota", "600/min")


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run ``falsetrue keys`` in this process, which saves a second each time."""

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["falsetrue", "keys", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        sys.stdout.flush()
        written = capfd.readouterr()
        return subprocess.CompletedProcess(sys.argv, cast("int", ended.value.code), written.out, written.err)

    return run


def _state_folder() -> Path:
    return Path(os.environ["FALSETRUE_STATE_FOLDER"])


def _answer(run: Run, *arguments: object) -> Any:
    answered = run(*arguments, "--json")
    assert (answered.returncode, answered.stderr) == (0, "")
    return json.loads(answered.stdout)


def test_create_prints_the_key_alone_on_standard_output(falsetrue: Run) -> None:
    answered = falsetrue("keys", *FULL)
    assert answered.returncode == 0
    key = answered.stdout.removesuffix("\n")
    assert is_well_formed(key)
    assert key not in answered.stderr
    assert "newsroom (key_" in answered.stderr
    assert "may classify, feedback, 600/min, and expires at 20" in answered.stderr
    assert "shown this once" in answered.stderr


def test_a_service_of_the_same_settings_knows_the_key(keys: Run) -> None:
    made = json.loads(keys(*FULL, "--json").stdout)
    storage = open_storage(load_settings())
    ring = storage.keyring()
    assert ring.refresh()
    caller = ring.authenticate(made["key"], datetime.now(UTC))
    assert (caller.id, caller.name) == (made["id"], "newsroom")
    assert caller.scopes == {Scope.CLASSIFY, Scope.FEEDBACK}
    assert caller.quota == Quota(requests=600, seconds=60)
    keys("revoke", "newsroom")
    ring.refresh()
    with pytest.raises(UnknownCallerError, match="was revoked"):
        ring.authenticate(made["key"], datetime.now(UTC))
    storage.close()


def test_create_in_json_says_what_the_key_may(keys: Run) -> None:
    made = json.loads(keys(*FULL, "--json").stdout)
    assert (made["name"], made["state"], made["quota"]) == ("newsroom", "live", "600/min")
    assert made["scopes"] == ["classify", "feedback"]
    length = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert length == timedelta(days=90)
    assert made["replaces"] is None


def test_nothing_said_is_the_right_to_classify_for_ever(keys: Run) -> None:
    made = json.loads(keys(*CREATE, "--json").stdout)
    assert (made["scopes"], made["quota"], made["expires_at"]) == (["classify"], None, None)


def test_list_shows_every_key_and_its_state_and_never_the_key(keys: Run) -> None:
    assert _answer(keys, "list") == []
    first = keys(*FULL).stdout.strip()
    second = keys("create", "--name", "archive", "--expires", "0s").stdout.strip()
    listed = _answer(keys, "list")
    assert [(key["name"], key["shown"], key["state"]) for key in listed] == [
        ("newsroom", first[:8], "live"),
        ("archive", second[:8], "expired"),
    ]
    keys("revoke", "newsroom")
    table = keys("list").stdout.splitlines()
    assert len(table) == 3
    assert table[0].split()[:4] == ["name", "id", "begins", "state"]
    assert "revoked" in table[1]
    for key in (first, second):
        assert key[8:] not in "".join(table) + json.dumps(listed)


def test_rotate_makes_a_second_key_and_gives_the_first_a_day(keys: Run) -> None:
    old = json.loads(keys(*FULL, "--json").stdout)
    answered = keys("rotate", "newsroom")
    assert is_well_formed(answered.stdout.strip())
    assert f"the key before it ({old['id']}) ends at" in answered.stderr
    kept, new = _answer(keys, "list")
    assert (kept["id"], kept["replaced_by"]) == (old["id"], new["id"])
    grace = datetime.fromisoformat(kept["expires_at"]) - datetime.fromisoformat(new["created_at"])
    assert grace == timedelta(hours=24)
    refused = keys("rotate", new["id"])
    assert refused.returncode == 2
    assert "revoke one first" in refused.stderr


def test_rotate_with_another_grace(keys: Run) -> None:
    keys(*CREATE)
    made = _answer(keys, "rotate", "newsroom", "--grace", "30min")
    grace = datetime.fromisoformat(made["replaces"]["expires_at"]) - datetime.fromisoformat(made["created_at"])
    assert grace == timedelta(minutes=30)


def test_revoke_says_which_keys_have_ended(keys: Run) -> None:
    made = json.loads(keys(*CREATE, "--json").stdout)
    assert keys("revoke", made["id"]).stdout == f"newsroom ({made['id']}) is revoked\n"
    again = keys("revoke", made["id"])
    assert (again.returncode, again.stdout) == (2, "")
    assert "is live any more" in again.stderr


def test_history_says_who_did_what(keys: Run) -> None:
    keys(*CREATE)
    keys("rotate", "newsroom")
    keys("revoke", "newsroom")
    events = _answer(keys, "history", "newsroom")
    assert [event["what"] for event in events] == ["created", "rotated", "created", "revoked", "revoked"]
    assert all(event["who"].startswith("os:") and len(event["who"]) > 3 for event in events)
    assert keys("history").stdout.count("newsroom") == 5


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("create", "--name", "a b"), "'a b' cannot be the name of a key"),
        (("create", "--name", "x", "--scopes", "everything"), "there is no scope 'everything'"),
        (("create", "--name", "x", "--quota", "many"), "'many' is no quota"),
        (("create", "--name", "x", "--expires", "soon"), "'soon' is no length of time"),
        (("rotate", "nobody"), "there is no key nobody"),
        (("rotate", "nobody", "--grace", "x"), "'x' is no length of time"),
        (("revoke", "nobody"), "there is no key nobody"),
        (("history", "nobody"), "there is no key nobody"),
    ],
)
def test_what_cannot_be_is_one_line_and_exit_code_2(keys: Run, arguments: tuple[str, ...], problem: str) -> None:
    answered = keys(*arguments)
    assert (answered.returncode, answered.stdout) == (2, "")
    assert answered.stderr.startswith(f"falsetrue: {problem}")
    assert answered.stderr.count("\n") == 1


def test_database_and_secret_are_for_their_owner_alone(keys: Run) -> None:
    keys(*CREATE)
    for name in ("falsetrue.db", "secret"):
        assert stat.S_IMODE((_state_folder() / name).stat().st_mode) == 0o600


def test_keys_of_another_secret_are_not_touched(keys: Run, falsetrue: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    keys(*CREATE)
    monkeypatch.setenv("FALSETRUE_SECRET", "another secret, long enough")
    refused = falsetrue("keys", "list")
    assert refused.returncode == 2
    assert "another secret" in refused.stderr
    assert "long enough" not in refused.stderr


def test_a_database_that_cannot_be_reached_is_one_line(
    falsetrue: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FALSETRUE_DATABASE_URL", f"sqlite:///{tmp_path}")
    refused = falsetrue("keys", "list")
    assert refused.returncode == 2
    assert refused.stderr.startswith("falsetrue: ")
    assert refused.stderr.count("\n") == 1
