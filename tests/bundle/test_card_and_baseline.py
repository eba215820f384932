from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from falsetrue.bundle.baseline import known_shares, make_baseline
from falsetrue.bundle.card import show, worst_first, write_card
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import CARD
from falsetrue.bundle.scorer import Scores
from falsetrue.registry.folder import shipped_folder


def test_the_card_is_the_one_the_manifest_makes(trained: Callable[[str], Path]) -> None:
    opened = open_bundle(trained("default"), keep=(CARD,))
    assert opened.contents[CARD].decode() == write_card(opened.manifest)


def test_the_shipped_card_lists_corpora_worst_first_with_figures_and_limits() -> None:
    opened = open_bundle(shipped_folder(), keep=(CARD,))
    card = opened.contents[CARD].decode()
    for corpus in opened.manifest.corpora:
        assert f"| {corpus.name} | {corpus.real:,} | {corpus.false:,} |" in card
    assert show(opened.manifest.metrics.accuracy) in card
    assert "It does not check facts" in card
    order = [row["auc"].value for _, row in worst_first(opened.manifest)]
    assert order == sorted(order)


def test_a_baseline_counts_every_text_in_one_bin() -> None:
    p_real = np.array([0.0, 0.05, 0.1, 0.95, 1.0])
    scores = Scores(p_real=p_real, words=[10, 10, 0, 5, 8], known_words=[5, 10, 0, 5, 4])
    baseline = make_baseline(np.array([0, 0, 1, 1, 1]), scores)
    assert [each.texts for each in baseline.reliability] == [2, 1, 0, 0, 0, 0, 0, 0, 0, 2]
    assert baseline.reliability[9].real == 2
    assert baseline.reliability[2].mean_p_real is None
    assert baseline.similar(1.0) is baseline.reliability[9]
    assert baseline.similar(0.1) is baseline.reliability[1]
    assert baseline.real_share == pytest.approx(0.6)
    assert len(baseline.p_real_quantiles) == 101
    np.testing.assert_allclose(known_shares(scores), [0.5, 1, 0, 1, 0.5])
