"""OpenTelemetry: a span for each request, each exchange with a provider and each wait for the journal.

Only this file imports OpenTelemetry, and only ``[server] tracing`` imports this file. The standard variables, such as
``OTEL_EXPORTER_OTLP_ENDPOINT``, set the destination of spans. A span contains names, states and the gateway's own ids:
no body, no raw URL, no foreign id.

Litestar's own plugin is not used: it names spans by the address as it was called, ids and all, and ends before the
outermost layer has answered.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import structlog
from opentelemetry import context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, StatusCode, format_trace_id, set_span_in_context, use_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ordergate.domain.identifiers import is_id
from ordergate.spi.wire import Headers, WireRequest
from ordergate.telemetry.log import CallFacts, bind, bound, current_call
from ordergate.telemetry.metrics import METHODS

CLOSE_SECONDS = 2.0
"""How long the last spans may take at the end; its own limit would be half a minute."""

_W3C = TraceContextTextMapPropagator()
_INCOMING = frozenset({b"traceparent", b"tracestate"})


def exporting() -> "Tracing":
    """Return a tracer that sends spans by OTLP over HTTP, as the standard ``OTEL_…`` variables configure."""
    _log_as_we_do()
    attributes = {SERVICE_VERSION: version("ordergate")}
    if "OTEL_SERVICE_NAME" not in os.environ and SERVICE_NAME not in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    ):
        attributes[SERVICE_NAME] = "ordergate"
    provider = TracerProvider(resource=Resource.create(attributes), shutdown_on_exit=False)
    exporter = OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return Tracing(provider, exporter)


class Tracing:
    """Makes the spans of one gateway."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter) -> None:
        """Hand spans to a provider, and it to an exporter; both are closed at the end."""
        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("ordergate", version("ordergate"))

    def begin_request(self, scope: Any, facts: CallFacts) -> "RequestSpan":
        """Start the span of a request in its caller's trace; later spans of this task are within it."""
        carrier = {
            name.decode("latin-1").lower(): value.decode("latin-1")
            for name, value in scope["headers"]
            if name.lower() in _INCOMING
        }
        parent = _W3C.extract(carrier, context.Context())
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        span = self._tracer.start_span(method, parent, SpanKind.SERVER, {"http.request.method": method})
        facts.spans = self
        return RequestSpan(span, method, scope)

    @contextmanager
    def work(self, name: str, facts: CallFacts) -> Iterator[None]:
        """Start the span of background work in a trace of its own; later spans of this task are within it."""
        facts.spans = self
        with (
            self._tracer.start_as_current_span(
                name, context.Context(), record_exception=False, set_status_on_exception=False
            ) as span,
            bound(trace_id=format_trace_id(span.get_span_context().trace_id)),
        ):
            yield
            span.set_attributes(_ids(facts.operation, facts.order))

    @contextmanager
    def exchange(self, account: str, adapter: str, request: WireRequest) -> Iterator["ProviderSpan"]:
        """Make the span of one exchange with a provider."""
        facts = current_call.get()
        attributes: dict[str, str | bool] = {
            "http.request.method": request.method,
            "ordergate.account": account,
            "ordergate.adapter": adapter,
            "ordergate.acts": request.acts,
            **(_ids(facts.operation, facts.order) if facts is not None else {}),
        }
        name = f"{request.method} {adapter}"
        span = self._tracer.start_span(name, kind=SpanKind.CLIENT, attributes=attributes)
        # The text of an exception may quote the request.
        with use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            yield ProviderSpan(span)

    def journal(self, work: str, seconds: float) -> None:
        """Record a finished span."""
        ended = time.time_ns()
        span = self._tracer.start_span(f"journal {work}", start_time=ended - round(seconds * 1e9))
        span.end(ended)

    def close(self) -> None:
        """Send the waiting spans, for `CLOSE_SECONDS` at most, and stop."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)
        if ending.is_alive():
            self._exporter.shutdown()  # ends its waiting for another try
            ending.join(CLOSE_SECONDS / 4)


class RequestSpan:
    """The span of one request, from its first byte to its answer's last."""

    def __init__(self, span: Span, method: str, scope: Any) -> None:
        """Make it the current one."""
        self._span = span
        self._method = method
        self._scope = scope
        self._token = context.attach(set_span_in_context(span))
        bind(trace_id=format_trace_id(span.get_span_context().trace_id))

    def end(self, route: str | None, status: int, facts: CallFacts) -> None:
        """Record the request and its status; 0 if the caller disconnected before."""
        given: Mapping[str, Any] = self._scope.get("path_params") or {}
        attributes: dict[str, str | int] = {
            "ordergate.configuration": facts.configuration,
            **_ids(facts.operation or given.get("operation_id"), facts.order or given.get("order_id")),
        }
        if is_id(facts.request_id, "req"):  # a caller's own may be anything
            attributes["ordergate.request_id"] = facts.request_id
        if route is not None:
            attributes["http.route"] = route
            self._span.update_name(f"{self._method} {route}")
        if status:
            attributes["http.response.status_code"] = status
        if facts.account is not None:
            attributes["ordergate.account"] = facts.account
        self._span.set_attributes(attributes)
        if status >= 500 or not status:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
        context.detach(self._token)


class ProviderSpan:
    """The span of one exchange with a provider."""

    def __init__(self, span: Span) -> None:
        """Begin with nothing known."""
        self._span = span

    @property
    def headers(self) -> Headers:
        """The W3C context, for a provider that gets it."""
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(self._span))
        return tuple(carrier.items())

    def answered(self, status: int) -> None:
        """Note the answer's status."""
        self._span.set_attribute("http.response.status_code", status)
        if status >= 400:
            self._span.set_status(StatusCode.ERROR)

    def failed(self, sent: str) -> None:
        """Record that no complete response arrived, and whether the request may have arrived."""
        self._span.set_attribute("ordergate.sent", sent)
        self._span.set_status(StatusCode.ERROR)


def _ids(operation: Any, order: Any) -> dict[str, str]:
    """The gateway's own ids; a caller's invented value is not shown."""
    found: dict[str, str] = {}
    if isinstance(operation, str) and is_id(operation, "op"):
        found["ordergate.operation"] = operation
    if isinstance(order, str) and is_id(order, "ord"):
        found["ordergate.order"] = order
    return found


class _Forward(logging.Handler):
    """Brings OpenTelemetry's own complaints into the log, in its form.

    Only the type of an exception is logged: its text contains the collector's URL, which may contain a token.
    """

    def emit(self, record: logging.LogRecord) -> None:
        given = record.args if isinstance(record.args, tuple) else ()
        shown = tuple(type(each).__name__ if isinstance(each, Exception) else each for each in given)
        error = record.msg % shown if shown else record.msg
        structlog.get_logger("ordergate.telemetry.tracing").warning("tracing.failed", error=str(error))


def _log_as_we_do() -> None:
    logger = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, _Forward) for handler in logger.handlers):
        logger.addHandler(_Forward(logging.WARNING))
        logger.propagate = False
