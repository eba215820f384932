"""Made-up figures of a model, each with an interval of a tenth to both sides."""

from typing import Any

import msgspec

from falsetrue.bundle.manifest import EvaluationRecord, LeakRecord
from falsetrue.model.figures import FIGURES, EstimateRecord, FiguresRecord, PolicyFiguresRecord


def estimate(value: float) -> EstimateRecord:
    return EstimateRecord(value=value, low=value - 0.1, high=value + 0.1)


def figures(auc: float | None) -> FiguresRecord:
    """All other figures are a half."""
    every: dict[str, Any] = {figure.name: estimate(0.5) for figure in FIGURES}
    every["auc"] = None if auc is None else estimate(auc)
    return FiguresRecord(texts=5, real=2, false=3, clusters=5, clustered_by="source", **every)


def decided(share: float) -> PolicyFiguresRecord:
    """What a policy decides that calls nothing false."""
    return PolicyFiguresRecord(
        policy="default@1",
        verdicts={"false": 0, "real": 2, "unsure": 3},
        reasons={"too_short": 3},
        coverage=estimate(share),
        precision_false=None,
        precision_real=estimate(0.9),
        false_alarm_rate=estimate(0.2),
    )


def evaluation(**changed: Any) -> EvaluationRecord:
    """Of one corpus, with nothing left out."""
    whole = EvaluationRecord(
        held_out=figures(0.81),
        policy=decided(0.42),
        by_corpus={"news": figures(0.81)},
        policy_by_corpus={"news": decided(0.42)},
        by_language={},
        called_elsewhere=0.01,
    )
    return msgspec.structs.replace(whole, **changed)


def leak(name: str, **changed: Any) -> LeakRecord:
    """A word that gives the label away."""
    whole = LeakRecord(
        corpus="news",
        kind="wording",
        where="text",
        name=name,
        real_share=0.5,
        false_share=0.1,
        auc=0.7,
        seen=True,
        masks=[],
        remedy="mask it",
    )
    return msgspec.structs.replace(whole, **changed)
