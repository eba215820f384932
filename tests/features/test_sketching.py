import random
import re
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.errors import InputError
from falsetrue.features import sketches, sketching
from falsetrue.features.numpy_sketching import siphash
from falsetrue.features.sketches import BINS, BUCKETS, HEAD, MOST_BUCKETS, SKIPS, STYLES, Unit, donors
from falsetrue.features.sketching import Sketcher, read_sketch, read_sketches
from falsetrue.features.words import words

#: The compiled module, where there is one.
COMPILED: Any = vars(sketches)["compiled"]
SALT = b"a salt that nobody guesses"
NO_COMPILER = pytest.mark.skipif(COMPILED is None, reason="no compiler built it")
BOTH = pytest.mark.parametrize("sketcher", ["either", "numpy"], indirect=True)


def make_numpy(salt: bytes = SALT) -> Sketcher:
    """As where there is no compiler."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketching, "compiled", None)
        return Sketcher(salt)


@pytest.fixture
def sketcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Sketcher:
    """The one that is there, or NumPy's, with which sketches are then read as well."""
    if getattr(request, "param", "either") == "numpy":
        for module in (sketches, sketching):
            monkeypatch.setattr(module, "compiled", None)
    return Sketcher(SALT)


#: Whatever one of the style numbers looks at, lower case that is Python's to know, and every width.
PIECES = [
    *(
        "a",
        "B",
        "É",
        "é",
        "新",
        "Σ",
        "\u03c3",
        "İ",
        "𐐀",
        "0",
        "²",
        "_",
        "ǅ",
        "e\u0301",
        "the vote ",
        "x" * 70,
        "é" * 140,
    ),
    *("\0", ".", "!", "?", " ", "\n", "\x85", "…", "“", '"', "»", "。", "\uff01", "\uff1f", "؟", "-", "\u2028"),
    *("www.", "://", "/", "<", "<p>", "&amp;", "&#", "Ã", "Â", "©", "â", "€", "ï", "¿", "\ufffd", "\ud800", "\udc80"),
]
TEXTS = st.lists(st.text(st.characters(codec=None)) | st.sampled_from(PIECES), max_size=40).map("".join)


def made_up(count: int, seed: int) -> str:
    """A text of so many words, most of them rare."""
    generator = random.Random(seed)  # noqa: S311 - not for secrets
    return " ".join(f"word{int(generator.paretovariate(0.3)) % 1_000_003}" for _ in range(count))


# --- the two ways -----------------------------------------------------------------------------------


@NO_COMPILER
@given(st.lists(TEXTS, max_size=4))
def test_compiled_code_and_numpy_make_the_same_bytes_of_any_text(texts: list[str]) -> None:
    assert Sketcher(SALT).sketch(texts) == make_numpy().sketch(texts)


@NO_COMPILER
def test_compiled_code_and_numpy_know_the_same_of_every_character() -> None:
    planes = [*range(0x20000), *range(0xE0000, 0xE0200), *range(0x10FF00, 0x110000)]
    texts = ["a".join(map(chr, planes[at : at + 128])) for at in range(0, len(planes), 128)]
    assert Sketcher(SALT).sketch(texts) == make_numpy().sketch(texts)


@NO_COMPILER
@pytest.mark.parametrize("salt", [bytes(16), b"\xff" * 32, bytes(range(64))])
def test_compiled_code_and_numpy_agree_under_every_salt_and_at_every_length(salt: bytes) -> None:
    texts = [made_up(count, count) for count in [*range(70), 400, 3000, 30_000]] + ["新é" * 300, "a" * 50_000]
    assert Sketcher(salt).sketch(texts) == make_numpy(salt).sketch(texts)


