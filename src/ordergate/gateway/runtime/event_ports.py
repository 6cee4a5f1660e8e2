"""The ports of the use cases to the merchants' webhook receivers."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

Wake = Callable[[], None]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one request to a receiver.

    Attributes:
        status: HTTP status; None without a complete response.
        retry_after: The header, as it was sent.
        detail: Why there is no response, for people.
    """

    status: int | None
    retry_after: str | None = None
    detail: str | None = None


class WebhookSender(Protocol):
    """The way to the merchants' receivers: one request, one answer."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send a webhook. A failure is part of the reply, not an exception."""
        ...
