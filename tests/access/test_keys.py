import ast
import inspect
import string
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.access import keyring, keys, sessions
from falsetrue.access.keys import (
    ID_BYTES,
    RANDOM_BYTES,
    ApiKey,
    check_name,
    hash_key,
    is_well_formed,
    make_id,
    make_key,
    parse_quota,
    parse_scopes,
    parse_time,
    show_key,
    show_quota,
    show_scopes,
)
from falsetrue.access.principal import Quota, Scope
from falsetrue.errors import InputError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BASE_62 = string.digits + string.ascii_letters

random_bytes = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)
made_keys = random_bytes.map(make_key)


@given(made_keys)
def test_a_key_is_a_prefix_thirty_characters_and_six_of_a_checksum(key: str) -> None:
    assert key.startswith("ftk_")
    assert len(key) == 4 + 30 + 6
    assert set(key[4:]) <= set(BASE_62)
    assert is_well_formed(key)
    assert show_key(key) == key[:8]


@given(st.tuples(random_bytes, random_bytes).filter(lambda pair: pair[0] != pair[1]))
def test_other_randomness_makes_another_key(pair: tuple[bytes, bytes]) -> None:
    assert make_key(pair[0]) != make_key(pair[1])


@given(made_keys, st.data())
def test_no_key_with_one_wrong_character_is_well_formed(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 1))
    wrong = data.draw((st.sampled_from(BASE_62) | st.characters()).filter(lambda character: character != key[at]))
    assert not is_well_formed(key[:at] + wrong + key[at + 1 :])


@given(made_keys, st.data())
def test_no_key_that_lost_or_gained_or_swapped_characters_is_well_formed(key: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(key) - 2))
    assert not is_well_formed(key[:at] + key[at + 1 :])
    assert not is_well_formed(key + "\n")
    assert not is_well_formed(key[:at] + data.draw(st.sampled_from(BASE_62)) + key[at:])
    swapped = key[:at] + key[at + 1] + key[at] + key[at + 2 :]
    assert swapped == key or not is_well_formed(swapped)


@given(st.text())
def test_any_text_may_be_asked_for_its_form(text: str) -> None:
    assert not is_well_formed(text)
    assert not is_well_formed("ftk_" + text)


def test_every_character_is_equally_likely() -> None:
    """All residues come from all bytes; the first digit, which a remainder would skew, is as even as the last."""
    first = {make_key(bytes([number]) * RANDOM_BYTES)[4] for number in range(256)}
    last = {make_key(number.to_bytes(RANDOM_BYTES, "big"))[33] for number in range(62)}
    assert len(last) == 62
    assert len(first) > 50


def test_a_hash_depends_on_the_key_and_on_the_pepper() -> None:
    key = make_key(bytes(RANDOM_BYTES))
    hashes = {hash_key(b"a" * 32, key), hash_key(b"b" * 32, key), hash_key(b"a" * 32, make_key(b"1" * RANDOM_BYTES))}
    assert len(hashes) == 3
    assert {len(each) for each in hashes} == {32}


def test_what_is_kept_of_a_key_does_not_show_its_hash() -> None:
    kept = _key(hash=b"secret-of-32-bytes")
    assert "secret-of" not in repr(kept)


@pytest.mark.parametrize("module", [keyring, sessions])
def test_no_credential_is_compared_with_equals(module: object) -> None:
    """What a caller shows is compared in constant time: only ``hmac.compare_digest`` touches hashes and signatures."""
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    calls = [ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert "hmac.compare_digest" in calls
    secret = ("hash", "signature", "token", "shown", "digest")
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
            assert not any(word in ast.unparse(node) for word in secret), ast.unparse(node)


# --- life -----------------------------------------------------------------------------------------------


def _key(**changes: object) -> ApiKey:
    values = {
        "id": make_id(bytes(ID_BYTES)),
        "name": "newsroom",
        "shown": "ftk_abcd",
        "hash": bytes(32),
        "scopes": frozenset({Scope.CLASSIFY}),
        "quota": None,
        "created_at": NOW,
        "expires_at": None,
    }
    return ApiKey(**values | changes)  # type: ignore[arg-type]


def test_a_key_is_live_until_it_expires_or_is_revoked() -> None:
    assert _key().is_live(NOW + timedelta(days=36_500))
    ending = _key(expires_at=NOW)
    assert ending.is_live(NOW - timedelta(microseconds=1))
    assert not ending.is_live(NOW)
    assert not _key(revoked_at=NOW + timedelta(days=1)).is_live(NOW)


# --- what operators write -------------------------------------------------------------------------------


@given(st.integers(1, 10**9 - 1), st.sampled_from([1, 60, 3600, 86_400]))
def test_a_quota_is_read_as_it_is_shown(requests: int, seconds: int) -> None:
    quota = Quota(requests=requests, seconds=seconds)
    assert parse_quota(show_quota(quota)) == quota


def test_the_quotas_of_the_manual_are_read() -> None:
    read = [parse_quota(each) for each in ("10/s", "600/min", "1000/h", "50000/day")]
    assert [(quota.requests, quota.seconds) for quota in read] == [(10, 1), (600, 60), (1000, 3600), (50_000, 86_400)]


@pytest.mark.parametrize(
    "written", ["", "600", "600/", "/min", "0/min", "-1/s", "1.5/s", "600/month", "٣/s", "9" * 10 + "/s"]
)
def test_what_is_no_quota_is_refused_with_what_to_write(written: str) -> None:
    with pytest.raises(InputError, match="600/min"):
        parse_quota(written)


@given(st.frozensets(st.sampled_from(list(Scope)), min_size=1))
def test_scopes_are_read_as_they_are_shown(scopes: frozenset[Scope]) -> None:
    assert parse_scopes(show_scopes(scopes)) == scopes


@pytest.mark.parametrize("written", ["", ",", "classify,all", "CLASSIFY"])
def test_what_is_no_scope_is_refused_with_those_that_there_are(written: str) -> None:
    with pytest.raises(InputError, match="classify, feedback, read, metrics, admin"):
        parse_scopes(written)


def test_the_times_of_the_manual_are_read() -> None:
    read = [parse_time(each) for each in ("45s", "30min", "24h", "90d", "8w", "0h")]
    assert [length.total_seconds() for length in read] == [45, 1800, 86_400, 7_776_000, 4_838_400, 0]


@pytest.mark.parametrize("written", ["", "90", "d", "90 d", "-1d", "1m", "1y", "36501d", "999999w", "٣d"])
def test_what_is_no_time_is_refused_with_what_to_write(written: str) -> None:
    with pytest.raises(InputError, match="24h"):
        parse_time(written)


def test_names_and_ids_cannot_be_taken_for_each_other() -> None:
    assert check_name("newsroom-2.es_A") == "newsroom-2.es_A"
    for name in ("", " ", "a b", "-x", "key_1", make_id(bytes(ID_BYTES)), "x" * 65, "ñ", "a\n"):
        with pytest.raises(InputError, match="cannot be the name of a key"):
            check_name(name)


@given(st.text(max_size=20))
def test_whatever_is_written_is_read_or_refused(written: str) -> None:
    for read in (parse_quota, parse_scopes, parse_time, check_name):
        try:
            read(written)
        except InputError as error:
            assert "\n" not in str(error)


def test_nothing_in_the_module_is_random() -> None:
    assert not {"secrets", "random", "os", "time"} & set(vars(keys))
