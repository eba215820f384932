"""The figures of a model as they are written down: in a report, in JSON, in a manifest.

Nothing here computes them (:mod:`falsetrue.model.resampling` does), so that whoever only reads them needs
no scientific library.
"""

from dataclasses import dataclass

import msgspec


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is written down."""


class EstimateRecord(Record, frozen=True, kw_only=True):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


def auc_rank(auc: EstimateRecord | None) -> float:
    """Sorts the worst AUC first, and what has none last."""
    return 2.0 if auc is None else auc.value


class BinRecord(Record, frozen=True, kw_only=True):
    """Texts whose ``p_real`` lies in one of 15 bins of equal width; empty bins are left out."""

    mean_p_real: float
    real: EstimateRecord  #: share that was real
    texts: int


class RiskRecord(Record, frozen=True, kw_only=True):
    """What is wrong among the surest texts."""

    coverage: float  #: share of the texts that is answered, the surest first
    wrong: EstimateRecord  #: share of these answers that is wrong


class FiguresRecord(Record, frozen=True, kw_only=True):
    """What scores are worth on labelled texts. A figure is ``null`` where it is not defined (as AUC is for one class).

    *False* is what is looked for: recall, precision and prevalence are those of false news.
    A text is called real where ``p_real`` is above a half.
    """

    texts: int
    real: int
    false: int
    clusters: int  #: units that the bootstrap draws
    clustered_by: str  #: ``source``, ``near_duplicates``, or ``mixed`` where corpora differ
    auc: EstimateRecord | None  #: area under the ROC curve
    balanced_accuracy: EstimateRecord | None
    accuracy: EstimateRecord | None
    f1_false: EstimateRecord | None
    f1_real: EstimateRecord | None
    brier: EstimateRecord | None
    log_loss: EstimateRecord | None  #: natural logarithm; probabilities are kept 2.2e-16 away from 0 and 1
    ece: EstimateRecord | None  #: expected calibration error, 15 bins of equal width
    ece_equal_mass: EstimateRecord | None  #: the same, 15 bins of equally many texts
    precision_at_recall_50: EstimateRecord | None  #: precision where half of the false news is found
    precision_at_recall_80: EstimateRecord | None
    false_alarm_rate: EstimateRecord | None  #: share of the real news that is called false
    coverage_at_precision_95: EstimateRecord | None  #: share decided if both verdicts are to be right 95 times in 100
    coverage_at_precision_95_false: EstimateRecord | None  #: share of all texts that is then called false
    coverage_at_precision_95_real: EstimateRecord | None
    aurc: EstimateRecord | None  #: area under the risk-coverage curve; 0 is perfect
    precision_at_prevalence_1: EstimateRecord | None  #: precision of *false* if 1 text in 100 were false
    precision_at_prevalence_5: EstimateRecord | None
    precision_at_prevalence_20: EstimateRecord | None
    reliability: list[BinRecord] = []  #: empty for reference rows
    risk_coverage: list[RiskRecord] = []  #: empty for reference rows


class PolicyFiguresRecord(Record, frozen=True, kw_only=True):
    """What a policy decides, and how often it is right."""

    policy: str  #: ``NAME@VERSION``
    verdicts: dict[str, int]  #: texts by ``false``, ``real``, ``unsure``
    reasons: dict[str, int]  #: texts without a decision by reason; one text may have several
    coverage: EstimateRecord  #: share decided
    precision_false: EstimateRecord | None  #: of those called false, the share that was; ``null``: none called
    precision_real: EstimateRecord | None
    false_alarm_rate: EstimateRecord | None  #: share of the real news that is called false


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How a field of :class:`FiguresRecord` is shown."""

    name: str
    label: str
    best: str  #: ``high`` or ``low``


#: Every figure, in the order in which it is shown.
FIGURES = tuple(
    Figure(name=name, label=label, best=best)
    for name, label, best in (
        ("auc", "AUC", "high"),
        ("balanced_accuracy", "balanced accuracy", "high"),
        ("accuracy", "accuracy", "high"),
        ("f1_false", "F1, false", "high"),
        ("f1_real", "F1, real", "high"),
        ("brier", "Brier score", "low"),
        ("log_loss", "log loss", "low"),
        ("ece", "ECE, 15 equal bins", "low"),
        ("ece_equal_mass", "ECE, 15 bins of equal mass", "low"),
        ("precision_at_recall_50", "precision of false at recall 0.5", "high"),
        ("precision_at_recall_80", "precision of false at recall 0.8", "high"),
        ("false_alarm_rate", "false alarms on real news", "low"),
        ("coverage_at_precision_95", "decided at precision 0.95", "high"),
        ("coverage_at_precision_95_false", "of which called false", "high"),
        ("coverage_at_precision_95_real", "of which called real", "high"),
        ("aurc", "area under risk-coverage", "low"),
        ("precision_at_prevalence_1", "precision of false, 1 % false", "high"),
        ("precision_at_prevalence_5", "precision of false, 5 % false", "high"),
        ("precision_at_prevalence_20", "precision of false, 20 % false", "high"),
    )
)
