"""What the service's figures say to people."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from falsetrue.service.metrics import PREDICTIONS, REQUEST_SECONDS, Metrics
from falsetrue.service.traffic import MINUTES, Pace, Totals, by_label, quantile, routes, said, speeds, totals

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
BOUNDS = (1.0, 2.0, 4.0)


def asked(*requests: tuple[str, int]) -> Metrics:
    metrics = Metrics()
    for path, status in requests:
        metrics.answered(path, "POST", status, 0.003)
    return metrics


def test_requests_are_told_apart_by_what_became_of_them() -> None:
    metrics = asked(("/", 200), ("/", 303), ("/", 404), ("/", 499), ("/", 500), ("/", 503))
    assert totals(metrics.read()) == Totals(answered=2, refused=2, failed=2)


def test_what_looks_after_the_service_is_no_traffic() -> None:
    watching = ("/healthz", "/readyz", "/metrics", "/ops", "/monitor", "/static/{digest}/{name:path}")
    assert totals(asked(*((path, 200) for path in watching)).read()) == Totals(0, 0, 0)


def test_routes_come_with_their_statuses_the_most_frequent_first() -> None:
    found = routes(asked(("/a", 200), ("/b", 200), ("/b", 422), ("/b", 200)).read())
    assert [(each.method, each.path, each.requests, each.by_status) for each in found] == [
        ("POST", "/b", 3, (("200", 2), ("422", 1))),
        ("POST", "/a", 1, (("200", 1),)),
    ]


def test_speed_is_of_the_bucket_that_a_request_fell_into() -> None:
    (speed,) = speeds(asked(("/a", 200), ("/a", 200)).read())
    assert (speed.path, speed.requests) == ("/a", 2)
    assert all(0.0025 < seconds <= 0.005 for seconds in speed.seconds)


def test_a_labels_numbers_are_summed_over_the_others() -> None:
    class Entry:
        label, action, reasons, key_id, p_real, characters = "real", "pass", (), None, 0.9, 100

        def __init__(self, language: str) -> None:
            self.language = language

    metrics = Metrics()
    metrics.loaded(model="m", version="1", policy="p@1", languages=["en", "es"])
    metrics.predicted([Entry("en"), Entry("es"), Entry("es")])
    numbers = metrics.read()
    assert said(numbers) == 3
    assert by_label(numbers, PREDICTIONS, "language") == {"en": 1, "es": 2}
    assert by_label(numbers, PREDICTIONS, "label") == {"real": 3}


# --- quantiles ---------------------------------------------------------------------------------------


def test_nothing_has_no_quantile() -> None:
    assert quantile(BOUNDS, [0, 0, 0, 0], 0.5) is None


@pytest.mark.parametrize(
    ("counts", "q", "value"),
    [
        ([4, 0, 0, 0], 0.5, 0.5),
        ([0, 2, 0, 0], 0.5, 1.5),
        ([1, 1, 2, 0], 0.5, 2.0),
        ([1, 1, 2, 0], 1.0, 4.0),
        ([0, 0, 0, 9], 0.5, 4.0),
        ([1, 0, 0, 1], 0.5, 1.0),
    ],
)
def test_a_quantile_lies_in_its_bucket_evenly(counts: list[float], q: float, value: float) -> None:
    assert quantile(BOUNDS, counts, q) == pytest.approx(value)


@given(values=st.lists(st.floats(0, 12), min_size=1, max_size=50), q=st.floats(0.01, 1))
def test_a_quantile_is_off_by_its_bucket_at_most(values: list[float], q: float) -> None:
    metrics = Metrics()
    for value in values:
        metrics.answered("/a", "GET", 200, value)
    (_, *counts) = metrics.read()[REQUEST_SECONDS.name]["/a",]
    found = quantile(REQUEST_SECONDS.buckets, counts, q)
    exact = sorted(values)[max(0, -int(-q * len(values) // 1) - 1)]
    edges = [0.0, *REQUEST_SECONDS.buckets]
    place = next((number for number, edge in enumerate(edges) if exact <= edge), len(edges))
    assert found is not None
    assert edges[max(0, place - 2)] <= found <= edges[min(place + 1, len(edges) - 1)]


# --- the last minutes --------------------------------------------------------------------------------


def test_the_pace_is_that_between_two_minutes() -> None:
    metrics, pace = Metrics(), Pace()
    pace.note(NOW, 100.0, metrics.read)
    for _ in range(30):
        metrics.answered("/a", "GET", 200, 0.1)
    metrics.answered("/a", "GET", 500, 0.1)
    pace.note(NOW + timedelta(seconds=30), 130.0, metrics.read)  # the minute is not over
    pace.note(NOW + timedelta(seconds=60), 160.0, metrics.read)
    metrics.answered("/a", "GET", 404, 0.1)
    rates = pace.rates(NOW + timedelta(seconds=90), 190.0, metrics.read())
    assert [(rate.answered, rate.refused, rate.failed) for rate in rates] == [(30, 0, 1), (0, 2, 0)]
    assert rates[-1].at == NOW + timedelta(seconds=90)


def test_no_more_than_an_hour_is_remembered_and_a_clock_that_is_set_breaks_nothing() -> None:
    metrics, pace = Metrics(), Pace()
    for number in range(3 * MINUTES):
        shift = timedelta(days=400) if number % 7 == 0 else timedelta()
        pace.note(NOW - shift + timedelta(minutes=number), 60.0 * number, metrics.read)
    rates = pace.rates(NOW, 60.0 * 3 * MINUTES, metrics.read())
    assert len(rates) == MINUTES + 1
    assert all(rate.answered == 0 for rate in rates)


def test_the_first_moment_has_no_pace() -> None:
    pace, metrics = Pace(), Metrics()
    assert pace.rates(NOW, 1.0, metrics.read()) == []
    pace.note(NOW, 1.0, metrics.read)
    assert pace.rates(NOW, 1.0, metrics.read()) == []
