"""The ports of the use cases: the transport to the providers, and the clock."""

from collections.abc import Callable, Iterable
from datetime import datetime
from math import ceil
from typing import Protocol

from ordergate.domain.errors import Sent
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.health import Health
from ordergate.spi.wire import WireRequest, WireResponse

Clock = Callable[[], datetime]
"""The time, in UTC."""


class TransportError(Exception):
    """No complete response arrived.

    Attributes:
        sent: ``no`` only if not one byte of the request can have arrived.
        reason: For a human.
        closed: The other side ended the exchange, so that nothing of it is still under way.
        code: The problem code of an unsent request.
        retry_after: Seconds after which it may be worth another try.
    """

    def __init__(
        self,
        sent: Sent,
        reason: str,
        *,
        closed: bool = False,
        code: str = "provider_unavailable",
        retry_after: float = 5,
    ) -> None:
        """Record whether the request may have arrived, and the reason."""
        super().__init__(reason)
        self.code = code
        self.retry_after = ceil(retry_after)
        self.sent = sent
        self.reason = reason
        self.closed = closed


class Transport(Protocol):
    """The way to the providers: one request, one answer, never a second send.

    After a 429, an account gets no requests for as long as its provider asks.
    """

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Sign and send one request, and return the answer.

        Raises:
            TransportError: No complete response arrived.
        """
        ...

    def share_among(self, nodes: int) -> None:
        """Keep rate limits together with so many processes that serve, this one included if it does."""
        ...

    def retain_only(self, accounts: Iterable[Account]) -> None:
        """Let the connections to all other accounts end once they are idle."""
        ...

    def health(self, account: Account) -> Health:
        """Return how an account is doing."""
        ...
