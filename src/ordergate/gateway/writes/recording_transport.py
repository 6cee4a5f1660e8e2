"""Sends the requests of one attempt and records each exchange; receipts and the console show them."""

import time

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.registry import adapter_version
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal.records.exchanges import ANSWER_KEPT, Exchange
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.telemetry.redaction import MASK, redact_headers, redact_json


class RecordingTransport:
    """The transport to one account for one attempt.

    Attributes:
        exchanges: The recorded exchanges, in order. They contain no secret: only the transport behind this one signs.
    """

    def __init__(self, runtime: Runtime, account: Account, attempt: int) -> None:
        """Start without exchanges."""
        self._runtime = runtime
        self._account = account
        self._attempt = attempt
        self.exchanges: list[Exchange] = []

    async def send(self, request: WireRequest) -> WireResponse:
        """Send one request, and return the response.

        Raises:
            TransportError: No complete response arrived.
        """
        started_at, start = self._runtime.clock(), time.perf_counter()
        response: WireResponse | None = None
        reason: str | None = None
        sent = True
        try:
            response = await self._runtime.transport.send(self._account, request)
        except TransportError as error:
            reason, sent = error.reason, error.sent != "no"
            raise
        finally:
            answer = b"" if response is None else response.body
            exchange = Exchange(
                attempt=self._attempt,
                account=self._account.name,
                adapter=self._account.adapter.name,
                configuration=self._runtime.configuration.hash,
                adapter_version=adapter_version(self._account.adapter.name),
                method=request.method,
                path=request.path,
                headers=redact_headers(dict(request.headers)),
                body=_stored_body(request) if sent else b"",
                acts=request.acts,
                notices=request.notices,
                started_at=started_at,
                milliseconds=round((time.perf_counter() - start) * 1000, 1),
                status=None if response is None else response.status,
                answer_headers={} if response is None else redact_headers(response.headers),
                answer=_stored_answer(redact_json(answer) if request.confidential and answer else answer),
                error=reason,
            )
            self.exchanges.append(exchange)
        return response


def _stored_body(request: WireRequest) -> bytes:
    return MASK.encode() if request.confidential else request.body


def _stored_answer(answer: bytes) -> bytes:
    if len(answer) <= ANSWER_KEPT:
        return answer
    return answer[:ANSWER_KEPT] + f" … cut off here; the answer has {len(answer)} bytes".encode()
