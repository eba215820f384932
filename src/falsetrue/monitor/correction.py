"""Many tests at one look: how likely any of them is wrong, rather than each."""

from collections.abc import Sequence
from math import isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from falsetrue.errors import InputError
from falsetrue.monitor.findings import Finding, State, Subject

_ALL = Subject()


def holm(p: Sequence[float]) -> NDArray[np.float64]:
    """Corrected p-values, shape (n,): those at most alpha are wrong together with probability at most alpha.

    Whatever depends on what (Holm, Scandinavian Journal of Statistics 6, 1979). Raises :class:`InputError` for what
    is no probability.
    """
    values = np.asarray(p, dtype=np.float64)
    wrong = [value for value in values.tolist() if isnan(value) or not 0 <= value <= 1]
    if wrong:
        raise InputError(f"{wrong[0]!r} is no p-value: it lies between 0 and 1")
    order = np.argsort(values, kind="stable")
    left = len(values) - np.arange(len(values))
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(1, np.maximum.accumulate(values[order] * left))
    return corrected


def corrected(findings: Sequence[Finding], alpha: float) -> list[Finding]:
    """The same findings, corrected over all that have a p-value: *drift* where the corrected one is at most ``alpha``.

    ``alpha``, in (0, 1), is the probability with which a look without any drift finds some. Half of it is for the
    tests of all texts together and half for those of languages and keys, where there are both (Bonferroni); in each
    half it is Holm's. So the tests of all texts, which have the most to go by and of which some know no p-value below
    1 in 5,000, do not lose their power to how many keys there are.
    """
    answer = list(findings)
    tested = [place for place, finding in enumerate(findings) if finding.p is not None]
    halves = [[place for place in tested if (findings[place].subject == _ALL) is is_all] for is_all in (True, False)]
    used = [half for half in halves if half]
    for half in used:
        for place, own in zip(half, holm([findings[place].p or 0.0 for place in half]).tolist(), strict=True):
            value = min(1.0, own * len(used))
            state = State.DRIFT if value <= alpha else State.QUIET
            answer[place] = msgspec.structs.replace(findings[place], corrected=value, state=state)
    return answer
