"""A provider behind a faulty network: answers are lost, damaged and late; every applied request is counted."""

import asyncio
import pickle
from collections import Counter
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from typing import Any, Literal

import msgspec

from campaigns.simulation.clock import Clock
from ordergate.conformance.driver import InProcess, heard
from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.provider_order import ProviderOrder
from ordergate.emulation.provider import html_page
from ordergate.gateway.runtime.ports import TransportError
from ordergate.spi.emulator import EmulatedResponse
from ordergate.spi.wire import WireRequest, WireResponse

TIMEOUT = 45.0
"""Seconds after which the gateway's own time-out ends an attempt."""
LATEST = 49.0
"""Seconds after sending within which a lost request may still arrive: less than the settling time."""
AFTER_CLOSING = 8.0
"""The same, after the provider's side has closed the connection."""

Acts = Literal["at once", "late", "never"]
Shows = Literal["answer", "nothing", "silence", "failure", "half", "page", "empty page", "limit", "refusal"]


class Fault(msgspec.Struct, frozen=True):
    """The fate of a request, and of its answer."""

    acts: Acts
    shows: Shows


FAULTS = {
    "none": Fault("at once", "answer"),
    "answer_lost": Fault("at once", "nothing"),
    "answer_timed_out": Fault("at once", "silence"),
    "lost": Fault("never", "nothing"),
    "timed_out": Fault("never", "silence"),
    "closed_then_acts": Fault("late", "nothing"),
    "timed_out_then_acts": Fault("late", "silence"),
    "acts_then_500": Fault("at once", "failure"),
    "500": Fault("never", "failure"),
    "truncated": Fault("at once", "half"),
    "acts_then_page": Fault("at once", "page"),
    "acts_then_200_page": Fault("at once", "empty page"),
    "page": Fault("never", "page"),
    "rate_limited": Fault("never", "limit"),
    "refused": Fault("never", "refusal"),
}

working_on: ContextVar[tuple[str, int] | None] = ContextVar("working_on", default=None)
"""The operation and the attempt that the running task has made durable."""


class Network:
    """One provider and the way to it.

    Attributes:
        effects: By operation, how often the provider has changed for it.
        arrived: Every request that may change something, when it arrived.
        violations: Requests that must never be sent.
        choose: Decides the fate of each request.
        delay: Decides how long each way takes, in seconds.
    """

    def __init__(self, provider: InProcess, clock: Clock) -> None:
        self.provider = provider
        self.clock = clock
        self.effects: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.sent: Counter[tuple[str, int]] = Counter()
        self.violations: list[str] = []
        self.choose: Callable[[WireRequest], str] = lambda _request: "none"
        self.delay: Callable[[], float] = lambda: 0.0
        self._under_way: dict[int, tuple[float, Callable[[], object]]] = {}

    def snapshot(self) -> bytes:
        """Return the provider as it is now."""
        return pickle.dumps(self.provider.emulator)

    def restore(self, snapshot: bytes) -> None:
        """Restore the provider's state; forget the sent requests."""
        self.provider.emulator = pickle.loads(snapshot)
        self.effects.clear()
        self.faults.clear()
        self.sent.clear()
        self.violations.clear()
        self._under_way.clear()

    def depart(self, request: WireRequest) -> WireRequest:
        """Sign a request, as its first byte leaves."""
        self._refuse_undeclared(request)
        self.provider.now = int(self.clock.unix())
        return self.provider.sign(request)

    async def carry(self, request: WireRequest, signed: WireRequest) -> WireResponse:
        """Bring a request to the provider and its answer back, as well as this network can."""
        name = self.choose(request)
        self.faults[name] += name != "none"
        fault = FAULTS[name]
        travelled = await self._travel()
        answer = self.arrive(request, signed) if fault.acts == "at once" else None
        if fault.acts == "late":
            latest = LATEST - travelled if fault.shows == "silence" else AFTER_CLOSING
            self.arrive_later(request, signed, latest)
        await self._travel()
        return await self._show(fault.shows, answer)

    async def _travel(self) -> float:
        seconds = self.delay()
        if seconds:
            await asyncio.sleep(seconds)
        return seconds

    def arrive_later(self, request: WireRequest, signed: WireRequest, seconds: float) -> None:
        """Let a request arrive after its caller has given up."""
        number, context = len(self._under_way), copy_context()
        self._under_way[number] = (
            self.clock.elapsed + seconds,
            lambda: context.run(self.arrive, request, signed),
        )
        asyncio.get_running_loop().call_later(seconds, self._arrive_now, number)

    def stand_still(self, seconds: float) -> None:
        """Let time pass in which no process acts, while the network and the provider continue."""
        until = self.clock.elapsed + seconds
        for due, number in sorted((due, number) for number, (due, _) in self._under_way.items()):
            if self.clock.elapsed <= due <= until:
                self.clock.elapsed = due
                self._arrive_now(number)
        self.clock.elapsed = until

    def _arrive_now(self, number: int) -> None:
        _, arrive = self._under_way.get(number, (0.0, None))
        if arrive is not None:
            self._under_way[number] = (-1.0, lambda: None)
            arrive()

    def arrive(self, request: WireRequest, signed: WireRequest) -> EmulatedResponse:
        """Let the provider act, and count it if that has changed anything."""
        if not request.acts:
            self.provider.now = int(self.clock.unix())
            return self.provider.send(signed)
        before = self.state()
        answer = self.provider.send(signed)
        working = working_on.get()
        if working is not None and self.state() != before:
            self.effects[working[0]] += 1
        return answer

    def state(self) -> dict[str, Any]:
        """Return the provider's present state."""
        self.provider.now = int(self.clock.unix())
        return dict(self.provider.state())

    def read(self, known: ProviderOrder) -> ProviderOrder:
        """Return an order as the provider has it, past every fault."""
        self.provider.now = int(self.clock.unix())
        command = RetrieveOrder(provider_order_id=known.provider_order_id, before=known)
        return self.provider.apply(command).order

    def _refuse_undeclared(self, request: WireRequest) -> None:
        """Nothing that acts may leave before it was recorded, or twice for one attempt."""
        if not request.acts:
            return
        working = working_on.get()
        if working is None:
            self.violations.append(f"{request.method} {request.path} was sent before it was recorded")
            return
        self.sent[working] += 1
        if self.sent[working] > 1:
            self.violations.append(f"{request.method} {request.path} was sent twice for {working}")

    async def _show(self, shows: Shows, answer: EmulatedResponse | None) -> WireResponse:
        emulator, now = self.provider.emulator, self.clock.unix()
        match shows:
            case "nothing":
                raise TransportError("maybe", "The connection was closed.", closed=True)
            case "silence":
                await asyncio.sleep(TIMEOUT)
                raise TransportError("maybe", "No answer came in time.")
            case "refusal":
                raise TransportError("no", "The connection was refused.")
            case "failure":
                return heard(emulator.failure(500, now))
            case "limit":
                return heard(emulator.rate_limited(now))
            case "page":
                return heard(html_page(502))
            case "empty page":
                return heard(html_page(200))
            case "half" | "answer":
                assert answer is not None, "an answer has been given"
                whole = heard(answer)
                body = whole.body[: len(whole.body) // 2] if shows == "half" else whole.body
                return msgspec.structs.replace(whole, body=body)
