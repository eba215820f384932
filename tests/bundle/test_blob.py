import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from falsetrue.bundle.blob import read_blob, to_bytes
from falsetrue.bundle.compiling import compile_pipeline
from falsetrue.bundle.manifest import SCORER
from falsetrue.bundle.scorer import from_bytes
from falsetrue.errors import BundleError, BundleFormatError
from falsetrue.features.kernel import ABSENT
from falsetrue.registry.folder import shipped_folder

TEXTS = ["the minister said the budget vote", "shocking hoax exposed, share", "the council said the road"] * 6
LABELS = [1, 0, 1] * 6
HERE = Path(__file__).parent
#: Blobs of every kind of array.
BLOBS = {
    name: compile_pipeline(make_pipeline(vectorizer, classifier).fit(TEXTS, LABELS))
    for name, vectorizer, classifier in (
        (
            "calibrated",
            TfidfVectorizer(ngram_range=(1, 3)),
            CalibratedClassifierCV(LogisticRegression(), ensemble=False, cv=3),
        ),
        ("forest", TfidfVectorizer(), RandomForestClassifier(n_estimators=5, random_state=0)),
        (
            "isotonic",
            CountVectorizer(stop_words=["said", "the"]),
            CalibratedClassifierCV(LinearSVC(), method="isotonic", cv=3),
        ),
        ("hashes", HashingVectorizer(n_features=50), RandomForestClassifier(n_estimators=5, random_state=0)),
    )
}


def header_of(blob: bytes) -> dict[str, Any]:
    metadata = json.loads(blob[8 : 8 + int.from_bytes(blob[:8], "little")])["__metadata__"]
    return dict(json.loads(metadata["falsetrue"]))


def with_header(blob: bytes, **changes: Any) -> bytes:
    """The same arrays under another header."""
    written = json.dumps(header_of(blob) | changes)
    return safetensors.numpy.save(safetensors.numpy.load(blob), {"falsetrue": written})


@pytest.mark.parametrize("name", BLOBS)
def test_arrays_are_read_as_the_safetensors_library_reads_them(name: str) -> None:
    theirs = safetensors.numpy.load(BLOBS[name])
    _, ours = read_blob(BLOBS[name])
    assert set(ours) == set(theirs)
    for array, tensor in theirs.items():
        np.testing.assert_array_equal(ours[array], tensor)
        assert ours[array].dtype == tensor.dtype


def test_arrays_stay_where_they_lie_unless_they_are_not_aligned() -> None:
    blob = BLOBS["calibrated"]
    room = np.frombuffer(bytes(len(blob) + 16), dtype=np.uint8).copy()
    for shift in (0, 1, 4):
        start = -room.ctypes.data % 8 + shift
        room[start : start + len(blob)] = np.frombuffer(blob, dtype=np.uint8)
        _, tensors = read_blob(memoryview(room)[start : start + len(blob)])
        assert np.shares_memory(tensors["weights"], room) == (shift == 0)
        scorer = from_bytes(memoryview(room)[start : start + len(blob)])
        np.testing.assert_array_equal(scorer.p_real(TEXTS), from_bytes(blob).p_real(TEXTS))


@pytest.mark.parametrize("file", [shipped_folder() / SCORER, HERE / "format_1" / SCORER, HERE / "format_2" / SCORER])
def test_what_an_older_format_can_say_is_written_in_it(file: Path) -> None:
    blob = file.read_bytes()
    expected = with_header(blob, format=2)
    assert safetensors.numpy.load(to_bytes(*read_blob(blob))).keys() == safetensors.numpy.load(blob).keys()
    assert header_of(to_bytes(*read_blob(blob))) == header_of(expected) | {"masks": [], "news_intercept": 0.0} | {
        key: value for key, value in header_of(blob).items() if key != "format"
    }


def test_the_shipped_scorer_is_written_byte_for_byte() -> None:
    blob = (shipped_folder() / SCORER).read_bytes()
    assert to_bytes(*read_blob(blob)) == blob


def test_the_lowest_format_that_says_it_is_written() -> None:
    assert {name: header_of(blob)["format"] for name, blob in BLOBS.items()} == {
        "calibrated": 2,
        "forest": 2,
        "isotonic": 3,
        "hashes": 3,
    }


