"""``scorer.safetensors``: what is written in it, and every check before it is used.

The blob is the safetensors format: the length of a JSON header, the header, then plain little-endian arrays. It is
read here rather than by that library so that arrays stay where they lie: in a memory-mapped file they are shared by
every process that serves it.
"""

import math
from collections.abc import Mapping, Sequence
from mmap import mmap
from typing import Any, TypeAlias

import msgspec
import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from falsetrue.errors import BundleDamagedError, BundleFormatError
from falsetrue.features.kernel import LARGEST_NGRAM, MOST_OUTPUTS, Forest, Link, Norm, Output, Parts
from falsetrue.features.words import is_word

Tensors: TypeAlias = dict[str, NDArray[Any]]
Blob: TypeAlias = bytes | memoryview | mmap

#: Format of the blob; raised with every change that an older reader would misread. The lowest one is written that can
#: say what a model is.
#: 1: neither masks nor a measure of how much a text is like news. 2: both, where the header and the arrays say so.
#: 3: other vectorizers than TF-IDF of Euclidean length 1, other links than the sigmoid, and several members.
SCORER_FORMAT = 3
_READABLE_FORMATS = (1, 2, 3)
_LAST_PLAIN_FORMAT = 2
#: Columns that n-grams are hashed to, at most: what a text is counted in is that long, however small the file.
MOST_HASH_COLUMNS = 2**24
#: No weight, threshold or other number is further from 0, so that no product of them overflows.
LARGEST_NUMBER = 1e50
#: Bytes of the JSON header, at most.
_LARGEST_HEADER = 1 << 20
_SIZE_BYTES = 8  #: that say how long it is

_LINKS = {"none": Link.NONE, "sigmoid": Link.SIGMOID, "clip": Link.CLIP}
_NORMS = {"none": Norm.NONE, "l1": Norm.L1, "l2": Norm.L2}
_CALIBRATIONS = ("none", "sigmoid", "isotonic")


class _Fields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what headers hold."""


class Member(_Fields, frozen=True, kw_only=True):
    """One of the models whose probabilities are averaged: ``link(slope * (x . weights + intercept) + offset)``."""

    intercept: float = 0.0
    link: str = "sigmoid"  #: ``none``, ``sigmoid`` or ``clip``
    slope: float = 1.0
    offset: float = 0.0
    calibration: str = "none"  #: of what that says: ``none``, ``sigmoid`` or ``isotonic``
    calibration_slope: float = 1.0  #: sigmoid: ``sigmoid(calibration_slope * value + calibration_offset)``
    calibration_offset: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether its log-odds are a weighted sum."""
        return self.link == "sigmoid" and self.calibration == "none"


class Header(_Fields, frozen=True, kw_only=True):
    """What the arrays mean; as format 3 writes it."""

    format: int = SCORER_FORMAT
    head: str  #: ``linear`` or ``forest``
    smallest_ngram: int
    largest_ngram: int
    lowercase: bool = True
    hash_columns: int = 0  #: columns that n-grams are hashed to; 0: those of the vocabulary
    alternate_sign: bool = False
    binary: bool = False
    sublinear_tf: bool
    norm: str = "l2"  #: ``none``, ``l1`` or ``l2``
    members: list[Member]  #: linear: one or more; forest: one, of which only the calibration counts
    masks: list[str] = []  #: names of the masks laid over a text before its words are counted
    news_intercept: float = 0.0  #: added to the sum weighted by ``news_weights``, where there are any

    @property
    def is_linear(self) -> bool:
        """Whether the log-odds of a text are one weighted sum of its values."""
        return self.head == "linear" and len(self.members) == 1 and self.members[0].is_plain


class _PlainHeader(_Fields, frozen=True, kw_only=True):
    """The same as formats 1 and 2 write it."""

    format: int = _LAST_PLAIN_FORMAT
    head: str
    smallest_ngram: int
    largest_ngram: int
    sublinear_tf: bool
    intercept: float = 0.0
    slope: float = 1.0
    offset: float = 0.0
    masks: list[str] = []
    news_intercept: float = 0.0

    def header(self) -> Header:
        """What it says, in the words of format 3."""
        fields = msgspec.structs.asdict(self)
        member = Member(**{name: fields.pop(name) for name in ("intercept", "slope", "offset")})
        return Header(**fields, members=[member if self.head == "linear" else Member(link="none")])


