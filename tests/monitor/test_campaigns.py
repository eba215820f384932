import math
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.features.sketching import Sketcher, read_sketches
from falsetrue.monitor import campaigns
from falsetrue.monitor.campaigns import (
    DAYS,
    GROUPS,
    LEAST,
    NAMES,
    Campaigns,
    find_campaigns,
    near_copies,
    tellable,
)
from falsetrue.monitor.findings import State

Signatures = NDArray[np.uint16]
#: Unrelated signatures, as of so many stories.
STORIES: Signatures = np.random.default_rng(1).integers(0, 1 << 16, (60_000, 64)).astype(np.uint16)
DAY = 86_400.0


def summary(stories: NDArray[np.int64]) -> Campaigns:
    """Of texts that are copies of stories, a second apart."""
    return Campaigns.of(STORIES[stories], np.arange(len(stories)).astype(np.float64))


def shingles(words: list[str]) -> set[tuple[str, ...]]:
    return set(zip(words, words[1:], words[2:], strict=False))


def changed(words: list[str], count: int, generator: random.Random) -> list[str]:
    """The same text with so many words exchanged."""
    found = list(words)
    for at in generator.sample(range(len(words)), count):
        found[at] = f"other{generator.randrange(1_000_000)}"
    return found


# --- near copies ------------------------------------------------------------------------------------


def test_pairs_with_four_fifths_in_common_are_found_and_with_two_fifths_are_not() -> None:
    generator = random.Random(3)  # noqa: S311 - not for secrets
    like: list[tuple[str, str]] = []
    unlike: list[tuple[str, str]] = []
    while len(like) < 400 or len(unlike) < 400:
        one = [f"word{generator.randrange(1_000_000)}" for _ in range(300)]
        other = changed(one, generator.randrange(4, 80), generator)
        in_common = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
        pair = (" ".join(one), " ".join(other))
        like += [pair] if in_common >= 0.8 else []
        unlike += [pair] if in_common < 0.4 else []
    for pairs, low, high in ((like, 0.99, 1.0), (unlike, 0.0, 0.01)):
        sketcher = Sketcher(b"a salt that nobody guesses")
        minhash = read_sketches(sketcher.sketch([text for pair in pairs for text in pair])).minhash
        groups = near_copies(minhash)
        assert low <= np.mean(groups[::2] == groups[1::2]) <= high


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), max_size=30))
def test_groups_are_those_that_all_pairs_would_give(texts: list[tuple[int, int]]) -> None:
    signatures = np.array([[*STORIES[story][: 64 - tail], *STORIES[50 + tail][:tail]] for story, tail in texts])
    signatures = signatures.reshape(-1, 64).astype(np.uint16)
    groups = np.arange(len(texts))
    for _ in texts:
        for left in range(len(texts)):
            for right in range(left):
                if np.sum(signatures[left] == signatures[right]) >= campaigns.AGREEMENT:
                    groups[left] = groups[right] = min(groups[left], groups[right])
    assert near_copies(signatures).tolist() == groups.tolist()


def test_a_chain_of_near_copies_is_one_group_whatever_its_order() -> None:
    chain = np.array([[*STORIES[1][:at], *STORIES[0][at:]] for at in range(64)])
    shuffled = chain[np.random.default_rng(2).permutation(64)]
    assert not near_copies(shuffled).any()


def test_texts_of_less_than_two_runs_of_words_tell_nothing() -> None:
    texts = ["", "one", "one two three", "one two three four"]
    minhash = read_sketches(Sketcher(b"a salt that nobody guesses").sketch(texts)).minhash
    assert tellable(minhash).tolist() == [False, False, False, True]
    kept = Campaigns.of(np.repeat(minhash, 5, axis=0), np.zeros(20))
    assert (kept.texts, kept.copies) == (5, 5)


# --- groups -----------------------------------------------------------------------------------------


def test_a_group_knows_how_many_since_when_on_which_days_and_of_whom() -> None:
    seconds = np.array([5 * DAY, 3 * DAY + 7, 5 * DAY + 1, 5 * DAY])
    kept = Campaigns.of(
        STORIES[[4, 4, 4, 9]],
        seconds,
        keys=["b", None, "a", "c"],
        languages=["es", "en", "es", "en"],
    )
    (group,) = kept.groups
    assert (group.texts, group.first, group.last) == (3, 3 * DAY + 7, 5 * DAY + 1)
    assert group.days == {3: 1, 5: 2}
    assert (group.keys, group.languages) == (("a", "b"), ("en", "es"))
    assert np.frombuffer(group.signature, "<u2").tolist() == STORIES[4].tolist()
    assert (kept.texts, kept.copies) == (4, 3)