@NO_COMPILER
def test_compiled_code_and_numpy_read_the_same_features(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Sketcher(SALT).sketch([made_up(count, count) for count in (0, 1, 5, 0, 300, 3000)] * 3)
    read = read_sketches(made).features
    monkeypatch.setattr(sketches, "compiled", None)
    monkeypatch.setattr(sketches, "_CHUNK", 4)
    again = read_sketches(made).features
    assert read is not None
    assert again is not None
    for name in ("begins", "buckets", "times"):
        found, expected = getattr(read, name), getattr(again, name)
        assert found.dtype == expected.dtype
        assert found.tolist() == expected.tolist()


def test_siphash_is_the_published_one() -> None:
    """Aumasson & Bernstein 2012, appendix A; and its key as bytes, of no message."""
    assert siphash([bytes(range(15))], bytes(range(16))).tolist() == [0xA129CA6149BE45E5]
    assert siphash([b""], bytes(range(16))).tolist() == [0x726FDB47DD0E0E31]


# --- style ------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", dict.fromkeys(STYLES, 0.0)),
        ("Hola mundo", {"characters": 10, "words": 2, "word_characters": 4.5, "sentence_words": 2, "spaces": 0.1}),
        ("AB cd EFg X 3D COVID19", {"capital_words": 2 / 5, "capitals": 11 / 14}),
        ("One two. Three four! 3.5", {"sentence_words": 2, "digits": 2 / 24}),
        ('He said "no." Then left.', {"sentence_words": 2.5, "quotes": 2 / 24}),
        ("今天下雨。明天晴\uff01", {"sentence_words": 1, "non_ascii": 1, "exclamations": 1 / 9, "punctuation": 2 / 9}),
        ("a!b! ?", {"exclamations": 2 / 6, "questions": 1 / 6}),
        ("see http://a.b www.c.d WWW.e /www.f xwww.g www", {"links": 3}),
        ("www.a", {"links": 1}),
        ("<p>a</p> AT&T &amp; < b", {"markup": 3 / 23}),
        ("cafÃ© â€™ ï»¿ \ufffd\0\ue000\ud800", {"debris": 7 / 18}),
        ("São Paulo, NÃO; café — “sí” \u2019\t\r\n", {"debris": 0, "quotes": 2 / 32}),
        ("a,b_", {"punctuation": 0.5}),
        ("aé", {"non_ascii": 0.5}),
        ("ǅǅǅ Ⅷ x²", {"capitals": 0, "digits": 0}),
        ("ab " * 70_000, {"characters": 65535, "words": 65535}),
    ],
)
def test_style_numbers_are_what_they_say(sketcher: Sketcher, text: str, expected: dict[str, float]) -> None:
    styles = read_sketch(sketcher.sketch([text])[0]).styles
    for name, value in expected.items():
        assert styles[name] == pytest.approx(value, abs=0.51 / STYLES[name].value), name


@given(TEXTS)
def test_style_numbers_count_the_words_that_python_finds_and_shares_are_shares(text: str) -> None:
    styles = read_sketch(Sketcher(SALT).sketch([text])[0]).styles
    assert styles["characters"] == len(text)
    assert styles["words"] == len(words(text))
    assert all(0 <= styles[name] <= 1 for name, unit in STYLES.items() if unit is Unit.SHARE)


# --- features ---------------------------------------------------------------------------------------


@BOTH
def test_a_word_has_one_bucket_whatever_stands_around_it(sketcher: Sketcher) -> None:
    one, both = (read_sketch(made).features for made in sketcher.sketch(["vote", "The VOTE, the budget; vote!"]))
    (bucket,) = one
    assert one == {bucket: 1}
    assert both[bucket] == 2
    assert sorted(both.values()) == [1, 2, 2]


@BOTH
@pytest.mark.parametrize(("times", "said"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (6, 5), (70_000, 5)])
def test_how_often_is_told_in_steps(sketcher: Sketcher, times: int, said: int) -> None:
    assert list(read_sketch(sketcher.sketch(["vote " * times])[0]).features.values()) == [said]


@given(st.integers(0, 3000), st.integers(0, 100))
def test_features_are_those_of_the_lowest_buckets_and_all_of_a_short_text(count: int, seed: int) -> None:
    text = made_up(count, seed)
    sketcher = Sketcher(SALT)
    (whole,) = sketcher.sketch([text])
    alone = {word: read_sketch(made) for word, made in zip(words(text), sketcher.sketch(words(text)), strict=True)}
    expected: Counter[int] = Counter()
    for word in words(text):
        expected.update(alone[word].features.keys())
    read = read_sketch(whole)
    assert read.distinct == len(expected)
    assert list(read.features) == sorted(expected)[:MOST_BUCKETS]
    assert all(min(expected[bucket], 5) in {said, said + (said == 3)} for bucket, said in read.features.items())


def test_words_spread_over_all_buckets() -> None:
    made = Sketcher(SALT).sketch([f"word{number}" for number in range(20_000)])
    read = read_sketches(made).features
    assert read is not None
    filled = np.bincount(read.buckets, minlength=BUCKETS)
    # Of balls thrown at random into so many boxes, exp(-balls / boxes) stay empty.
    assert np.mean(filled == 0) == pytest.approx(np.exp(-20_000 / BUCKETS), abs=0.02)


# --- secrecy ----------------------------------------------------------------------------------------


