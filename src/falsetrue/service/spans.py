"""◆ What requests consist of, and how long it takes, told to an OpenTelemetry collector; an extra, mostly off.

Spans carry routes, counts and codes; never a text, a path, a query or a credential.
"""

import os
import threading
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from falsetrue import __version__
from falsetrue.errors import MissingExtraError
from falsetrue.service.facts import RequestFacts, Trace

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

#: Variables of OpenTelemetry that name a collector.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
#: Seconds that a process which ends waits for the collector.
_LAST_SECONDS = 2.0
_SERVER_ERROR = 500
_NOTHING: AbstractContextManager[object] = nullcontext()


def wants_spans(setting: bool | None, environment: Mapping[str, str]) -> bool:  # noqa: FBT001 - a setting
    """Whether spans are to be told: as the setting says; else where a collector is named.

    Raises :class:`MissingExtraError` where they are and cannot be.
    """
    wanted = any(environment.get(name) for name in _ENDPOINTS) if setting is None else setting
    if wanted and (find_spec("opentelemetry") is None or find_spec("opentelemetry.sdk") is None):
        raise MissingExtraError("telling spans to an OpenTelemetry collector", "otel")
    return wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenSpan:
    """The span of a request that is being answered."""

    span: "Span"
    inside: "Context"
    tracer: "Tracer"

    def part(self, name: str, attributes: Mapping[str, int]) -> AbstractContextManager[object]:
        """A span of a part of it, from here to the end of the block."""
        return self.tracer.start_as_current_span(
            name,
            self.inside,
            attributes=attributes,
            # An error's message may hold what was sent.
            record_exception=False,
            set_status_on_exception=False,
        )

    def end(self, facts: RequestFacts, method: str, route: str) -> None:
        """The request is answered."""
        from opentelemetry.trace import StatusCode  # noqa: PLC0415

        self.span.update_name(f"{method} {route}")
        said: dict[str, Any] = {
            "http.route": route,
            "http.response.status_code": facts.status,
            "falsetrue.request_id": facts.request_id,
            "falsetrue.key_id": facts.key_id,
            "error.type": facts.code,
        }
        self.span.set_attributes({name: value for name, value in said.items() if value is not None})
        if facts.status >= _SERVER_ERROR:
            self.span.set_status(StatusCode.ERROR)
        self.span.end()


def part_of(facts: RequestFacts, name: str, **attributes: int) -> AbstractContextManager[object]:
    """While the block lasts, a part of a request, as scoring; nothing where spans are off. Attributes are counts."""
    return _NOTHING if facts.span is None else facts.span.part(name, attributes)


class Spans:
    """Tells spans, in one process, once it is opened."""

    def __init__(self) -> None:
        self._tracer: Tracer | None = None
        self._provider: TracerProvider | None = None

    def open(self) -> None:
        """Begin. What this imports takes long; to be called in a thread, and after the process was forked."""
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        about: dict[str, str | int] = {"service.version": __version__, "process.pid": os.getpid()}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            about["service.name"] = "falsetrue"
        # Not at exit: there it would wait half a minute for a collector that is away.
        provider = TracerProvider(resource=Resource.create(about), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._provider, self._tracer = provider, provider.get_tracer("falsetrue", __version__)

    def close(self) -> None:
        """Tell what is left, for at most two seconds; nothing where it was never opened."""
        if self._provider is not None:
            ending = threading.Thread(target=self._provider.shutdown, daemon=True)
            ending.start()
            ending.join(_LAST_SECONDS)

    def begin(self, facts: RequestFacts, method: str) -> None:
        """A request has arrived; where it names no trace, one begins."""
        if self._tracer is None:
            return
        from opentelemetry.trace import SpanKind, set_span_in_context  # noqa: PLC0415

        span = self._tracer.start_span(
            method, _caller(facts.trace), SpanKind.SERVER, {"http.request.method": method}, start_time=time.time_ns()
        )
        context = span.get_span_context()
        parent_id = "" if facts.trace is None else facts.trace.parent_id
        trace_id, span_id, flags = f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags:02x}"
        facts.trace = Trace(trace_id, parent_id, flags, span_id)
        facts.span = OpenSpan(span=span, inside=set_span_in_context(span), tracer=self._tracer)


def _caller(trace: Trace | None) -> "Context":
    """Of whom a request's span is a part; the process's own current span is none of ours."""
    from opentelemetry.context import Context  # noqa: PLC0415
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context  # noqa: PLC0415

    if trace is None:
        return Context()
    flags = TraceFlags(int(trace.flags, 16))
    caller = SpanContext(int(trace.trace_id, 16), int(trace.parent_id, 16), is_remote=True, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(caller), Context())
