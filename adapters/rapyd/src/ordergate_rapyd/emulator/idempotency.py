"""The ``idempotency`` header, for an account whose orders honour it.

Source: Rapyd docs, "Idempotency". By default only payments that are created directly are protected, never
orders. On request all POST requests are. Then only the value of the header counts, not the path or the body.
"""

from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse
from ordergate.spi.emulator_toolkit.idempotency import IdempotencyStore, StoredResponse
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.switches import Switches


class IdempotencyKeys:
    """The first response to each value of the header, per access key."""

    def __init__(self) -> None:
        self._store = IdempotencyStore[tuple[str, str]]()

    def find_response(
        self, request: EmulatedRequest, now: float, switches: Switches
    ) -> EmulatedResponse | None:
        """Return the first response again, or None if this is the first request.

        Raises:
            RefusedError: The account refuses retries.
        """
        if not _applies(request, switches):
            return None
        stored = self._store.find(_key(request), now, switches.idempotency_seconds)
        if stored is None:
            return None
        if switches.idempotency == "reject":
            raise RefusedError("IDEMPOTENCY_ERROR")
        return stored.response

    def store(
        self, request: EmulatedRequest, response: EmulatedResponse, now: float, switches: Switches
    ) -> None:
        """Store the response to a first request."""
        failed = response.status != 200
        if _applies(request, switches) and (switches.idempotency_remembers_errors or not failed):
            self._store.store(_key(request), StoredResponse(now, request.body, response))


def _applies(request: EmulatedRequest, switches: Switches) -> bool:
    honoured = switches.idempotency != "payments_only" and request.method == "POST"
    return honoured and bool(request.headers.get("idempotency"))


def _key(request: EmulatedRequest) -> tuple[str, str]:
    return request.headers["access_key"], request.headers["idempotency"]