def test_without_the_salt_nothing_is_found_but_the_style() -> None:
    text = made_up(300, 1)
    ours, theirs = (read_sketch(Sketcher(salt).sketch([text])[0]) for salt in (SALT, SALT + b"!"))
    assert ours.styles == theirs.styles
    assert sum(one == other for one, other in zip(ours.minhash, theirs.minhash, strict=True)) <= 1
    common = len(ours.features.keys() & theirs.features.keys())
    assert common < 4 * len(ours.features) * len(theirs.features) / BUCKETS + 8


@pytest.mark.parametrize("size", [0, 1, 15])
def test_a_salt_that_can_be_guessed_is_refused(size: int) -> None:
    with pytest.raises(InputError, match=f"{size} bytes"):
        Sketcher(bytes(size))


def test_a_sketch_holds_no_word_of_the_text() -> None:
    text = "parliament minister confidential " * 30
    (made,) = Sketcher(SALT).sketch([text])
    assert not any(word[:3].encode() in made for word in words(text))


# --- signature --------------------------------------------------------------------------------------


def _alike(one: str, other: str) -> float:
    first, second = read_sketches(Sketcher(SALT).sketch([one, other])).minhash
    return float(np.mean(first == second))


def _shingles(text: str) -> set[tuple[str, ...]]:
    found = words(text)
    return {tuple(found[at : at + 3]) for at in range(max(1, len(found) - 2))}


@pytest.mark.parametrize("count", [6, 30, 100, 800])
@pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
def test_signatures_agree_in_the_share_of_words_in_a_row_that_texts_have_in_common(count: int, kept: float) -> None:
    """On average over 200 pairs, with or without empty bins, within what chance allows (Jaccard's coefficient)."""
    errors = []
    for seed in range(200):
        text = made_up(count, seed)
        found = words(text)
        other = " ".join(found[: int(count * kept)] + words(made_up(count - int(count * kept), seed + 1000)))
        one, two = _shingles(text), _shingles(other)
        errors.append(_alike(text, other) - len(one & two) / len(one | two))
    deviation = float(np.std(errors)) / len(errors) ** 0.5
    assert abs(float(np.mean(errors))) <= 4 * deviation + 1e-9
    assert float(np.std(errors)) < 0.25 if count < BINS else 0.1


def test_copies_with_other_case_and_punctuation_have_one_signature() -> None:
    assert _alike("The vote, on the budget, was PUT OFF.", "the vote on the budget was put off") == 1.0
    assert _alike("the vote", "The vote!") == 1.0
    assert _alike("the vote", "vote the") <= 2 / BINS
    assert _alike("vote", "budget") <= 2 / BINS


def test_a_text_without_words_has_no_signature() -> None:
    assert read_sketch(Sketcher(SALT).sketch(["a b ! ?"])[0]).minhash == (0,) * BINS


def test_every_bin_asks_every_other() -> None:
    for number, asked in enumerate(donors().tolist()):
        assert sorted([number, *asked]) == list(range(BINS))


# --- size and reading -------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("count", [0, 1, 40, 400, 800, 30_000])
def test_no_sketch_takes_more_than_700_bytes(sketcher: Sketcher, count: int) -> None:
    made = sketcher.sketch([made_up(count, seed) for seed in range(5)])
    assert max(map(len, made)) <= HEAD + MOST_BUCKETS + BUCKETS // SKIPS[0] < 700
    assert count or made == [made[0]] * 5


@BOTH
def test_many_are_read_as_each_is(sketcher: Sketcher) -> None:
    made = sketcher.sketch([made_up(count, count) for count in (0, 1, 2, 90, 0, 2000, 0)])
    many = read_sketches(made)
    assert many.features is not None
    for row, content in enumerate(made):
        one = read_sketch(content)
        inside = slice(many.features.begins[row], many.features.begins[row + 1])
        assert dict(zip(STYLES, many.styles[row].tolist(), strict=True)) == one.styles
        assert many.distinct[row] == one.distinct
        assert tuple(many.minhash[row].tolist()) == one.minhash
        assert many.features.buckets[inside].tolist() == list(one.features)
        assert many.features.times[inside].tolist() == list(one.features.values())
    assert many.styles.dtype == np.float32
    assert many.minhash.dtype == np.uint16


@BOTH
def test_none_are_read_as_none(sketcher: Sketcher) -> None:
    read = read_sketches(sketcher.sketch([]))
    assert read.styles.shape == (0, len(STYLES))
    assert read.minhash.shape == (0, BINS)
    assert read.features is not None
    assert (read.features.begins.tolist(), read.features.buckets.tolist()) == ([0], [])


