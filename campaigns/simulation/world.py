"""A provider, a journal's file and the processes on it, all on one clock."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import msgspec
import structlog

from campaigns.simulation.clock import Clock, at_once
from campaigns.simulation.journal import ImmediateJournal
from campaigns.simulation.network import Network
from campaigns.simulation.operations import (
    CALLER,
    CUSTOMER,
    MERCHANT,
    SKU,
    State,
    Target,
    create,
    fulfill,
    pay,
    waiting_method,
)
from campaigns.simulation.process import Process, Stop
from ordergate.conformance.driver import InProcess
from ordergate.domain.assembly import with_snapshot
from ordergate.domain.draft import PayBody
from ordergate.domain.operation import OperationState
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.orders.pay import pay_order
from ordergate.gateway.orders.read import get_order
from ordergate.gateway.writes.write import CallOptions
from ordergate.journal import transactions as tx
from ordergate.journal.records.links import LinkKey
from ordergate.journal.records.operations import Operation, OperationQuery
from ordergate.journal.records.orders import OrderQuery

_ALARMS = frozenset(
    {"write.failed", "recovery.failed", "adapter.failed", "operation.late_write", "operation.needs_person"}
)

alarms: list[str] = []
"""Log events that the gateway should never write."""


def listen_for_alarms() -> None:
    """Keep the log's alarms, and drop its other lines."""

    def keep(_logger: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        if event["event"] in _ALARMS:
            failure = sys.exc_info()[1]
            alarms.append(f"{event['event']}: {failure!r}" if failure is not None else str(event["event"]))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])


def quick_folder() -> Path | None:
    """Return a folder in memory, whose commits take no time; None if there is none."""
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


class Stage(msgspec.Struct, frozen=True):
    """All durable state at one moment: the start of a simulation."""

    elapsed: float
    file: bytes
    provider: bytes
    target: Target


class World:
    """One provider and one journal, with the processes that use them."""

    def __init__(self, provider: str, file: Path) -> None:
        self.clock = Clock()
        self.network = Network(InProcess(provider), self.clock)
        self.file = file
        self.configuration = _configuration(self.network.provider, provider)

    @property
    def provider(self) -> InProcess:
        """The provider, as it can be asked without any network."""
        return self.network.provider

    def start(self, name: str, *, stop: Stop | None = None, alone: bool = True) -> Process:
        """Start a process; one that is not alone leaves others in peace."""
        journal = ImmediateJournal(self.file, serving=alone, clock=self.clock.unix)
        return Process(
            name,
            configuration=self.configuration,
            journal=journal,
            network=self.network,
            stop=stop,
        )

    @asynccontextmanager
    async def running(self, name: str) -> AsyncIterator[Process]:
        """Run a process for a while."""
        process = self.start(name)
        try:
            yield process
        finally:
            await process.end()

    def restore(self, stage: Stage) -> None:
        """Restore the state of that moment."""
        for leftover in ("-wal", "-shm"):
            self.file.with_name(self.file.name + leftover).unlink(missing_ok=True)
        self.file.write_bytes(stage.file)
        self.network.restore(stage.provider)
        self.clock.elapsed = stage.elapsed

    async def stage(self, state: State) -> Stage:
        """Bring an order into this state, in an empty world, and stop everything."""
        async with self.running("stage") as process:
            await link_all(process.journal, self.provider)
            target = Target("", "") if state == "none" else await self._order(process, state)
        return Stage(self.clock.elapsed, self.file.read_bytes(), self.network.snapshot(), target)

    async def _order(self, process: Process, state: State) -> Target:
        gateway = process.gateway
        made = msgspec.json.decode(
            (await create(gateway, Target("", ""), CallOptions(key="s1"))).response.body
        )
        target = Target(made["id"], made["line_items"][0]["id"])
        if state == "received":
            body = PayBody(payment_method=f"provider:{waiting_method(self.provider)}")
            await pay_order(gateway, CALLER, target.order, body, CallOptions(key="s2"))
            await asyncio.sleep(1)
            provider = self.provider
            provider.emulator.act(made["provider_order_id"], "payment_closed", None, self.clock.unix())
        if state in {"paid", "fulfilled"}:
            await pay(gateway, target, CallOptions(key="s2"))
            await asyncio.sleep(1)
            await get_order(gateway, CALLER, target.order, refresh=True)
        if state == "fulfilled":
            await fulfill(gateway, target, CallOptions(key="s3"))
        await asyncio.sleep(1)
        return target


def operations(process: Process, *states: OperationState) -> list[Operation]:
    """Return the journal's operations in these states; without any, all."""
    return [
        operation
        for state in states or (None,)
        for operation in at_once(
            process.journal.read(
                tx.operations.search(OperationQuery(world="test", state=state, limit=10_000))
            )
        )
    ]


def unsettled(process: Process) -> list[Operation]:
    """Return the operations of unknown outcome."""
    return operations(process, "in_progress", "unknown")


def disagreements(world: World, process: Process) -> list[str]:
    """Return the differences between the journal's orders and the provider's."""
    records = at_once(process.journal.read(tx.orders.search(OrderQuery(world="test", limit=10_000))))
    found = []
    theirs = {order["id"] for order in world.network.state()["orders"]}
    ours = {record.seen.provider_order_id for record in records}
    if theirs != ours:
        found.append(f"{len(theirs - ours)} orders are the provider's alone, {len(ours - theirs)} ours alone")
    for record in records:
        if record.seen.provider_order_id not in theirs:
            continue
        now = world.network.read(record.seen)
        wrong = [
            name for name in record.seen.__struct_fields__ if getattr(record.seen, name) != getattr(now, name)
        ]
        if wrong or record.concerns:
            found.append(f"{record.id} differs in {wrong}, concerns {record.concerns}")
    return found


def read_again(world: World, process: Process) -> None:
    """Let the journal read the payments that changed at the provider by themselves."""
    for record in at_once(process.journal.read(tx.orders.search(OrderQuery(world="test", limit=10_000)))):
        stored = at_once(process.journal.read(tx.orders.find(record.id)))
        if stored is not None and stored.record.seen.payments:
            seen = world.network.read(record.seen)
            at_once(
                process.journal.write(
                    tx.orders.update(with_snapshot(stored.record, seen, world.clock.utc()), stored)
                )
            )


async def link_all(journal: ImmediateJournal, provider: InProcess) -> None:
    """Link the merchant's customer and product."""
    name, description = provider.adapter.name, provider.description
    for kind, merchants_own, native in (
        ("customers", CUSTOMER, description.customer),
        ("products", SKU, description.products[0]),
    ):
        key = LinkKey(merchant=MERCHANT, world="test", kind=kind, id=merchants_own)
        await journal.write(tx.links.put(key, {name: native}))


def _configuration(provider: InProcess, name: str) -> Configuration:
    account = Account(
        name=name,
        adapter=provider.adapter,
        environment="emulator",
        base_url="http://provider.invalid",
        settings=provider.settings,
    )
    return Configuration(
        hash="simulated",
        accounts={name: account},
        default_route=(name,),
        late_look=timedelta(minutes=15),
    )
