"""Merchants' programs: each leads orders through their lives, and repeats every write until it is answered."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
from tests.scenarios.shop import CARD, CUSTOMER, SKUS

from campaigns.chaos.ledger import Answer, Ledger, Write

Life = random.Random
Document = dict[str, Any]

MODES = ("patient", "async", "once", "twice")
MODE_WEIGHTS = (66, 14, 8, 12)
ENDS = ("leave", "cancel", "pay", "fulfill", "return")
END_WEIGHTS = (12, 20, 20, 24, 24)
RIVALS = 0.12
UPDATES = 0.2
PATIENCE = 150.0
"""Seconds without an answer after which a caller records a timeout."""


@dataclass
class Town:
    """The state shared by all callers.

    Attributes:
        nodes: The gateway's URLs.
        wanted: Writes after which no new life begins.
        seconds: As long as new lives begin.
        providers: By account, whether it can take goods back.
        started: The zero of `Answer.at`.
    """

    client: httpx.AsyncClient
    nodes: list[str]
    key: str
    wanted: int
    seconds: float
    seed: int
    providers: dict[str, bool]
    ledger: Ledger
    started: float
    lives: int = 0

    @property
    def open(self) -> bool:
        """Whether another life is to begin."""
        return len(self.ledger.writes) < self.wanted and self.age < self.seconds

    @property
    def age(self) -> float:
        """Seconds since it all began."""
        return time.monotonic() - self.started

    async def caller(self) -> None:
        """Lead one life after the other."""
        while self.open:
            self.lives += 1
            await _Order(self, self.lives).live()

    async def ask(self, method: str, path: str, node: int, **options: Any) -> Answer:
        """Send once.

        Raises:
            httpx.HTTPError: No answer arrived.
        """
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        response = await self.client.request(method, self.nodes[node] + path, headers=headers, **options)
        return Answer.of(response, node, time.monotonic() - self.started)


class _Order:
    """One order's life. Its number decides its steps; timing decides its repeats."""

    def __init__(self, town: Town, number: int) -> None:
        self._town = town
        self._number = number
        self._choose = Life(f"{town.seed}/{number}")
        self._stray = Life(f"{town.seed}/{number}/ways")
        self._writes = 0
        self._provider = self._choose.choice(sorted(town.providers))
        self._id = ""
        self._lines: list[Document] = []

    async def live(self) -> None:
        """Create, then take the drawn steps; a caller that gives up skips the rest."""
        ends = ENDS if self._town.providers[self._provider] else ENDS[:-1]
        end = self._choose.choices(ends, END_WEIGHTS[: len(ends)])[0]
        updates = self._choose.random() < UPDATES
        if not await self._create():
            return
        if updates and await self._write("update", "PATCH", "", self._metadata()) is None:
            return
        if end == "cancel":
            await self._end("cancel", {"reason": "changed my mind"}, rival=("pay", {}))
        elif end != "leave":
            await self._pay_and_go_on(end)

    async def _pay_and_go_on(self, end: str) -> None:
        body = {"payment_method": CARD} if self._choose.random() < 0.5 else {}
        if not await self._end("pay", body, rival=("pay", {})) or end == "pay":
            return
        if not await self._until_paid():
            return
        if not await self._end("fulfill", {"carrier": "Pigeon"}) or end == "fulfill":
            return
        product = next(line for line in self._lines if line["type"] == "product")
        goods = [{"line_item_id": product["id"], "quantity": 1}]
        await self._end("returns", {"lines": goods})

    async def _create(self) -> bool:
        draft = self._draft()
        rival = "reference" in draft and self._choose.random() < RIVALS
        if rival:
            both = [self._made("create", "POST", "/v1/orders", draft, {"possible_duplicate"}) for _ in "ab"]
            answer = await self._compete(both)
        else:
            answer = await self._write("create", "POST", "/v1/orders", draft, whole=True)
        if answer is None or not answer.applied:
            return False
        order = answer.document
        self._id, self._lines = order["id"], order["line_items"]
        return True

    async def _end(
        self, action: str, body: Document, *, rival: tuple[str, Document] | None = None
    ) -> Answer | None:
        """Make one change, sometimes against a rival; None if the life ends here."""
        if rival is None or self._choose.random() >= RIVALS:
            return await self._write(action, "POST", f"/{action}", body)
        other, other_body = rival
        first = self._made(action, "POST", self._path(f"/{action}"), body, {"invalid_state"})
        second = self._made(other, "POST", self._path(f"/{other}"), other_body, {"invalid_state"})
        answer = await self._compete([first, second])
        won = first if first.final is answer else second
        return answer if won.kind == "pay" and action == "pay" else None

    async def _compete(self, writes: list[Write]) -> Answer | None:
        """Do two at once of which one can win; its answer is returned."""
        self._town.ledger.rivals.append(tuple(writes))
        await asyncio.gather(*(self._until_answered(write, {}) for write in writes))
        return next((write.final for write in writes if write.final and write.final.applied), None)

    async def _write(
        self, kind: str, method: str, path: str, body: Document, *, whole: bool = False
    ) -> Answer | None:
        """Write in one of the ways of real callers; None if the write was refused or the caller gave up."""
        write = self._made(kind, method, path if whole else self._path(path), body)
        mode = self._choose.choices(MODES, MODE_WEIGHTS)[0]
        match mode:
            case "twice":
                await asyncio.gather(*(self._until_answered(write, {}) for _ in "ab"))
            case "async":
                await self._asynchronously(write)
            case "once":
                write.gave_up = True
                await self._try(write, {})
            case _:
                await self._until_answered(write, {})
        final = write.final
        return final if final is not None and final.applied else None

    async def _asynchronously(self, write: Write) -> None:
        """Ask to be answered at once, follow the operation, and fetch the answer in the end."""
        prefer = {"Prefer": self._choose.choice(["respond-async", "respond-async, wait=1"])}
        repeats_so = self._choose.random() < 0.5
        accepted = await self._until(write, prefer, lambda answer: answer.final or answer.status == 202)
        if accepted is not None and accepted.status == 202:
            await self._follow(write, accepted.document["id"])
        await self._until_answered(write, prefer if repeats_so else {})

    async def _follow(self, write: Write, operation: str) -> None:
        write.operation = operation
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = await self._read(f"/v1/operations/{operation}")
            if answer is not None and answer.document["state"] in {"succeeded", "failed"}:
                return
            await asyncio.sleep(0.1)

    async def _until_answered(self, write: Write, headers: dict[str, str]) -> Answer | None:
        return await self._until(write, headers, lambda answer: answer.final)

    async def _until(
        self, write: Write, headers: dict[str, str], enough: Callable[[Answer], bool]
    ) -> Answer | None:
        """Repeat the same key until the answer is enough."""
        deadline = time.monotonic() + PATIENCE
        pause = 0.05
        while time.monotonic() < deadline:
            answer = await self._try(write, headers)
            if answer is not None and enough(answer):
                return answer
            await asyncio.sleep(pause * self._stray.uniform(0.5, 1.5))
            pause = min(pause * 2, 1.0)
        return None

    async def _try(self, write: Write, headers: dict[str, str]) -> Answer | None:
        write.tries += 1
        answer = await self._ask(
            write.method, write.path, json=write.body, headers={"Idempotency-Key": write.key, **headers}
        )
        if answer is None:
            return None
        write.answers.append(answer)
        self._town.ledger.count(answer)
        if answer.status >= 400 and answer.document.get("operation"):
            write.operation = answer.document["operation"]
        return answer

    async def _until_paid(self) -> bool:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            answer = await self._read(f"/v1/orders/{self._id}?refresh=true")
            if answer is not None and answer.document["payment_status"] == "paid":
                return True
            await asyncio.sleep(0.2 * self._stray.uniform(0.5, 1.5))
        return False

    async def _read(self, path: str) -> Answer | None:
        """Read once; None if the read failed."""
        answer = await self._ask("GET", path)
        return answer if answer is not None and answer.status == 200 else None

    async def _ask(self, method: str, path: str, **options: Any) -> Answer | None:
        node = self._stray.randrange(len(self._town.nodes))
        try:
            return await self._town.ask(method, path, node, **options)
        except httpx.HTTPError:
            self._town.ledger.broken += 1
            return None

    def _made(
        self, kind: str, method: str, path: str, body: Document, explainable: set[str] | None = None
    ) -> Write:
        self._writes += 1
        write = Write(
            life=self._number,
            kind="return" if kind == "returns" else kind,
            provider=self._provider,
            method=method,
            path=path,
            body=body,
            key=f"chaos-{self._number}-{self._writes}",
            explainable=frozenset(explainable or ()),
        )
        self._town.ledger.writes.append(write)
        return write

    def _path(self, action: str) -> str:
        return f"/v1/orders/{self._id}{action}"

    def _metadata(self) -> Document:
        return {"metadata": {"chaos": f"life {self._number}"}}

    def _draft(self) -> Document:
        draw = self._choose
        skus = draw.sample(SKUS, draw.randint(1, len(SKUS)))
        lines = [
            {
                "sku": sku,
                "description": f"A {sku}",
                "quantity": draw.randint(1, 3),
                "unit_amount": draw.randint(1, 50_000),
            }
            for sku in skus
        ]
        if draw.random() < 0.5:
            lines.append(
                {
                    "type": "shipping",
                    "description": "Parcel",
                    "quantity": 1,
                    "unit_amount": draw.randint(0, 900),
                }
            )
        draft: Document = {
            "account": self._provider,
            "currency": "USD",
            "customer": {"id": CUSTOMER},
            "line_items": lines,
        }
        if draw.random() < 0.6:
            draft["reference"] = f"R-{self._number}"
        return draft
