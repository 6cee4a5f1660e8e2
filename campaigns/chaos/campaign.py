"""One campaign from its first process to its verdict."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.scenarios.shop import Emulator, free_port, prepare_store

from campaigns.chaos import merchant as merchants
from campaigns.chaos import providers
from campaigns.chaos.callers import Town
from campaigns.chaos.faults import describe, rules
from campaigns.chaos.ledger import Answer, Ledger, Write
from campaigns.chaos.logs import unwritable
from campaigns.chaos.merchant import Merchant, listening
from campaigns.chaos.nodes import (
    Database,
    Node,
    compiled,
    database,
    disconnected,
    emulators,
    killed,
    of_no_use,
)
from campaigns.chaos.plan import Plan, write_configuration
from campaigns.chaos.verdict import Evidence, judge, longest_settle, may_be_behind
from ordergate.gateway.accounts.registry import installed_adapter

Progress = Callable[[str, int, int], None]
"""Takes the current step, the number of finished items, and the number of all items."""
Document = dict[str, Any]

WEBHOOKS = {"duplicate": 0.3, "reorder": 0.2, "drop": 0.1, "retry_seconds": 0.3}
"""How the providers deliver: some twice, some after the next one, some never."""
UNSETTLED = ("in_progress", "unknown")
PAGE = 100
AT_ONCE = 8


@dataclass(frozen=True)
class Report:
    """The result of a campaign."""

    plan: Plan
    ledger: Ledger
    violations: Mapping[str, list[str]]
    operations: list[Document]
    hits: Mapping[str, Counter[str]]
    kills: int
    stops: int
    cut: int
    server_crashes: int
    log_outages: int
    outages: Mapping[str, int]
    seconds: float
    settled_after: float
    longest_settle: float
    heard: int
    events: int
    deliveries: int
    told_after: float

    @property
    def clean(self) -> bool:
        """Whether nothing was wrong."""
        return not any(self.violations.values())


def run(plan: Plan, progress: Progress) -> Report:
    """Carry out a campaign; every process that it starts ends with it."""
    with compiled(plan.folder), database(plan) as store, emulators(plan.folder, plan.seed) as running:
        return asyncio.run(_run(plan, progress, store, running))


async def _run(
    plan: Plan, progress: Progress, store: Database | None, running: Mapping[str, Emulator]
) -> Report:
    ports = [free_port() for _ in range(plan.nodes)]
    hooks = f"http://127.0.0.1:{ports[0]}"
    config = write_configuration(plan, running, store.url if store else None, hooks)
    key, operator_key = await prepare_store(config, running)
    nodes = [Node(number, port, config, plan.folder) for number, port in enumerate(ports)]
    async with listening(plan) as merchant, _started(nodes), _client(plan) as client:
        town = _town(plan, client, nodes, key, running)
        await _subscribe(town, merchant)
        for name, emulator in running.items():
            emulator.faults(*rules(plan.timing))
            emulator.webhooks(f"{hooks}/hooks/{name}", **WEBHOOKS)
        await _chaos(plan, town, nodes, store, progress)
        seconds = time.monotonic() - town.started
        hits = {name: _hits(emulator) for name, emulator in running.items()}
        for emulator in running.values():
            emulator.faults()
        clerk = Clerk(town, operator_key)
        settled_after = await clerk.wait_until_settled(plan.timing.settles_within, progress)
        evidence = await _collect(clerk, running, progress)
        feed = await clerk.feed()
        told_after = await merchants.wait_for(merchant, feed, plan.timing.settles_within)
        violations = judge(evidence) | {name: list[str]() for name in merchants.CLASSES}
        for name, what in merchants.disagreements(merchant, feed, await clerk.everything("/v1/orders")):
            violations[name].append(what)
    return Report(
        plan=plan,
        ledger=town.ledger,
        violations=violations,
        operations=list(evidence.operations),
        hits=hits,
        kills=sum(node.kills for node in nodes),
        stops=sum(node.stops for node in nodes),
        cut=store.cut if store else 0,
        server_crashes=store.restarts if store else 0,
        log_outages=sum(node.log_pipe.outages for node in nodes),
        outages=store.outages if store else {},
        seconds=seconds,
        settled_after=settled_after,
        longest_settle=longest_settle(evidence.operations),
        heard=sum(int(emulator.state()["webhooks_sent"]) for emulator in running.values()),
        events=len(feed),
        deliveries=len(merchant.receiver.came),
        told_after=told_after,
    )


async def _subscribe(town: Town, merchant: Merchant) -> None:
    """Have everything delivered to the merchant's receiver."""
    answer = await town.ask("POST", "/v1/webhook_endpoints", 0, json={"url": merchant.receiver.url})
    if answer.status != 201:
        raise RuntimeError(f"no endpoint: {answer.status} {answer.body.decode()}")
    merchant.secret = answer.document["secret"]


