import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction import FeatureHasher
from sklearn.utils import murmurhash3_32

from falsetrue.features.hashing import hash_columns

#: A word whose hash is the lowest number there is.
LOWEST = "akqlrggi"


@pytest.mark.parametrize("columns", [1, 7, 2**20, 2**31 - 1])
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])).map(str.encode)))
def test_columns_and_signs_are_those_of_murmurhash(columns: int, ngrams: list[bytes]) -> None:
    check(ngrams, columns)


def test_so_they_are_of_every_length() -> None:
    check([b"\xc3\xb1" + b"x" * size for size in range(300)], 2**20)


def test_the_lowest_hash_has_the_column_that_scikit_learn_gives_it() -> None:
    """Its absolute value is no 32-bit number."""
    assert murmurhash3_32(LOWEST, seed=0) == -(2**31)
    found, negative = hash_columns([LOWEST.encode()], 1000)
    theirs = FeatureHasher(1000, input_type="string").transform([[LOWEST]])
    assert theirs.indices.tolist() == found.tolist()
    assert (found.tolist(), negative.tolist()) == ([(2**31 - 1 - 999) % 1000], [True])


def check(ngrams: list[bytes], columns: int) -> None:
    hashes = np.array([murmurhash3_32(ngram, seed=0) for ngram in ngrams], dtype=np.int64)
    found, negative = hash_columns(ngrams, columns)
    np.testing.assert_array_equal(found, np.abs(hashes) % columns)
    np.testing.assert_array_equal(negative, hashes < 0)
