"""The slice that each process draws holds, with the others', the lowest ranks of the day; and these are uniform."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.journal.entries import NOW, Maker

from falsetrue.journal.auditing import LONGEST_TEXT, RANKS, Slice, rank_of
from falsetrue.journal.records import Entry

KEY = b"k" * 32
TODAY, TOMORROW = date(2026, 3, 4), date(2026, 3, 5)


def identifiers(number: int) -> list[str]:
    return [str(UUID(int=each)) for each in range(number)]


def lowest(ids: Sequence[str], size: int) -> list[str]:
    """The slow exact version."""
    return sorted(ids, key=lambda each: rank_of(each, KEY))[:size]


def new(size: int) -> Slice:
    return Slice(key=KEY, size=size)


# --- ranks ---------------------------------------------------------------------------------------------


def test_ranks_are_uniform_and_do_not_depend_on_the_order_in_which_identifiers_were_made() -> None:
    ranks = [rank_of(each, KEY) / RANKS for each in identifiers(20_000)]
    assert stats.kstest(ranks, "uniform").pvalue > 1e-3
    assert stats.spearmanr(range(len(ranks)), ranks).pvalue > 1e-3


def test_without_the_key_nobody_knows_a_rank() -> None:
    ids = identifiers(5_000)
    assert stats.spearmanr([rank_of(x, KEY) for x in ids], [rank_of(x, b"another key") for x in ids]).pvalue > 1e-3


def test_every_prediction_of_a_day_is_as_likely_to_be_drawn_as_any_other() -> None:
    size, number, days = 5, 50, 2_000
    drawn = [0] * number
    fresh = (str(UUID(int=each)) for each in count())
    for _ in range(days):
        ids = [next(fresh) for _ in range(number)]
        for each in lowest(ids, size):
            drawn[ids.index(each)] += 1
    assert stats.chisquare(drawn).pvalue > 1e-3
    assert sum(drawn) == size * days


# --- drawing -------------------------------------------------------------------------------------------


@st.composite
def days(draw: st.DrawFn) -> tuple[int, list[list[list[list[str]]]], set[str]]:
    """A size; the requests of a day by worker and by life of each; and what of it could not be kept."""
    ids = identifiers(draw(st.integers(0, 200)))
    size = draw(st.integers(1, 12))
    workers: list[list[list[list[str]]]] = [[[]] for _ in range(draw(st.integers(1, 4)))]
    at, refused = 0, set()
    while at < len(ids):
        request = ids[at : (at := at + draw(st.integers(1, 30)))]
        worker = workers[draw(st.integers(0, len(workers) - 1))]
        if draw(st.integers(0, 9)) == 0:
            worker.append([])
        worker[-1].append(request)
        if draw(st.integers(0, 4)) == 0:
            refused.update(request)
    return size, workers, refused


@given(days())
def test_what_workers_keep_holds_the_lowest_of_the_day_however_it_was_split_and_whatever_was_lost(
    day: tuple[int, list[list[list[list[str]]]], set[str]],
) -> None:
    size, workers, refused = day
    kept: list[str] = []
    said: list[str] = []
    for lives in workers:
        for requests in lives:
            process = new(size)
            for request in requests:
                drawn = process.draw(TODAY, request)
                assert all(rank_of(request[at], KEY) == rank for at, rank in drawn.items())
                if request[0] not in refused:
                    process.keep(TODAY, drawn.values())
                    kept += [request[at] for at in drawn]
                    said += request
    assert lowest(kept, size) == lowest(said, size)


@given(st.integers(1, 20), st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_a_process_knows_no_more_than_as_many_ranks_as_it_draws(size: int, requests: list[int]) -> None:
    process, fresh = new(size), iter(identifiers(10_000))
    for length in requests:
        drawn = process.draw(TODAY, [next(fresh) for _ in range(length)])
        assert len(drawn) <= size
        process.keep(TODAY, drawn.values())
        assert len(process._lowest) <= size  # noqa: SLF001 - the state that is promised to be small


def test_few_of_a_busy_day_are_kept_in_vain() -> None:
    size, number = 20, 20_000
    process = new(size)
    kept = 0
    for each in identifiers(number):
        drawn = process.draw(TODAY, [each])
        process.keep(TODAY, drawn.values())
        kept += len(drawn)
    # size * (1 + ln(number / size)) are expected, 158; the standard deviation is less than the root of that.
    assert size <= kept < 220


def test_what_is_drawn_and_not_kept_leaves_no_trace() -> None:
    process = new(1)
    first, second = sorted(identifiers(2), key=lambda each: rank_of(each, KEY))
    assert process.draw(TODAY, [first])
    assert process.draw(TODAY, [second])
    process.keep(TODAY, process.draw(TODAY, [first]).values())
    assert not process.draw(TODAY, [second])


def test_what_was_drawn_before_others_were_kept_changes_nothing_that_is_known() -> None:
    process = new(1)
    low, middle, high = sorted(identifiers(3), key=lambda each: rank_of(each, KEY))
    in_flight = process.draw(TODAY, [high])
    process.keep(TODAY, process.draw(TODAY, [low]).values())
    process.keep(TODAY, in_flight.values())
    assert not process.draw(TODAY, [middle])


def test_each_day_begins_anew_also_when_the_clock_goes_back() -> None:
    process = new(1)
    low, middle, high = sorted(identifiers(3), key=lambda each: rank_of(each, KEY))
    process.keep(TODAY, [rank_of(low, KEY)])
    assert not process.draw(TODAY, [middle])
    assert process.draw(TOMORROW, [high])
    process.keep(TOMORROW, [rank_of(high, KEY)])
    assert process.draw(TOMORROW, [middle])
    process.keep(TODAY, [rank_of(middle, KEY)])
    assert process.draw(TODAY, [low])
    assert not process.draw(TODAY, [high])


# --- entries -------------------------------------------------------------------------------------------


def made(number: int) -> tuple[Entry, ...]:
    maker = Maker()
    return tuple(maker.entry(created_at=NOW) for _ in range(number))


def test_drawn_entries_carry_their_rank_and_their_text_and_the_others_are_as_they_were() -> None:
    entries = made(5)
    marked = new(2).mark(entries, [(f"title {at}", f"text {at}") for at in range(5)], refused=False)
    ranks = [rank_of(entry.id, KEY) for entry in entries]
    for at, (before, after) in enumerate(zip(entries, marked, strict=True)):
        if ranks[at] <= sorted(ranks)[1]:
            assert after.drawn is not None
            assert (after.drawn.rank, after.drawn.refused) == (ranks[at], False)
            assert (after.drawn.title, after.drawn.text) == (f"title {at}", f"text {at}")
            assert (after.title, after.text) == (before.title, before.text)
        else:
            assert after is before


def test_what_the_caller_forbids_to_keep_is_drawn_without_its_text() -> None:
    (marked,) = new(2).mark(made(1), [("title", "text")], refused=True)
    assert marked.drawn is not None
    assert (marked.drawn.refused, marked.drawn.title, marked.drawn.text) == (True, None, None)


def test_what_no_database_holds_is_made_holdable_and_what_is_too_long_is_cut() -> None:
    (marked,) = new(1).mark(made(1), [("a\0b", "\ud800" + "x" * LONGEST_TEXT)], refused=False)
    assert marked.drawn is not None
    assert marked.drawn.title == "a\ufffdb"
    assert marked.drawn.text == "\ufffd" + "x" * (LONGEST_TEXT - 1)


def test_entries_count_once_they_are_kept() -> None:
    process = new(1)
    entries = made(50)
    marked = process.mark(entries, [(None, "text")] * 50, refused=False)
    process.note(marked)
    assert sum(entry.drawn is not None for entry in process.mark(entries, [(None, "text")] * 50, refused=False)) == 0
    tomorrow = tuple(Maker().entry(created_at=NOW + timedelta(days=1)) for _ in range(1))
    assert process.mark(tomorrow, [(None, "text")], refused=False)[0].drawn is not None


def test_a_request_without_entries_draws_none() -> None:
    process = new(1)
    assert process.mark((), [], refused=False) == ()
    process.note(())
