"""What the service's own figures say to people: how much is asked, how fast it is answered, and what was said."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from falsetrue.service.metrics import PREDICTIONS, REQUEST_SECONDS, REQUESTS, Family

#: By name of the figure and then by labels, as :meth:`falsetrue.service.metrics.Metrics.read` gives them.
Numbers: TypeAlias = Mapping[str, Mapping[tuple[str, ...], Sequence[float]]]

#: Minutes that are remembered.
MINUTES = 60
#: What is asked by machines that look after the service, and by the operator's views themselves.
_NOT_TRAFFIC = frozenset({"/healthz", "/readyz", "/metrics", "/ops", "/monitor", "/static/{digest}/{name:path}"})
_SECONDS = 60.0
_REFUSED, _FAILED = 400, 500  # statuses from which on a request is


class Totals(NamedTuple):
    """Requests since the service was started."""

    answered: int
    refused: int  #: with a status of 400 to 499
    failed: int  #: with a status of 500 or more


class Rate(NamedTuple):
    """Requests per minute."""

    at: datetime  #: UTC, the end of the time that this is the mean of
    answered: float
    refused: float
    failed: float


class _Sample(NamedTuple):
    at: datetime
    clock: float
    totals: Totals


class Route(NamedTuple):
    """How one route was asked."""

    method: str
    path: str
    requests: int
    by_status: tuple[tuple[str, int], ...]


class Speed(NamedTuple):
    """How soon a route's answers began; of the fastest half, nine tenths, and 99 of 100."""

    path: str
    requests: int
    seconds: tuple[float, float, float]


class Pace:
    """How many requests there were in each of the last minutes, as one process has seen it of all of them."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque(maxlen=MINUTES + 1)

    def note(self, now: datetime, clock: float, read: Callable[[], Numbers]) -> None:
        """Remember the totals if another minute has begun; ``clock`` are seconds that never go back."""
        minute = now.replace(second=0, microsecond=0)
        if not self._samples or (minute != self._samples[-1].at.replace(second=0, microsecond=0)):
            self._samples.append(_Sample(now, clock, totals(read())))

    def rates(self, now: datetime, clock: float, numbers: Numbers) -> list[Rate]:
        """Requests per minute, the oldest first; the last is of the minute that is not over."""
        samples = [*self._samples, _Sample(now, clock, totals(numbers))]
        return [_rate(before, after) for before, after in pairwise(samples) if after.clock > before.clock]


def _rate(before: _Sample, after: _Sample) -> Rate:
    per_minute = _SECONDS / (after.clock - before.clock)
    return Rate(after.at, *(per_minute * (b - a) for a, b in zip(before.totals, after.totals, strict=True)))


def totals(numbers: Numbers) -> Totals:
    """Requests since the service was started, but those of machines that look after it."""
    counted = _added(
        ("failed" if int(status) >= _FAILED else "refused" if int(status) >= _REFUSED else "answered", count)
        for (path, _, status), (count,) in numbers[REQUESTS.name].items()
        if path not in _NOT_TRAFFIC
    )
    return Totals(**{name: counted.get(name, 0) for name in Totals._fields})


def routes(numbers: Numbers) -> list[Route]:
    """How each route was asked, the most frequent first."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for (path, method, status), (count,) in numbers[REQUESTS.name].items():
        found.setdefault((method, path), Counter())[status] += int(count)
    made = [
        Route(method=method, path=path, requests=by_status.total(), by_status=tuple(sorted(by_status.items())))
        for (method, path), by_status in found.items()
    ]
    return sorted(made, key=lambda route: (-route.requests, route.path, route.method))


def speeds(numbers: Numbers) -> list[Speed]:
    """How soon each route answers, the most frequent first."""
    made = []
    for (path,), (_, *counts) in numbers[REQUEST_SECONDS.name].items():
        half, most, nearly_all = (quantile(REQUEST_SECONDS.buckets, counts, q) for q in (0.5, 0.9, 0.99))
        if half is not None and most is not None and nearly_all is not None:
            made.append(Speed(path=path, requests=int(sum(counts)), seconds=(half, most, nearly_all)))
    return sorted(made, key=lambda speed: (-speed.requests, speed.path))


def quantile(bounds: Sequence[float], counts: Sequence[float], q: float) -> float | None:
    """A quantile of what a histogram counted, about: values are taken to be spread evenly in their bucket.

    As ``histogram_quantile`` of Prometheus does it. ``counts`` has one more than ``bounds``, for what is larger than
    all of these: there the largest bound is returned. ``None`` where nothing was counted.
    """
    rank = q * sum(counts)
    if not rank:
        return None
    low = below = 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if count and below + count >= rank:
            return low + (bound - low) * (rank - below) / count
        low, below = bound, below + count
    return bounds[-1]


def by_label(numbers: Numbers, family: Family, label: str) -> dict[str, int]:
    """A counter's numbers by one of its labels."""
    place = family.labels.index(label)
    return _added((labels[place], count) for labels, (count,) in numbers[family.name].items())


def said(numbers: Numbers) -> int:
    """Texts classified since the service was started."""
    return int(sum(count for (count,) in numbers[PREDICTIONS.name].values()))


def value(numbers: Numbers, family: Family) -> float:
    """The number of a figure without labels; 0 where there is none yet."""
    return next(iter(numbers[family.name].values()), (0.0,))[0]


def _added(pairs: Iterable[tuple[str, float]]) -> dict[str, int]:
    counted: Counter[str] = Counter()
    for name, count in pairs:
        counted[name] += int(count)
    return dict(counted)