@contextlib.asynccontextmanager
async def _started(nodes: list[Node]) -> AsyncIterator[None]:
    try:
        for node in nodes:
            await node.up()
        yield
    finally:
        for node in nodes:
            node.end()
            node.log_pipe.close()


def _client(plan: Plan) -> httpx.AsyncClient:
    timeout = 20 + plan.timing.late_answer
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=plan.callers)
    return httpx.AsyncClient(timeout=timeout, limits=limits, verify=False)


def _town(
    plan: Plan,
    client: httpx.AsyncClient,
    nodes: list[Node],
    key: str,
    running: Mapping[str, Emulator],
) -> Town:
    takes_back = {
        name: any(
            kind.value == "return" and support.level != "no"
            for kind, support in installed_adapter(name).capabilities.operations.items()
        )
        for name in running
    }
    return Town(
        client=client,
        nodes=[node.url for node in nodes],
        key=key,
        wanted=plan.writes,
        seconds=plan.seconds,
        seed=plan.seed,
        providers=takes_back,
        ledger=Ledger(),
        started=time.monotonic(),
    )


async def _chaos(
    plan: Plan, town: Town, nodes: list[Node], store: Database | None, progress: Progress
) -> None:
    """Let the callers write while everything else fails around them."""
    pipes = [node.log_pipe for node in nodes]
    async with (
        disconnected(store, plan),
        of_no_use(store, plan),
        unwritable(pipes, plan),
        contextlib.AsyncExitStack() as kills,
    ):
        for node in nodes:
            await kills.enter_async_context(killed(node, plan))
        callers = asyncio.gather(*(town.caller() for _ in range(plan.callers)))
        crashes = 1 if store is not None and plan.restarts_server else 0
        while not callers.done():
            await asyncio.wait([callers], timeout=0.5)
            done = len(town.ledger.writes)
            progress("writes", min(done, plan.writes), plan.writes)
            if crashes and store is not None and done >= plan.writes / 2:
                crashes -= 1
                store.crash()
            if max(done / plan.writes, town.age / plan.seconds) >= plan.kills_until:
                await kills.aclose()
        await callers


def _hits(emulator: Emulator) -> Counter[str]:
    told = emulator._call("GET", "faults")
    return Counter(
        {describe(rule): hits for rule, hits in zip(told["rules"], told["hits"], strict=True) if hits}
    )


