"""How long a write waits until it is durable: in SQLite, and in PostgreSQL with the disk's flush at each commit."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter, perf_counter_ns

import msgspec
from tests.postgresql import PostgreSQLMissing, start

from campaigns.bench.figures import Figure, percentile
from ordergate.domain.changes import NothingElse
from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import Claimed, Intent, Operation, StoredResponse, Work
from ordergate.server.bootstrap import open_journal

ALONE = 500
TOGETHER = 6_400
WAITERS = 32
WARM_UP = 100

_REQUEST = b"x" * 800
_ANSWER = StoredResponse(status=201, body=b"x" * 1_600)

Write = Callable[[Journal], Awaitable[None]]


def measure(together: int = TOGETHER) -> Iterator[Figure]:
    """Measure both stores; PostgreSQL only if it can be started.

    Args:
        together: How many writes many callers do together.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield from asyncio.run(_figures("sqlite", f"sqlite:///{Path(folder, 'journal.db')}", together))
    try:
        server = start(durable=True)
    except PostgreSQLMissing:
        return
    with server:
        yield from asyncio.run(_figures("postgresql", server.new_database(), together))


async def _figures(store: str, url: str, together: int) -> list[Figure]:
    journal = await open_journal(url)
    figures = []
    try:
        for what, write in (("claim", _claim), ("claim and settle", _claim_and_settle)):
            await _alone(journal, write, WARM_UP)
            taken = await _alone(journal, write, ALONE)
            name = f"{store} durable write: {what}"
            figures += [
                Figure(name, f"p{share}", round(percentile(taken, share) / 1000, 1), "µs")
                for share in (50, 99)
            ]
            figures.append(
                Figure(f"{name}, {WAITERS} at once", "rate", await _together(journal, write, together), "/s")
            )
    finally:
        await journal.close()
    return figures


async def _alone(journal: Journal, write: Write, rounds: int) -> list[int]:
    """One write after the other: how many nanoseconds each took."""
    taken = []
    for _ in range(rounds):
        started = perf_counter_ns()
        await write(journal)
        taken.append(perf_counter_ns() - started)
    return taken


async def _together(journal: Journal, write: Write, writes: int) -> float:
    """Many callers, each with one write after the other: how many writes a second."""

    async def caller() -> None:
        for _ in range(writes // WAITERS):
            await write(journal)

    started = perf_counter()
    await asyncio.gather(*(caller() for _ in range(WAITERS)))
    return round(writes / (perf_counter() - started), 1)


async def _claim(journal: Journal) -> None:
    """The intent's durability alone."""
    await _claimed(journal)


async def _claim_and_settle(journal: Journal) -> None:
    """The cost in the journal of one write to a provider."""
    operation = await _claimed(journal)
    done = msgspec.structs.replace(operation, state="succeeded", outcome="applied")
    if not await journal.write(tx.operations.settle(done, _ANSWER, None)):
        raise AssertionError("the operation is ours to settle")


async def _claimed(journal: Journal) -> Operation:
    now = datetime.now(UTC)
    operation = Operation(
        id=new_id("op"),
        merchant="acme",
        world="test",
        kind=OperationKind.CREATE,
        method="POST",
        path="/v1/orders",
        key=new_id("req"),
        content_hash="0" * 64,
        account="rapyd",
        adapter="rapyd",
        order=new_id("ord"),
        reference=new_id("ref"),
        state="in_progress",
        performed_by="provider",
        attempts=(Attempt(number=1, started_at=now),),
        outcome=None,
        problem=None,
        created_at=now,
        updated_at=now,
    )
    claim = await journal.write(
        tx.operations.claim(
            Intent(
                operation=operation,
                work=Work(command=None, change=NothingElse()),
                owner="node_1",
                request=_REQUEST,
                revision=None,
                settling=55.0,
                allow_duplicate=False,
                since=now - timedelta(days=7),
                api_key="key_1",
            )
        )
    )
    if not isinstance(claim, Claimed):
        raise TypeError("a new key is free")
    return operation
