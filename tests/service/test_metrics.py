import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from tests.service.conftest import DISPATCH, LEGACY, PATIENCE, RANT, Start, wait_until

from falsetrue.service.exposition import expose
from falsetrue.service.metrics import (
    ANONYMOUS,
    FAMILIES,
    LARGEST_KEYS,
    LARGEST_LABEL,
    OTHER,
    Kind,
    Metrics,
)
from falsetrue.service.shared_numbers import REGION_BYTES, SharedNumbers

ROUTE = "/v1/classifications"


@dataclass(kw_only=True)
class Text:
    """What is counted of a text."""

    label: str = "real"
    action: str | None = "pass"
    reasons: tuple[str, ...] = ()
    language: str | None = "en"
    key_id: str | None = None
    p_real: float = 0.5
    characters: int = 1000


def samples(metrics: Metrics, accept: str = "") -> dict[str, float]:
    """Every number by its name with its labels, as the parser of Prometheus reads them."""
    content, media_type = expose(metrics, accept)
    parse = parse_openmetrics if "openmetrics" in media_type else parse_text
    return {
        each.name + "".join(f" {name}={value}" for name, value in sorted(each.labels.items())): each.value
        for family in parse(content.decode())
        for each in family.samples
    }


def in_process(work: Callable[[], None]) -> int:
    """Do something in a process forked from this one; its exit status."""
    pid = os.fork()
    if not pid:
        code = 1
        with suppress(BaseException):
            work()
            code = 0
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def loaded(metrics: Metrics, *languages: str) -> Metrics:
    metrics.loaded(model="news", version="1", policy="default@1", languages=languages)
    return metrics


def test_a_request_is_counted_and_timed() -> None:
    metrics = Metrics()
    metrics.answered(ROUTE, "POST", 200, 0.004, "k1")
    metrics.answered(ROUTE, "POST", 200, 0.006, "k1")
    metrics.answered(ROUTE, "POST", 422, 0.001)
    found = samples(metrics)
    assert found[f"falsetrue_requests_total method=POST route={ROUTE} status=200"] == 2
    assert found[f"falsetrue_requests_total method=POST route={ROUTE} status=422"] == 1
    assert found["falsetrue_requests_by_key_total key=k1"] == 2
    assert found[f"falsetrue_requests_by_key_total key={ANONYMOUS}"] == 1
    assert found[f"falsetrue_request_seconds_sum route={ROUTE}"] == pytest.approx(0.011)
    assert found[f"falsetrue_request_seconds_bucket le=0.001 route={ROUTE}"] == 1  # at most so long
    assert found[f"falsetrue_request_seconds_bucket le=0.005 route={ROUTE}"] == 2
    assert found[f"falsetrue_request_seconds_count route={ROUTE}"] == 3


def test_texts_are_counted_by_what_was_said_of_them() -> None:
    metrics = loaded(Metrics())
    metrics.predicted(
        [
            Text(label="real", action="pass", p_real=0.93, characters=300),
            Text(label="unsure", action="review", reasons=("too_short", "near_threshold"), p_real=0.5, characters=40),
            Text(label="real", action=None, p_real=1.0, key_id="k1"),
        ]
    )
    found = samples(metrics)
    assert found["falsetrue_predictions_total action=pass label=real language=en"] == 1
    assert found["falsetrue_predictions_total action=review label=unsure language=en"] == 1
    assert found["falsetrue_predictions_total action=none label=real language=en"] == 1
    assert found["falsetrue_no_decision_reasons_total reason=too_short"] == 1
    assert found["falsetrue_predictions_by_key_total key=k1"] == 1
    assert found["falsetrue_p_real_bucket le=0.5"] == 1
    assert found["falsetrue_p_real_bucket le=0.95"] == 2
    assert found["falsetrue_p_real_count"] == 3
    assert found["falsetrue_text_characters_bucket le=100.0"] == 1
    assert found["falsetrue_text_characters_sum"] == 1340


@given(st.lists(st.floats(0, 1)))
def test_buckets_never_shrink_and_end_with_everything(scores: list[float]) -> None:
    metrics = Metrics()
    metrics.predicted([Text(p_real=p) for p in scores])
    found = samples(metrics)
    buckets = [value for name, value in found.items() if name.startswith("falsetrue_p_real_bucket")]
    assert buckets == sorted(buckets)
    assert buckets[-1] == len(scores) == found["falsetrue_p_real_count"]
    assert found["falsetrue_p_real_sum"] == pytest.approx(sum(scores))