class Clerk:
    """Reads the journal through the gateway when all is quiet again."""

    def __init__(self, town: Town, operator_key: str) -> None:
        self.town = town
        self._key = operator_key

    async def wait_until_settled(self, seconds: float, progress: Progress) -> float:
        """Wait until no operation is open, at most so long; return how long it took."""
        began = time.monotonic()
        most = 0
        while time.monotonic() - began < seconds:
            left = 0
            for state in UNSETTLED:
                left += len((await self._page("/v1/operations", state=state))["data"])
            most = max(most, left)
            progress("unsettled", most - left, most)
            if not left:
                break
            await asyncio.sleep(0.2)
        return time.monotonic() - began

    async def everything(self, path: str) -> list[Document]:
        """Return every row of a list."""
        rows: list[Document] = []
        while True:
            last = {"starting_after": rows[-1]["id"]} if rows else {}
            page = await self._page(path, **last)
            rows += page["data"]
            if not page["has_more"]:
                return rows

    async def feed(self) -> list[Document]:
        """Return every event of the merchant's, in the feed's order."""
        events: list[Document] = []
        while True:
            after = events[-1]["number"] if events else 0
            page = await self.read(f"/v1/events?after={after}&limit={PAGE}")
            events += page["data"]
            if not page["has_more"]:
                return events

    async def read(self, path: str) -> Document:
        """Read one document, as the merchant."""
        return (await self._ask("GET", path, self.town.key)).document

    async def repeat(self, write: Write) -> Answer:
        """Send a write once more, with its key."""
        headers = {"Idempotency-Key": write.key}
        return await self._ask(write.method, write.path, self.town.key, json=write.body, headers=headers)

    async def _page(self, path: str, **parameters: Any) -> Document:
        answer = await self._ask("GET", path, self._key, params={"limit": PAGE, **parameters})
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {answer.body.decode()}")
        return answer.document

    async def _ask(self, method: str, path: str, key: str, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {key}", **options.pop("headers", {})}
        for _ in range(20):
            with contextlib.suppress(httpx.HTTPError):
                response = await self.town.client.request(
                    method, self.town.nodes[0] + path, headers=headers, **options
                )
                if response.status_code < 500:
                    return Answer.of(response, 0, time.monotonic() - self.town.started)
            await asyncio.sleep(0.2)
        raise RuntimeError(f"{method} {path} is not answered, with everything well again")


async def _collect(clerk: Clerk, running: Mapping[str, Emulator], progress: Progress) -> Evidence:
    """Read journal and providers, and ask every key once more."""
    await asyncio.sleep(1.2)  # a card's payment closes within a second
    operations = await clerk.everything("/v1/operations")
    orders = await clerk.everything("/v1/orders")
    seen = {name: providers.read(name, emulator.state()) for name, emulator in running.items()}
    orders = await _read_moving(clerk, orders, seen)
    succeeded = {one["idempotency_key"] for one in operations if one["state"] == "succeeded"}
    asked = [
        write
        for write in clerk.town.ledger.writes
        if write.key in succeeded or any(answer.stored for answer in write.answers)
    ]
    again = await _repeat_all(clerk, asked, progress)
    after = {name: providers.read(name, emulator.state()) for name, emulator in running.items()}
    return Evidence(
        ledger=clerk.town.ledger,
        operations=operations,
        orders=orders,
        providers=after if _grew(seen, after) else seen,
        again=again,
    )


def _grew(before: Mapping[str, providers.Provider], after: Mapping[str, providers.Provider]) -> bool:
    """Whether asking again has done something, which the verdict must then see."""
    return any(len(after[name].orders) > len(before[name].orders) for name in after)


async def _read_moving(
    clerk: Clerk, orders: list[Document], seen: Mapping[str, providers.Provider]
) -> list[Document]:
    """Read again the orders that may be out of date: a payment that closes by itself, a status without figures."""
    there = {name: provider.by_id() for name, provider in seen.items()}
    read = []
    for order in orders:
        found = there[order["account"]].get(order["provider_order_id"])
        behind = found is not None and may_be_behind(order, found)
        read.append(await clerk.read(f"/v1/orders/{order['id']}?refresh=true") if behind else order)
    return read


async def _repeat_all(clerk: Clerk, writes: list[Write], progress: Progress) -> dict[Write, Answer]:
    again: dict[Write, Answer] = {}
    left = list(reversed(writes))

    async def repeat() -> None:
        while left:
            write = left.pop()
            again[write] = await clerk.repeat(write)
            progress("keys asked again", len(again), len(writes))

    await asyncio.gather(*(repeat() for _ in range(AT_ONCE)))
    return again