def _plain(header: Header, tensors: Tensors) -> _PlainHeader | None:
    """The same in the words of format 2; ``None`` where they do not suffice."""
    kept = ("head", "smallest_ngram", "largest_ngram", "sublinear_tf", "masks", "news_intercept")
    fields = {name: getattr(header, name) for name in kept}
    if header.head == "linear":
        fields |= {name: getattr(header.members[0], name) for name in ("intercept", "slope", "offset")}
    plain = _PlainHeader(**fields)
    says_all = msgspec.structs.replace(plain.header(), format=header.format) == header
    return plain if says_all and "idf" in tensors and "stop_words" not in tensors else None


# --- writing --------------------------------------------------------------------------------------


def to_bytes(header: Header, tensors: Tensors) -> bytes:
    """Write the blob."""
    metadata = {"falsetrue": msgspec.json.encode(_plain(header, tensors) or header).decode()}
    return safetensors.numpy.save(tensors, metadata)


def make_terms(vocabulary: Sequence[str]) -> NDArray[np.uint8]:
    """The vocabulary, in column order, as the blob holds it (no term can contain a line feed)."""
    return np.frombuffer("\n".join(vocabulary).encode("utf-8"), dtype=np.uint8)


# --- reading --------------------------------------------------------------------------------------

_DTYPES: dict[str, np.dtype[Any]] = {"U8": np.dtype(np.uint8), "I32": np.dtype("<i4"), "F64": np.dtype("<f8")}
_TYPE_OF = {
    "terms": "U8",
    "stop_words": "U8",
    "idf": "F64",
    "news_weights": "F64",
    "weights": "F64",
    "isotonic_x": "F64",
    "isotonic_y": "F64",
    "isotonic_sizes": "I32",
    "feature": "I32",
    "threshold": "F64",
    "left": "I32",
    "right": "I32",
    "value": "F64",
    "roots": "I32",
}


class _Entry(_Fields, frozen=True, kw_only=True):
    """Where an array lies."""

    dtype: str
    shape: list[int]
    data_offsets: tuple[int, int]


def read_blob(blob: Blob) -> tuple[Header, Tensors]:
    """The header and the arrays, each name, type, size, index and number checked; arrays are views of the blob.

    Raises :class:`BundleDamagedError` or :class:`BundleFormatError`, never anything else.
    """
    try:
        entries, metadata, start = _entries(blob)
        header = _header(metadata["falsetrue"])
        tensors = _arrays(blob, entries, start)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise BundleDamagedError(f"scorer.safetensors cannot be read ({type(error).__name__})") from error
    _check(header, tensors)
    return header, tensors


def _entries(blob: Blob) -> tuple[dict[str, _Entry], dict[str, str], int]:
    """Where each array lies behind ``start``, and the metadata."""
    size = int.from_bytes(blob[:_SIZE_BYTES], "little")
    start = _SIZE_BYTES + size
    if len(blob) < start or size > _LARGEST_HEADER:
        raise ValueError("a header that is longer than the file")
    written = msgspec.json.decode(blob[_SIZE_BYTES:start], type=dict[str, msgspec.Raw])
    metadata = msgspec.json.decode(written.pop("__metadata__"), type=dict[str, str])
    return {name: msgspec.json.decode(raw, type=_Entry) for name, raw in written.items()}, metadata, start


def _arrays(blob: Blob, entries: Mapping[str, _Entry], start: int) -> Tensors:
    """Every byte belongs to one array."""
    tensors: Tensors = {}
    at = 0
    for name, entry in sorted(entries.items(), key=lambda item: item[1].data_offsets):
        dtype = _DTYPES[_TYPE_OF[name]]
        (count,), (begin, end) = entry.shape, entry.data_offsets
        if entry.dtype != _TYPE_OF[name] or count < 0 or begin != at or end != begin + count * dtype.itemsize:
            raise ValueError("an array that is not where it should be")
        if start + end > len(blob):
            raise ValueError("an array that is longer than the file")
        array = np.frombuffer(blob, dtype=dtype, count=count, offset=start + begin)
        # Of the machine's own byte order, and where its processor reads numbers at one go.
        tensors[name] = np.require(array, dtype=dtype.newbyteorder("="), requirements=["ALIGNED", "C_CONTIGUOUS"])
        at = end
    if start + at != len(blob):
        raise ValueError("bytes that belong to no array")
    return tensors


