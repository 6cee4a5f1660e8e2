"""A provider fails under load: orders fail over to the next account if that is safe, settle, and return."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tests.scenarios.shop import Emulator, free_port

from campaigns.switching.load import Answer, Load
from campaigns.switching.stage import Document, Stage, served
from campaigns.switching.verdict import orders_once, sent_on_blindly

CONNECT_TIMEOUT = 0.5
BREAKER_SECONDS = 0.4
LATE = 0.7
"""Seconds of a delay: shorter than the settling time."""
IMPATIENT: Mapping[str, Any] = {"read_timeout": 0.25, "total_timeout": 0.6}
"""For an account that hangs; others answer on a busy machine, too."""
PATIENT: Mapping[str, Any] = {"read_timeout": 5.0, "total_timeout": 8.0}

ACCOUNT: Mapping[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT,
    "settling_time": 1.2,
    "breaker_failures": 3,
    "breaker_seconds": BREAKER_SECONDS,
}
SETTINGS: Mapping[str, Any] = {
    "server": {"idempotency_wait": 0.2},
    "recovery": {"closed_settling": 0.3},
    "account": ACCOUNT,
}
HEALTHY = 0.2
"""Seconds for which all is well before a provider fails."""
LONGEST_OPENING = 10.0
LONGEST_RETURN = 10.0
LONGEST_SETTLING = 30.0


@dataclass(frozen=True)
class Fault:
    """One way for a provider to be down.

    Attributes:
        rule: For its emulator; None if no connection to it can be made.
        unreachable: How it cannot be reached: it refuses connections, or lets them wait.
    """

    name: str
    rule: Document | None = None
    unreachable: Literal["refuses", "silent"] | None = None


FAULTS = (
    Fault("connection refused", unreachable="refuses"),
    Fault("connection not made", unreachable="silent"),
    Fault("503", rule={"do": "status", "status": 503}),
    Fault("hangs before the commit", rule={"do": "delay", "at": "before", "seconds": LATE}),
    Fault("hangs after the commit", rule={"do": "delay", "at": "after", "seconds": LATE}),
)


@dataclass
class Course:
    """The moments of a run; seconds of the monotonic clock."""

    fails: float = 0.0
    opens: float | None = None
    well: float = 0.0
    closes: float | None = None
    returns: float | None = None
    settled: float | None = None

    def open_for(self, seconds: float) -> bool:
        """Whether the breaker opened so many seconds ago."""
        return self.opens is not None and time.monotonic() >= self.opens + seconds

    @property
    def is_over(self) -> bool:
        """Whether all is as it was before."""
        return self.closes is not None and self.returns is not None


@dataclass(frozen=True)
class Report:
    """The result of one fault at the first account for new orders.

    Attributes:
        answers: The first one to each key.
        finals: The last one to each key.
    """

    fault: Fault
    first: str
    course: Course
    answers: Sequence[Answer]
    finals: Sequence[Answer]
    violations: Mapping[str, list[str]]

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.violations.values())

    @property
    def during(self) -> list[Answer]:
        """The answers to the requests that were due while the provider failed."""
        return [answer for answer in self.answers if self.course.fails <= answer.due < self.course.well]

    @property
    def first_success(self) -> float | None:
        """Seconds from the failure to the first order."""
        made = [answer.answered for answer in self.during if answer.status == 201]
        return min(made) - self.course.fails if made else None


@contextlib.asynccontextmanager
async def staged(folder: Path, emulators: Mapping[str, Emulator]) -> AsyncIterator[Stage]:
    """Serve with short timeouts, and a breaker that opens and closes soon; the emulators are reset before."""
    for emulator in emulators.values():
        emulator.reset()
    async with served(folder, emulators, **SETTINGS) as stage:
        yield stage


async def fail(stage: Stage, fault: Fault, first: str, seed: int = 0, *, seconds: float = 1.0) -> Report:
    """Let the first account fail under load, and recover.

    The emulators keep the orders of faults before: after a reset they would give out the same ids again.

    Args:
        stage: Its configuration is changed.
        fault: How it fails.
        first: The account that gets new orders while all is well.
        seed: Decides the orders.
        seconds: Seconds for which the account still fails after the breaker has opened.
    """
    await stage.take_into_force(lambda document: _prefer(document, first, fault))
    known = {operation["id"] for operation in await stage.operations()}
    load = Load(stage.shop, rate=25.0, seed=seed, name=f"{first} {fault.name}".replace(" ", "-"))
    course = await _under_load(stage, fault, first, load, seconds)
    answers = list(load.answers)
    course.settled = await _settled(stage)
    finals = await _asked_until_made(load)
    operations = [one for one in await stage.operations() if one["id"] not in known]
    report = Report(fault, first, course, answers, finals, {})
    violations = {
        "orders that were not made in the end": [each.told for each in finals if each.status != 201],
        "orders that are not there exactly once": orders_once(stage.emulators, operations, finals, known),
        "sent on without proof": sent_on_blindly(operations),
        **(_of_an_unreachable(report) if fault.unreachable else _of_a_failing(report)),
        "after the fault": _after(report),
    }
    return Report(fault, first, course, answers, finals, violations)


def _prefer(document: Document, first: str, fault: Fault) -> None:
    """Send new orders to one account first, which is not waited for long if it is going to hang."""
    accounts = document["accounts"]
    document["routing"]["default"] = sorted(accounts, key=lambda name: name != first)
    hangs = fault.rule is not None and fault.rule["do"] == "delay"
    for name, account in accounts.items():
        account.update(IMPATIENT if hangs and name == first else PATIENT)


async def _under_load(stage: Stage, fault: Fault, first: str, load: Load, seconds: float) -> Course:
    course = Course()
    over = asyncio.Event()
    loading = asyncio.create_task(load.run(lambda: not over.is_set()))
    try:
        await asyncio.sleep(HEALTHY)
        async with _failing(stage, fault, first):
            course.fails = time.monotonic()
            while time.monotonic() < course.fails + LONGEST_OPENING and not course.open_for(seconds):
                if course.opens is None and (await stage.health(first))["breaker"] != "closed":
                    course.opens = time.monotonic()
                await asyncio.sleep(0.02)
        course.well = time.monotonic()
        while not course.is_over and time.monotonic() < course.well + LONGEST_RETURN:
            if course.closes is None and (await stage.health(first))["breaker"] == "closed":
                course.closes = time.monotonic()
            back = (
                each
                for each in load.answers
                if each.due > course.well and (each.status, each.account) == (201, first)
            )
            course.returns = min((each.answered for each in back), default=None)
            await asyncio.sleep(0.02)
    finally:
        over.set()
        await loading
    return course


@contextlib.asynccontextmanager
async def _failing(stage: Stage, fault: Fault, first: str) -> AsyncIterator[None]:
    if fault.rule is not None:
        stage.emulators[first].faults(fault.rule)
        try:
            yield
        finally:
            stage.emulators[first].faults()
        return
    real = stage.emulators[first].base_url
    with _unreachable(fault) as url:
        await stage.take_into_force(lambda document: document["accounts"][first].update(base_url=url))
        yield
        await stage.take_into_force(lambda document: document["accounts"][first].update(base_url=real))


@contextlib.contextmanager
def _unreachable(fault: Fault) -> Iterator[str]:
    """An account without connections: nothing listens, or its queue of connections is full."""
    if fault.unreachable == "refuses":
        yield f"http://127.0.0.1:{free_port()}"
        return
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


async def _settled(stage: Stage) -> float | None:
    """Wait until no operation is of unknown outcome, without repeating any; return when; None if that lasts."""
    deadline = time.monotonic() + LONGEST_SETTLING
    while time.monotonic() < deadline:
        if not any([await stage.shop.operations(state=state) for state in ("in_progress", "unknown")]):
            return time.monotonic()
        await asyncio.sleep(0.05)
    return None


async def _asked_until_made(load: Load) -> list[Answer]:
    """Repeat every key that got no order, until it does; return the last answer to each."""
    finals = {answer.key: answer for answer in load.answers}
    deadline = time.monotonic() + LONGEST_SETTLING
    while time.monotonic() < deadline:
        left = [key for key, answer in finals.items() if answer.status != 201]
        if not left:
            break
        again = await asyncio.gather(*(load.send(key, time.monotonic()) for key in left))
        finals |= {answer.key: answer for answer in again}
        await asyncio.sleep(0.1)
    return list(finals.values())


def _of_an_unreachable(report: Report) -> dict[str, list[str]]:
    """Nothing can have happened there, so no caller notices more than a delay."""
    success, opens = report.first_success, report.course.opens
    late = success is None or success >= 2 * CONNECT_TIMEOUT
    return {
        "failed requests": [each.told for each in report.answers if each.status != 201],
        "late": [f"the first success took {success} s"] if late else [],
        "the breaker": [] if opens else ["it did not open"],
    }


def _of_a_failing(report: Report) -> dict[str, list[str]]:
    """Outcomes at the failing account stay unknown; the breaker sends the next creates to the other account."""
    course = report.course
    unknown = [each for each in report.during if each.status == 504]
    odd = [each for each in report.answers if each.status not in {201, 504}]
    if course.opens is None:
        return {"failed requests": [each.told for each in odd], "the breaker": ["it did not open"]}
    behind = [each for each in report.during if each.due > course.opens]
    trials = 1 + (course.well - course.opens) / BREAKER_SECONDS
    lost = [each for each in behind if each.status == 504]
    moved = [each for each in behind if each.status == 201 and each.account != report.first]
    return {
        "failed requests": [each.told for each in odd],
        "orders of unknown outcome": [] if unknown else ["none was"],
        "more than one at a time tried it with the breaker open": (
            [each.told for each in lost] if len(lost) > trials else []
        ),
        "the next orders": []
        if len(moved) >= len(behind) / 2 > 0
        else [f"{len(moved)} of {len(behind)} went on"],
    }


def _after(report: Report) -> list[str]:
    course = report.course
    return [
        *([] if course.closes else ["the breaker did not close"]),
        *([] if course.returns else [f"no order went to {report.first} again"]),
        *([] if course.settled else ["operations remain of unknown outcome"]),
    ]
