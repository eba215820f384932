import asyncio
import io
import json
import logging
import logging.config
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.service.conftest import LEGACY, MARK, V1, Start, wait_until
from tests.service.test_observing import TRACE, TRACEPARENT, answering, ask

from falsetrue.service.bugs import DiscreetBugs
from falsetrue.service.logs import JsonLines, TextLines, as_extra, configure_logs, describe_error, log_lost_errors
from falsetrue.service.metrics import Metrics
from falsetrue.service.observing import LOGGED_FROM, Observing


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Logging as it was before."""
    loggers = [logging.getLogger(name) for name in ("", "falsetrue", "uvicorn")]
    before = [(logger, logger.level, logger.handlers) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers = handlers


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def failing() -> Exception:
    """An error whose message, and whose cause's, hold what was sent."""
    try:
        raise ValueError(MARK) from OSError(28, "No space left on device", MARK)  # noqa: TRY301 - it has to be raised
    except ValueError as error:
        return error


def test_a_line_of_json_says_when_how_bad_who_and_what() -> None:
    stream = io.StringIO()
    # A server of another test may have silenced it.
    logging.getLogger("uvicorn.error").setLevel(logging.NOTSET)
    configure_logs("json", stream)
    logging.getLogger("falsetrue").warning("the journal is %s", "back", extra=as_extra(rows=3))
    logging.getLogger("uvicorn.error").info("Uvicorn running on %s", "http://[::1]:80", extra={"color_message": "x"})
    ours, theirs = lines(stream)
    moment = datetime.fromisoformat(ours.pop("time"))
    assert abs(moment.timestamp() - datetime.now(moment.tzinfo).timestamp()) < 60
    assert ours == {"level": "warning", "logger": "falsetrue", "event": "the journal is back", "rows": 3}
    assert theirs["event"] == "Uvicorn running on http://[::1]:80"
    assert set(theirs) == {"time", "level", "logger", "event"}


def test_text_says_the_same_in_one_line() -> None:
    stream = io.StringIO()
    configure_logs("text", stream)
    logging.getLogger("falsetrue").warning("the journal is back", extra=as_extra(rows=3))
    assert stream.getvalue().endswith("WARNING  the journal is back rows=3\n")


@pytest.mark.parametrize(("stream", "is_json"), [(Terminal(), False), (io.StringIO(), True)])
def test_people_at_a_terminal_get_text_and_all_others_json(stream: io.StringIO, *, is_json: bool) -> None:
    configure_logs("auto", stream)
    logging.getLogger("falsetrue").info("hello")
    assert stream.getvalue().startswith("{") == is_json


@pytest.mark.parametrize("formatter", [JsonLines(), TextLines()])
def test_an_error_s_message_is_never_written(formatter: logging.Formatter) -> None:
    error = failing()
    record = logging.LogRecord("asyncio", logging.ERROR, "", 0, "it failed", (), (type(error), error, None))
    said = formatter.format(record)
    assert MARK not in said
    assert "ValueError from OSError (No space left on device)" in said
    assert "raise ValueError(MARK)" in said  # where: a line of the code


def test_causes_are_followed_to_an_end() -> None:
    error = previous = ValueError()
    for _ in range(100):
        previous.__cause__ = ValueError()
        previous = previous.__cause__
    previous.__cause__ = error  # in a circle
    assert describe_error(error)[0].count("ValueError") == 10


@given(st.text(), st.dictionaries(st.text(), st.text() | st.floats() | st.integers() | st.none() | st.binary()))
def test_whatever_is_said_is_one_line_of_json(message: str, facts: dict[str, Any]) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), None)
    record.__dict__.update(as_extra(**facts))
    said = JsonLines().format(record)
    assert "\n" not in said
    assert json.loads(said)["event"] or not message


def test_a_message_that_is_no_unicode_is_written_all_the_same() -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "a\ud800b", (), None)
    assert json.loads(JsonLines().format(record))["event"] == "a\ud800b"


def test_libraries_are_heard_from_a_warning_on() -> None:
    stream = io.StringIO()
    configure_logs("json", stream)
    for name, level in (("sqlalchemy.engine", logging.INFO), ("sqlalchemy.pool", logging.ERROR)):
        logging.getLogger(name).log(level, "said")
    assert [line["logger"] for line in lines(stream)] == ["sqlalchemy.pool"]


def test_each_record_is_written_once_though_the_server_set_its_loggers_up_before() -> None:
    import uvicorn.config

    stream = io.StringIO()
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
    configure_logs("json", stream)
    logging.getLogger("uvicorn.error").info("once")
    assert [line["event"] for line in lines(stream)] == ["once"]


def test_errors_that_nobody_awaits_are_told_without_their_message() -> None:
    stream = io.StringIO()
    configure_logs("json", stream)

    async def lose() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(log_lost_errors)
        future = loop.create_future()
        future.set_exception(failing())
        del future

    asyncio.run(lose())
    assert MARK not in stream.getvalue()
    [line] = lines(stream)
    assert line["event"] == "outside of any request: Future exception was never retrieved"
    assert line["error"].startswith("ValueError")


def test_a_bug_is_logged_with_its_request() -> None:
    stream = io.StringIO()
    configure_logs("json", stream)

    def fail(_scope: object) -> None:
        raise failing()

    app = Observing(DiscreetBugs(answering(look=fail)), metrics=Metrics(), logged_from=LOGGED_FROM["errors"])
    assert ask(app, f"/{MARK}", traceparent=TRACEPARENT)["status"] == 500
    bug, request = lines(stream)
    assert MARK not in stream.getvalue()
    assert bug["event"].startswith("a bug, please report it: ValueError")
    assert bug["request_id"] == request["request_id"]
    assert bug["trace_id"] == request["trace_id"] == TRACE
    assert request["status"] == 500


# --- a real service -----------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_service_logs_json_with_a_line_for_each_request_and_none_of_its_text(start: Start, workers: str) -> None:
    served = start("--workers", workers, FALSETRUE_LOG_REQUESTS="all")
    headers = {"x-request-id": "mine-1", "traceparent": TRACEPARENT, "user-agent": MARK, "x-api-key": MARK}
    items = [{"id": f"{MARK}-id", "text": f"{MARK} text", "title": MARK}]
    answered = [
        served.client.post(f"{V1}?q={MARK}", json={"items": items}, headers=headers),
        served.client.post(LEGACY, content=f'{{"texts":["{MARK}"', headers=headers),
        served.client.get(f"/{MARK}", headers=headers),
        served.client.post(V1, json={"items": [], "policy": MARK, MARK: 1}, headers=headers),
    ]
    assert [answer.headers["x-request-id"] for answer in answered] == ["mine-1"] * 4
    wait_until(lambda: served.log.count('"mine-1"') >= 4, "a line for each")
    assert MARK not in served.log
    said = [json.loads(line) for line in served.log.splitlines() if not line.startswith("falsetrue: ")]
    requests = [line for line in said if line.get("request_id") == "mine-1"]
    assert [line["status"] for line in requests] == [answer.status_code for answer in answered]
    assert [line["route"] for line in requests] == [V1, LEGACY, "none", V1]
    assert {line["trace_id"] for line in requests} == {TRACE}


def test_a_service_says_text_where_that_is_wanted_and_nothing_of_requests_where_it_is_not(start: Start) -> None:
    served = start(FALSETRUE_LOG_FORMAT="text")
    served.client.get("/nothing", headers={"x-request-id": "mine-2"})
    served.stop()
    assert "INFO     Uvicorn running on http://" in served.log
    assert "mine-2" not in served.log