def test_refusals_and_the_journal_are_counted() -> None:
    metrics = Metrics()
    metrics.refused("quota_exceeded")
    metrics.waiting(3, 4096)
    metrics.journal_wrote(128, 0.002)
    metrics.journal_lag(7.5, 2, 40)
    metrics.database(is_up=False)
    found = samples(metrics)
    assert found["falsetrue_problems_total code=quota_exceeded"] == 1
    assert (found["falsetrue_waiting_requests"], found["falsetrue_waiting_bytes"]) == (3, 4096)
    assert found["falsetrue_journal_rows_total"] == 128
    assert found["falsetrue_journal_write_seconds_bucket le=0.0025"] == 1
    assert found["falsetrue_journal_lag_seconds"] == 7.5
    assert (found["falsetrue_journal_waiting"], found["falsetrue_journal_spooled"]) == (2, 40)
    assert found["falsetrue_database_up"] == 0


def test_the_model_and_the_worker_are_named() -> None:
    metrics = Metrics()
    assert samples(metrics).get("falsetrue_workers_ready") is None
    loaded(metrics)
    found = samples(metrics)
    assert found["falsetrue_model_info model=news policy=default@1 version=1"] == 1
    assert found["falsetrue_workers_ready"] == found["falsetrue_workers"] == found["falsetrue_workers_wanted"] == 1
    assert found["falsetrue_worker_starts_total slot=0"] == 1
    metrics.ready(is_ready=False)
    assert samples(metrics)["falsetrue_workers_ready"] == 0


# --- what is bounded --------------------------------------------------------------------------------


def test_keys_beyond_a_hundred_are_others_and_take_no_memory() -> None:
    metrics = Metrics()
    for number in range(LARGEST_KEYS + 50):
        metrics.answered("/", "GET", 200, 0.001, f"key-{number}")
        metrics.answered("/", "GET", 200, 0.001, f"key-{number}")
    found = samples(metrics)
    by_key = {name: value for name, value in found.items() if name.startswith("falsetrue_requests_by_key_total")}
    assert len(by_key) == LARGEST_KEYS + 1
    assert by_key[f"falsetrue_requests_by_key_total key={OTHER}"] == 100
    assert sum(by_key.values()) == 2 * (LARGEST_KEYS + 50)
    assert len(metrics._requests_by_key) == LARGEST_KEYS  # noqa: SLF001 - or callers could fill the memory


def test_keys_are_bounded_for_all_workers_together() -> None:
    metrics = Metrics(2)

    def work(slot: int) -> None:
        metrics.begin(slot)
        for number in range(LARGEST_KEYS):
            metrics.answered("/", "GET", 200, 0.001, f"key-{slot}-{number}")

    assert in_process(lambda: work(0)) == in_process(lambda: work(1)) == 0
    found = samples(metrics)
    assert sum(name.startswith("falsetrue_requests_by_key_total") for name in found) == LARGEST_KEYS + 1
    assert found[f"falsetrue_requests_by_key_total key={OTHER}"] == LARGEST_KEYS


def test_a_language_or_method_that_a_caller_makes_up_is_another() -> None:
    metrics = loaded(Metrics(), "eo")
    metrics.predicted([Text(language=language) for language in ("es", "eo", "und", None, "tlh", "zzz")])
    metrics.answered(ROUTE, "BREW", 405, 0.001)
    found = samples(metrics)
    for language in ("es", "eo", "und", "none"):
        assert found[f"falsetrue_predictions_total action=pass label=real language={language}"] == 1
    assert found["falsetrue_predictions_total action=pass label=real language=other"] == 2
    assert found[f"falsetrue_requests_total method=other route={ROUTE} status=405"] == 1


def test_every_figure_with_all_its_labels_fits_in_a_region() -> None:
    """The longest labels, of characters that take the most room, in all combinations that are told apart."""
    shared = SharedNumbers()
    shared.claim(0, 1)
    for family in FAMILIES:
        for number in range(family.largest + 1 if family.labels else 1):
            labels = [f"{number:04}".ljust(LARGEST_LABEL, "\U0001f600")] * len(family.labels)
            shared.allot(0, (family.name, *labels), family.cells)


@pytest.mark.parametrize("key_id", ["\ud800", "x" * 100_000, 'a"b\\c\nd', "", "\0"])
def test_any_subject_of_a_token_can_be_written_down(key_id: str) -> None:
    metrics = Metrics()
    metrics.answered("/", "GET", 200, 0.001, key_id)
    metrics.answered("/", "GET", 200, 0.001, key_id)
    content, _ = expose(metrics)
    assert len(content) < 20_000
    [family] = [each for each in parse_text(content.decode()) if each.name == "falsetrue_requests_by_key"]
    assert [each.value for each in family.samples] == [2]


