"""Sketches where no compiler built the native code: the same bytes, more slowly."""

import struct
from collections.abc import Sequence
from enum import IntEnum, auto
from functools import cache
from itertools import chain, pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from falsetrue.features.sketches import (
    BINS,
    BUCKETS,
    FIRST_SKIP,
    FORMAT,
    MOST_BUCKETS,
    SKIPS,
    STYLES,
    TIMES,
    Keys,
    Unit,
    donors,
    mixed,
)
from falsetrue.features.words import words

#: Bytes of a word that are hashed.
_LONGEST_WORD = 256
#: Words in a row of which the signature is made.
SHINGLE: Final = 3
_LARGEST = 0xFFFF
#: From a hash to its bucket.
_BUCKET_SHIFT = np.uint64(64 - (BUCKETS.bit_length() - 1))
#: And to its bin.
_BIN_SHIFT = np.uint64(64 - (BINS.bit_length() - 1))


# --- characters -------------------------------------------------------------------------------------


class Kind(IntEnum):
    """What a character is to the style numbers; the first that fits."""

    OTHER = 0
    LETTER = auto()
    NUMBER = auto()  #: part of words, but neither letter nor decimal digit
    DIGIT = auto()
    UNDERSCORE = auto()
    SPACE = auto()
    MARK = auto()  #: punctuation without a meaning of its own here
    CAPITAL = auto()
    CAPITAL_LEAD = auto()  #: capitals, and small letters, with which UTF-8 begins that was read as Latin-1
    LEAD = auto()
    LAST_LEAD = auto()
    STOP = auto()
    EXCLAMATION = auto()
    QUESTION = auto()
    WIDE_STOP = auto()  #: these end a sentence whatever follows
    WIDE_EXCLAMATION = auto()
    WIDE_QUESTION = auto()
    QUOTE = auto()
    COLON = auto()
    LESS = auto()
    AMPERSAND = auto()
    DEBRIS = auto()


_SPECIAL = {
    "_": Kind.UNDERSCORE,
    **dict.fromkeys("ÂÃ", Kind.CAPITAL_LEAD),
    "â": Kind.LEAD,
    "ï": Kind.LAST_LEAD,
    **dict.fromkeys(".…।\u06d4", Kind.STOP),
    "!": Kind.EXCLAMATION,
    **dict.fromkeys("?؟", Kind.QUESTION),
    "。": Kind.WIDE_STOP,
    "\uff01": Kind.WIDE_EXCLAMATION,
    "\uff1f": Kind.WIDE_QUESTION,
    **dict.fromkeys('"«»“”„‟\u2039\u203a「」『』\uff02', Kind.QUOTE),
    ":": Kind.COLON,
    "<": Kind.LESS,
    "&": Kind.AMPERSAND,
}
#: First and last of a range; no Unicode property that Python's C functions tell would do.
_MARKS = (
    *((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E), (0xA1, 0xA1), (0xA7, 0xA7), (0xB6, 0xB7), (0xBF, 0xBF)),
    *((0x37E, 0x37E), (0x387, 0x387), (0x55A, 0x55F), (0x589, 0x58A), (0x5BE, 0x5BE), (0x5F3, 0x5F4)),
    *((0x60C, 0x60D), (0x61B, 0x61B), (0x66A, 0x66D), (0x965, 0x965)),
    *((0x2010, 0x2027), (0x2030, 0x205E), (0x3001, 0x3003), (0x3008, 0x3011), (0x3014, 0x301F), (0x30FB, 0x30FB)),
    *((0xFF02, 0xFF0F), (0xFF1A, 0xFF20), (0xFF3B, 0xFF40), (0xFF5B, 0xFF65)),
)
#: Controls, halves of surrogate pairs and private use, what stands for what could not be read.
_DEBRIS = ((0x00, 0x1F), (0x7F, 0x9F), (0xD800, 0xF8FF), (0xFFFD, 0xFFFF))

