import gzip
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.service.conftest import MARK
from tests.service.test_observing import PARENT, TRACE, TRACEPARENT, answering, ask

from falsetrue.access.principal import Kind, Principal
from falsetrue.errors import MissingExtraError
from falsetrue.service import spans as module
from falsetrue.service.facts import facts_of, read_facts
from falsetrue.service.metrics import Metrics
from falsetrue.service.observing import Observing
from falsetrue.service.spans import Spans, part_of, wants_spans

pytest.importorskip("opentelemetry.sdk")


@dataclass
class Collector:
    """A collector that keeps what it is told."""

    port: int
    bodies: list[bytes] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    @property
    def spans(self) -> dict[str, Any]:
        """By their name."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        found = {}
        for body in self.bodies:
            for told in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in told.scope_spans:
                    found.update({span.name: span for span in scope.spans})
        return found

    @property
    def resource(self) -> dict[str, str]:
        """What all spans have in common."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        [told] = ExportTraceServiceRequest.FromString(self.bodies[0]).resource_spans
        return attributes(told.resource)


def attributes(told: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in told.attributes}


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A real one, over HTTP, that the environment names."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.bodies.append(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            kept.paths.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    kept = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{kept.port}")
    monkeypatch.setenv("NO_PROXY", "*")
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def spans(collector: Collector) -> Iterator[Spans]:
    """Told to the collector."""
    assert wants_spans(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{collector.port}"})
    made = Spans()
    made.open()
    yield made
    made.close()


def test_a_request_and_its_parts_reach_the_collector(spans: Spans, collector: Collector) -> None:
    def look(scope: Any) -> None:
        facts = facts_of(scope)
        facts.principal = Principal(kind=Kind.KEY, id="k7", name="desk", scopes=frozenset())
        facts.code = "journal_unavailable"
        with part_of(facts, "score", items=3):
            pass

    app = Observing(answering(503, look), metrics=Metrics(), spans=spans, paths={"/v1/classifications"})
    said = ask(app, "/v1/classifications", "POST", traceparent=TRACEPARENT, x_request_id="mine", authorization=MARK)
    spans.close()
    request, score = collector.spans["POST /v1/classifications"], collector.spans["score"]
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert (score.trace_id, score.parent_span_id) == (request.trace_id, request.span_id)
    assert said["headers"][b"traceresponse"].decode() == f"00-{TRACE}-{request.span_id.hex()}-01"
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.route": "/v1/classifications",
        "http.response.status_code": 503,
        "falsetrue.request_id": "mine",
        "falsetrue.key_id": "k7",
        "error.type": "journal_unavailable",
    }
    assert (request.kind, request.status.code) == (2, 2)  # server, error
    assert attributes(score) == {"items": 3}
    assert collector.resource["service.name"] == "falsetrue"
    assert collector.paths[0] == "/v1/traces"
    assert not any(MARK.encode() in body for body in collector.bodies)


def test_without_a_caller_s_trace_one_begins_and_is_named_in_the_answer(spans: Spans, collector: Collector) -> None:
    said = ask(Observing(answering(), metrics=Metrics(), spans=spans))
    spans.close()
    [span] = collector.spans.values()
    assert span.parent_span_id == b""
    assert said["headers"][b"traceresponse"].decode().startswith(f"00-{span.trace_id.hex()}-{span.span_id.hex()}-")


def test_what_a_caller_does_not_record_is_not_told(spans: Spans, collector: Collector) -> None:
    ask(Observing(answering(), metrics=Metrics(), spans=spans), traceparent=f"00-{TRACE}-{PARENT}-00")
    spans.close()
    assert collector.spans == {}


def test_an_error_within_a_part_is_told_without_its_message(spans: Spans, collector: Collector) -> None:
    facts = read_facts([])
    spans.begin(facts, "POST")
    with pytest.raises(ValueError, match=MARK), part_of(facts, "score"):
        raise ValueError(MARK)
    assert facts.span is not None
    facts.span.end(facts, "POST", "/")
    spans.close()
    assert set(collector.spans) == {"score", "POST /"}
    assert not any(MARK.encode() in body for body in collector.bodies)


def test_a_collector_that_is_away_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "*")
    spans = Spans()
    spans.open()
    app = Observing(answering(), metrics=Metrics(), spans=spans)
    assert ask(app)["status"] == 200
    begun = time.monotonic()
    spans.close()
    assert time.monotonic() - begun < 10


def test_where_spans_are_off_a_part_is_nothing() -> None:
    facts = read_facts([])
    Spans().begin(facts, "GET")  # not open yet
    with part_of(facts, "score"):
        assert facts.span is None


@pytest.mark.parametrize(
    ("setting", "environment", "wanted"),
    [
        (None, {}, False),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, True),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, True),
        (False, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, False),
        (True, {}, True),
    ],
)
def test_spans_are_wanted_by_the_setting_or_where_a_collector_is_named(
    *, setting: bool | None, environment: dict[str, str], wanted: bool
) -> None:
    assert wants_spans(setting, environment) == wanted


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    assert not wants_spans(None, {})
    with pytest.raises(MissingExtraError, match=r"\[otel\]"):
        wants_spans(setting=True, environment={})