# --- formats ----------------------------------------------------------------------------------------


def test_prometheus_and_openmetrics_say_the_same() -> None:
    metrics = loaded(Metrics())
    metrics.answered(ROUTE, "POST", 200, 0.004)
    metrics.predicted([Text()])
    said = "application/openmetrics-text; version=1.0.0"
    assert expose(metrics, said)[1].startswith("application/openmetrics-text")
    assert expose(metrics)[1].startswith("text/plain; version=0.0.4")
    of_memory = "falsetrue_worker_memory_bytes"
    text, openmetrics = samples(metrics), samples(metrics, said)
    assert {name: value for name, value in text.items() if of_memory not in name} == {
        name: value for name, value in openmetrics.items() if of_memory not in name
    }


@pytest.mark.parametrize(
    "accept",
    [
        "*/*",
        "text/html",
        "application/openmetrics-text;version=x",
        "text/plain;version=1.0.0;escaping=x",
        ";;,,;=",
        "é",
    ],
)
def test_whatever_is_accepted_it_answers(accept: str) -> None:
    assert b"falsetrue_workers" in expose(Metrics(), accept)[0]


def test_every_family_is_written_with_help_and_kind() -> None:
    written = {each.name: each for each in parse_text(expose(Metrics())[0].decode())}
    for family in FAMILIES:
        found = written[family.name.removesuffix("_total")]
        assert (found.documentation, found.type) == (family.help, family.kind.value)
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)


# --- processes --------------------------------------------------------------------------------------


@pytest.fixture
def three() -> Iterator[tuple[Metrics, Callable[[int, Callable[[], None]], int]]]:
    """Metrics for three workers, and what starts one in a slot: it works, says so, and lives until it is killed."""
    metrics = Metrics(3)
    children: list[int] = []

    def start(slot: int, work: Callable[[], None]) -> int:
        reader, writer = os.pipe()
        pid = os.fork()
        if not pid:
            with suppress(BaseException):
                metrics.begin(slot)
                work()
                os.write(writer, b".")
                signal.pause()
            os._exit(1)
        os.close(writer)
        assert os.read(reader, 1) == b"."
        os.close(reader)
        children.append(pid)
        return pid

    yield metrics, start
    for pid in children:
        with suppress(ChildProcessError, ProcessLookupError):
            kill(pid)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


Three = tuple[Metrics, Callable[[int, Callable[[], None]], int]]


def test_any_process_reads_what_all_have_counted(three: Three) -> None:
    metrics, start = three

    def count() -> None:
        for _ in range(100):
            metrics.answered("/", "GET", 200, 0.001)

    for slot in range(3):
        start(slot, count)
    assert samples(metrics)["falsetrue_requests_total method=GET route=/ status=200"] == 300
    assert samples(metrics)["falsetrue_workers"] == 3


def test_a_killed_worker_s_counts_go_on_and_its_gauges_are_gone(three: Three) -> None:
    metrics, start = three

    def work() -> None:
        metrics.answered("/", "GET", 200, 0.001)
        metrics.waiting(5, 500)
        metrics.database(is_up=False)
        loaded(metrics)

    kill(start(0, work))
    found = samples(metrics)
    assert found["falsetrue_requests_total method=GET route=/ status=200"] == 1
    assert "falsetrue_waiting_requests" not in found
    assert "falsetrue_database_up" not in found
    start(0, lambda: metrics.answered("/", "GET", 200, 0.001))
    found = samples(metrics)
    assert found["falsetrue_requests_total method=GET route=/ status=200"] == 2
    assert found["falsetrue_worker_starts_total slot=0"] == 2
    assert found["falsetrue_waiting_requests"] == 0
    assert not [name for name in found if name.startswith("falsetrue_model_info")]


def test_a_process_that_has_no_slot_counts_for_nobody() -> None:
    metrics = loaded(Metrics(2))
    metrics.answered("/", "GET", 200, 0.001)
    metrics.journal_wrote(1, 0.001)
    assert samples(metrics) == {}
    metrics.begin(1)
    metrics.answered("/", "GET", 200, 0.001)
    assert samples(metrics)["falsetrue_requests_total method=GET route=/ status=200"] == 1