_CAPITALS = (Kind.CAPITAL, Kind.CAPITAL_LEAD)
_LETTERS = (*_CAPITALS, Kind.LETTER, Kind.LEAD, Kind.LAST_LEAD)
_WORD = (*_LETTERS, Kind.NUMBER, Kind.DIGIT, Kind.UNDERSCORE)
_EXCLAMATIONS = (Kind.EXCLAMATION, Kind.WIDE_EXCLAMATION)
_QUESTIONS = (Kind.QUESTION, Kind.WIDE_QUESTION)
_STOPS = (Kind.STOP, Kind.EXCLAMATION, Kind.QUESTION)
_WIDE_STOPS = (Kind.WIDE_STOP, Kind.WIDE_EXCLAMATION, Kind.WIDE_QUESTION)
_PUNCTUATION = (*_STOPS, *_WIDE_STOPS, Kind.MARK, Kind.UNDERSCORE, Kind.QUOTE, Kind.COLON, Kind.LESS, Kind.AMPERSAND)


def kind_of(character: str) -> Kind:
    """What a character is."""
    code = ord(character)
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isspace():
        return Kind.SPACE
    if any(first <= code <= last for first, last in _DEBRIS):
        return Kind.DEBRIS
    if character.isalpha():
        return Kind.CAPITAL if character.isupper() else Kind.LETTER
    if character.isalnum():
        return Kind.DIGIT if character.isdecimal() else Kind.NUMBER
    return Kind.MARK if any(first <= code <= last for first, last in _MARKS) else Kind.OTHER


@cache
def _table() -> NDArray[np.uint8]:
    """Kinds of the characters below 0x10000."""
    return np.fromiter(map(kind_of, map(chr, range(0x10000))), dtype=np.uint8)


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    kinds = _table()[np.minimum(codes, _LARGEST)]
    for code in np.unique(codes[codes > _LARGEST]).tolist():
        kinds[codes == code] = kind_of(chr(code))
    return kinds


def _is(kinds: NDArray[np.uint8], wanted: Sequence[Kind]) -> NDArray[np.bool_]:
    found = np.zeros(len(Kind) + 1, dtype=bool)
    found[list(wanted)] = True
    return found[kinds]


# --- style ------------------------------------------------------------------------------------------


