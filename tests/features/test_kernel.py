"""The compiled kernel alone: what it refuses, and that no text, buffer or thread leads it astray."""

import mmap
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.features.kernel import ABSENT
from falsetrue.features.words import words

pytestmark = pytest.mark.skipif(ABSENT is not None, reason=f"there is no compiled kernel: {ABSENT}")

STATM = Path("/proc/self/statm")
TERMS = b"budget\nvote\nthe budget\nprime minister said"
COLUMNS = 4
WHOLE = False  # what is asked for: the whole text alone, not its halves too
STUMP = tuple(
    np.array(values, dtype=dtype)
    for values, dtype in (
        ([1, -1, -1], np.int32),  # feature
        ([0.5, 0, 0], np.float64),  # threshold
        ([1, 0, 0], np.int32),  # left
        ([2, 0, 0], np.int32),  # right
        ([0, 0.25, 0.75], np.float64),  # value
        ([0], np.int32),  # roots
    )
)


def weighted_sum(weights: Any, link: int = 0) -> tuple[Any, float, int, float, float]:
    return np.asarray(weights, dtype=np.float64), 0.0, link, 1.0, 0.0


def _megabytes_in_use() -> int:
    return int(STATM.read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE >> 20


def make(**changes: Any) -> Any:
    from falsetrue.features._kernel import Kernel

    options: dict[str, Any] = {
        "terms": TERMS,
        "stop_words": b"",
        "function_words": b"the\nof",
        "function_bits": b"\1\1",
        "function_count": 2,
        "languages": 1,
        "smallest": 1,
        "largest": 3,
        "lowercase": True,
        "hash_columns": 0,
        "alternate_sign": False,
        "binary": False,
        "sublinear": False,
        "norm": 0,
        "idf": None,
        "outputs": (weighted_sum([1, 10, 100, 1000]),),
        "forest": None,
    }
    return Kernel(**options | changes)


def said(kernel: Any, texts: Sequence[str]) -> tuple[list[float], list[list[int]]]:
    outputs, integers = np.empty((len(texts), 1)), np.empty((len(texts), 3), dtype=np.int64)
    kernel.score(texts, outputs, integers, WHOLE)
    return outputs[:, 0].tolist(), integers.tolist()


def column(*strings: bytes, wide: bool = False) -> tuple[bytes, np.ndarray[Any, Any], bool]:
    """Strings as Arrow keeps them."""
    ends = np.cumsum([0, *map(len, strings)])
    return b"".join(strings), ends.astype(np.int64 if wide else np.int32), wide


def strings_said(kernel: Any, *columns: Any, begin: int = 0, count: int | None = None) -> tuple[list[float], list[int]]:
    count = len(columns[0][1]) - 1 if count is None else count
    outputs = np.empty((count, 1))
    refused = kernel.score_utf8(columns, begin, count, outputs, None, WHOLE)
    return outputs[:, 0].tolist(), refused


def test_terms_words_and_function_words_are_counted() -> None:
    outputs, integers = said(make(), ["The budget vote, the BUDGET; prime minister said so", ""])
    assert (outputs, integers) == ([2 + 10 + 200 + 1000, 0], [[9, 8, 2], [0, 0, 0]])


# --- arguments --------------------------------------------------------------------------------------


def _forest(place: int, values: Any) -> dict[str, Any]:
    changed = list(STUMP)
    changed[place] = np.array(values, dtype=STUMP[place].dtype)
    return {"forest": tuple(changed)}


@pytest.mark.parametrize(
    "changes",
    [
        {"terms": None},
        {"terms": "budget"},
        {"terms": b"bud\0get\nvote\na\nb"},
        {"terms": b"budget"},
        {"hash_columns": 8},
        {"terms": None, "hash_columns": -1},
        {"terms": None, "hash_columns": 2**31},
        {"terms": None, "hash_columns": 8},
        {"smallest": 0},
        {"smallest": 3, "largest": 2},
        {"largest": 4},
        {"norm": 3},
        {"norm": "l2"},
        {"languages": -1},
        {"languages": 65},
        {"function_count": -1},
        {"function_count": 3},
        {"function_count": 2, "function_words": b"the\n"},
        {"function_count": 2, "function_words": b"\nthe"},
        {"function_count": 2, "function_words": b"the\nof\0"},
        {"function_words": b"", "function_count": 1, "function_bits": b"\1"},
        {"function_bits": b"\1"},
        {"function_bits": None},
        {"stop_words": "the"},
        {"stop_words": 3},
        {"stop_words": b"two words"},
        {"stop_words": b"a\0"},
        {"idf": np.ones(3)},
        {"idf": np.ones((8, 8))[:, 0]},
        {"idf": b"1234567"},
        {"outputs": [weighted_sum(np.ones(COLUMNS))]},
        {"outputs": (1,)},
        {"outputs": ((np.ones(COLUMNS),),)},
        {"outputs": (weighted_sum(np.ones(5)),)},
        {"outputs": (weighted_sum(np.ones(COLUMNS), link=3),)},
        {"outputs": ((np.ones(COLUMNS), "a", 0, 1.0, 0.0),)},
        {"outputs": (weighted_sum(np.ones(COLUMNS)),) * 17},
        {"outputs": (weighted_sum(np.ones(COLUMNS)),) * 16, "forest": STUMP},
        {"forest": list(STUMP)},
        {"forest": STUMP[:5]},
        _forest(0, [4, -1, -1]),
        _forest(0, [1, -1]),
        _forest(1, [0.5]),
        _forest(2, [0, 0, 0]),
        _forest(2, [-1, 0, 0]),
        _forest(3, [3, 0, 0]),
        _forest(3, [2**31 - 1, 0, 0]),
        _forest(5, [3]),
        _forest(5, [-1]),
        _forest(5, []),
    ],
    ids=" ".join,
)
def test_parts_that_do_not_fit_together_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        make(**changes)


@pytest.mark.parametrize("numbers", [np.nan, np.inf, -np.inf, 1e308, 5e-324])
def test_numbers_beyond_all_measure_do_no_harm(numbers: float) -> None:
    idf = np.array([1.0, numbers, -numbers, 2.0])
    kernel = make(idf=idf, outputs=(weighted_sum(idf),))
    assert said(kernel, ["prime minister said budget"])[0] == [5.0]
    said(kernel, ["the budget vote"])


@pytest.mark.parametrize(
    "terms",
    [
        b"",
        b"\n",
        b"\n\n\n",
        b"  \nvote",
        b"a b c d\nvote",
        b"vote\nvote",
        b"vote\n",
        b"\xff\xfe\nvote",
        b"x" * 10**6,
        b" ".join([b"aa"] * 10**4),
    ],
    ids=lambda terms: repr(terms[:12]),
)
def test_terms_that_no_text_can_hold_are_passed_over(terms: bytes) -> None:
    columns = terms.count(b"\n") + 1
    kernel = make(terms=terms, outputs=(weighted_sum(np.arange(columns) + 1),))
    assert kernel.columns == columns
    named = [at + 1 for at, term in enumerate(terms.split(b"\n")) if term == b"vote"]
    assert said(kernel, ["a vote"])[0] == [named[-1] if named else 0]


def test_words_of_one_hash_bucket_are_told_apart_byte_by_byte() -> None:
    listed = [f"{'long' * size}{number}" for size in range(6) for number in range(300) if size or number > 9]
    kernel = make(terms="\n".join(listed).encode(), outputs=(weighted_sum(np.arange(len(listed)) + 1),))
    assert said(kernel, [*listed, *(f"{word}x" for word in listed)])[0] == [*range(1, len(listed) + 1)] + [0] * len(
        listed
    )


# --- texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("texts", [None, 3, [b"bytes"], [None], ["text", 1], [["text"]]])
def test_what_is_no_str_is_refused(texts: Any) -> None:
    with pytest.raises(TypeError):
        make().score(texts, np.empty(len(texts) if isinstance(texts, list) else 1), None, WHOLE)


def test_an_error_while_texts_are_listed_is_passed_on() -> None:
    def broken() -> Iterator[str]:
        yield "a text"
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        make().score(broken(), np.empty(2), None, WHOLE)


def test_a_subclass_of_str_is_the_str_that_it_is() -> None:
    class Shouting(str):
        __slots__ = ()

        def lower(self) -> str:
            raise AssertionError

        def __str__(self) -> str:
            raise AssertionError

    assert said(make(), [Shouting("the BUDGET ΣΑΣ")])[0] == [101.0]


@pytest.mark.parametrize(
    ("outputs", "integers", "halves"),
    [
        (np.empty(1), None, WHOLE),
        (np.empty(2), None, True),
        (np.empty(2), np.empty(5, dtype=np.int64), False),
        (np.empty(2), np.empty(7, dtype=np.int64), False),
        (np.empty(2, dtype=np.float32), None, WHOLE),
        (np.empty((2, 2))[:, 0], None, WHOLE),
        (b"0" * 16, None, WHOLE),
        (memoryview(bytearray(24))[1:17], None, WHOLE),
        (None, None, WHOLE),
        (np.empty(2), 3, False),
    ],
)
def test_buffers_that_do_not_fit_are_refused(outputs: Any, integers: Any, halves: bool) -> None:  # noqa: FBT001
    with pytest.raises((ValueError, TypeError, BufferError)):
        make().score(["one", "two"], outputs, integers, halves)


#: A character of each width that a str keeps its own in, all of them parts of words.
WIDTHS = ["", "é", "ж", "新", "𐐀"]


def _check_words(text: str) -> None:
    """The words of a text, each with a weight of its own, are those that Python finds."""
    counted = Counter(words(text))
    listed = sorted(counted) or ["unused"]
    weights = np.random.default_rng(0).uniform(1, 2, len(listed))
    kernel = make(terms="\n".join(listed).encode(), largest=1, outputs=(weighted_sum(weights),))
    outputs, integers = said(kernel, [text])
    total = sum(counted.values())
    assert outputs == pytest.approx([sum(counted[word] * weight for word, weight in zip(listed, weights, strict=True))])
    assert integers == [[total, total, counted["the"] + counted["of"]]]
    encoded = text.encode()
    assert strings_said(kernel, column(encoded)) == (outputs, [])
    assert strings_said(kernel, column(encoded, wide=True), column(b"")) == (outputs, [])
    assert strings_said(kernel, column(b""), column(encoded)) == (outputs, [])


@pytest.mark.parametrize("wide", WIDTHS)
@pytest.mark.parametrize("size", range(71))
def test_texts_of_every_length_and_width_are_read_to_their_end(wide: str, size: int) -> None:
    kept = size - len(wide)
    if kept < 0:
        return
    for text in ("a" * kept + wide, wide + "a" * kept, " " * kept + wide, ("the vote, " * 8)[:kept] + wide):
        _check_words(text)


@pytest.mark.parametrize("wide", WIDTHS)
@pytest.mark.parametrize("end", [15, 16, 17, 31, 32, 63, 64, 65, 127, 128, 129])
@pytest.mark.parametrize("size", [1, 2, 3, 8, 9, 16, 17])
def test_words_that_end_at_the_border_of_a_block_are_whole(wide: str, end: int, size: int) -> None:
    word = (wide + "b" * size)[:size]
    before = " " * max(0, end - len(word.encode()))
    for after in ("", " ", " the", "\0of", "é"):
        _check_words(before + word + after)
        _check_words("x" + before[1:] + word + after)


@given(st.lists(st.text() | st.sampled_from(["the ", "of\n", "İ", "ΑΣ", "a" * 61, " " * 63, "新", "e\u0301"])))
def test_any_text_is_cut_into_the_words_that_python_finds(parts: list[str]) -> None:
    _check_words("".join(parts).encode("utf-8", "replace").decode())


@pytest.mark.parametrize("character", ["a", " ", "é", "新", "Σ", "\0", "İ", "𐐀", "\udc80"])
def test_a_long_text_of_one_character_is_scored_and_leaves_no_trace(character: str) -> None:
    kernel = make()
    before = said(kernel, ["the budget vote"])
    long = character * 100_000
    assert said(kernel, [long])[1][0][0] == len(words(long))
    assert said(kernel, ["the budget vote"]) == before


def test_a_text_too_long_to_be_addressed_is_refused() -> None:
    kernel = make()
    with pytest.raises(ValueError, match="too long"):
        said(kernel, ["a" * (2**28 + 1)])
    assert said(kernel, ["the budget vote"])[0] == [111.0]


@pytest.mark.skipif(not STATM.exists(), reason="memory in use is read from Linux's /proc")
def test_a_scratch_grown_by_a_huge_text_is_given_back() -> None:
    kernel, text = make(), "vote " * 1_000_000
    before = _megabytes_in_use()
    said(kernel, [text])
    assert _megabytes_in_use() < before + 32


# --- Arrow strings ----------------------------------------------------------------------------------


def test_strings_are_scored_from_where_they_begin() -> None:
    data, offsets, _ = column(b"budget", b"", b"vote", b"the budget")
    assert strings_said(make(), (data, offsets, False), begin=1, count=3) == ([0, 10, 101], [])
    assert strings_said(make(), (data, offsets, False), begin=4, count=0) == ([], [])


def test_a_title_longer_than_its_body_is_scored_with_it() -> None:
    title = b"vote " * 400
    for body in (b"", b"budget", b"budget " * 300):
        assert strings_said(make(), column(title), column(body))[0] == [4000 + body.count(b"budget")]


def test_strings_that_are_not_utf8_are_named_and_answered_with_zeros() -> None:
    bad = [
        b"\xff",
        b"\xc3",
        b"vote \xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
        "ΑΣ".encode() + b"\x80",
        b"\xe6\x96",
    ]
    outputs, refused = strings_said(make(), column(b"vote", *bad, b"budget"))
    assert (outputs, refused) == ([10.0, *[0.0] * len(bad), 1.0], list(range(1, len(bad) + 1)))


@pytest.mark.parametrize(
    ("offsets", "begin", "count"),
    [
        ([0, 5], 0, 1),
        ([0, -1], 0, 1),
        ([-1, 2], 0, 1),
        ([3, 2, 4], 0, 2),
        ([0, 4], 0, 2),
        ([0, 4], 1, 1),
        ([0, 4], 2, 1),
        ([], 0, 1),
        ([0, 2**31 - 1], 0, 1),
        ([-(2**31), 4], 0, 1),
        ([0, 4], -1, 1),
        ([0, 4], 0, -1),
        ([0, 4], 2**62, 1),
        ([0, 4], 0, 2**62),
        ([0, 4], 2**63 - 1, 2**63 - 1),
    ],
)
@pytest.mark.parametrize("wide", [False, True])
def test_offsets_outside_the_data_are_refused(offsets: list[int], begin: int, count: int, wide: bool) -> None:  # noqa: FBT001
    held = np.array(offsets, dtype=np.int64 if wide else np.int32)
    with pytest.raises(ValueError, match=r"offsets|rows|wrong size"):
        make().score_utf8(((b"vote", held, wide),), begin, count, np.empty((1, 1)), None, WHOLE)


@pytest.mark.parametrize(
    "columns", [(), (column(b"vote"),) * 3, (1,), ((b"vote",),), [column(b"vote")], (("a", b"", 0),)]
)
def test_columns_of_another_shape_are_refused(columns: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        make().score_utf8(columns, 0, 1, np.empty((1, 1)), None, WHOLE)


def test_answers_written_over_the_offsets_change_no_string() -> None:
    data, count = b"vote " * 64, 64
    offsets = np.arange(0, 5 * (count + 1), 5, dtype=np.int64)
    make().score_utf8(((data, offsets, True),), 0, count, offsets[1:].view(np.float64), None, WHOLE)
    assert offsets[1:].view(np.float64).tolist() == [10.0] * count


def test_answers_written_over_the_data_do_no_harm() -> None:
    data = np.frombuffer(bytearray("vote é新 budget ".encode() * 64), dtype=np.uint8)
    size = len(data) // 8
    offsets = np.arange(0, 8 * (size + 1), 8, dtype=np.int32)
    make().score_utf8(((data, offsets, False),), 0, size, data[: 8 * size].view(np.float64), None, WHOLE)


# --- threads ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask", ["texts", "strings"])
def test_threads_get_the_answers_that_one_gets(ask: str) -> None:
    kernel = make()
    texts = [
        " ".join(["the budget", "vote ΑΣ", "prime minister said", "x" * number][: number % 5]) for number in range(400)
    ]

    def answer() -> Any:
        return (
            strings_said(kernel, column(*(text.encode() for text in texts)))
            if ask == "strings"
            else said(kernel, texts)
        )

    expected = answer()
    found: list[Any] = []
    run: Callable[[], None] = lambda: found.extend(answer() for _ in range(20))  # noqa: E731
    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 160
