"""The default route changes repeatedly under load: no order fails, and each is at the account of its answer."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from tests.scenarios.shop import Emulator

from campaigns.switching.load import Answer, Load
from campaigns.switching.stage import Document, InForce, Stage, served
from campaigns.switching.verdict import orders_once

Progress = Callable[[str, int, int], None]
"""Takes the current step, the number of finished items, and the number of all items."""


@dataclass(frozen=True)
class Flips:
    """The plan of a run.

    Attributes:
        rate: Creates per second.
        seconds: Least duration of a period.
        answers: Least number of answers in a period: a slow machine gets longer periods.
    """

    flips: int = 10
    rate: float = 50.0
    seconds: float = 3.0
    answers: int = 20
    seed: int = 0


@dataclass(frozen=True)
class Period:
    """The time from one flip to the next.

    Attributes:
        account: The account that the configuration gives new orders.
        ends: When the next one was confirmed; monotonic seconds.
        answers: Those that this configuration gave.
    """

    in_force: InForce
    account: str
    ends: float
    answers: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Report:
    """The result of the run."""

    periods: Sequence[Period]
    answers: Sequence[Answer]
    violations: Mapping[str, list[str]]
    seconds: float

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.violations.values())


async def flip(plan: Flips, folder: Path, emulators: Mapping[str, Emulator], progress: Progress) -> Report:
    """Serve, create orders, and switch their account."""
    names = sorted(emulators, reverse=True)
    began = time.monotonic()
    async with served(folder, emulators, routing={"default": names[:1]}) as stage:
        load = Load(stage.shop, plan.rate, plan.seed, "flip")
        periods = await _under_load(stage, load, plan, names, progress)
        violations = {
            "failed requests": [answer.told for answer in load.answers if answer.status != 201],
            "orders at a wrong account": _astray(load.answers, periods),
            "answers of a configuration that was not in force": _out_of_force(load.answers, periods),
            "orders that are not there exactly once": orders_once(
                emulators, await stage.operations(), load.answers
            ),
            "orders that left their account": await _moved(stage, _with_answers(periods, load.answers)),
        }
    return Report(
        periods=_with_answers(periods, load.answers),
        answers=load.answers,
        violations=violations,
        seconds=time.monotonic() - began,
    )


async def _under_load(
    stage: Stage, load: Load, plan: Flips, names: Sequence[str], progress: Progress
) -> list[Period]:
    """Return the periods, the first of which begins with the first order."""
    begins: list[tuple[InForce, str]] = []
    enough = asyncio.Event()
    loading: asyncio.Task[None] | None = None
    for number, account in enumerate(islice(cycle(names), plan.flips + 1)):
        progress("flips", number, plan.flips)
        begins.append((await stage.take_into_force(_route_to(account)), account))
        if loading is None:
            loading = asyncio.create_task(load.run(lambda: not enough.is_set()))
        earlier = len(load.answers)
        await asyncio.sleep(plan.seconds)
        while len(load.answers) < earlier + plan.answers and not loading.done():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    enough.set()
    if loading is not None:
        await loading
    over = [begin.confirmed for begin, _ in begins[1:]] + [time.monotonic()]
    return [Period(begin, account, end) for (begin, account), end in zip(begins, over, strict=True)]


def _route_to(account: str) -> Callable[[Document], object]:
    return lambda document: document["routing"].update(default=[account])


def _astray(answers: Sequence[Answer], periods: Sequence[Period]) -> list[str]:
    """Return the orders that are not at the account of the configuration that answered them."""
    owner = {period.in_force.hash: period.account for period in periods}
    return [
        f"{answer.key}: at {answer.body['account']}, told {answer.account} by {answer.configuration}, which names "
        f"{owner.get(answer.configuration or '')}"
        for answer in answers
        if answer.status == 201
        and not answer.body["account"] == answer.account == owner.get(answer.configuration or "")
    ]


async def _moved(stage: Stage, periods: Sequence[Period]) -> list[str]:
    """Read an order of each period at its provider, and return those that are missing there."""
    orders = [answer.body for period in periods for answer in period.answers[:1] if answer.status == 201]
    now = [await stage.shop.read(order, refresh=True) for order in orders]
    return [
        f"{before['id']}: {before['account']}, now {after['account']}"
        for before, after in zip(orders, now, strict=True)
        if before["account"] != after["account"]
    ]


def _out_of_force(answers: Sequence[Answer], periods: Sequence[Period]) -> list[str]:
    """Return the answers of configurations that cannot have been in force during their requests."""
    found = []
    for answer in answers:
        period = _period_of(answer, periods)
        if period is None:
            found.append(f"{answer.key}: {answer.configuration} is nobody's hash")
        elif _away(answer, period) > 0:
            away = round(_away(answer, period) * 1000)
            found.append(f"{answer.key}: {answer.configuration}, by {away} ms too early or too late")
    return found


def _with_answers(periods: Sequence[Period], answers: Sequence[Answer]) -> list[Period]:
    belongs = [(_period_of(answer, periods), answer) for answer in answers]
    return [
        Period(
            period.in_force,
            period.account,
            period.ends,
            tuple(answer for where, answer in belongs if where is period),
        )
        for period in periods
    ]


def _period_of(answer: Answer, periods: Sequence[Period]) -> Period | None:
    """The period whose configuration answered; without an answer, the period in which the request was due."""
    those = [
        period for period in periods if not answer.status or period.in_force.hash == answer.configuration
    ]
    return min(those, key=lambda period: _away(answer, period), default=None)


def _away(answer: Answer, period: Period) -> float:
    """How many seconds a request lay before or behind the time in which the configuration may have been in force."""
    return max(period.in_force.signalled - answer.answered, answer.due - period.ends, 0.0)
