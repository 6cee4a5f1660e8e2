"""What the use cases need from outside: a journal, a way to the providers, the time and randomness."""

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
    """No answer came.

    Attributes:
        sent: ``no`` only if not one byte of the request can have arrived.
        reason: For a human.
        closed: The other side ended the exchange, so that nothing of it is still under way.
        code: The problem's code for what was not sent.
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
        """Say whether the request may have arrived, and what happened."""
        super().__init__(reason)
        self.code = code
        self.retry_after = ceil(retry_after)
        self.sent = sent
        self.reason = reason
        self.closed = closed


class Transport(Protocol):
    """The way to the providers: one request, one answer, never a second send.

    An account whose provider answers 429 is left alone for as long as that asks for.
    """

    async def send(self, account: Account, request: WireRequest) -> WireResponse:
        """Sign and send one request, and return the answer.

        Raises:
            TransportError: No whole answer came.
        """
        ...

    def share_among(self, nodes: int) -> None:
        """Keep rate limits together with so many processes that serve, this one included if it does."""
        ...

    def keep_only(self, accounts: Iterable[Account]) -> None:
        """Let the connections to all other accounts end once they are idle."""
        ...

    def health(self, account: Account) -> Health:
        """Return how an account is doing."""
        ...