def test_features_are_left_where_nobody_asks() -> None:
    assert read_sketches(Sketcher(SALT).sketch(["the vote"]), features=False).features is None


@BOTH
@pytest.mark.parametrize("content", [b"", b"\1", b"\2" + bytes(HEAD - 1), b"\1" + bytes(HEAD - 2), b"the vote"])
def test_what_is_no_sketch_of_this_format_is_refused(sketcher: Sketcher, content: bytes) -> None:
    with pytest.raises(InputError, match=f"{len(content)} bytes .* format 1"):
        read_sketches([*sketcher.sketch(["the vote"]), content])


@BOTH
@pytest.mark.parametrize("tail", [b"\xff" * 17, b"\xfc" * 131, b"\xff" * 16 + b"\xfd\x08", b"\xf8" * 131])
def test_features_beyond_the_last_bucket_are_refused(sketcher: Sketcher, tail: bytes) -> None:
    made = sketcher.sketch(["the vote"])
    with pytest.raises(InputError, match="damaged"):
        read_sketches([*made, made[0][:HEAD] + tail, *made])


@BOTH
def test_the_last_bucket_can_be_read(sketcher: Sketcher) -> None:
    (empty,) = sketcher.sketch([""])
    assert read_sketch(empty + b"\xff" * 16 + b"\xfd\4").features == {BUCKETS - 1: 1}


@given(before=st.binary(max_size=20), tail=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(before: bytes, tail: bytes) -> None:
    for content in (before + tail, b"\1" + bytes(HEAD - 1) + tail):
        found: list[dict[int, int] | str] = []
        for compiled in (COMPILED, None):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(sketches, "compiled", compiled)
                try:
                    found.append(read_sketch(content).features)
                except InputError as error:
                    found.append(str(error))
        assert found[0] == found[1]
        assert isinstance(found[0], str) or list(found[0]) == sorted(found[0])
        assert isinstance(found[0], str) or all(0 <= bucket < BUCKETS for bucket in found[0])


# --- what may come ----------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize(
    "text", ["\ud800", "\0" * 9, "新" * 50_000, "Σ" * 50_000, "www." * 9_000, "AB" * 9_000, "\U0010ffff"]
)
def test_strange_texts_are_sketched(sketcher: Sketcher, text: str) -> None:
    read = read_sketch(sketcher.sketch([text])[0])
    assert read.styles["characters"] == len(text)
    assert read.distinct == len(set(words(text)))


@BOTH
@pytest.mark.parametrize("wrong", [None, 3, b"the vote"])
def test_what_is_no_text_is_refused(sketcher: Sketcher, wrong: Any) -> None:
    with pytest.raises(TypeError, match="str"):
        sketcher.sketch(["the vote", wrong])


def test_a_strings_own_text_counts_whatever_its_class_says() -> None:
    class Odd(str):
        __slots__ = ()

        def lower(self) -> str:
            return "budget"

    sketcher = Sketcher(SALT)
    if COMPILED is not None:
        assert sketcher.sketch([Odd("ΟΔΥΣΣΕΥΣ vote")]) == sketcher.sketch(["ΟΔΥΣΣΕΥΣ vote"])


@NO_COMPILER
@pytest.mark.parametrize(
    "wrong",
    [
        {"word_key": bytes(15)},
        {"shingle_keys": bytes(31)},
        {"donors": bytes(BINS * (BINS - 1))},
        {"donors": b"\xff" * (BINS * (BINS - 1))},
        {"donors": b""},
        {"word_key": None},
    ],
)
def test_keys_and_tables_of_another_shape_are_refused(wrong: dict[str, Any]) -> None:
    assert COMPILED is not None
    right: dict[str, Any] = {"word_key": bytes(16), "shingle_keys": bytes(32), "donors": donors()}
    with pytest.raises((ValueError, TypeError)):
        COMPILED.Sketcher(**(right | wrong))


def test_threads_make_the_sketches_that_one_makes() -> None:
    sketcher = Sketcher(SALT)
    texts = [made_up(count % 200, count) + "Σ" * (count % 3) for count in range(300)]
    expected = sketcher.sketch(texts)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.append(sketcher.sketch(texts))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 8


def test_the_reference_names_every_style_number_and_every_size() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "sketch.md").read_text()
    assert re.findall(r"^\| \d+ \| `(\w+)` \|", page, re.MULTILINE) == list(STYLES)
    for number in (HEAD, BINS, MOST_BUCKETS, BUCKETS):
        assert f"{number:,}" in page