def _header(encoded: str) -> Header:
    number = msgspec.json.decode(encoded, type=dict[str, Any]).get("format", 0)
    if type(number) is not int or number not in _READABLE_FORMATS:
        raise BundleFormatError(
            f"scorer.safetensors has format {number!r}; this version reads 1 to {SCORER_FORMAT}: "
            "upgrade falsetrue or train again"
        )
    if number <= _LAST_PLAIN_FORMAT:
        return msgspec.json.decode(encoded, type=_PlainHeader).header()
    return msgspec.json.decode(encoded, type=Header)


# --- checking -------------------------------------------------------------------------------------

_ALWAYS = {"linear": {"weights"}, "forest": {"feature", "threshold", "left", "right", "value", "roots"}}
_ISOTONIC = {"isotonic_x", "isotonic_y", "isotonic_sizes"}


def _damaged(problem: str) -> BundleDamagedError:
    return BundleDamagedError(f"scorer.safetensors: {problem}")


def _check(header: Header, tensors: Tensors) -> None:
    """Every name, type, length, index and number."""
    _check_header(header, has_news="news_weights" in tensors)
    _check_names(header, tensors)
    for name, tensor in tensors.items():
        if tensor.dtype == np.float64 and not bool((np.abs(tensor) <= LARGEST_NUMBER).all()):
            raise _damaged(f"array {name!r} holds a number that is not finite, or beyond all measure")
    columns = header.hash_columns or _check_terms(tensors["terms"])
    sizes = {"idf": columns, "news_weights": columns, "weights": columns * len(header.members)}
    if any(len(tensors[name]) != size for name, size in sizes.items() if name in tensors):
        raise _damaged("vocabulary and weights do not fit together")
    if "stop_words" in tensors and not all(map(is_word, _words(tensors["stop_words"]))):
        raise _damaged("a stop word that no text has")
    if "isotonic_x" in tensors:
        _check_isotonic(header, tensors)
    if header.head == "forest":
        _check_forest(tensors, columns)


def _check_header(header: Header, *, has_news: bool) -> None:
    if header.head not in _ALWAYS:
        raise _damaged("it does not hold the arrays of a known model")
    if not 1 <= header.smallest_ngram <= header.largest_ngram <= LARGEST_NGRAM:
        raise _damaged("it asks for n-grams that no model has")
    if header.norm not in _NORMS or not 0 <= header.hash_columns <= MOST_HASH_COLUMNS:
        raise _damaged("it asks for a vectorizer that there is not")
    if header.alternate_sign and (not header.hash_columns or header.sublinear_tf):
        raise _damaged("signs and logarithms of counts that do not go together")
    most = 1 if header.head == "forest" else MOST_OUTPUTS - has_news
    if not 1 <= len(header.members) <= most:
        raise _damaged(f"{len(header.members)} members; there may be 1 to {most}")
    numbers = [header.news_intercept]
    for member in header.members:
        if member.link not in _LINKS or member.calibration not in _CALIBRATIONS:
            raise _damaged("a member of a kind that there is not")
        numbers += [member.intercept, member.slope, member.offset]
        numbers += [member.calibration_slope, member.calibration_offset]
    if not all(math.isfinite(number) and abs(number) <= LARGEST_NUMBER for number in numbers):
        raise _damaged("a coefficient is not finite, or beyond all measure")


