"""Polls the accounts: the safety net for lost webhooks.

If a provider has an event feed, a poll reads it from a little before the last poll. Otherwise it reads unfinished
orders again, those first that were not read for the longest time. One process polls an account at a time.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import structlog

from ordergate.domain.commands import ListEvents
from ordergate.domain.errors import Problem
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.inbound.receive import record, storable
from ordergate.gateway.inbound.resync import until_recorded
from ordergate.gateway.runtime.background import in_background
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.plans import read_events
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.provider_events import Poll, ReceivedEvent

OVERLAP = timedelta(minutes=5)
"""Overlap of two polls: clocks differ, and a feed may publish an event late."""

_PAGE = 100
_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.05

_log = structlog.get_logger("ordergate.polling")


@contextlib.asynccontextmanager
async def polling(runtime: Runtime) -> AsyncIterator[None]:
    """Poll the accounts in the background until the block ends."""
    polls = _Polls(runtime)
    worker = runtime.workers.run(
        "polling", polls.start_due, log=_log, failure="polling.failed", after_failure=_LONGEST_PAUSE
    )
    try:
        async with worker:
            yield
    finally:
        await polls.stop()


class _Polls:
    """The polls that run in this process. Each runs by itself: a provider that hangs delays no other account."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._running: dict[str, asyncio.Task[bool]] = {}
        self._asks_at: dict[str, float] = {}

    async def start_due(self) -> float:
        """Start the poll of each due account; return the seconds until the next."""
        loop = asyncio.get_running_loop()
        pause = _LONGEST_PAUSE
        for account in self._runtime.configuration.accounts.values():
            every = poll_seconds(self._runtime, account)
            if account.accept == "none" or not every:
                continue
            left = min(self._asks_at.get(account.name, 0.0) - loop.time(), every)
            if account.name not in self._running and left <= 0:
                task = asyncio.create_task(_acquire_and_poll(self._runtime, account))
                self._running[account.name] = task
                task.add_done_callback(partial(self._end, account.name, every))
            pause = min(pause, every / 2 if account.name in self._running else left)
        return max(pause, _SHORTEST_PAUSE)

    def _end(self, account: str, every: float, ended: "asyncio.Task[bool]") -> None:
        del self._running[account]
        polled = not ended.cancelled() and ended.exception() is None and ended.result()
        # An account that this process has polled is not due again before its time.
        self._asks_at[account] = asyncio.get_running_loop().time() + (every if polled else every / 2)

    async def stop(self) -> None:
        """Cancel the polls."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def poll_seconds(runtime: Runtime, account: Account) -> float:
    """Return the seconds between two polls of an account; 0 for none."""
    return (
        runtime.configuration.inbound.poll_seconds if account.poll_seconds is None else account.poll_seconds
    )


async def _acquire_and_poll(runtime: Runtime, account: Account) -> bool:
    """Poll an account if this process can acquire the poll; return whether it did."""
    every = poll_seconds(runtime, account)
    try:
        turn = await runtime.journal.write(tx.resync.acquire_poll(account.name, runtime.node, every))
    except JournalUnavailableError as error:
        _log.warning("journal.unavailable", error=str(error))
        return False
    if turn is None:
        return False
    walked = None
    try:
        with in_background(runtime, "polling"):
            walked = turn.now if await _poll(runtime, account, turn) else None
    except JournalUnavailableError as error:
        _log.warning("journal.unavailable", error=str(error))
    except Exception:  # noqa: BLE001 - the next poll starts again from the last complete one
        _log.exception("polling.failed", account=account.name)
    await until_recorded(
        lambda: runtime.journal.write(tx.resync.release_poll(account.name, runtime.node, every, walked))
    )
    return True


async def _poll(runtime: Runtime, account: Account, turn: Poll) -> bool:
    """Poll an account; return whether the poll was complete."""
    if not runtime.transport.health(account).has_room:
        return False
    if account.adapter.capabilities.event_feed:
        return await _poll_feed(runtime, account, turn)
    inbound = runtime.configuration.inbound
    before = runtime.steady_time() - timedelta(seconds=poll_seconds(runtime, account))
    told = await runtime.journal.write(
        tx.resync.queue_stale_orders(account.name, before, inbound.poll_orders, inbound.pace)
    )
    if told:
        runtime.workers.wake("resync")
    return True


async def _poll_feed(runtime: Runtime, account: Account, turn: Poll) -> bool:
    command = ListEvents(limit=_PAGE, since=turn.walked_at - OVERLAP, cursor=None)
    found = 0
    try:
        while True:
            page = await read_events(runtime, account, command)
            received = [ReceivedEvent(event=event) for event in page.events if storable(event)]
            if len(received) < len(page.events):
                _log.warning(
                    "polling.unstorable", account=account.name, events=len(page.events) - len(received)
                )
            recorded = await record(runtime, account, received)
            found += len(recorded.new)
            if page.next_cursor is None:
                break
            command = ListEvents(limit=_PAGE, since=command.since, cursor=page.next_cursor)
            await _wait_for_room(runtime, account)
    except Problem as problem:
        _log.info("polling.postponed", account=account.name, code=problem.code, detail=problem.detail)
        return False
    if found:
        _log.info("polling.found", account=account.name, events=found)
    return True


async def _wait_for_room(runtime: Runtime, account: Account) -> None:
    while not runtime.transport.health(account).has_room:  # noqa: ASYNC110 - no event announces room
        await asyncio.sleep(1.0)
