"""Measures the exchanges with a provider, and records a span for each if requests are traced."""

import time
from typing import TYPE_CHECKING

import msgspec

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.telemetry.metrics import Metrics
from ordergate.transport.guards import Sender

if TYPE_CHECKING:
    from ordergate.telemetry.tracing import ProviderSpan, Tracing


class ObservedSender:
    """A measured transport to one base URL; requests that the guards refuse never get here."""

    def __init__(self, sender: Sender, metrics: Metrics, tracing: "Tracing | None") -> None:
        """Watch a way; without `tracing` it is only timed."""
        self._sender = sender
        self._metrics = metrics
        self._tracing = tracing

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Send one request, as :meth:`ordergate.gateway.runtime.ports.Transport.send`."""
        started = time.perf_counter()
        try:
            if self._tracing is None:
                return await self._sender.send(account, request)
            with self._tracing.exchange(account.name, account.adapter.name, request) as span:
                return await self._send_traced(account, request, span)
        finally:
            self._metrics.provider_call(account.name, time.perf_counter() - started)

    async def close(self) -> None:
        """Close every connection."""
        await self._sender.close()

    async def _send_traced(
        self, account: Account, request: WireRequest, span: "ProviderSpan"
    ) -> WireResponse:
        if account.trace_context:
            request = msgspec.structs.replace(request, headers=(*request.headers, *span.headers))
        try:
            response = await self._sender.send(account, request)
        except TransportError as error:
            span.failed(error.sent)
            raise
        span.answered(response.status)
        return response
