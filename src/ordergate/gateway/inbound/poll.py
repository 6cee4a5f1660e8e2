"""Finds what a lost webhook would have told: a late truth, and not a lost one.

Where a provider keeps a feed of events, it is read from a little before the last walk through it began; where it
keeps none, orders that are not over are read again, those first that were not read for longest. Each account is
looked through by one process at a time.
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
from ordergate.gateway.inbound.resync import until_kept
from ordergate.gateway.runtime.background import in_background
from ordergate.gateway.runtime.runtime import Gateway
from ordergate.gateway.writes.conversation import read_events
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.provider_events import Poll, ReceivedEvent

OVERLAP = timedelta(minutes=5)
"""How long before the last walk the next one begins: clocks differ, and a feed may tell late."""

_PAGE = 100
_LONGEST_PAUSE = 5.0
_SHORTEST_PAUSE = 0.05

_log = structlog.get_logger("ordergate.polling")


@contextlib.asynccontextmanager
async def polling(gateway: Gateway) -> AsyncIterator[None]:
    """Look through the accounts in the background, from now on; failures are waited out."""
    task = asyncio.create_task(_poll_for_ever(gateway))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def poll_seconds(gateway: Gateway, account: Account) -> float:
    """Return the seconds between two looks through an account; 0 for none."""
    return (
        gateway.configuration.inbound.poll_seconds if account.poll_seconds is None else account.poll_seconds
    )


async def _poll_for_ever(gateway: Gateway) -> None:
    """Ask for the turn of each account: one that this process has had is not asked for before its time."""
    loop = asyncio.get_running_loop()
    under_way: dict[str, asyncio.Task[bool]] = {}
    asks_at: dict[str, float] = {}

    def end(account: str, every: float, ended: "asyncio.Task[bool]") -> None:
        del under_way[account]
        had = not ended.cancelled() and ended.exception() is None and ended.result()
        asks_at[account] = loop.time() + (every if had else every / 2)

    try:
        while True:
            pause = _LONGEST_PAUSE
            for account in gateway.configuration.accounts.values():
                every = poll_seconds(gateway, account)
                if account.accept == "none" or not every:
                    continue
                left = min(asks_at.get(account.name, 0.0) - loop.time(), every)
                if account.name not in under_way and left <= 0:
                    # Each by itself: a provider that does not answer holds up no other.
                    task = under_way[account.name] = asyncio.create_task(_take_turn(gateway, account))
                    task.add_done_callback(partial(end, account.name, every))
                pause = min(pause, every / 2 if account.name in under_way else left)
            await asyncio.sleep(max(pause, _SHORTEST_PAUSE))
    finally:
        left_over = list(under_way.values())
        for task in left_over:
            task.cancel()
        await asyncio.gather(*left_over, return_exceptions=True)


async def _take_turn(gateway: Gateway, account: Account) -> bool:
    """Look through an account if it is this process's turn; return whether it was."""
    every = poll_seconds(gateway, account)
    try:
        turn = await gateway.journal.write(tx.resync.acquire_poll(account.name, gateway.node, every))
    except JournalUnavailableError as error:
        _log.warning("journal.unavailable", error=str(error))
        return False
    if turn is None:
        return False
    walked = None
    try:
        with in_background(gateway, "polling"):
            walked = turn.now if await _look_through(gateway, account, turn) else None
    except JournalUnavailableError as error:
        _log.warning("journal.unavailable", error=str(error))
    except Exception:  # noqa: BLE001 - it is looked through again
        _log.exception("polling.failed", account=account.name)
    await until_kept(
        lambda: gateway.journal.write(tx.resync.release_poll(account.name, gateway.node, every, walked))
    )
    return True


async def _look_through(gateway: Gateway, account: Account, turn: Poll) -> bool:
    """Look for what was not told; return whether the whole account was looked through."""
    if not gateway.transport.health(account).has_room:
        return False
    if account.adapter.capabilities.event_feed:
        return await _walk_feed(gateway, account, turn)
    inbound = gateway.configuration.inbound
    before = gateway.steady_time() - timedelta(seconds=poll_seconds(gateway, account))
    told = await gateway.journal.write(
        tx.resync.queue_stale_orders(account.name, before, inbound.poll_orders, inbound.pace)
    )
    if told and gateway.wake_inbound is not None:
        gateway.wake_inbound()
    return True


async def _walk_feed(gateway: Gateway, account: Account, turn: Poll) -> bool:
    command = ListEvents(limit=_PAGE, since=turn.walked_at - OVERLAP, cursor=None)
    found = 0
    try:
        while True:
            page = await read_events(gateway, account, command)
            told = [ReceivedEvent(event=event) for event in page.events if storable(event)]
            if len(told) < len(page.events):
                _log.warning("polling.unstorable", account=account.name, events=len(page.events) - len(told))
            recorded = await record(gateway, account, told)
            found += len(recorded.new)
            if page.next_cursor is None:
                break
            command = ListEvents(limit=_PAGE, since=command.since, cursor=page.next_cursor)
            await _wait_for_room(gateway, account)
    except Problem as problem:
        _log.info("polling.postponed", account=account.name, code=problem.code, detail=problem.detail)
        return False
    if found:
        _log.info("polling.found", account=account.name, events=found)
    return True


async def _wait_for_room(gateway: Gateway, account: Account) -> None:
    while not gateway.transport.health(account).has_room:  # noqa: ASYNC110 - it is told by nobody
        await asyncio.sleep(1.0)