@given(st.lists(st.lists(st.integers(0, 12), max_size=40), min_size=1, max_size=6))
@example([[0, 0, 1, 1], [2, 2], [3, 3]])
def test_counts_are_at_most_as_much_too_low_as_is_said(batches: list[list[int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaigns, "GROUPS", 3)
        kept = summary(np.array(batches[0], dtype=np.int64))
        for batch in batches[1:]:
            kept = kept.merged(summary(np.array(batch, dtype=np.int64)))
    told = {group.signature: group.texts for group in kept.groups}
    assert len(told) <= 3
    for story, count in Counter(story for batch in batches for story in batch).items():
        assert told.get(STORIES[story].tobytes(), 0) <= count <= told.get(STORIES[story].tobytes(), 0) + kept.missed
    assert kept.copies <= kept.texts == sum(map(len, batches))


def test_of_one_batch_groups_and_copies_are_exact() -> None:
    stories = np.random.default_rng(4).integers(0, 300, 600)
    kept, counts = summary(stories), Counter(stories.tolist())
    assert kept.copies == sum(count for count in counts.values() if count > 1)
    assert sorted(group.texts for group in kept.groups) == sorted(count for count in counts.values() if count > 1)


def test_a_campaign_among_many_texts_is_found_whatever_comes_between() -> None:
    kept = Campaigns()
    for batch in range(20):
        stories = np.concatenate([np.arange(2_000) + 2_500 * batch, [59_999] * 4])
        kept = kept.merged(summary(stories))
    assert kept.groups[0].signature == STORIES[59_999].tobytes()
    assert kept.groups[0].texts == 80


@given(st.lists(st.integers(0, 8), max_size=60), st.lists(st.integers(0, 8), max_size=60))
def test_it_does_not_matter_which_of_two_comes_first(one: list[int], other: list[int]) -> None:
    first, second = summary(np.array(one, dtype=np.int64)), summary(np.array(other, dtype=np.int64))
    assert first.merged(second).to_bytes() == second.merged(first).to_bytes()
    assert Campaigns().merged(first) == first


def test_more_texts_than_are_grouped_at_a_time_are_grouped_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(campaigns, "_CHUNK", 100)
    kept = summary(np.arange(1_000) % 10)
    assert [group.texts for group in kept.groups] == [100] * 10


def test_what_is_kept_does_not_grow_with_the_texts() -> None:
    kept = Campaigns()
    for number in range(60):
        rows = np.concatenate([[7, 7, 7], np.repeat(np.arange(300) + 300 * number + 8, 2)])
        keys = [f"key {number:03}"] * len(rows)
        kept = kept.merged(Campaigns.of(STORIES[rows], np.full(len(rows), number * DAY), keys=keys))
    assert len(kept.groups) == GROUPS
    assert len(kept.to_bytes()) < 120_000
    assert kept.groups[0].days == dict.fromkeys(range(60 - DAYS, 60), 3)
    assert kept.groups[0].keys == tuple(f"key {number:03}" for number in range(NAMES))


# --- bytes ------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 8), max_size=60))
def test_what_is_written_is_read_again(stories: list[int]) -> None:
    kept = summary(np.array(stories, dtype=np.int64))
    assert Campaigns.from_bytes(kept.to_bytes()) == kept


@given(st.data())
def test_damage_anywhere_is_told(data: st.DataObject) -> None:
    content = bytearray(summary(np.array([1, 1, 2])).to_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(InputError, match="near copies"):
        Campaigns.from_bytes(bytes(content))
    with pytest.raises(InputError, match="near copies"):
        Campaigns.from_bytes(bytes(content[:at]))


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"format": 2}, "format 2; this version reads format 1"),
        ({"copies": 9}, "contradict"),
        ({"texts": 1, "copies": 1, "missed": -1}, "contradict"),
        ({"groups": (campaigns.Group(signature=b"", texts=2, first=0, last=0, days={}),)}, "contradict"),
        ({"texts": "many"}, "cannot be read"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Campaigns.from_bytes(Campaigns(**changes).to_bytes())  # type: ignore[arg-type]


# --- against a baseline -----------------------------------------------------------------------------


def feed(texts: int, generator: np.random.Generator, *, copied: float = 0.05) -> NDArray[np.int64]:
    """Texts of a newsroom: ``copied`` of the stories are printed twice or more often, three times on average."""
    sizes = np.where(generator.random(texts) < copied, 1 + generator.geometric(0.5, texts), 1)
    stories = generator.permutation(len(STORIES))[:texts]
    return np.repeat(stories, sizes)[:texts]


def counted(stories: NDArray[np.int64]) -> Campaigns:
    """The same as :func:`summary` of not too many groups, and faster."""
    sizes = sorted((count for count in Counter(stories.tolist()).values() if count > 1), reverse=True)
    groups = tuple(campaigns.Group(signature=bytes(128), texts=size, first=0, last=0, days={}) for size in sizes)
    return Campaigns(texts=len(stories), copies=sum(sizes), groups=groups)


def p_of(reference: Campaigns, current: Campaigns, seed: int = 0) -> float:
    p = find_campaigns(reference, current, seed=seed).p
    assert p is not None
    return p


@pytest.mark.parametrize(("before", "now"), [(300, 300), (600, 200), (400, 1_200)])
@pytest.mark.parametrize("copied", [0.0, 0.005, 0.05])
def test_a_feed_as_ever_is_seldom_called_a_campaign(before: int, now: int, copied: float) -> None:
    generator = np.random.default_rng(6)
    feeds = [(feed(before, generator, copied=copied), feed(now, generator, copied=copied)) for _ in range(150)]
    found = np.array([p_of(counted(one), counted(other), seed) for seed, (one, other) in enumerate(feeds)])
    for level in (0.01, 0.05):
        assert np.mean(found <= level) <= level + 3 * np.sqrt(level * (1 - level) / len(found))


def test_a_flood_of_one_text_is_found_and_listed() -> None:
    generator = np.random.default_rng(7)
    flood = np.concatenate([feed(900, generator), np.full(100, 59_999)])
    found = find_campaigns(summary(feed(2_000, generator)), summary(flood), seed=0)
    assert found.p is not None
    assert found.p < 0.001
    assert found.details["group_1_texts"] == 100
    assert found.details["group_1_last"] == "1970-01-01T00:16:39+00:00"
    assert None not in (found.current, found.baseline, found.low, found.high)
    assert found.size == found.value == found.current - found.baseline  # type: ignore[operator]
    assert found.low < found.current < found.high  # type: ignore[operator]


def test_many_small_campaigns_are_found() -> None:
    generator = np.random.default_rng(8)
    assert p_of(summary(feed(1_000, generator)), summary(feed(1_000, generator, copied=0.15))) < 0.001


def test_where_all_texts_ever_were_the_same_more_of_them_are_no_campaign() -> None:
    assert p_of(summary(np.zeros(5_000, dtype=np.int64)), summary(np.zeros(LEAST, dtype=np.int64))) == 1


@pytest.mark.parametrize(("pairs", "is_found"), [(1, False), (20, True)])
def test_against_a_baseline_without_copies_the_first_pair_is_no_campaign(pairs: int, *, is_found: bool) -> None:
    stories = np.arange(1_000)
    stories[: 2 * pairs] //= 2
    found = find_campaigns(summary(np.arange(1_000) + 5_000), summary(stories), seed=0)
    assert found.p is not None
    assert (found.p < 0.01) == is_found
    assert (found.baseline, found.current) == (0, 2 * pairs / 1_000)


def test_more_traffic_with_the_same_news_is_no_campaign() -> None:
    """Of 20,000 texts of 5,000 stories nearly all have a copy, of 500 of them hardly any."""
    generator = np.random.default_rng(9)
    few, many = summary(generator.integers(0, 5_000, 500)), summary(generator.integers(0, 5_000, 20_000))
    assert few.copies / few.texts < 0.2
    assert many.copies / many.texts > 0.9
    assert p_of(few, many) > 0.01


@given(st.lists(st.integers(0, 6), min_size=2, max_size=40), st.data())
def test_what_is_expected_of_fewer_texts_is_what_all_draws_of_them_have_on_average(
    texts: list[int], data: st.DataObject
) -> None:
    """Counted by the chance that a text and none of its copies is drawn; slow, and exact."""
    drawn = data.draw(st.integers(1, len(texts)))
    counts = np.array(list(Counter(texts).values()))
    alone = [math.comb(len(texts) - count, drawn - 1) / math.comb(len(texts) - 1, drawn - 1) for count in counts]
    expected = sum(count * (1 - each) for count, each in zip(counts.tolist(), alone, strict=True))
    assert campaigns._copied(counts, drawn).sum() == pytest.approx(expected, abs=1e-9)  # noqa: SLF001


@pytest.mark.parametrize(("reference", "current"), [(LEAST - 1, 500), (500, LEAST - 1), (0, 0)])
def test_too_few_texts_say_nothing(reference: int, current: int) -> None:
    found = find_campaigns(summary(np.arange(reference)), summary(np.arange(current)), seed=0)
    assert found.state is State.INSUFFICIENT
    assert (found.p, found.value) == (None, None)


def test_the_same_seed_gives_the_same_finding() -> None:
    generator = np.random.default_rng(10)
    before, now = summary(feed(500, generator)), summary(feed(500, generator))
    assert find_campaigns(before, now, seed=3) == find_campaigns(before, now, seed=3)
