"""A running emulator together with everything that its control plane can change."""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from ordergate.emulation.deliveries import Deliveries
from ordergate.emulation.faults import FaultPlan, FaultRule
from ordergate.emulation.webhooks import NO_WEBHOOKS, WebhookSettings
from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse, ProviderEmulator

Clock = Callable[[], float]
"""Returns Unix time in seconds."""


class EmulationSession:
    """One emulator with its clock; every request and every control call uses it.

    Attributes:
        emulator: The provider's behaviour.
        faults: The rules in force.
        offset: Seconds by which the emulator's time is ahead of the clock; may be negative.
        requests: Number of requests to the provider's own paths, failed ones included.
        deliveries: The webhooks and their destination.
        stopping: Set once the server shuts down; ends every pause.
    """

    def __init__(
        self, emulator: ProviderEmulator, clock: Clock, seed: int, webhooks: WebhookSettings = NO_WEBHOOKS
    ) -> None:
        """Start without faults, offset or requests.

        Args:
            emulator: The provider's behaviour.
            clock: Returns Unix time in seconds.
            seed: Seed of the random choices of faults and of webhooks.
            webhooks: Destination of webhooks, until the control plane sets another, and after a reset.

        Raises:
            InvalidControlError: The provider takes no webhook secret, and one is given.
        """
        self.emulator = emulator
        self.stopping = asyncio.Event()
        self.deliveries = Deliveries(emulator, self.now, seed, webhooks)
        self._clock = clock
        self._seed = seed
        self._start_over()

    def _start_over(self) -> None:
        self.offset = 0.0
        self.requests = 0
        self._draw = random.Random(self._seed)  # noqa: S311 - faults, not secrets
        self.faults = FaultPlan((), self._draw)

    def reset(self) -> None:
        """Return to how everything was at the start, the draws of the faults included."""
        self.emulator.reset()
        self.deliveries.reset()
        self._start_over()

    def set_faults(self, rules: Sequence[FaultRule]) -> None:
        """Replace the rules; none of the new ones has hit yet."""
        self.faults = FaultPlan(rules, self._draw)

    def now(self) -> float:
        """Return the emulator's time: Unix time in seconds, shifted by the offset."""
        return self._clock() + self.offset

    def advance(self) -> None:
        """Perform everything that is due, deliveries included."""
        self.emulator.advance(self.now())
        self.deliveries.collect()

    def handle(self, request: EmulatedRequest) -> EmulatedResponse:
        """Let the provider act on a request; its webhooks are delivered meanwhile."""
        now = self.now()
        self.emulator.advance(now)
        try:
            return self.emulator.handle(request, now)
        finally:
            self.deliveries.collect()

    def failure(self, status: int) -> EmulatedResponse:
        """Return an error with this status in the provider's own form."""
        return self.emulator.failure(status, self.now())

    def rate_limited(self) -> EmulatedResponse:
        """Return the provider's own 429."""
        return self.emulator.rate_limited(self.now())

    def act(self, order_id: str, action: str, amount: int | None) -> dict[str, Any]:
        """Do something at the provider without its client, and return the order.

        Raises:
            UnknownOrderError: There is no such order.
            InvalidControlError: The action is impossible now.
        """
        now = self.now()
        self.emulator.advance(now)
        order = self.emulator.act(order_id, action, amount, now)
        self.deliveries.collect()
        return order

    def state(self) -> dict[str, Any]:
        """Return the provider's orders, payments and returns as of now, and the counters."""
        self.advance()
        return {**self.emulator.state(), "requests": self.requests, "webhooks_sent": self.deliveries.sent}

    async def pause(self, seconds: float) -> None:
        """Wait this long, but no longer than the server lives."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
