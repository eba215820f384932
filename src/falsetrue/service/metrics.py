"""Figures of the service: what is counted, by which labels, and the counting itself, which every request waits for.

:mod:`falsetrue.service.exposition` writes them down for Prometheus.
"""

import mmap
import os
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol, TypeAlias

from falsetrue import __version__
from falsetrue.features.languages import UNDETERMINED, function_words
from falsetrue.service.shared_numbers import Name, SharedNumbers

#: Values of labels as they come.
Labels: TypeAlias = tuple[str | int | None, ...]

#: Stands for every value of a label beyond those that are told apart.
OTHER = "other"
#: Stands for an absent value.
NONE = "none"
#: The key of callers who show none.
ANONYMOUS = "anonymous"
#: Keys that are told apart.
LARGEST_KEYS = 100
#: Characters of a label's value.
LARGEST_LABEL = 80

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Kind(StrEnum):
    """How a figure behaves, as Prometheus calls it."""

    COUNTER = "counter"  #: only grows
    GAUGE = "gauge"  #: goes up and down; of processes that live
    HISTOGRAM = "histogram"  #: counts by size, and a sum


class Merge(StrEnum):
    """What becomes of a gauge that several processes have."""

    SUM = "sum"
    LARGEST = "largest"
    SMALLEST = "smallest"


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One figure, with a number for each combination of labels that was seen."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  #: of a histogram: what is at most so large; all that is larger is one more
    merge: Merge = Merge.SUM
    largest: int = 300  #: combinations that are told apart; further ones are ``other``

    @property
    def cells(self) -> int:
        """Numbers of one combination: of a histogram the sum, and then the count of each bucket."""
        return len(self.buckets) + 2 if self.kind is Kind.HISTOGRAM else 1


_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CHARACTERS = (100.0, 250.0, 500.0, 1000.0, 2500.0, 5000.0, 10_000.0, 25_000.0, 50_000.0, 100_000.0)
_TWENTIETHS = tuple(step / 20 for step in range(1, 20))

