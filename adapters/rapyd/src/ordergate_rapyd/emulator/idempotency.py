"""The effect of the ``idempotency`` header, in an account that uses it for orders.

Facts: Rapyd docs, "Idempotency": by default only payments that are created directly are protected, never orders. On
    request all POST requests are; then only the value of the header counts, not the path and the body.
"""

import msgspec

from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.switches import Switches


class _Answer(msgspec.Struct, frozen=True):
    response: EmulatedResponse
    given: float


class Memory:
    """Remembers the first answer to each value of the header, per access key."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], _Answer] = {}

    def recall(self, request: EmulatedRequest, now: float, switches: Switches) -> EmulatedResponse | None:
        """Return the first answer again, or None when this is the first request.

        Raises:
            RefusedError: Repeated requests are refused.
        """
        answer = self._answers.get(_key(request)) if _applies(request, switches) else None
        if answer is None or now - answer.given >= switches.idempotency_seconds:
            return None
        if switches.idempotency == "reject":
            raise RefusedError("IDEMPOTENCY_ERROR")
        return answer.response

    def remember(
        self, request: EmulatedRequest, response: EmulatedResponse, now: float, switches: Switches
    ) -> None:
        """Keep the answer to a first request."""
        failed = response.status != 200
        if _applies(request, switches) and (switches.idempotency_remembers_errors or not failed):
            self._answers[_key(request)] = _Answer(response, now)


def _applies(request: EmulatedRequest, switches: Switches) -> bool:
    heeded = switches.idempotency != "payments_only" and request.method == "POST"
    return heeded and bool(request.headers.get("idempotency"))


def _key(request: EmulatedRequest) -> tuple[str, str]:
    return request.headers["access_key"], request.headers["idempotency"]