def _styles(text: str, found: Sequence[str]) -> list[int]:
    """The style numbers of a text with these words, in steps."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint32)
    kinds = _kinds(codes)
    times = np.bincount(kinds, minlength=len(Kind)).tolist()

    def many(*wanted: Kind) -> int:
        return sum(times[kind] for kind in wanted)

    size, count = len(text), len(found)
    links, sentences, markup, pairs = _in_context(codes, kinds)
    values = {
        "characters": (size, 1),
        "words": (count, 1),
        "links": (links, 1),
        "sentence_words": (count, max(1, sentences)),
        "word_characters": (sum(map(len, found)), count),
        "capitals": (many(*_CAPITALS), many(*_LETTERS)),
        "capital_words": (_capital_words(kinds), count),
        "digits": (many(Kind.DIGIT), size),
        "punctuation": (many(*_PUNCTUATION), size),
        "spaces": (many(Kind.SPACE), size),
        "non_ascii": (int(np.count_nonzero(codes > 0x7F)), size),  # noqa: PLR2004 - the last of ASCII
        "exclamations": (many(*_EXCLAMATIONS), size),
        "questions": (many(*_QUESTIONS), size),
        "quotes": (many(Kind.QUOTE), size),
        "markup": (markup, size),
        "debris": (many(Kind.DEBRIS) + pairs, size),
    }
    return [_steps(*values[name], unit) for name, unit in STYLES.items()]


def _steps(numerator: int, denominator: int, unit: Unit) -> int:
    """The quotient in steps, rounded half up, at most 65,535; 0 of nothing."""
    if denominator == 0:
        return 0
    return min(_LARGEST, (2 * numerator * unit.value + denominator) // (2 * denominator))


def _in_context(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """Links, ends of sentences, tags and entities, and pairs that were two bytes of UTF-8."""
    end = len(Kind)  # no kind's number
    next_code, next_kind = np.append(codes[1:], 0), np.append(kinds[1:], end)
    slash, third = ord("/"), np.append(next_code[1:], 0)
    schemes = (kinds == Kind.COLON) & (next_code == slash) & (third == slash)
    ends = _is(kinds, _STOPS) & ((next_kind == end) | _is(next_kind, (Kind.SPACE, Kind.QUOTE)))
    small = (next_code >= ord("a")) & (next_code <= ord("z"))
    capital = (next_code >= ord("A")) & (next_code <= ord("Z"))
    tags = (kinds == Kind.LESS) & (small | capital | (next_code == slash) | (next_code == ord("!")))
    entities = (kinds == Kind.AMPERSAND) & (small | (next_code == ord("#")))
    pairs = (kinds == Kind.CAPITAL_LEAD) & (next_code >= 0x80) & (next_code <= 0xBF)  # noqa: PLR2004 - Latin-1 of 80 to BF
    pairs |= (kinds == Kind.LEAD) & ((next_code == 0x20AC) | (next_code == 0x80))  # noqa: PLR2004 - € in Windows-1252
    pairs |= (kinds == Kind.LAST_LEAD) & ((next_code == ord("¿")) | (next_code == ord("»")))
    return (
        int(np.count_nonzero(schemes)) + _bare_links(codes, kinds),
        int(np.count_nonzero(ends | _is(kinds, _WIDE_STOPS))),
        int(np.count_nonzero(tags | entities)),
        int(np.count_nonzero(pairs)),
    )


def _bare_links(codes: NDArray[np.uint32], kinds: NDArray[np.uint8]) -> int:
    """How often "www." stands behind neither a word nor a slash."""
    dots = np.flatnonzero(codes == ord("."))
    dots = dots[dots >= 3]  # noqa: PLR2004 - as many as w's
    www = dots[np.all([(codes[dots - back] | 0x20) == ord("w") for back in (1, 2, 3)], axis=0)]
    before = www[www > 3] - 4  # noqa: PLR2004 - as many as w's
    return len(www) - int(np.count_nonzero(_is(kinds[before], _WORD) | (codes[before] == ord("/"))))


def _capital_words(kinds: NDArray[np.uint8]) -> int:
    """Runs of word characters that begin with a capital, and have two or more, and no other letter."""
    is_word = np.concatenate([[False], _is(kinds, _WORD), [False]])
    edges = np.flatnonzero(is_word[1:] != is_word[:-1])
    begins, ends = edges[::2], edges[1::2]
    capital = _is(kinds, _CAPITALS)
    capitals = np.concatenate([[0], np.cumsum(capital)])
    letters = np.concatenate([[0], np.cumsum(_is(kinds, _LETTERS))])
    own = capitals[ends] - capitals[begins]
    return int(np.count_nonzero(capital[begins] & (own > 1) & (own == letters[ends] - letters[begins])))


# --- hashes -----------------------------------------------------------------------------------------


def siphash(messages: Sequence[bytes], key: bytes) -> NDArray[np.uint64]:
    """SipHash-2-4 (Aumasson & Bernstein 2012) of each message under a key of 16 bytes; shape (n,)."""
    hashes = np.empty(len(messages), dtype=np.uint64)
    blocks = np.array([len(message) // 8 + 1 for message in messages], dtype=np.int64)
    for count in np.unique(blocks).tolist():
        at = np.flatnonzero(blocks == count)
        chosen = [messages[i] for i in at.tolist()]
        padded = b"".join([message.ljust(8 * count - 1, b"\0") + bytes([len(message) & 0xFF]) for message in chosen])
        hashes[at] = _siphash_blocks(np.frombuffer(padded, dtype="<u8").reshape(-1, count).astype(np.uint64), key)
    return hashes


def _siphash_blocks(blocks: NDArray[np.uint64], key: bytes) -> NDArray[np.uint64]:
    low, high = np.frombuffer(key, dtype="<u8").astype(np.uint64)
    initial = (0x736F6D6570736575, 0x646F72616E646F6D, 0x6C7967656E657261, 0x7465646279746573)
    state = [np.full(len(blocks), np.uint64(word) ^ half) for word, half in zip(initial, (low, high) * 2, strict=True)]
    for block in blocks.T:
        state[3] ^= block
        _rounds(state, 2)
        state[0] ^= block
    state[2] ^= np.uint64(0xFF)
    _rounds(state, 4)
    return np.asarray(state[0] ^ state[1] ^ state[2] ^ state[3], dtype=np.uint64)


def _rounds(state: list[NDArray[np.uint64]], count: int) -> None:
    v0, v1, v2, v3 = state
    for _ in range(count):
        v0, v2 = v0 + v1, v2 + v3
        v1, v3 = _rotated(v1, 13) ^ v0, _rotated(v3, 16) ^ v2
        v0, v2 = _rotated(v0, 32) + v3, v2 + v1
        v3, v1 = _rotated(v3, 21) ^ v0, _rotated(v1, 17) ^ v2
        v2 = _rotated(v2, 32)
    state[:] = v0, v1, v2, v3


def _rotated(value: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    return np.asarray(value << np.uint64(bits) | value >> np.uint64(64 - bits), dtype=np.uint64)


def _shingle_hashes(hashes: NDArray[np.uint64], keys: Keys) -> NDArray[np.uint64]:
    """Of the words' hashes, one for every three in a row; fewer words than that are one shingle."""
    summand, *factors = (np.uint64(key) for key in keys.shingles)
    missing = max(0, SHINGLE - len(hashes)) if len(hashes) else 0
    padded = np.concatenate([hashes, np.zeros(missing, dtype=np.uint64)])
    count = max(0, len(padded) - SHINGLE + 1)
    parts = [padded[place : place + count] * factor for place, factor in enumerate(factors)]
    return mixed(np.asarray(parts[0] + parts[1] + parts[2] + summand, dtype=np.uint64))