REQUESTS = Family(
    name="falsetrue_requests_total",
    kind=Kind.COUNTER,
    help="Requests answered; status 499 where the caller hung up before.",
    labels=("route", "method", "status"),
)
REQUEST_SECONDS = Family(
    name="falsetrue_request_seconds",
    kind=Kind.HISTOGRAM,
    help="Seconds from a request's head to the beginning of its answer.",
    labels=("route",),
    buckets=_SECONDS,
    largest=100,
)
REQUESTS_BY_KEY = Family(
    name="falsetrue_requests_by_key_total",
    kind=Kind.COUNTER,
    help="Requests answered, by key or subject of a token.",
    labels=("key",),
    largest=LARGEST_KEYS,
)
PROBLEMS = Family(
    name="falsetrue_problems_total",
    kind=Kind.COUNTER,
    help="Requests refused, by the code of the problem.",
    labels=("code",),
    largest=100,
)
PREDICTIONS = Family(
    name="falsetrue_predictions_total",
    kind=Kind.COUNTER,
    help="Texts classified.",
    labels=("label", "action", "language"),
    largest=200,
)
NO_DECISIONS = Family(
    name="falsetrue_no_decision_reasons_total",
    kind=Kind.COUNTER,
    help="Reasons for no decision; a text may have several.",
    labels=("reason",),
    largest=50,
)
PREDICTIONS_BY_KEY = Family(
    name="falsetrue_predictions_by_key_total",
    kind=Kind.COUNTER,
    help="Texts classified, by key or subject of a token.",
    labels=("key",),
    largest=LARGEST_KEYS,
)
REFUSED_ITEMS = Family(
    name="falsetrue_refused_items_total",
    kind=Kind.COUNTER,
    help="Items not classified in requests that were answered, by the code of their error.",
    labels=("code",),
    largest=50,
)
P_REAL = Family(
    name="falsetrue_p_real",
    kind=Kind.HISTOGRAM,
    help="Probability that a text is real, as it was answered.",
    buckets=_TWENTIETHS,
)
CHARACTERS = Family(
    name="falsetrue_text_characters", kind=Kind.HISTOGRAM, help="Characters of texts classified.", buckets=_CHARACTERS
)
JOURNAL_ROWS = Family(name="falsetrue_journal_rows_total", kind=Kind.COUNTER, help="Rows written to the journal.")
JOURNAL_SECONDS = Family(
    name="falsetrue_journal_write_seconds",
    kind=Kind.HISTOGRAM,
    help="Seconds that a transaction of the journal took.",
    buckets=_SECONDS,
)
JOURNAL_LAG = Family(
    name="falsetrue_journal_lag_seconds",
    kind=Kind.GAUGE,
    help="Age of the oldest writing that is not in the database.",
    merge=Merge.LARGEST,
)
JOURNAL_WAITING = Family(
    name="falsetrue_journal_waiting", kind=Kind.GAUGE, help="Writings that wait for their transaction."
)
JOURNAL_SPOOLED = Family(
    name="falsetrue_journal_spooled", kind=Kind.GAUGE, help="Writings in the spool, for when the database is back."
)
DATABASE_UP = Family(
    name="falsetrue_database_up",
    kind=Kind.GAUGE,
    help="1 while every process reaches the database.",
    merge=Merge.SMALLEST,
)
ALARMS = Family(
    name="falsetrue_alarms_open",
    kind=Kind.GAUGE,
    help="Alarms that have not ended.",
    labels=("severity", "acknowledged"),
    largest=10,
    merge=Merge.LARGEST,
)
FINDINGS = Family(
    name="falsetrue_monitor_findings",
    kind=Kind.GAUGE,
    help="What the last look found, by watch and what it says.",
    labels=("watch", "state"),
    largest=200,
    merge=Merge.LARGEST,
)
BUDGET_SPENT = Family(
    name="falsetrue_monitor_budget_spent_ratio",
    kind=Kind.GAUGE,
    help="Share spent of the false alarms that are allowed: critical ones of the year, warnings of the month.",
    labels=("severity",),
    largest=5,
    merge=Merge.LARGEST,
)
LAST_LOOK = Family(
    name="falsetrue_monitor_look_timestamp_seconds",
    kind=Kind.GAUGE,
    help="When the last look was made, since 1970.",
    merge=Merge.LARGEST,
)
LAST_DAY = Family(
    name="falsetrue_monitor_day_timestamp_seconds",
    kind=Kind.GAUGE,
    help="When the last day that was looked at ended, since 1970.",
    merge=Merge.LARGEST,
)
AUDIT_ITEMS = Family(
    name="falsetrue_audit_items",
    kind=Kind.GAUGE,
    help="Predictions drawn at random for a label by people, of the days whose texts are kept.",
    labels=("state",),
    largest=5,
    merge=Merge.LARGEST,
)
DELIVERIES = Family(
    name="falsetrue_webhook_deliveries",
    kind=Kind.GAUGE,
    help="Messages of alarms to others, of the last 30 days.",
    labels=("state",),
    largest=5,
    merge=Merge.LARGEST,
)
WAITING_REQUESTS = Family(
    name="falsetrue_waiting_requests", kind=Kind.GAUGE, help="Requests that are being answered or wait for that."
)
WAITING_BYTES = Family(name="falsetrue_waiting_bytes", kind=Kind.GAUGE, help="Bytes of the bodies of these requests.")
WORKERS = Family(name="falsetrue_workers", kind=Kind.GAUGE, help="Processes that serve.")
WORKERS_WANTED = Family(
    name="falsetrue_workers_wanted", kind=Kind.GAUGE, help="Processes that are to serve.", merge=Merge.LARGEST
)
WORKERS_READY = Family(name="falsetrue_workers_ready", kind=Kind.GAUGE, help="Processes that have loaded their model.")
WORKER_STARTS = Family(
    name="falsetrue_worker_starts_total", kind=Kind.COUNTER, help="Processes started.", labels=("slot",), largest=65
)
WORKER_MEMORY = Family(
    name="falsetrue_worker_memory_bytes",
    kind=Kind.GAUGE,
    help="Resident memory of a process, what it shares with others included; Linux only.",
    labels=("slot",),
    largest=65,
)
MODEL = Family(
    name="falsetrue_model_info",
    kind=Kind.GAUGE,
    help="1 for the model that is served, and the policy where a caller names none.",
    labels=("model", "version", "policy"),
    largest=200,
    merge=Merge.LARGEST,
)
SERVICE = Family(
    name="falsetrue_service_info",
    kind=Kind.GAUGE,
    help="1 for the version of the service.",
    labels=("version",),
    largest=20,
    merge=Merge.LARGEST,
)

