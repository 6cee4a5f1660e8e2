"""What is watched of an exchange with a provider, and what the provider is told of it."""

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from tests.unit.transport.conftest import NOW, account

from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.metrics import Metrics
from ordergate.telemetry.tracing import Tracing
from ordergate.transport.engine import HttpxEngine
from ordergate.transport.http import HttpTransport
from ordergate.transport.observed import ObservedSender

POST = WireRequest(method="POST", path="/orders", body=b'{"a":1}', acts=True)


class Watched:
    """A watched way to a provider that answers with one status, or not at all."""

    def __init__(self, status: int | None, *, traced: bool = True) -> None:
        self.got: list[httpx.Request] = []
        self._status = status
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.metrics = Metrics()
        engine = HttpTransport(lambda: NOW, HttpxEngine(httpx.MockTransport(self._answer)))
        self.sender = ObservedSender(
            engine, self.metrics, Tracing(provider, self._exporter) if traced else None
        )

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self._exporter.get_finished_spans()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.got.append(request)
        if self._status is None:
            raise httpx.ReadError("token-in-a-message")
        return httpx.Response(self._status)


async def test_the_provider_is_told_only_where_that_is_configured() -> None:
    """One header in the W3C's form, which names the span of this exchange; without ``trace_context`` none."""
    watched = Watched(200)

    await watched.sender.send(account(), POST)
    await watched.sender.send(account(trace_context=True), POST)

    silent, told = watched.got
    span = watched.spans[1].get_span_context()
    assert span is not None
    assert "traceparent" not in silent.headers
    ids, _, _flags = told.headers["traceparent"].rpartition("-")
    assert ids == f"00-{span.trace_id:032x}-{span.span_id:016x}"
    assert told.content == silent.content == POST.body


async def test_nothing_is_told_where_nothing_is_traced() -> None:
    """``trace_context`` alone sends nothing."""
    watched = Watched(200, traced=False)

    await watched.sender.send(account(trace_context=True), POST)

    assert "traceparent" not in watched.got[0].headers


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, {"http.response.status_code": 201}),
        (503, {"http.response.status_code": 503}),
        (None, {"ordergate.sent": "maybe"}),
    ],
)
async def test_what_came_of_it_stands_in_the_span_and_in_the_histogram(
    status: int | None, expected: dict[str, object]
) -> None:
    """The answer's status, or whether the request may have arrived; never what an exception says."""
    watched = Watched(status)

    if status is None:
        with pytest.raises(TransportError):
            await watched.sender.send(account(), POST)
    else:
        await watched.sender.send(account(), POST)

    (span,) = watched.spans
    assert expected.items() <= dict(span.attributes or {}).items()
    assert (span.status.status_code is StatusCode.ERROR) == (status != 201)
    assert span.status.description is None
    assert span.events == ()
    assert (
        b'ordergate_provider_call_duration_seconds_count{account="plain"} 1.0' in watched.metrics.exposition()
    )
