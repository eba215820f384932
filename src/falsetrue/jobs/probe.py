"""What a model does with the probes: the failures that everybody who uses it should know."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from falsetrue.bundle.scorer import Scorer
from falsetrue.model.decision import EVEN, Outcome, Policy, TextScore, decide
from falsetrue.model.figures import EstimateRecord
from falsetrue.model.metrics import bootstrap, proportion
from falsetrue.model.probing import Kind, Probe, ProbeRecord, is_as_expected, probes


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What was said of the texts of one probe, each in its place."""

    probe: Probe
    p_real: list[float]
    said: list[Outcome]  #: by the policy
    forced: list[Outcome]  #: if every text had to be called something

    @property
    def is_decided(self) -> bool:
        return Outcome.UNSURE not in self.said

    def is_as_expected(self) -> bool:
        return self.is_decided and is_as_expected(self.probe.expect, self.said)


def probe(scorer: Scorer, policy: Policy, *, seed: int = 0) -> list[ProbeRecord]:
    """Ask every probe of the package; a record for each kind, in the order of :class:`Kind`.

    ``seed`` is that of the bootstrap; nothing else is drawn.
    """
    asked = probes()
    scores = iter(scorer.score([content for each in asked for content in each.contents]).each())
    answers = [_answer(policy, each, [next(scores) for _ in each.contents]) for each in asked]
    return [_record(kind, [answer for answer in answers if answer.probe.kind is kind], seed) for kind in Kind]


def _answer(policy: Policy, asked: Probe, scores: Sequence[TextScore]) -> _Answer:
    return _Answer(
        probe=asked,
        p_real=[score.p_real for score in scores],
        said=[decide(policy, score).outcome for score in scores],
        forced=[Outcome.REAL if score.p_real > EVEN else Outcome.FALSE for score in scores],
    )


def _record(kind: Kind, answers: Sequence[_Answer], seed: int) -> ProbeRecord:
    decided = sum(answer.is_decided for answer in answers)
    as_expected = sum(answer.is_as_expected() for answer in answers)
    forced = sum(is_as_expected(answer.probe.expect, answer.forced) for answer in answers)
    changes = [abs(after - before) for before, after in (each.p_real for each in answers if each.probe.changed)]
    return ProbeRecord(
        kind=kind,
        probes=len(answers),
        verdicts=dict(Counter(", ".join(answer.said) for answer in answers).most_common()),
        decided=decided,
        as_expected=as_expected,
        share_as_expected=_share(as_expected, decided) if decided else None,
        as_expected_if_forced=forced,
        share_as_expected_if_forced=_share(forced, len(answers)),
        mean_change=_mean(changes, seed) if changes else None,
        largest_change=max(changes, default=None),
    )


def _share(successes: int, trials: int) -> EstimateRecord:
    return EstimateRecord(**asdict(proportion(successes, trials)))


def _mean(values: Sequence[float], seed: int) -> EstimateRecord:
    drawn = np.array(values)
    return EstimateRecord(**asdict(bootstrap(lambda at: float(drawn[at].mean()), len(drawn), seed)))