#: Every figure, in the order in which they are written down.
FAMILIES = (
    SERVICE,
    MODEL,
    WORKERS,
    WORKERS_WANTED,
    WORKERS_READY,
    WORKER_STARTS,
    WORKER_MEMORY,
    REQUESTS,
    REQUEST_SECONDS,
    REQUESTS_BY_KEY,
    PROBLEMS,
    WAITING_REQUESTS,
    WAITING_BYTES,
    PREDICTIONS,
    NO_DECISIONS,
    PREDICTIONS_BY_KEY,
    REFUSED_ITEMS,
    P_REAL,
    CHARACTERS,
    DATABASE_UP,
    JOURNAL_ROWS,
    JOURNAL_SECONDS,
    JOURNAL_LAG,
    JOURNAL_WAITING,
    JOURNAL_SPOOLED,
    ALARMS,
    FINDINGS,
    BUDGET_SPENT,
    LAST_LOOK,
    LAST_DAY,
    AUDIT_ITEMS,
    DELIVERIES,
)
_BY_NAME = {family.name: family for family in FAMILIES}
_MERGING: dict[Merge, Callable[[tuple[float, float]], float]] = {
    Merge.SUM: sum,
    Merge.LARGEST: max,
    Merge.SMALLEST: min,
}


class Predicted(Protocol):
    """What is counted of a text; an entry of the journal says it."""

    @property
    def label(self) -> str: ...  # noqa: D102 - as in the journal
    @property
    def action(self) -> str | None: ...  # noqa: D102
    @property
    def reasons(self) -> tuple[str, ...]: ...  # noqa: D102
    @property
    def language(self) -> str | None: ...  # noqa: D102
    @property
    def key_id(self) -> str | None: ...  # noqa: D102
    @property
    def p_real(self) -> float: ...  # noqa: D102
    @property
    def characters(self) -> int: ...  # noqa: D102


class Refused(Protocol):
    """What is counted of items that were not classified; the journal says it."""

    @property
    def code(self) -> str: ...  # noqa: D102 - as in the journal
    @property
    def items(self) -> int: ...  # noqa: D102


class _Series(dict[Labels, int]):
    """Labels as they come -> index of the first number; finds out what it does not know."""

    def __init__(self, find: Callable[[Labels], tuple[int, bool]]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, labels: Labels) -> int:
        index, told_apart = self._find(labels)
        if told_apart:  # the others are without number, and callers may choose them
            self[labels] = index
        return index