# --- signature and features -------------------------------------------------------------------------


def _minhash(shingles: NDArray[np.uint64]) -> NDArray[np.uint16]:
    """One permutation hashing (Li, Owen & Zhang 2012), densified (Shrivastava 2017), 16 bits each (Li & König 2010)."""
    values = np.zeros(BINS, dtype=np.uint16)
    ordered = np.sort(shingles)
    bins, first = np.unique(ordered >> _BIN_SHIFT, return_index=True)
    if len(bins) == 0:
        return values
    filled = np.zeros(BINS, dtype=bool)
    filled[bins] = True
    values[bins] = ordered[first] & np.uint64(_LARGEST)
    asked = donors()
    giver = asked[np.arange(BINS), filled[asked].argmax(axis=1)]
    return np.asarray(np.where(filled, values, values[giver]), dtype=np.uint16)


def _spelled(buckets: Sequence[int], times: Sequence[int]) -> bytes:
    """Features as bytes, of ascending buckets."""
    out = bytearray()
    for (before, bucket), often in zip(pairwise([-1, *buckets]), times, strict=True):
        ahead = bucket - before
        while ahead > SKIPS[0]:
            step = max(number for number, skip in enumerate(SKIPS) if skip < ahead)
            out.append(FIRST_SKIP + step)
            ahead -= SKIPS[step]
        step = max(number for number, least in enumerate(TIMES) if least <= often)
        out.append(4 * (ahead - 1) + step)
    return bytes(out)


class NumpySketcher:
    """Makes sketches under the keys of a salt."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def sketch(self, texts: Sequence[str]) -> list[bytes]:
        """The sketch of each text. Raises :class:`TypeError` for what is no ``str``."""
        if wrong := [type(text).__name__ for text in texts if not isinstance(text, str)]:
            raise TypeError(f"texts must be str, not {wrong[0]}")
        found = [words(text) for text in texts]
        number = {word: i for i, word in enumerate(dict.fromkeys(chain.from_iterable(found)))}
        hashes = siphash([word.encode()[:_LONGEST_WORD] for word in number], self._keys.words)
        return [
            self._sketch(text, cut, hashes[np.fromiter(map(number.__getitem__, cut), np.int64, len(cut))])
            for text, cut in zip(texts, found, strict=True)
        ]

    def _sketch(self, text: str, found: Sequence[str], hashes: NDArray[np.uint64]) -> bytes:
        buckets, times = np.unique(hashes >> _BUCKET_SHIFT, return_counts=True)
        numbers = [len(buckets), *_styles(text, found), *_minhash(_shingle_hashes(hashes, self._keys)).tolist()]
        head = struct.pack(f"<B{len(numbers)}H", FORMAT, *numbers)
        return head + _spelled(buckets[:MOST_BUCKETS].tolist(), times[:MOST_BUCKETS].tolist())
