"""Creates that become due at a fixed rate, whether or not those before have been answered."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
from tests.scenarios.shop import Shop, chairs

Document = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """The outcome of one create; times in seconds of the monotonic clock.

    Attributes:
        due: When it was to be sent: a client that falls behind makes the gateway no faster.
        status: 0 if no answer arrived.
        configuration: The answer's ``Ordergate-Config``.
        account: The answer's ``Ordergate-Account``.
        body: The order, or the problem.
    """

    key: str
    due: float
    answered: float
    status: int
    configuration: str | None
    account: str | None
    body: Document

    @property
    def milliseconds(self) -> int:
        """How long its caller has waited."""
        return round((self.answered - self.due) * 1000)

    @property
    def told(self) -> str:
        """The answer, in one line."""
        what = self.body.get("code") or self.body.get("id")
        return f"{self.key}: {self.status} {what}: {self.body.get('detail', '')}"


class Load:
    """One merchant's orders, with references and figures that the seed decides."""

    def __init__(self, shop: Shop, rate: float, seed: int, name: str) -> None:
        """Prepare orders at a constant rate; their keys begin with the name."""
        self.answers: list[Answer] = []
        self._shop = shop
        self._rate = rate
        self._seed = seed
        self._name = name
        self._sent = 0

    async def run(self, goes_on: Callable[[], bool]) -> None:
        """Send during the given time, and wait for every answer."""
        began, first = time.monotonic(), self._sent
        async with asyncio.TaskGroup() as tasks:
            while goes_on():
                due = began + (self._sent - first) / self._rate
                await asyncio.sleep(due - time.monotonic())
                tasks.create_task(self.send(f"{self._name}-{self._sent}", due))
                self._sent += 1

    async def send(self, key: str, due: float) -> Answer:
        """Send the create of this key, and keep its outcome."""
        try:
            response = await self._shop.create(self._draft(key), key)
        except httpx.HTTPError as error:
            answer = Answer(key, due, time.monotonic(), 0, None, None, {"detail": repr(error)})
        else:
            answer = Answer(
                key=key,
                due=due,
                answered=time.monotonic(),
                status=response.status_code,
                configuration=response.headers.get("ordergate-config"),
                account=response.headers.get("ordergate-account"),
                body=msgspec.json.decode(response.content),
            )
        self.answers.append(answer)
        return answer

    def _draft(self, key: str) -> Document:
        """The order of a key, the same one however often it is sent."""
        draw = random.Random(f"{self._seed}/{key}")
        draft = chairs()
        draft["line_items"][0].update(quantity=draw.randint(1, 9), unit_amount=draw.randint(1, 50_000))
        return {**draft, "reference": key}
