import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.monitor.observed import make_observations

from falsetrue.errors import InputError
from falsetrue.features.sketching import Sketcher, read_sketch
from falsetrue.model.decision import Thresholds
from falsetrue.monitor.observations import (
    joined_features,
    labels_of,
    no_features,
    no_sketches,
    observed,
    priorities_of_ids,
    priorities_of_rows,
    rows_of_features,
)

_TEXTS = ["The plan was agreed.", "", "agua agua agua agua agua, y nada más", "one two three"]


def _observe(sketches: list[bytes]) -> object:
    count = len(sketches)
    return observed(
        p_real=np.linspace(0, 1, count),
        labels=np.zeros(count, np.int8),
        languages=["en", None, "es", "en"][:count],
        characters=[len(text) for text in _TEXTS[:count]],
        words=[4, 0, 7, 3][:count],
        known_words=[4, 0, 1, 2][:count],
        sketches=sketches,
        seconds=np.zeros(count),
        priority=np.arange(count, dtype=np.uint64),
    )


def test_a_part_of_the_texts_keeps_every_column_of_them() -> None:
    whole = make_observations(50)
    wanted = whole.p_real > 0.5
    part = whole.where(wanted)
    assert len(part) == int(wanted.sum())
    assert np.array_equal(part.words, whole.words[wanted])
    assert np.array_equal(part.minhash, whole.minhash[wanted])
    assert part.features is not None
    assert whole.features is not None
    for row, place in enumerate(np.flatnonzero(wanted)):
        mine = slice(*part.features.begins[row : row + 2])
        theirs = slice(*whole.features.begins[place : place + 2])
        assert np.array_equal(part.features.buckets[mine], whole.features.buckets[theirs])
        assert np.array_equal(part.features.times[mine], whole.features.times[theirs])


@given(st.integers(0, 2**32), st.lists(st.integers(0, 19), max_size=30))
def test_rows_of_features_are_those_asked_for_in_that_order(seed: int, rows: list[int]) -> None:
    features = make_observations(20, seed).features
    assert features is not None
    some = rows_of_features(features, np.array(rows, dtype=np.int64))
    expected = [features.buckets[features.begins[row] : features.begins[row + 1]].tolist() for row in rows]
    assert [some.buckets[a:b].tolist() for a, b in zip(some.begins, some.begins[1:], strict=False)] == expected


def test_joined_features_are_all_rows_one_after_another() -> None:
    features = make_observations(10).features
    assert features is not None
    both = joined_features([features, no_features(2), features])
    assert len(both.begins) == 23
    assert np.array_equal(both.buckets, np.concatenate([features.buckets, features.buckets]))


def test_texts_that_are_observed_have_what_their_sketches_say() -> None:
    sketches = Sketcher(b"sixteen bytes or more").sketch(_TEXTS)
    found = _observe(sketches)
    assert found.features is not None  # type: ignore[attr-defined]
    for row, sketch in enumerate(map(read_sketch, sketches)):
        assert found.minhash[row].tolist() == list(sketch.minhash)  # type: ignore[attr-defined]
        assert found.styles[row].tolist() == pytest.approx(list(sketch.styles.values()))  # type: ignore[attr-defined]
    assert found.sketched.all()  # type: ignore[attr-defined]


def test_what_is_no_sketch_is_refused() -> None:
    with pytest.raises(InputError, match="sketch"):
        _observe([b"nothing"])


def test_texts_without_a_sketch_are_known() -> None:
    styles, minhash = no_sketches(3)
    assert np.isnan(styles).all()
    assert not minhash.any()


def test_ranks_of_ids_depend_on_the_id_alone_and_spread_evenly() -> None:
    ids = [str(uuid.UUID(int=(0x0190 << 112) | (7 << 76) | (2 << 62) | number)) for number in range(4000)]
    ranks = priorities_of_ids(ids)
    assert np.array_equal(priorities_of_ids(ids[::-1]), ranks[::-1])
    assert len(set(ranks.tolist())) == len(ids)
    counts = np.bincount((ranks >> np.uint64(60)).astype(np.int64), minlength=16)
    assert counts.max() < 1.5 * counts.min()


def test_ranks_of_rows_do_not_depend_on_how_a_file_is_cut() -> None:
    whole = priorities_of_rows(0, 100, 3)
    parts = [priorities_of_rows(0, 30, 3), priorities_of_rows(30, 70, 3)]
    assert np.array_equal(whole, np.concatenate(parts))
    assert len(set(whole.tolist())) == 100
    assert not np.array_equal(whole, priorities_of_rows(0, 100, 4))


def test_a_half_or_thresholds_say_what_is_said() -> None:
    p_real = np.array([0.0, 0.2, 0.5, 0.7, 1.0])
    assert labels_of(p_real).tolist() == [0, 0, 0, 1, 1]
    assert labels_of(p_real, Thresholds(false_below=0.2, real_above=0.7)).tolist() == [0, -1, -1, -1, 1]
