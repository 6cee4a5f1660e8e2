"""Delivers an emulator's webhooks in the background: in sequence for one order, concurrently for different orders."""

import asyncio
import heapq
import itertools
import logging
import random
from collections import deque
from collections.abc import Callable
from typing import Any

import httpx
import msgspec

from ordergate.emulation.webhooks import NO_WEBHOOKS, WebhookPlan, WebhookSettings
from ordergate.spi.emulator import (
    DeliveryAttempt,
    DeliveryRules,
    InvalidControlError,
    ProviderEmulator,
    WebhookEvent,
)

HELD_SECONDS = 1.0
"""The longest time that a held event waits for the next event of its order."""

STALE_SECONDS = 3600
"""The age of a stale signature."""

CONCURRENT = 32
"""The largest number of concurrent attempts."""

LOGGED = 1000
"""The largest number of attempts in the log."""

_log = logging.getLogger(__name__)


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt in the log.

    Attributes:
        id: The id of the event.
        type: The type of the event.
        order: The provider's id of the order.
        attempt: 1 for the first attempt; the copies of an attempt have the same number.
        at: Unix time in seconds, in the emulator's time.
        status: The HTTP status of the response; null if there was none.
        error: The transport error; null if there was a response.
        reached: True if a connection was made.
        delivered: True if the status means to the provider that the event is delivered.
    """

    id: str
    type: str
    order: str
    attempt: int
    at: float
    status: int | None
    error: str | None
    reached: bool
    delivered: bool


class _Delivery(msgspec.Struct):
    event: WebhookEvent
    copies: int
    attempts: int = 0
    first_signed_at: float = 0.0


class Deliveries:
    """The undelivered events, and a log of the attempts.

    All times are the emulator's. If the control plane moves the clock forward, the retries up to then are due.

    Attributes:
        sent: The number of attempts that have reached the receiver.
    """

    def __init__(
        self, emulator: ProviderEmulator, now: Callable[[], float], seed: int, settings: WebhookSettings
    ) -> None:
        """Start with these settings; a reset restores them.

        Raises:
            InvalidControlError: The settings contain a webhook secret, but the provider has none.
        """
        _require_secret_taken(emulator, settings)
        self._emulator = emulator
        self._now = now
        self._seed = seed
        self._first_settings = settings
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._sequence = itertools.count()
        self._waiting: list[tuple[float, int, _Delivery]] = []
        self._held: dict[str, tuple[float, _Delivery]] = {}
        self._queues: dict[str, deque[_Delivery]] = {}
        self.reset()

    def reset(self) -> None:
        """Discard the undelivered events and the log, and cancel the attempts in progress."""
        self.sent = 0
        self._draw = random.Random(f"webhooks {self._seed}")  # noqa: S311 - faults, not secrets
        self._apply(self._first_settings)
        self._records: deque[DeliveryRecord] = deque(maxlen=LOGGED)
        self._discard()

    def _discard(self) -> None:
        self._waiting.clear()
        self._held.clear()
        for queue in self._queues.values():
            queue.clear()
        self._queues.clear()
        for task in self._tasks:
            task.cancel()

    def configure(self, settings: WebhookSettings) -> None:
        """Use these settings for new events and for retries. Without a URL, all undelivered events are discarded.

        Raises:
            InvalidControlError: The settings contain a webhook secret, but the provider has none.
        """
        _require_secret_taken(self._emulator, settings)
        self.collect()
        self._apply(settings)
        if settings.url is None:
            self._discard()

    def _apply(self, settings: WebhookSettings) -> None:
        self._plan = WebhookPlan(settings, self._draw)
        self._emulator.keep_events(wanted=settings.url is not None)

    def show(self) -> dict[str, Any]:
        """Return the settings, the number of waiting events, and the log, oldest attempt first."""
        waiting = len(self._waiting) + len(self._held) + sum(map(len, self._queues.values()))
        return {
            **msgspec.structs.asdict(self._plan.settings),
            "sent": self.sent,
            "waiting": waiting,
            "deliveries": list(self._records),
        }

    def collect(self) -> None:
        """Take the emulator's new events, and start the attempts that are due."""
        now = self._now()
        for event in self._emulator.take_events():
            self._admit(event, now)
        self._release_held(now)
        while self._waiting and self._waiting[0][0] <= now:
            self._start(heapq.heappop(self._waiting)[2])

    async def close(self) -> None:
        """Cancel the attempts in progress, and start no others."""
        self.configure(NO_WEBHOOKS)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _admit(self, event: WebhookEvent, now: float) -> None:
        faults = self._plan.next_faults()
        if faults.dropped:
            return
        due = now + self._plan.settings.delay
        delivery = _Delivery(event, faults.copies)
        overtaken = self._held.pop(event.order_id, None)
        if overtaken is not None:
            self._wait(delivery, due)
            self._wait(overtaken[1], due)
        elif faults.held:
            self._held[event.order_id] = (due + HELD_SECONDS, delivery)
        else:
            self._wait(delivery, due)

    def _release_held(self, now: float) -> None:
        for order_id in [order_id for order_id, (until, _) in self._held.items() if until <= now]:
            until, delivery = self._held.pop(order_id)
            self._wait(delivery, until)

    def _wait(self, delivery: _Delivery, due: float) -> None:
        heapq.heappush(self._waiting, (due, next(self._sequence), delivery))

    def _start(self, delivery: _Delivery) -> None:
        order_id = delivery.event.order_id
        queue = self._queues.get(order_id)
        if queue is not None:
            queue.append(delivery)
            return
        queue = self._queues[order_id] = deque([delivery])
        task = asyncio.create_task(self._work(order_id, queue))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, order_id: str, queue: deque[_Delivery]) -> None:
        """Deliver the due events of one order in sequence."""
        try:
            while queue:
                async with self._slots:
                    await self._deliver(queue[0], queue)
                if queue:
                    queue.popleft()
        except Exception:
            _log.exception("the emulator failed to deliver")
            raise
        finally:
            if self._queues.get(order_id) is queue:
                del self._queues[order_id]

    async def _deliver(self, delivery: _Delivery, queue: deque[_Delivery]) -> None:
        """Make one attempt with its copies. If all fail, schedule the next attempt."""
        rules = self._emulator.delivery_rules()
        delivered = False
        for _ in range(1 if delivery.attempts else 1 + delivery.copies):
            attempt = self._attempt(delivery)
            record = await self._send(delivery.event, attempt, rules)
            if not queue:  # discarded during the attempt
                return
            self.sent += record.reached
            self._records.append(record)
            delivered = delivered or record.delivered
        delivery.attempts += 1
        if not delivered and delivery.attempts <= len(rules.waits):
            wait = self._plan.settings.retry_seconds
            self._wait(delivery, self._now() + (rules.waits[delivery.attempts - 1] if wait is None else wait))

    def _attempt(self, delivery: _Delivery) -> DeliveryAttempt:
        settings = self._plan.settings
        assert settings.url is not None, "without a URL there are no undelivered events"
        signed_at = self._now() - (STALE_SECONDS if settings.stale else 0)
        if not delivery.attempts:
            delivery.first_signed_at = signed_at
        return DeliveryAttempt(
            number=delivery.attempts + 1,
            url=settings.url,
            signed_at=signed_at,
            first_signed_at=delivery.first_signed_at,
            secrets=settings.secrets,
        )

    async def _send(
        self, event: WebhookEvent, attempt: DeliveryAttempt, rules: DeliveryRules
    ) -> DeliveryRecord:
        at = self._now()
        headers = dict(self._emulator.sign_delivery(event, attempt))
        status, error = await self._post(attempt.url, headers, event.body, rules.timeout)
        unreached = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        lowest, highest = rules.delivered
        return DeliveryRecord(
            id=event.id,
            type=event.type,
            order=event.order_id,
            attempt=attempt.number,
            at=at,
            status=status,
            error=None if error is None else f"{type(error).__name__}: {error}".removesuffix(": "),
            reached=not unreached,
            delivered=status is not None and lowest <= status <= highest,
        )

    async def _post(
        self,
        url: str,
        headers: dict[str, str],
        body: bytes,
        timeout: float,  # noqa: ASYNC109
    ) -> tuple[int | None, httpx.HTTPError | None]:
        """Return the status of the response, or the transport error; redirects are not followed."""
        if self._client is None:
            # The semaphore limits the concurrency: httpx's own limit can lose slots to cancelled requests.
            # Idle connections expire early: if the receiver closes one at the moment of its reuse, the attempt
            # fails, and the retry may follow only minutes later.
            limits = httpx.Limits(
                max_connections=None, max_keepalive_connections=CONCURRENT, keepalive_expiry=1
            )
            self._client = httpx.AsyncClient(trust_env=False, limits=limits)
        extensions = {"timeout": httpx.Timeout(timeout, pool=None).as_dict()}
        request = httpx.Request("POST", url, headers=headers, content=body, extensions=extensions)
        try:
            response = await self._client.send(request)
        except httpx.HTTPError as error:
            return None, error
        return response.status_code, None


def _require_secret_taken(emulator: ProviderEmulator, settings: WebhookSettings) -> None:
    if settings.secrets and emulator.describe().webhook_secret is None:
        raise InvalidControlError(
            "`secret` makes no sense here: this provider signs webhooks with its account's credentials."
        )
