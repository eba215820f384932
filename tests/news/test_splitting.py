import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from falsetrue.news.splitting import split_at_random


@pytest.mark.parametrize(("count", "seed"), [(10, 0), (825, 0), (4123, 0), (4123, 7)])
def test_the_split_is_the_one_of_scikit_learn(count: int, seed: int) -> None:
    fitted, held_out = train_test_split(np.arange(count), test_size=0.2, random_state=seed)
    ours = split_at_random(count, seed)
    np.testing.assert_array_equal(ours[0], fitted)
    np.testing.assert_array_equal(ours[1], held_out)


@given(st.integers(2, 500), st.integers(0, 2**32 - 1))
def test_every_article_is_on_one_side(count: int, seed: int) -> None:
    fitted, held_out = split_at_random(count, seed)
    assert sorted([*fitted, *held_out]) == list(range(count))
    assert len(held_out) >= 1
