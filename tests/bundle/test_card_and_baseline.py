from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from falsetrue.bundle.baseline import known_shares, make_baseline
from falsetrue.bundle.card import show, worst_first, write_card
from falsetrue.bundle.folder import open_bundle
from falsetrue.bundle.manifest import CARD, LeakAfterRecord, LeakRecord
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


def test_the_card_says_what_masks_leave_of_a_leak_and_what_is_filtered(trained: Callable[[str], Path]) -> None:
    """Of a model of an older format nobody looked: the place is empty."""
    manifest = open_bundle(trained("default")).manifest
    leak = LeakRecord(
        corpus="news",
        kind="family",
        where="text",
        name="dateline@1",
        real_share=0.97,
        false_share=0.0,
        auc=0.985,
        seen=True,
        masks=["dateline@1"],
        remedy="mask it",
        after=LeakAfterRecord(real_share=0.0, false_share=0.0, auc=0.512),
    )
    older = msgspec.structs.replace(leak, name="other", after=None)
    card = write_card(msgspec.structs.replace(manifest, leaks=[leak, older]))
    assert "| news | family, text: dateline@1 | 97.0% | 0.0% | 0.985 | 0.512 | mask it |" in card
    assert "| news | family, text: other | 97.0% | 0.0% | 0.985 |  | mask it |" in card
    assert all(f"({name})" in card for name in manifest.filters)
    assert manifest.filters
    assert "is not decided on in serving either" in card
    assert "in serving either" not in write_card(msgspec.structs.replace(manifest, filters=[]))


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
