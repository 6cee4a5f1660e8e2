"""Delivers an emulator's webhooks: in order within one order, in parallel otherwise, never delaying a request."""

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
"""Maximum seconds that an event waits to be overtaken."""

STALE_SECONDS = 3600
"""How old a stale signature is."""

CONCURRENT = 32
"""Attempts at the same time."""

LOGGED = 1000
"""Attempts that the log keeps."""

_log = logging.getLogger(__name__)


class DeliveryRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt, as the log shows it.

    Attributes:
        id: Of the event.
        type: Of the event.
        order: The provider's id of the order.
        attempt: 1 for the first; copies of an attempt have its number.
        at: Unix time in seconds, in the emulator's time.
        status: Status of the response; null without one.
        error: The reason of a missing response.
        reached: Whether there was a connection to send it over.
        delivered: Whether the provider takes the event for delivered.
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
    """The events on their way, and a log of the attempts.

    The clock is the emulator's: the control plane can make a retry due.

    Attributes:
        sent: How many attempts have reached the receiver.
    """

    def __init__(
        self, emulator: ProviderEmulator, now: Callable[[], float], seed: int, settings: WebhookSettings
    ) -> None:
        """Start with these settings, to which a reset returns.

        Raises:
            InvalidControlError: The provider takes no webhook secret, and one is given.
        """
        _require_secret_taken(emulator, settings)
        self._emulator = emulator
        self._now = now
        self._seed = seed
        self._first_settings = settings
        self._client: httpx.AsyncClient | None = None
        self._slots = asyncio.Semaphore(CONCURRENT)
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = itertools.count()
        self._waiting: list[tuple[float, int, _Delivery]] = []
        self._held: dict[str, tuple[float, _Delivery]] = {}
        self._lanes: dict[str, deque[_Delivery]] = {}
        self.reset()

    def reset(self) -> None:
        """Discard pending and logged deliveries; cancel those in progress."""
        self.sent = 0
        self._draw = random.Random(f"webhooks {self._seed}")  # noqa: S311 - faults, not secrets
        self._use(self._first_settings)
        self._records: deque[DeliveryRecord] = deque(maxlen=LOGGED)
        self._forget()

    def _forget(self) -> None:
        self._waiting.clear()
        self._held.clear()
        for lane in self._lanes.values():
            lane.clear()
        self._lanes.clear()
        for task in self._tasks:
            task.cancel()

    def configure(self, settings: WebhookSettings) -> None:
        """Put these settings in force for events from now on, and for further attempts; no URL ends them all.

        Raises:
            InvalidControlError: The provider takes no webhook secret, and one is given.
        """
        _require_secret_taken(self._emulator, settings)
        self.collect()
        self._use(settings)
        if settings.url is None:
            self._forget()

    def _use(self, settings: WebhookSettings) -> None:
        self._plan = WebhookPlan(settings, self._draw)
        self._emulator.keep_events(wanted=settings.url is not None)

    def show(self) -> dict[str, Any]:
        """Return the settings, how many events wait, and the log, latest last."""
        waiting = len(self._waiting) + len(self._held) + sum(map(len, self._lanes.values()))
        return {
            **msgspec.structs.asdict(self._plan.settings),
            "sent": self.sent,
            "waiting": waiting,
            "deliveries": list(self._records),
        }

    def collect(self) -> None:
        """Collect the emulator's events, and start due deliveries."""
        now = self._now()
        for event in self._emulator.take_events():
            self._admit(event, now)
        self._release_held(now)
        while self._waiting and self._waiting[0][0] <= now:
            self._start(heapq.heappop(self._waiting)[2])

    async def close(self) -> None:
        """Cancel the deliveries in progress, and start no more."""
        self.configure(NO_WEBHOOKS)
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()

    def _admit(self, event: WebhookEvent, now: float) -> None:
        fate = self._plan.fate()
        if fate.lost:
            return
        due = now + self._plan.settings.delay
        delivery = _Delivery(event, fate.copies)
        overtaken = self._held.pop(event.order_id, None)
        if overtaken is not None:
            self._wait(delivery, due)
            self._wait(overtaken[1], due)
        elif fate.held:
            self._held[event.order_id] = (due + HELD_SECONDS, delivery)
        else:
            self._wait(delivery, due)

    def _release_held(self, now: float) -> None:
        for order_id in [order_id for order_id, (until, _) in self._held.items() if until <= now]:
            until, delivery = self._held.pop(order_id)
            self._wait(delivery, until)

    def _wait(self, delivery: _Delivery, due: float) -> None:
        heapq.heappush(self._waiting, (due, next(self._turns), delivery))

    def _start(self, delivery: _Delivery) -> None:
        order_id = delivery.event.order_id
        lane = self._lanes.get(order_id)
        if lane is not None:
            lane.append(delivery)
            return
        lane = self._lanes[order_id] = deque([delivery])
        task = asyncio.create_task(self._work(order_id, lane))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, order_id: str, lane: deque[_Delivery]) -> None:
        """Send the due deliveries of one order, one after the other."""
        try:
            while lane:
                async with self._slots:
                    await self._deliver(lane[0], lane)
                if lane:
                    lane.popleft()
        except Exception:
            _log.exception("the emulator failed to deliver")
            raise
        finally:
            if self._lanes.get(order_id) is lane:
                del self._lanes[order_id]

    async def _deliver(self, delivery: _Delivery, lane: deque[_Delivery]) -> None:
        """Make one attempt and its duplicates; after a failure, schedule another."""
        rules = self._emulator.delivery_rules()
        delivered = False
        for _ in range(1 if delivery.attempts else 1 + delivery.copies):
            attempt = self._attempt(delivery)
            record = await self._send(delivery.event, attempt, rules)
            if not lane:  # forgotten meanwhile
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
        assert settings.url is not None, "without a URL everything on its way is forgotten"
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
        """Return the status of the response, or the reason of its absence; redirects are not followed."""
        if self._client is None:
            # The semaphore is the bound: httpx's own can lose places to requests that are broken off.
            # A connection that a receiver closes just as it is used again would cost minutes until the retry.
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