def _check_names(header: Header, tensors: Tensors) -> None:
    needed = set(_ALWAYS[header.head])
    allowed = {"news_weights"}
    needed |= set() if header.hash_columns else {"terms"}
    needed |= _ISOTONIC if any(member.calibration == "isotonic" for member in header.members) else set()
    if header.format <= _LAST_PLAIN_FORMAT:
        needed |= {"idf"}
    else:
        allowed |= {"idf", "stop_words"}
    if not needed <= set(tensors) <= needed | allowed:
        raise _damaged("it does not hold the arrays of a known model")
    # Of each member that says a probability at all.
    if any(member.link == "none" and member.calibration == "none" for member in header.members) and (
        header.head == "linear"
    ):
        raise _damaged("a member that says no probability")


def _check_terms(terms: NDArray[np.uint8]) -> int:
    """How many there are."""
    encoded = terms.tobytes()
    try:
        encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _damaged("the vocabulary is not UTF-8") from error
    # A word is padded with NULs when it is looked up, so that no term may hold one.
    listed = encoded.split(b"\n")
    if not encoded or b"\0" in encoded or len(set(listed)) != len(listed):
        raise _damaged("the vocabulary is empty, names a term twice, or holds a NUL")
    return len(listed)


def _words(listed: NDArray[np.uint8]) -> list[str]:
    try:
        return listed.tobytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise _damaged("the stop words are not UTF-8") from error


def _check_isotonic(header: Header, tensors: Tensors) -> None:
    sizes, x, y = (tensors[name] for name in ("isotonic_sizes", "isotonic_x", "isotonic_y"))
    used = sum(member.calibration == "isotonic" for member in header.members)
    sound = (
        len(sizes) == used
        and bool(np.all(sizes > 0))
        and len(x) == len(y) == int(sizes.sum(dtype=np.int64))
        and bool(np.all((y >= 0) & (y <= 1)))
        and all(bool(np.all(np.diff(part) > 0)) for part in np.split(x, np.cumsum(sizes)[:-1]))
    )
    if not sound:
        raise _damaged("the steps of an isotonic calibration do not fit together")


def _check_forest(tensors: Tensors, columns: int) -> None:
    nodes = len(tensors["feature"])
    sizes = {len(tensors[name]) for name in ("threshold", "left", "right", "value")}
    if sizes != {nodes} or not len(tensors["roots"]):
        raise _damaged("the trees do not fit together")
    inner = np.flatnonzero(tensors["feature"] >= 0)
    children = np.stack([tensors["left"][inner], tensors["right"][inner]])
    sound = (
        bool(np.all((tensors["roots"] >= 0) & (tensors["roots"] < nodes)))
        and bool(np.all(tensors["feature"] < columns))
        and bool(np.all(children < nodes))
        # Children stand behind their parent, so that every walk ends.
        and bool(np.all(children > inner))
        and bool(np.all((tensors["value"] >= 0) & (tensors["value"] <= 1)))
    )
    if not sound:
        raise _damaged("the trees do not fit together")


# --- what a kernel is made of ----------------------------------------------------------------------


def parts_of(header: Header, tensors: Tensors) -> Parts:
    """What was read, as a kernel takes it: the members (or the forest) in their order, then the measure of news."""
    outputs = _outputs(header, tensors)
    if "news_weights" in tensors:
        outputs.append(Output(tensors["news_weights"], header.news_intercept, Link.NONE, 1.0, 0.0))
    stop_words = tuple(_words(tensors["stop_words"])) if "stop_words" in tensors else ()
    forest = Forest(*(tensors[name] for name in Forest._fields)) if header.head == "forest" else None
    return Parts(
        terms=tensors.get("terms"),
        stop_words=stop_words,
        smallest=header.smallest_ngram,
        largest=header.largest_ngram,
        lowercase=header.lowercase,
        hash_columns=header.hash_columns,
        alternate_sign=header.alternate_sign,
        binary=header.binary,
        sublinear=header.sublinear_tf,
        norm=_NORMS[header.norm],
        idf=tensors.get("idf"),
        outputs=tuple(outputs),
        forest=forest,
    )


def _outputs(header: Header, tensors: Tensors) -> list[Output]:
    if header.head == "forest":
        return []
    rows = tensors["weights"].reshape(len(header.members), -1)
    return [
        Output(row, member.intercept, _LINKS[member.link], member.slope, member.offset)
        for row, member in zip(rows, header.members, strict=True)
    ]
