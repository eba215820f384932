"""``GET /ops``: how the service does, for whoever runs it."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from falsetrue.access.keys import ApiKey, show_quota
from falsetrue.errors import DatabaseError
from falsetrue.service import metrics, traffic
from falsetrue.service.core import Core
from falsetrue.service.past import DAYS, HOURS, Counts, Past, Seen
from falsetrue.service.traffic import Numbers, Rate, Route, Speed
from falsetrue.service.views import Views

#: Keys that are shown: those that are live first.
MOST_KEYS = 200
#: Names of what is counted, as the journal has them, and where the service's own figures have the same.
_DIMENSIONS = {
    "label": (metrics.PREDICTIONS, "label"),
    "action": (metrics.PREDICTIONS, "action"),
    "reason": (metrics.NO_DECISIONS, "reason"),
    "language": (metrics.PREDICTIONS, "language"),
}
#: How the journal and the figures call callers without a key.
_NOBODY = {"none": metrics.ANONYMOUS}


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """How often one value came."""

    value: str
    since_start: int | None  #: ``None``: not counted so
    last_day: int
    last_month: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ShownKey:
    """A key, and what it was used for."""

    key: ApiKey | None  #: ``None``: a token's subject, or a key that is forgotten
    id: str
    state: str  #: ``live``, ``expired`` or ``revoked``; empty without a key
    quota: str
    requests: int  #: since the service was started
    texts: Counted


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """A model that is served, and its policy."""

    name: str
    version: str
    policy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Worker:
    """A process that serves, or did."""

    slot: str
    starts: int
    memory: int | None  #: bytes; ``None``: it does not run, or the system does not say


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """All that the view shows."""

    now: datetime  #: UTC
    rates: tuple[Rate, ...]
    routes: tuple[Route, ...]
    speeds: tuple[Speed, ...]
    totals: traffic.Totals
    problems: tuple[tuple[str, int], ...]  #: code and count, the most frequent first
    texts: int  #: since the service was started
    answers: Mapping[str, tuple[Counted, ...]]  #: by label, action, reason and language
    past: Seen | None  #: ``None``: no journal is kept
    figures: Mapping[str, float]  #: by name, those without labels
    keys: tuple[ShownKey, ...] | None  #: ``None``: they cannot be read
    keys_left_out: int
    models: tuple[Model, ...]
    model_versions: tuple[Counted, ...]
    workers: tuple[Worker, ...]


def add_operations(app: FastAPI, views: Views, core: Core) -> None:
    """Add the route."""
    view = _View(views, core)
    app.add_route("/ops", view.show, include_in_schema=False)


class _View:
    def __init__(self, views: Views, core: Core) -> None:
        self._views = views
        self._core = core
        self._thread = ThreadPoolExecutor(1, "operations")
        self._past = None if core.journaling is None else Past(core.journaling.ask)

    async def show(self, request: Request) -> Response:
        """The page; nothing in it is older than some seconds, but what the journal says of hours that are over."""
        now = datetime.now(UTC)
        past = None if self._past is None else await self._past.look(now)
        keys = await asyncio.get_running_loop().run_in_executor(self._thread, self._read_keys)
        shown = gather(self._core, past, keys, now)
        response = self._views.render(request, "operations.html", shown=shown, hours=HOURS, days=DAYS)
        response.headers["cache-control"] = "no-store"
        return response

    def _read_keys(self) -> list[ApiKey] | None:
        from falsetrue.access.key_store import KeyStore  # noqa: PLC0415 - it takes longer than a request

        if not self._core.storage.is_wanted:
            return []
        try:
            return KeyStore(self._core.storage.engine()).all()
        except DatabaseError:
            return None


def gather(core: Core, past: Seen | None, keys: list[ApiKey] | None, now: datetime) -> Operations:
    """Put everything together."""
    numbers = core.metrics.read()
    day, month = ({}, {}) if past is None else (past.last_day, past.last_month)
    shown = None if keys is None else _keys(keys, numbers, (day, month), now)
    problems = traffic.by_label(numbers, metrics.PROBLEMS, "code")
    return Operations(
        now=now,
        rates=tuple(core.pace.rates(now, monotonic(), numbers)),
        routes=tuple(traffic.routes(numbers)),
        speeds=tuple(traffic.speeds(numbers)),
        totals=traffic.totals(numbers),
        problems=tuple(sorted(problems.items(), key=lambda each: (-each[1], each[0]))),
        texts=traffic.said(numbers),
        answers={
            name: _counted(traffic.by_label(numbers, *which), name, day, month) for name, which in _DIMENSIONS.items()
        },
        past=past,
        figures={f.name: traffic.value(numbers, f) for f in metrics.FAMILIES if not f.labels and f.cells == 1},
        keys=None if shown is None else tuple(shown[:MOST_KEYS]),
        keys_left_out=max(0, len(shown or ()) - MOST_KEYS),
        models=tuple(_models(numbers)),
        model_versions=_counted(None, "model", day, month),
        workers=tuple(_workers(numbers)),
    )


def _counted(since_start: Mapping[str, int] | None, name: str, day: Counts, month: Counts) -> tuple[Counted, ...]:
    """Every value that came, the most frequent first."""
    in_day, in_month = day.get(name, {}), month.get(name, {})
    found = [
        Counted(
            value=value,
            since_start=None if since_start is None else since_start.get(value, 0),
            last_day=in_day.get(value, 0),
            last_month=in_month.get(value, 0),
        )
        for value in {*(since_start or ()), *in_day, *in_month}
    ]
    return tuple(sorted(found, key=lambda each: (-each.last_month, -(each.since_start or 0), each.value)))


def _keys(keys: list[ApiKey], numbers: Numbers, past: tuple[Counts, Counts], now: datetime) -> list[ShownKey]:
    """Every key, and whoever else asked: the live ones first, and of these those used most."""
    known = {key.id: key for key in keys}
    requests = traffic.by_label(numbers, metrics.REQUESTS_BY_KEY, "key")
    predicted = traffic.by_label(numbers, metrics.PREDICTIONS_BY_KEY, "key")
    day, month = ({"key": _renamed(counts.get("key", {}))} for counts in past)
    texts = {each.value: each for each in _counted(predicted, "key", day, month)}
    shown = [
        _key(known.get(name), name, requests.get(name, 0), texts.get(name), now) for name in {*known, *requests, *texts}
    ]
    order = {"live": 0, "": 1, "expired": 2, "revoked": 3}
    return sorted(shown, key=lambda each: (order[each.state], -each.requests, each.key.name if each.key else each.id))


def _key(key: ApiKey | None, name: str, requests: int, texts: Counted | None, now: datetime) -> ShownKey:
    state = "" if key is None else "revoked" if key.revoked_at else "live" if key.is_live(now) else "expired"
    return ShownKey(
        key=key,
        id=name,
        state=state,
        quota=show_quota(key.quota) if key and key.quota else "",
        requests=requests,
        texts=texts or Counted(value=name, since_start=0, last_day=0, last_month=0),
    )


def _renamed(counts: Mapping[str, int]) -> dict[str, int]:
    return {_NOBODY.get(value, value): count for value, count in counts.items()}


def _models(numbers: Numbers) -> list[Model]:
    served = numbers[metrics.MODEL.name].items()
    return [Model(name=name, version=version, policy=policy) for (name, version, policy), (on,) in served if on]


def _workers(numbers: Numbers) -> list[Worker]:
    memory = {slot: int(size) for (slot,), (size,) in numbers[metrics.WORKER_MEMORY.name].items()}
    starts = numbers[metrics.WORKER_STARTS.name].items()
    found = [Worker(slot=slot, starts=int(count), memory=memory.get(slot)) for (slot,), (count,) in starts]
    return sorted(found, key=lambda worker: worker.slot.zfill(3))