class Metrics:
    """Counts, in one process; to be made before processes are forked, each of which then begins with :meth:`begin`.

    The methods of the journal may be called from another thread, the others from the event loop.
    """

    def __init__(self, workers: int = 1) -> None:
        # One slot more: during a restart a worker and its successor live at once.
        self._all = SharedNumbers(1 if workers == 1 else workers + 1)
        self._wanted = workers
        self._languages: frozenset[str | None] = frozenset({None})
        if workers == 1:
            self.begin(0)
        else:  # what is counted before a process has its slot is nobody's
            self._count_in(SharedNumbers(), 0)

    # --- the life of a process ---------------------------------------------------------------------

    def begin(self, slot: int) -> None:
        """Count in a slot that no other living process has; what was counted there before goes on."""
        for entry in self._all.entries(slot):
            if _BY_NAME[entry.name[0]].kind is Kind.GAUGE:
                self._all.cells[entry.begin] = 0
        self._count_in(self._all, slot)
        self._set(WORKERS, 1)
        self._set(WORKERS_WANTED, self._wanted)
        self._set(SERVICE, 1, __version__)
        self._cells[self._index(WORKER_STARTS, str(slot))] += 1

    def _count_in(self, shared: SharedNumbers, slot: int) -> None:
        shared.claim(slot, os.getpid())
        self._shared, self._cells, self._slot = shared, shared.cells, slot
        self._known: dict[Name, int] = {entry.name: entry.begin for entry in shared.entries(slot)}
        self._full: set[str] = set()
        self._requests = self._series(REQUESTS, _method_bounded)
        self._request_seconds = self._series(REQUEST_SECONDS)
        self._requests_by_key = self._series(REQUESTS_BY_KEY, _key_named)
        self._problems = self._series(PROBLEMS)
        self._predictions = self._series(PREDICTIONS, self._language_bounded)
        self._no_decisions = self._series(NO_DECISIONS)
        self._predictions_by_key = self._series(PREDICTIONS_BY_KEY, _key_named)
        self._refused_items = self._series(REFUSED_ITEMS)
        self._p_real, self._characters = self._index(P_REAL), self._index(CHARACTERS)
        self._journal_rows, self._journal_seconds = self._index(JOURNAL_ROWS), self._index(JOURNAL_SECONDS)

    def loaded(self, *, model: str, version: str, policy: str, languages: Iterable[str]) -> None:
        """The process has its model; ``languages`` are those that are told apart, beside the ones that are found."""
        self._languages = frozenset({None, UNDETERMINED, *function_words(), *languages})
        self._set(MODEL, 1, model, version, policy)
        self.ready(is_ready=True)

    def ready(self, *, is_ready: bool) -> None:
        """Whether the process answers with its model, and is not about to stop."""
        self._set(WORKERS_READY, is_ready)

    # --- requests ----------------------------------------------------------------------------------

    def answered(self, route: str, method: str, status: int, seconds: float, key_id: str | None = None) -> None:
        """One request was answered; ``route`` is a template of paths, of which there are few."""
        cells = self._cells
        cells[self._requests[route, method, status]] += 1
        cells[self._requests_by_key[key_id,]] += 1
        begin = self._request_seconds[route,]
        cells[begin] += seconds
        cells[begin + 1 + bisect_left(_SECONDS, seconds)] += 1

    def refused(self, code: str) -> None:
        """One request was refused."""
        self._cells[self._problems[code,]] += 1

    def waiting(self, requests: int, size: int) -> None:
        """So many requests are being answered, whose bodies have ``size`` bytes together."""
        self._set(WAITING_REQUESTS, requests)
        self._set(WAITING_BYTES, size)

    def predicted(self, entries: Iterable[Predicted]) -> None:
        """Texts were classified."""
        cells, predictions, by_key = self._cells, self._predictions, self._predictions_by_key
        p_real, characters = self._p_real, self._characters
        for entry in entries:
            cells[predictions[entry.label, entry.action, entry.language]] += 1
            cells[by_key[entry.key_id,]] += 1
            for reason in entry.reasons:
                cells[self._no_decisions[reason,]] += 1
            p, size = entry.p_real, entry.characters
            cells[p_real] += p
            cells[p_real + 1 + bisect_left(_TWENTIETHS, p)] += 1
            cells[characters] += size
            cells[characters + 1 + bisect_left(_CHARACTERS, size)] += 1

    def items_refused(self, refused: Iterable[Refused]) -> None:
        """Items were not classified, for each of some reasons."""
        for each in refused:
            self._cells[self._refused_items[each.code,]] += each.items

    # --- the journal -------------------------------------------------------------------------------

    def journal_wrote(self, rows: int, seconds: float) -> None:
        """One transaction was written."""
        cells, begin = self._cells, self._journal_seconds
        cells[self._journal_rows] += rows
        cells[begin] += seconds
        cells[begin + 1 + bisect_left(_SECONDS, seconds)] += 1

    def journal_lag(self, seconds: float, waiting: int, spooled: int) -> None:
        """What is not in the database yet: age of the oldest, and how many wait or are in the spool."""
        self._set(JOURNAL_LAG, seconds)
        self._set(JOURNAL_WAITING, waiting)
        self._set(JOURNAL_SPOOLED, spooled)

    def database(self, *, is_up: bool) -> None:
        """Whether the database can be reached."""
        self._set(DATABASE_UP, is_up)

    # --- monitoring --------------------------------------------------------------------------------

    def publish(self, family: Family, values: Mapping[tuple[str, ...], float]) -> None:
        """All series of a gauge that the database has; those that it had before and has no more are 0."""
        before = {name[1:] for name in self._known if name[0] == family.name}
        for labels in before - values.keys():
            self._set(family, 0, *labels)
        for labels, value in values.items():
            self._set(family, value, *labels)

    # --- where numbers stand -----------------------------------------------------------------------

    def _series(self, family: Family, bounded: Callable[[Labels], Labels] = tuple) -> _Series:
        """Indices by labels as they come; ``bounded`` makes few of them."""

        def find(labels: Labels) -> tuple[int, bool]:
            few = tuple(map(_clean, bounded(labels)))
            was_cut = any(isinstance(label, str) and len(label) > LARGEST_LABEL for label in labels)
            return self._index(family, *few), not was_cut and OTHER not in few and (family.name, *few) in self._known

        return _Series(find)

    def _index(self, family: Family, *labels: str) -> int:
        """Where the first number of a combination of labels stands; once there are too many, of others."""
        name = (family.name, *labels)
        if name not in self._known and self._is_full(family):
            name = (family.name, *(OTHER for _ in labels))
        if name not in self._known:
            self._known[name] = self._shared.allot(self._slot, name, family.cells)
        return self._known[name]

    def _set(self, family: Family, value: float, *labels: str) -> None:
        self._cells[self._index(family, *map(_clean, labels))] = value

    def _is_full(self, family: Family) -> bool:
        if family.labels and family.name not in self._full:
            names = {entry.name for slot in range(self._shared.slots) for entry in self._shared.entries(slot)}
            if sum(name[0] == family.name for name in names) >= family.largest:
                self._full.add(family.name)
        return family.name in self._full

    def _language_bounded(self, labels: Labels) -> Labels:
        label, action, language = labels
        return label, action, language if language in self._languages else OTHER

    # --- all processes together --------------------------------------------------------------------

    def read(self) -> dict[str, dict[tuple[str, ...], list[float]]]:
        """By name of the figure and then by labels: the numbers of all processes together."""
        merged: dict[str, dict[tuple[str, ...], list[float]]] = {family.name: {} for family in FAMILIES}
        for slot in range(self._all.slots):
            owner = self._all.owner(slot)
            lives = _is_alive(owner)
            for entry in self._all.entries(slot):
                family, labels = _BY_NAME[entry.name[0]], entry.name[1:]
                if lives or family.kind is not Kind.GAUGE:
                    numbers = list(self._all.cells[entry.begin : entry.begin + entry.size])
                    before = merged[family.name].get(labels)
                    merged[family.name][labels] = numbers if before is None else _merge(family, before, numbers)
            if lives and (memory := _resident_bytes(owner)):
                merged[WORKER_MEMORY.name][str(slot),] = [memory]
        return merged


def _merge(family: Family, one: list[float], other: list[float]) -> list[float]:
    return [_MERGING[family.merge](pair) for pair in zip(one, other, strict=True)]


def _method_bounded(labels: Labels) -> Labels:
    route, method, status = labels
    return route, method if method in _METHODS else OTHER, status


def _key_named(labels: Labels) -> Labels:
    return (ANONYMOUS,) if labels[0] is None else labels


def _clean(label: str | int | None) -> str:
    """What may be written down: not too long, and Unicode."""
    return NONE if label is None else str(label)[:LARGEST_LABEL].encode("utf-8", "replace").decode("utf-8")


def _is_alive(pid: int) -> bool:
    if pid in {0, os.getpid()}:
        return pid != 0
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 where the system does not say so in Linux's way."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * mmap.PAGESIZE
    except (OSError, IndexError):
        return 0
