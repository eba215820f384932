"""What a section gives: figures, and why there are none."""

from dataclasses import dataclass
from typing import TypeAlias

#: The contestant that this project is; the others are what would be used instead.
OURS = "falsetrue"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much to measure."""

    repetitions: int
    shared_repetitions: int  #: of what shares all cores with its load, so that the scheduler blurs each one
    seconds: int  #: of load, for each number of connections
    learn: int  #: articles that the models are trained on
    batch: int  #: texts scored at once in process
    singles: int  #: texts scored one by one in process
    fit: int  #: articles that are fitted on
    predict_mb: int  #: text in the large file
    head: int  #: of its rows, those that pandas and scikit-learn score
    growth: int  #: texts at most


FULL = Effort(
    repetitions=5,
    shared_repetitions=15,
    seconds=3,
    learn=8000,
    batch=4000,
    singles=1500,
    fit=40_000,
    predict_mb=2000,
    head=100_000,
    growth=1_000_000,
)
QUICK = Effort(
    repetitions=1,
    shared_repetitions=1,
    seconds=1,
    learn=1500,
    batch=500,
    singles=200,
    fit=2000,
    predict_mb=40,
    head=2000,
    growth=10_000,
)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One figure of one repetition."""

    row: str  #: as in :data:`benchmarks.comparison.report.ROWS`
    contestant: str  #: :data:`OURS`, or what would be used instead
    value: float


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Rows that could not be measured."""

    rows: str  #: what their names begin with
    why: str


Found: TypeAlias = Sample | Missing
