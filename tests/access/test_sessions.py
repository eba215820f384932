from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.access.sessions import (
    IDLE,
    LEEWAY,
    LONGEST,
    NONCE_BYTES,
    RENEW,
    Session,
    check_form,
    form_token,
    read_cookie,
    renew,
    start_session,
    write_cookie,
)
from falsetrue.errors import NotAllowedError, UnknownCallerError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECRET = b"s" * 32
SECOND = timedelta(seconds=1)


def _session(key_id: str = "key_0123456789abcdef", random: bytes = bytes(NONCE_BYTES)) -> Session:
    return start_session(key_id, now=NOW, random=random)


def test_a_cookie_is_read_as_it_was_written() -> None:
    session = _session()
    assert read_cookie(SECRET, write_cookie(SECRET, session), NOW) == session


@given(st.data())
def test_no_cookie_with_one_wrong_character_is_a_session(data: st.DataObject) -> None:
    cookie = write_cookie(SECRET, _session())
    at = data.draw(st.integers(0, len(cookie) - 1))
    wrong = data.draw(st.characters().filter(lambda character: character != cookie[at]))
    with pytest.raises(UnknownCallerError):
        read_cookie(SECRET, cookie[:at] + wrong + cookie[at + 1 :], NOW)


@given(st.text())
def test_no_other_text_is_a_session(text: str) -> None:
    for value in (text, f"{text}.{text}", f"key_1.1.1.{text}"):
        with pytest.raises(UnknownCallerError):
            read_cookie(SECRET, value, NOW)


def test_a_cookie_of_another_secret_is_no_session() -> None:
    with pytest.raises(UnknownCallerError):
        read_cookie(b"t" * 32, write_cookie(SECRET, _session()), NOW)


def test_a_session_left_alone_ends() -> None:
    cookie = write_cookie(SECRET, _session())
    read_cookie(SECRET, cookie, NOW + IDLE - SECOND)
    with pytest.raises(UnknownCallerError, match="has ended"):
        read_cookie(SECRET, cookie, NOW + IDLE)


def test_a_session_that_is_used_ends_too() -> None:
    session, now = _session(), NOW
    while now + IDLE / 2 < NOW + LONGEST:
        now += IDLE / 2
        session = renew(read_cookie(SECRET, write_cookie(SECRET, session), now), now)
    with pytest.raises(UnknownCallerError, match="has ended"):
        read_cookie(SECRET, write_cookie(SECRET, session), NOW + LONGEST)


def test_a_session_is_due_for_renewal_now_and_then() -> None:
    session = _session()
    assert not session.is_due(NOW + RENEW - SECOND)
    assert session.is_due(NOW + RENEW)
    assert not renew(session, NOW + RENEW).is_due(NOW + RENEW)


def test_a_session_of_a_time_to_come_is_none() -> None:
    """Where the clock went back by 400 days, people sign in again; a minute between instances does not matter."""
    cookie = write_cookie(SECRET, _session())
    read_cookie(SECRET, cookie, NOW - LEEWAY)
    for early in (NOW - LEEWAY - SECOND, NOW - timedelta(days=400)):
        with pytest.raises(UnknownCallerError):
            read_cookie(SECRET, cookie, early)


def test_a_cookie_holds_the_id_of_the_key_and_nothing_of_a_secret() -> None:
    cookie = write_cookie(SECRET, _session())
    assert cookie.startswith("key_0123456789abcdef.")
    assert "s" * 32 not in cookie
    assert "0" * 32 not in repr(_session())


# --- forms ----------------------------------------------------------------------------------------------


def test_a_form_is_of_its_session_alone_and_stays_valid_when_that_is_renewed() -> None:
    session = _session()
    token = form_token(SECRET, session)
    check_form(SECRET, renew(session, NOW + RENEW), token)
    for other in (_session(random=b"x" * NONCE_BYTES), _session("key_fedcba9876543210")):
        with pytest.raises(NotAllowedError, match="load the page again"):
            check_form(SECRET, other, token)


def test_a_cookies_signature_is_no_form_token() -> None:
    session = _session()
    with pytest.raises(NotAllowedError):
        check_form(SECRET, session, write_cookie(SECRET, session).rpartition(".")[2])


@given(st.text())
def test_no_other_text_is_a_form_token(text: str) -> None:
    with pytest.raises(NotAllowedError):
        check_form(SECRET, _session(), text)