def test_gauges_are_of_all_who_live(three: Three) -> None:
    metrics, start = three

    def work(lag: float, *, is_up: bool) -> Callable[[], None]:
        def say() -> None:
            metrics.journal_lag(lag, 1, 10)
            metrics.database(is_up=is_up)

        return say

    start(0, work(2.0, is_up=True))
    start(1, work(9.0, is_up=False))
    found = samples(metrics)
    assert found["falsetrue_journal_lag_seconds"] == 9
    assert found["falsetrue_journal_spooled"] == 20
    assert found["falsetrue_database_up"] == 0


#: Started anew, as a process as large as this one takes long to fork.
_RESTARTS = """
import os, signal, sys
from falsetrue.service.metrics import Metrics
metrics = Metrics(2)
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if not pid:
        try:
            metrics.begin(0)
            metrics.answered("/", "GET", 200, 0.001)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
read = metrics.read()
print(
    read["falsetrue_requests_total"]["/", "GET", "200"][0],
    read["falsetrue_worker_starts_total"]["0",][0],
    len(list(metrics._all.entries(0))),
    len(os.listdir("/proc/self/fd")),
)
"""


def test_a_thousand_restarts_leave_nothing_behind(tmp_path: Path) -> None:
    def restart(count: int) -> list[float]:
        command = [sys.executable, "-c", _RESTARTS, str(count)]
        environment = os.environ | {"TMPDIR": str(tmp_path)}
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, timeout=120)
        return [float(number) for number in done.stdout.split()]

    once, often = restart(1), restart(1000)
    assert (once[:2], often[:2]) == ([1, 1], [1000, 1000])
    assert once[2:] == often[2:]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_a_service_tells_what_all_its_workers_have_counted(start: Start, workers: int) -> None:
    served = start("--workers", str(workers))
    for _ in range(30):
        answer = httpx2.post(served.url + LEGACY, json={"texts": [DISPATCH, RANT]}, timeout=PATIENCE, trust_env=False)
        assert answer.status_code == httpx2.codes.OK

    def told() -> dict[str, float]:
        answered = served.client.get("/metrics")
        assert answered.headers["content-type"].startswith("text/plain; version=0.0.4")
        families = parse_text(answered.text)
        return {
            each.name + "".join(f" {name}={value}" for name, value in sorted(each.labels.items())): each.value
            for family in families
            for each in family.samples
        }

    wait_until(lambda: told()[f"falsetrue_requests_total method=POST route={LEGACY} status=200"] == 30, "30 requests")
    wait_until(lambda: told().get("falsetrue_workers_ready") == workers, "all ready")
    found = told()
    assert found["falsetrue_predictions_by_key_total key=anonymous"] == 60
    assert found["falsetrue_workers"] == found["falsetrue_workers_wanted"] == workers
    assert found["falsetrue_journal_rows_total"] == 60
    assert found["falsetrue_database_up"] == 1
    assert found["falsetrue_requests_total method=GET route=/metrics status=200"] >= 1


# --- shared numbers ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.integers(1, 20))))
def test_what_is_allotted_is_found_by_its_name_and_is_nought(wanted: list[tuple[list[str], int]]) -> None:
    shared = SharedNumbers(2)
    shared.claim(1, 7)
    begins = [shared.allot(1, tuple(name), size) for name, size in wanted]
    for number, (begin, (_, size)) in enumerate(zip(begins, wanted, strict=True)):
        shared.cells[begin : begin + size] = memoryview(bytes(8 * size)).cast("d")
        shared.cells[begin + size - 1] = number
    found = list(shared.entries(1))
    assert [(each.name, each.size, each.begin) for each in found] == [
        (tuple(name), size, begin) for (name, size), begin in zip(wanted, begins, strict=True)
    ]
    assert [shared.cells[each.begin + each.size - 1] for each in found] == list(range(len(wanted)))
    assert list(shared.entries(0)) == []
    assert shared.owner(1) == 7


def test_room_that_a_killed_process_had_begun_to_use_is_nought_again() -> None:
    shared = SharedNumbers()
    shared.claim(0, 1)
    shared._bytes[16:1016] = b"\x55" * 1000  # noqa: SLF001 - as one leaves it that is killed within `allot`
    begin = shared.allot(0, ("a",), 8)
    assert list(shared.cells[begin : begin + 8]) == [0] * 8


def test_a_region_that_is_full_says_so() -> None:
    shared = SharedNumbers()
    shared.claim(0, 1)
    with pytest.raises(ValueError, match="no room"):
        shared.allot(0, ("a",), REGION_BYTES // 8)
    assert list(shared.entries(0)) == []


def test_the_entry_of_a_journal_can_be_counted() -> None:
    from falsetrue.journal.records import Entry

    assert set(Text.__dataclass_fields__) <= set(Entry.__annotations__)
