"""What the use cases need for events and webhooks: the journal's part of it, and a way to the merchants' receivers."""

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

Wake = Callable[[], None]


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one attempt to reach a receiver.

    Attributes:
        status: HTTP status; None where no whole answer came.
        retry_after: The header, as it was sent.
        detail: Why no answer came, for a human.
    """

    status: int | None
    retry_after: str | None = None
    detail: str | None = None


class WebhookSender(Protocol):
    """The way to the merchants' receivers: one request, one answer."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """Send a webhook; whatever goes wrong is in the reply."""
        ...
