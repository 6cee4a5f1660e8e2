"""One request inside the emulator, its effects, and its response."""

from typing import Any

import msgspec

from ordergate.spi.emulator import EmulatedRequest


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """The cause of a change and its events.

    Attributes:
        now: Unix time in seconds.
        request_id: The `req_...` of the request; None without a request.
        idempotency_key: As the request sent it; events repeat it (Events API in OpenAPI).
    """

    now: float
    request_id: str | None = None
    idempotency_key: str | None = None


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authenticated request to a known route.

    Attributes:
        request: As it arrived.
        cause: Its time and identity.
        id: The path's id in lower case; empty on collections.
    """

    request: EmulatedRequest
    cause: Cause
    id: str = ""

    @property
    def now(self) -> float:
        """Unix time in seconds."""
        return self.cause.now


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A successful answer, not yet encoded."""

    body: dict[str, Any]
    status: int = 200
