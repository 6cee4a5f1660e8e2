"""Traces as a collector gets them: whose they are, what is in them, and what is not."""

import json
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from structlog.testing import capture_logs
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import (
    Command,
    Emulator,
    Shop,
    body_of,
    eventually,
    free_port,
    open_shop,
    plain_client,
    prepare_store,
    problem_of,
    write_config,
)

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
CALLERS = {"x-request-id": "jane-1001", "traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "shop=1"}
PAY = {"method": "POST", "path": "*/pay"}


class Collector:
    """Takes spans by OTLP over HTTP, and keeps them as they came."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.received.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=lambda: self._server.serve_forever(0.01), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for body in self.received
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    @property
    def services(self) -> set[str]:
        return {
            attribute.value.string_value
            for body in self.received
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for attribute in resource.resource.attributes
            if attribute.key == "service.name"
        }


@pytest.fixture
def collector() -> Iterator[Collector]:
    made = Collector()
    yield made
    made.close()


def attributes(span: Span) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
        for each in span.attributes
    }


def serve_traced(start: Start, config: Path, endpoint: str) -> Command:
    return start(
        "serve",
        "--config",
        str(config),
        "--port",
        "0",
        "--announce",
        "--stop-with-stdin",
        ORDERGATE_SERVER_TRACING="true",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_BSP_SCHEDULE_DELAY="50",
    )


async def test_a_request_and_its_exchanges_are_one_trace(
    start: Start, emulators: Mapping[str, Emulator], tmp_path: Path, collector: Collector
) -> None:
    """The caller's trace goes on: a server span, a client span for each exchange, the journal's; ids are ours only."""
    provider, emulator = min(emulators.items())
    config = write_config(tmp_path, emulators)
    key, _ = await prepare_store(config, emulators)
    server = serve_traced(start, config, collector.url)
    async with plain_client() as client:
        shop = Shop(server.line(), key, provider, emulator, client, config)
        draft = shop.draft(
            customer={"id": "cust-42", "email": "jane@example.com"}, reference="ref-1", notes="call Jane"
        )
        order = body_of(await shop.create(draft, headers=CALLERS), 201)
        emulator.faults({"match": PAY, "do": "html", "status": 400, "times": 1})
        problem_of(await shop.pay(order), 422, "provider_rejected")
        problem_of(await shop.get("/v1/orders/jane@example.com"), 404, "not_found")
    assert server.end() == 0

    created = [span for span in collector.spans if span.trace_id.hex() == TRACE]
    (request,) = [span for span in created if span.kind == Span.SPAN_KIND_SERVER]
    assert request.name == "POST /v1/orders"
    assert (request.parent_span_id.hex(), request.trace_state) == (PARENT, "shop=1")
    facts = attributes(request)
    assert facts["http.route"] == "/v1/orders"
    assert facts["http.response.status_code"] == 201
    assert facts["ordergate.account"] == provider
    assert facts["ordergate.order"] == order["id"]
    assert facts["ordergate.operation"].startswith("op_")
    (exchange,) = [span for span in created if span.kind == Span.SPAN_KIND_CLIENT]
    assert exchange.parent_span_id == request.span_id
    assert exchange.name == f"POST {provider}"
    assert attributes(exchange) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "ordergate.account": provider,
        "ordergate.adapter": provider,
        "ordergate.acts": True,
        "ordergate.operation": facts["ordergate.operation"],
        "ordergate.order": order["id"],
    }
    assert {"journal read", "journal write"} <= {span.name for span in created}
    assert all(span.start_time_unix_nano <= span.end_time_unix_nano for span in created)
    failed = [span for span in collector.spans if span.status.code == Status.STATUS_CODE_ERROR]
    assert [(span.name, span.kind) for span in failed] == [(f"POST {provider}", Span.SPAN_KIND_CLIENT)]
    assert collector.services == {"ordergate"}
    everything = b"".join(collector.received)
    for told in (
        "jane",
        "Jane",
        "cust-42",
        "CHAIR",
        "ref-1",
        key,
        emulator.customer,
        order["provider_order_id"],
    ):
        assert told.encode() not in everything, told
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    traced = [line for line in lines if line.get("trace_id") == TRACE]
    assert {line["event"] for line in traced} == {
        "request",
        "provider.attempt",
        "operation.settled",
        "order.status",
    }


async def test_a_collector_that_is_away_disturbs_nobody(
    monkeypatch: pytest.MonkeyPatch, emulators: Mapping[str, Emulator], tmp_path: Path
) -> None:
    """Requests go on, the log says what fails without the address, and the end does not wait for long."""
    address = f"http://127.0.0.1:{free_port()}/token-in-an-address"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    monkeypatch.setattr("ordergate.telemetry.tracing.CLOSE_SECONDS", 0.1)
    config = write_config(tmp_path, emulators, server={"tracing": True})
    with capture_logs() as lines:
        async with open_shop(config, emulators, min(emulators)) as shop:
            body_of(await shop.create(), 201)
            await eventually(lambda: "tracing.failed" in [line["event"] for line in lines])
            ended = time.monotonic()

    assert time.monotonic() - ended < 20  # OpenTelemetry itself would wait for half a minute
    assert "token-in-an-address" not in str(lines)


async def test_nothing_is_traced_unless_asked_for(shop: Shop) -> None:
    """Without ``tracing`` a caller's trace is not taken up."""
    assert shop.gateway is not None
    assert shop.gateway.tracing is None
    body_of(await shop.create(headers=CALLERS), 201)


async def test_a_provider_that_is_told_of_the_trace_takes_the_request(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, open_another: OpenShop
) -> None:
    """With ``trace_context`` the request carries one more header, and its signature still holds."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    shop = await open_another(server={"tracing": True}, account={"trace_context": True})

    order = await shop.paid_order()

    receipt = body_of(await shop.get(f"/v1/orders/{order['id']}/receipt"), 200)
    assert "traceparent" not in json.dumps(receipt)


async def test_a_strange_context_is_no_error(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, open_another: OpenShop
) -> None:
    """A context that makes no sense begins a trace of its own."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    shop = await open_another(server={"tracing": True})
    for sent in ("", "00-zz-zz-01", f"00-{'0' * 32}-{PARENT}-01", "x" * 5000):
        body_of(await shop.call("GET", "/v1/orders", headers={"traceparent": sent}), 200)

    def requests() -> list[Span]:
        return [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]

    await eventually(lambda: len(requests()) == 4)
    assert {span.parent_span_id for span in requests()} == {b""}
    assert len({span.trace_id for span in requests()}) == 4


async def test_work_in_the_background_is_a_trace_of_its_own(
    collector: Collector, monkeypatch: pytest.MonkeyPatch, open_another: OpenShop
) -> None:
    """What recovery reads at a provider and in the journal stands under one span, with the ids of what it is about."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")
    shop = await open_another(server={"tracing": True, "idempotency_wait": 0}, recovers=True)
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "at": "after", "do": "drop"})
    operation = problem_of(await shop.pay(order), 504, "outcome_unknown")["operation"]
    await shop.settled(operation)

    def works() -> list[Span]:
        return [span for span in collector.spans if span.name == "recovery"]

    await eventually(lambda: bool(works()))
    work = works()[-1]
    ids = {"ordergate.operation": operation, "ordergate.order": order["id"]}
    assert work.parent_span_id == b""
    assert attributes(work) == ids
    within = [span for span in collector.spans if span.trace_id == work.trace_id and span != work]
    exchanges = [span for span in within if span.kind == Span.SPAN_KIND_CLIENT]
    assert exchanges
    assert all(ids.items() <= attributes(span).items() for span in exchanges)
    assert {"journal read", "journal write"} & {span.name for span in within}
