import threading
import uuid
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from falsetrue.journal.identifiers import Identifiers, first_identifier, is_identifier, milliseconds_of

clocks = st.lists(st.integers(0, 2**48 - 2).map(lambda milliseconds: milliseconds * 1_000_000), min_size=2)


@given(clocks)
def test_each_is_greater_than_the_one_before_whatever_the_clock_does(times: list[int]) -> None:
    clock = iter(times)
    identifiers = Identifiers(lambda: next(clock))
    made = [identifiers.new() for _ in times]
    assert all(first < second for first, second in pairwise(made))


@given(st.integers(0, 2**48 - 2), st.binary(min_size=10, max_size=10))
def test_they_are_uuids_of_version_7_that_tell_when_they_were_made(milliseconds: int, random: bytes) -> None:
    made = Identifiers(lambda: milliseconds * 1_000_000 + 999_999, lambda _: random).new()
    assert (uuid.UUID(made).version, uuid.UUID(made).variant) == (7, uuid.RFC_4122)
    assert str(uuid.UUID(made)) == made
    assert is_identifier(made)
    assert milliseconds_of(made) == milliseconds
    assert first_identifier(milliseconds) <= made < first_identifier(milliseconds + 1)


def test_many_of_one_millisecond_are_different_and_in_order() -> None:
    identifiers = Identifiers(lambda: 0)
    made = [identifiers.new() for _ in range(10_000)]
    assert sorted(set(made)) == made


def test_a_counter_that_is_full_goes_on_in_the_next_millisecond() -> None:
    identifiers = Identifiers(lambda: 5_000_000)
    first = identifiers.new()
    identifiers._counter = 2**42 - 1  # noqa: SLF001 - it would take weeks
    second = identifiers.new()
    assert second > first
    assert milliseconds_of(second) == 6


def test_threads_make_different_ones() -> None:
    identifiers = Identifiers()
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([identifiers.new() for _ in range(2000)])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8000


def test_two_makers_do_not_meet() -> None:
    makers = [Identifiers(lambda: 0), Identifiers(lambda: 0)]
    assert makers[0].new() != makers[1].new()


def test_what_a_caller_gives_is_checked() -> None:
    made = Identifiers().new()
    for written in (made.upper(), made[:-1], made + "\n", f"{{{made}}}", "", made.replace("-", ""), "é" * 36):
        assert not is_identifier(written)
