"""A running emulator, with all the state that its control plane can change."""

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
    """One emulator with its clock, fault rules and deliveries.

    Attributes:
        emulator: The provider's behaviour.
        faults: The current fault rules.
        offset: Seconds that are added to the clock; may be negative.
        requests: The number of requests to the provider's own paths, including those that a fault hit.
        deliveries: The delivery of webhooks.
        stopping: Set when the server shuts down; ends every pause.
    """

    def __init__(
        self, emulator: ProviderEmulator, clock: Clock, seed: int, webhooks: WebhookSettings = NO_WEBHOOKS
    ) -> None:
        """Start without faults, offset or requests.

        Args:
            emulator: The provider's behaviour.
            clock: Returns Unix time in seconds.
            seed: The seed of the random faults of requests and deliveries.
            webhooks: The first webhook settings; a reset restores them.

        Raises:
            InvalidControlError: The settings contain a webhook secret, but the provider has none.
        """
        self.emulator = emulator
        self.stopping = asyncio.Event()
        self.deliveries = Deliveries(emulator, self.now, seed, webhooks)
        self._clock = clock
        self._seed = seed
        self._restore_defaults()

    def _restore_defaults(self) -> None:
        self.offset = 0.0
        self.requests = 0
        self._draw = random.Random(self._seed)  # noqa: S311 - faults, not secrets
        self.faults = FaultPlan((), self._draw)

    def reset(self) -> None:
        """Restore the initial state, including the random sequence of the faults."""
        self.emulator.reset()
        self.deliveries.reset()
        self._restore_defaults()

    def set_faults(self, rules: Sequence[FaultRule]) -> None:
        """Replace the rules; the new ones start without hits."""
        self.faults = FaultPlan(rules, self._draw)

    def now(self) -> float:
        """Return the emulator's time: Unix time in seconds, shifted by the offset."""
        return self._clock() + self.offset

    def advance(self) -> None:
        """Process the changes that are due, and start the due deliveries."""
        self.emulator.advance(self.now())
        self.deliveries.collect()

    def handle(self, request: EmulatedRequest) -> EmulatedResponse:
        """Return the provider's response, and start the delivery of the events that the request caused."""
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
        """Perform an action at the provider without its client, and return the order.

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
        """Wait for this time, or until the server shuts down."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.stopping.wait(), seconds)
