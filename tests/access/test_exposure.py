"""Who may ask without a key: everybody on this machine as long as there is none, and nobody outside unless told so."""

from collections.abc import Callable

import pytest

from falsetrue.access.exposure import check_exposure, exposure_of, is_loopback
from falsetrue.access.principal import Scope
from falsetrue.errors import InputError

PUBLIC = ["0.0.0.0", "::", "192.0.2.1", "news.example", ""]  # noqa: S104 - nothing listens there


def yes() -> bool:
    return True


def no() -> bool:
    return False


def never() -> bool:
    pytest.fail("it was asked whether there are keys")


def check(
    host: str = "0.0.0.0",  # noqa: S104 - nothing listens there
    *,
    keys_on: Callable[[], bool] = no,
    jwt_on: bool = False,
    allow_anonymous: bool = False,
    behind_gateway: bool = False,
) -> str:
    return check_exposure(
        host=host, keys_on=keys_on, jwt_on=jwt_on, allow_anonymous=allow_anonymous, behind_gateway=behind_gateway
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.10", "::1", "localhost"])
def test_this_machine_may_do_everything_until_there_are_keys(host: str) -> None:
    assert is_loopback(host)
    found = exposure_of(host=host, allow_anonymous=False, behind_gateway=False)
    assert (found.anonymous, found.until_keys) == (frozenset(Scope), True)
    assert "this machine" in check(host, keys_on=never)


@pytest.mark.parametrize("host", PUBLIC)
def test_outside_nobody_may_do_anything_unless_told_so(host: str) -> None:
    assert not is_loopback(host)
    assert exposure_of(host=host, allow_anonymous=False, behind_gateway=False).anonymous == set()


@pytest.mark.parametrize("host", PUBLIC)
def test_a_public_address_without_keys_is_refused_with_what_to_do(host: str) -> None:
    with pytest.raises(InputError, match=r"keys create.*BEHIND_GATEWAY.*--allow-anonymous"):
        check(host)


def test_a_public_address_is_served_once_somebody_has_a_key_or_token() -> None:
    assert check(keys_on=yes) == "to callers with a key"
    assert "token" in check(jwt_on=True, keys_on=never)


def test_anybody_may_classify_where_that_is_allowed_and_nothing_else_keys_or_not() -> None:
    for host in ("127.0.0.1", *PUBLIC):
        found = exposure_of(host=host, allow_anonymous=True, behind_gateway=False)
        assert (found.anonymous, found.until_keys) == (frozenset({Scope.CLASSIFY}), False)
        assert "anybody" in check(host, allow_anonymous=True, keys_on=never)


def test_whom_a_gateway_lets_through_may_do_all_but_what_is_the_operator_s() -> None:
    for allow_anonymous in (False, True):
        found = exposure_of(host="127.0.0.1", allow_anonymous=allow_anonymous, behind_gateway=True)
        assert (found.anonymous, found.until_keys) == (frozenset(Scope) - {Scope.ADMIN}, False)
    assert "gateway" in check(behind_gateway=True, keys_on=never)