@pytest.mark.parametrize("number", [0, 4, "3", None, True, 2.0, [3]])
def test_another_format_is_refused_by_its_number(number: Any) -> None:
    with pytest.raises(BundleFormatError, match="this version reads 1 to 3"):
        from_bytes(with_header(BLOBS["isotonic"], format=number))


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("isotonic", {"norm": "l3"}),
        ("isotonic", {"head": "forest"}),
        ("isotonic", {"members": []}),
        ("isotonic", {"members": [{"intercept": 0.0}] * 17}),
        ("isotonic", {"members": [{"link": "probit"}] * 3}),
        ("isotonic", {"members": [{"link": "none"}] * 3}),
        ("isotonic", {"members": [{"calibration": "isotonic", "intercept": 1e60}] * 3}),
        ("isotonic", {"smallest_ngram": 0}),
        ("isotonic", {"largest_ngram": 4}),
        ("isotonic", {"largest_ngram": 2**70}),
        ("isotonic", {"alternate_sign": True}),
        ("isotonic", {"masks": ["no such mask"]}),
        ("isotonic", {"novelty": 1}),
        ("isotonic", {"format": 2}),
        ("hashes", {"hash_columns": 2**31}),
        ("hashes", {"hash_columns": -1}),
        ("hashes", {"hash_columns": 0}),
        ("hashes", {"hash_columns": 2}),
        ("hashes", {"sublinear_tf": True}),
        ("calibrated", {"slope": 1e60}),
        ("calibrated", {"hash_columns": 3}),
    ],
)
def test_a_header_that_makes_no_sense_is_refused(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(with_header(BLOBS[name], **changes))


def _changed(blob: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    tensors = dict(safetensors.numpy.load(blob))
    length = int.from_bytes(blob[:8], "little")
    metadata = json.loads(blob[8 : 8 + length])["__metadata__"]
    change(tensors)
    return safetensors.numpy.save(tensors, metadata)


def _set(name: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tensors: tensors.__setitem__(name, value(tensors[name].copy()))


def _at(index: int, value: float) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("calibrated", _set("weights", lambda array: array[:-1])),
        ("calibrated", _set("weights", _at(0, np.nan))),
        ("calibrated", _set("idf", _at(0, np.inf))),
        ("calibrated", _set("idf", lambda array: array.astype(np.float32))),
        ("calibrated", _set("idf", lambda array: array.reshape(1, -1))),
        ("calibrated", _set("terms", lambda array: array[array != 10])),
        ("calibrated", _set("terms", _at(0, 255))),
        ("calibrated", _set("terms", _at(0, 0))),
        ("calibrated", _set("weights", _at(0, 1e51))),
        ("calibrated", lambda tensors: tensors.update(stop_words=np.frombuffer(b"said", dtype=np.uint8))),
        ("isotonic", _set("weights", lambda array: array[:-1])),
        ("isotonic", _set("isotonic_x", lambda array: array[::-1].copy())),
        ("isotonic", _set("isotonic_x", lambda array: array[:-1])),
        ("isotonic", _set("isotonic_y", _at(0, -0.5))),
        ("isotonic", _set("isotonic_sizes", _at(0, -1))),
        ("isotonic", _set("isotonic_sizes", _at(0, 0))),
        ("isotonic", _set("isotonic_sizes", lambda array: array[:-1])),
        ("isotonic", _set("stop_words", lambda _: np.frombuffer(b"two words", dtype=np.uint8))),
        ("isotonic", _set("stop_words", lambda _: np.frombuffer(b"nu\0ll", dtype=np.uint8))),
        ("isotonic", _set("stop_words", _at(0, 255))),
        ("isotonic", lambda tensors: tensors.__delitem__("isotonic_y")),
        ("hashes", _set("feature", _at(0, 50))),
        ("hashes", lambda tensors: tensors.update(terms=np.frombuffer(b"said", dtype=np.uint8))),
        ("calibrated", lambda tensors: tensors.update(more=np.zeros(1))),
        ("calibrated", lambda tensors: tensors.__delitem__("weights")),
        ("forest", _set("left", _at(0, 0))),
        ("forest", _set("right", _at(0, 10**6))),
        ("forest", _set("feature", _at(0, 10**6))),
        ("forest", _set("roots", _at(0, -1))),
        ("forest", _set("roots", lambda array: array[:0])),
        ("forest", _set("value", _at(0, 1.5))),
        ("forest", _set("threshold", lambda array: array[:-1])),
    ],
)
def test_arrays_that_do_not_fit_together_are_refused(name: str, change: Callable[[dict[str, Any]], None]) -> None:
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(_changed(BLOBS[name], change))


# --- bytes that somebody changed ---------------------------------------------------------------------


def mutated(blob: bytes, generator: random.Random) -> bytes:
    """The blob with a few bits, bytes, digits or pieces changed; often in its header, where it is told what to do."""
    changed = bytearray(blob)
    for _ in range(generator.choice([1, 1, 2, 8])):
        at = generator.choice([generator.randrange(len(changed)), generator.randrange(min(2000, len(changed)))])
        kind = generator.randrange(5)
        if kind == 0:
            changed[at] ^= 1 << generator.randrange(8)
        elif kind == 1:
            changed[at] = generator.choice(b'\x00\xff\x80 \n"0129-[]{}')
        elif kind == 2:
            del changed[at : at + generator.choice([1, 8, 1000])]
        elif kind == 3:
            changed[at:at] = generator.randbytes(generator.choice([1, 8]))
        else:
            other = generator.randrange(len(changed))
            changed[at : at + 8] = changed[other : other + 8]
        changed = changed or bytearray(b"x")
    return bytes(changed)


def check_error_or_same(blob: bytes) -> None:
    """A clear error, or a model of which both kernels say the same."""
    try:
        scorer = from_bytes(blob)
    except BundleError as error:
        assert "scorer.safetensors" in str(error)
        assert "\n" not in str(error)
        return
    found = scorer.score(TEXTS[:3])
    assert np.all((found.p_real >= 0) & (found.p_real <= 1))
    if ABSENT is None:
        plain = from_bytes(blob, native=False).score(TEXTS[:3])
        assert (found.words, found.known_words, found.languages) == (plain.words, plain.known_words, plain.languages)
        np.testing.assert_allclose(found.p_real, plain.p_real, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", BLOBS)
@given(seed=st.integers(0, 2**32))
def test_a_mutated_blob_is_a_clear_error_or_a_model_never_a_crash(name: str, seed: int) -> None:
    check_error_or_same(mutated(BLOBS[name], random.Random(seed)))  # noqa: S311 - not for secrets


@pytest.mark.parametrize("name", BLOBS)
@given(data=st.data())
def test_a_header_of_other_values_is_a_clear_error_or_a_model(name: str, data: st.DataObject) -> None:
    header = header_of(BLOBS[name])
    values: st.SearchStrategy[Any] = st.sampled_from(
        [0, 1, -1, 2, 3, 50, 2**31, 2**63, 1e300, 0.5, None, "", "l1", "none", "clip", [], {}, True]
    )
    field = data.draw(st.sampled_from(sorted(header)))
    value = header[field]
    if field == "members" and data.draw(st.booleans()):
        member = data.draw(st.sampled_from(sorted(value[0])))
        changed: Any = [value[0] | {member: data.draw(values)}, *value[1:]]
    else:
        changed = data.draw(values)
    check_error_or_same(with_header(BLOBS[name], **{field: changed}))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_blob_are_refused(blob: bytes) -> None:
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(blob)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=20))
def test_a_header_is_never_longer_than_the_blob(size: int, rest: bytes) -> None:
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(size.to_bytes(8, "little") + rest)


def test_no_two_arrays_share_their_bytes_and_none_is_left_over() -> None:
    blob = BLOBS["calibrated"]
    size = int.from_bytes(blob[:8], "little")
    written = msgspec.json.decode(blob[8 : 8 + size])
    for name, offsets in (("idf", written["weights"]["data_offsets"]), ("weights", [0, 8]), ("idf", [0, 2**63])):
        changed = written | {name: written[name] | {"data_offsets": offsets}}
        encoded = msgspec.json.encode(changed)
        with pytest.raises(BundleError, match=r"scorer\.safetensors"):
            from_bytes(len(encoded).to_bytes(8, "little") + encoded + blob[8 + size :])
    with pytest.raises(BundleError, match=r"scorer\.safetensors"):
        from_bytes(blob + b"more")


def test_the_same_pipeline_compiles_to_the_same_bytes() -> None:
    pipeline = make_pipeline(HashingVectorizer(n_features=50, stop_words="english"), LogisticRegression())
    assert compile_pipeline(pipeline.fit(TEXTS, LABELS)) == compile_pipeline(pipeline.fit(TEXTS, LABELS))
