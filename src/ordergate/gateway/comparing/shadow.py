"""Translates new orders for shadow accounts in the background, and counts the results."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterable

import msgspec
import structlog

from ordergate.domain.comparison import compare
from ordergate.domain.draft import Draft
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.mode import World
from ordergate.domain.order import Record
from ordergate.gateway.comparing.translate import translate_at
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.runtime.shadows import Shadow
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.comparisons import ShadowCount, ShadowKind
from ordergate.spi.fields import at_pointer

EVERY = 1.0
"""Seconds between two rounds. The counts are recorded after each."""

_log = structlog.get_logger("ordergate.shadow")


class ShadowReason(Record, frozen=True, kw_only=True):
    """One reason for many orders; `example` is the latest order's reference."""

    code: str
    pointer: str
    detail: str
    orders: int
    example: str


class ShadowReport(Record, frozen=True, kw_only=True):
    """The results of the orders that were translated for one account.

    Attributes:
        accepted: Orders that the account would have been sent.
        refused: Orders that it would not.
        refusals: Why, the most frequent first; an order may have several reasons.
        differences: Fields in which a request differs from its draft.
        links_missing: The merchant's ids that have no link there: `code` is their kind, `pointer` the id.
    """

    account: str
    accepted: int
    refused: int
    refusals: list[ShadowReason]
    differences: list[ShadowReason]
    links_missing: list[ShadowReason]


class Shadowing(Record, frozen=True, kw_only=True):
    """The counts of the retention time; `dropped` orders were not translated, under load."""

    dropped: int
    accounts: list[ShadowReport]


@contextlib.asynccontextmanager
async def shadowing(runtime: Runtime, every: float = EVERY) -> AsyncIterator[None]:
    """Translate waiting orders each `every` seconds in the background, and the rest when the block ends."""

    async def do_round() -> float:
        await translate_waiting(runtime)
        return every

    try:
        async with runtime.workers.run(
            "shadow", do_round, log=_log, failure="shadow.failed", after_failure=every
        ):
            yield
    finally:
        with contextlib.suppress(Exception):  # the process ends all the same
            await translate_waiting(runtime)


async def translate_waiting(runtime: Runtime) -> None:
    """Translate all waiting orders, and record the results.

    Raises:
        JournalUnavailableError: The journal failed. Unrecorded counts are kept for the next round.
    """
    shadows = runtime.shadows
    counts, shadows.uncounted = shadows.uncounted, []
    dropped, shadows.dropped = shadows.dropped, Counter()
    now = runtime.steady_time()
    counts += [
        ShadowCount(world=world, merchant=merchant, account="", kind="dropped", orders=orders, last_at=now)
        for (world, merchant), orders in dropped.items()
    ]
    while shadows.waiting:
        try:
            counts += await _counts(runtime, shadows.waiting.popleft())
        except Exception:  # noqa: BLE001 - one order must not cost the others their counts
            _log.exception("shadow.failed")
        await asyncio.sleep(0)  # whoever waits for an answer comes first
    if not counts:
        return
    together = list(_together(counts))
    try:
        await runtime.journal.write(tx.shadows.add_counts(together))
    except JournalUnavailableError:
        shadows.uncounted = together
        raise


async def shadow_report(runtime: Runtime, world: World, merchant: str | None) -> Shadowing:
    """Return the counts of all merchants or of one."""
    counts = await runtime.journal.read(tx.shadows.counts(world, merchant))
    names = sorted({count.account for count in counts if count.account})
    return Shadowing(
        dropped=sum(count.orders for count in counts if count.kind == "dropped"),
        accounts=[_report(name, [count for count in counts if count.account == name]) for name in names],
    )


async def _counts(runtime: Runtime, shadow: Shadow) -> list[ShadowCount]:
    """Return the counts of one order for each shadow account that its merchant may use."""
    found = []
    for name in runtime.configuration.shadow:
        account = runtime.configuration.accounts.get(name)
        if account is not None and name != shadow.account and account.open_to(shadow.merchant, shadow.world):
            found += await _counts_at(runtime, shadow, name)
    return found


async def _counts_at(runtime: Runtime, shadow: Shadow, name: str) -> list[ShadowCount]:
    draft = shadow.draft
    translation = await translate_at(runtime, shadow.merchant, shadow.world, draft, name)

    def count(kind: ShadowKind, code: str = "", pointer: str = "", detail: str = "") -> ShadowCount:
        return ShadowCount(
            world=shadow.world,
            merchant=shadow.merchant,
            account=name,
            kind=kind,
            code=code,
            pointer=pointer,
            detail=detail,
            example=draft.reference or "",
            last_at=runtime.steady_time(),
        )

    if translation.problem is not None:
        return [count("refused"), *(count(*reason) for reason in _reasons(draft, translation.problem))]
    wrong = {general(each.pointer) for each in compare(draft, [translation.side]) if each.kind == "different"}
    # Values are not stored: they may be personal data, which an erasure would not find here.
    why = "The request differs from the draft here; compare such an order to see the values."
    return [count("accepted"), *(count("difference", "", pointer, why) for pointer in sorted(wrong))]


def _reasons(draft: Draft, problem: Problem) -> Iterable[tuple[ShadowKind, str, str, str]]:
    errors = problem.errors or (FieldError(pointer="", code=problem.code, detail=problem.detail),)
    for error in errors:
        if error.code == "link_missing":
            kind = "customers" if error.pointer == "/customer/id" else "products"
            yield (
                "link_missing",
                kind,
                str(at_pointer(msgspec.to_builtins(draft), error.pointer)),
                error.detail,
            )
    for pointer, detail in {general(error.pointer): error.detail for error in errors}.items():
        yield "refused", problem.code, pointer, detail


def general(pointer: str) -> str:
    """Return a pointer in which the same field of any line is the same."""
    return "/".join("*" if part.isdecimal() else part for part in pointer.split("/"))


def _together(counts: Iterable[ShadowCount]) -> Iterable[ShadowCount]:
    """Counts of one thing as one count."""
    found: dict[tuple[str, ...], ShadowCount] = {}
    for count in counts:
        key = (count.world, count.merchant, count.account, count.kind, count.code, count.pointer)
        before = found.get(key)
        orders = count.orders + (before.orders if before is not None else 0)
        found[key] = msgspec.structs.replace(count, orders=orders)
    return found.values()


def _report(name: str, counts: list[ShadowCount]) -> ShadowReport:
    def orders(kind: ShadowKind) -> int:
        return sum(count.orders for count in counts if count.kind == kind and not count.code)

    def reasons(kind: ShadowKind) -> list[ShadowReason]:
        kept: Counter[tuple[str, str]] = Counter()
        latest: dict[tuple[str, str], ShadowCount] = {}
        for count in counts:
            if count.kind == kind and (count.code or count.pointer):
                kept[count.code, count.pointer] += count.orders
                latest[count.code, count.pointer] = count
        return [
            ShadowReason(
                code=code,
                pointer=pointer,
                detail=latest[code, pointer].detail,
                orders=number,
                example=latest[code, pointer].example,
            )
            for (code, pointer), number in kept.most_common()
        ]

    return ShadowReport(
        account=name,
        accepted=orders("accepted"),
        refused=orders("refused"),
        refusals=reasons("refused"),
        differences=reasons("difference"),
        links_missing=reasons("link_missing"),
    )
