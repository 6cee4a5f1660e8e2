"""Checks a switch in advance: translates recent orders for another account. Nothing is sent."""

from collections import Counter
from datetime import datetime

import msgspec

from ordergate.domain.assembly import OrderRecord, draft_of
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.order import Record
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.links.links import NATIVE
from ordergate.gateway.orders.create import creation, native_ids, unrecorded
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.prepared import start_plan
from ordergate.journal import transactions as tx
from ordergate.journal.records.links import Progress
from ordergate.journal.records.orders import AccountUse, OrderQuery

_PAGE = 200


class SwitchRefusal(Record, frozen=True, kw_only=True):
    """Why some of the orders would be refused.

    Attributes:
        orders: How many.
        example: One of them.
    """

    code: str
    pointer: str
    detail: str
    orders: int
    example: str


class SwitchCheck(Record, frozen=True, kw_only=True):
    """The effect of a switch to an account on the orders since a time.

    Attributes:
        source: The account of the orders; None for all accounts of the same world.
        orders: How many were replayed.
        passing: How many of them the account would have been sent.
        refused: The others, by reason, the most frequent first; an order may have several.
        staying: Unfinished orders and unsettled operations. They stay at their account.
        peak_per_minute: The most orders that were made in one minute, the account's own among them unless others
            were chosen; each takes a call, and its payment and fulfilment more.
        limit_per_minute: How many calls a minute the account takes; None for no limit.
    """

    account: str
    source: str | None
    since: datetime
    orders: int
    passing: int
    refused: list[SwitchRefusal]
    staying: dict[str, AccountUse]
    peak_per_minute: int
    limit_per_minute: int | None


async def check_switch(
    runtime: Runtime,
    account: Account,
    *,
    source: str | None,
    merchant: str | None,
    since: datetime,
    progress: Progress | None = None,
) -> SwitchCheck:
    """Replay the orders since a time as creates at an account, without sending any."""
    orders = passing = 0
    refusals: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], str] = {}
    minutes: Counter[datetime] = Counter()
    query = OrderQuery(world=account.world, merchant=merchant, account=source, created_gte=since, limit=_PAGE)
    while page := (await runtime.journal.read(tx.orders.search(query)))[:_PAGE]:
        for record in page:
            minutes[record.seen.created_at.replace(second=0, microsecond=0)] += 1
            if record.account == account.name:
                continue
            orders += 1
            found = await _refusals(runtime, account, record)
            passing += not found
            refusals.update(found)
            for reason in found:
                examples.setdefault(reason, record.id)
        if progress is not None:
            progress(orders)
        query = msgspec.structs.replace(query, starting_after=page[-1].id)
    return SwitchCheck(
        account=account.name,
        source=source,
        since=since,
        orders=orders,
        passing=passing,
        refused=[
            SwitchRefusal(
                code=code,
                pointer=pointer,
                detail=detail,
                orders=count,
                example=examples[code, pointer, detail],
            )
            for (code, pointer, detail), count in refusals.most_common()
        ],
        staying=await _staying(runtime, account, source),
        peak_per_minute=max(minutes.values(), default=0),
        limit_per_minute=min((rate.requests * 60 // rate.seconds for rate in account.limits), default=None),
    )


async def _refusals(runtime: Runtime, account: Account, record: OrderRecord) -> set[tuple[str, str, str]]:
    """Why the account would not be sent the order; empty if it would."""
    if not account.open_to(record.merchant, record.world):
        return {("no_route", "/account", f"The account is not open to {record.merchant}.")}
    if account.accept != "all":
        return {("no_route", "/account", "The account takes no new orders.")}
    draft = draft_of(record)
    if natives := native_ids(draft):
        detail = (
            f"It names an id of {record.account}'s own ({NATIVE}…), which means nothing elsewhere; link it."
        )
        return {("link_missing", _general(pointer), detail) for pointer in natives}
    try:
        start_plan(
            account,
            await creation(
                runtime.journal, draft, account, unrecorded(runtime, record.merchant, record.world)
            ),
        )
    except Problem as problem:
        errors = problem.errors or (FieldError(pointer="", code=problem.code, detail=problem.detail),)
        return {(problem.code, _general(error.pointer), error.detail) for error in errors}
    return set()


def _general(pointer: str) -> str:
    """The same field of any line is the same reason."""
    return "/".join("*" if part.isdecimal() else part for part in pointer.split("/"))


async def _staying(runtime: Runtime, account: Account, source: str | None) -> dict[str, AccountUse]:
    names = [
        name
        for name, other in runtime.configuration.accounts.items()
        if other.world == account.world and name != account.name and source in {None, name}
    ]
    return {name: await runtime.journal.read(tx.orders.account_use(name)) for name in sorted(names)}
