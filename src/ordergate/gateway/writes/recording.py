"""Sends an attempt's requests, and notes what was said: the receipt is made of it when somebody reads it."""

import time

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.registry import adapter_version
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Gateway
from ordergate.journal.records.exchanges import ANSWER_KEPT, Exchange
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.telemetry.redaction import MASK, redact_headers, redact_json


class Recorded:
    """The way to one account for one attempt.

    Attributes:
        exchanges: What was said, in order. It holds no secret: the transport alone signs.
    """

    def __init__(self, gateway: Gateway, account: Account, attempt: int) -> None:
        """Begin with nothing said."""
        self._gateway = gateway
        self._account = account
        self._attempt = attempt
        self.exchanges: list[Exchange] = []

    async def send(self, request: WireRequest) -> WireResponse:
        """Send one request, and return the answer.

        Raises:
            TransportError: No whole answer came.
        """
        started_at, began = self._gateway.clock(), time.perf_counter()
        response: WireResponse | None = None
        reason: str | None = None
        left = True
        try:
            response = await self._gateway.transport.send(self._account, request)
        except TransportError as error:
            reason, left = error.reason, error.sent != "no"
            raise
        finally:
            answer = b"" if response is None else response.body
            exchange = Exchange(
                attempt=self._attempt,
                account=self._account.name,
                adapter=self._account.adapter.name,
                configuration=self._gateway.configuration.hash,
                adapter_version=adapter_version(self._account.adapter.name),
                method=request.method,
                path=request.path,
                headers=redact_headers(dict(request.headers)),
                body=_kept_body(request) if left else b"",
                acts=request.acts,
                notices=request.notices,
                started_at=started_at,
                milliseconds=round((time.perf_counter() - began) * 1000, 1),
                status=None if response is None else response.status,
                answer_headers={} if response is None else redact_headers(response.headers),
                answer=_kept_answer(redact_json(answer) if request.confidential and answer else answer),
                error=reason,
            )
            self.exchanges.append(exchange)
        return response


def _kept_body(request: WireRequest) -> bytes:
    return MASK.encode() if request.confidential else request.body


def _kept_answer(answer: bytes) -> bytes:
    if len(answer) <= ANSWER_KEPT:
        return answer
    return answer[:ANSWER_KEPT] + f" … cut off here; the answer has {len(answer)} bytes".encode()
