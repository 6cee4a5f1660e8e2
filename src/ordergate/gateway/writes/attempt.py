"""Sends a write's request, again where its provider cannot act twice on it, and leaves what is unknown to recovery."""

import asyncio
import contextlib
from datetime import timedelta

import msgspec
import structlog

from ordergate.domain.commands import RetrieveOrder
from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt
from ordergate.domain.outcome import Absent, Applied, NotApplied, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.accounts.routing import home_of, require_home
from ordergate.gateway.runtime.concurrency import waiting
from ordergate.gateway.runtime.runtime import Answer, Gateway
from ordergate.gateway.writes.conversation import FOUND, named, probe, read_order, say
from ordergate.gateway.writes.outcomes import (
    LEAVES_A_MARK,
    NOTHING_FOUND,
    STORED_REFUSALS,
    Held,
    answer_of,
    applied,
    cannot_be_seen,
    found_nothing,
    looked_for,
    outcome_unknown,
    recorded,
    refused,
    wait_until_settled,
)
from ordergate.gateway.writes.prepared import Begun, Elsewhere, begin, kept_bytes, work_of
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import AcquiredOperation, Operation
from ordergate.spi.wire import WireRequest
from ordergate.telemetry.log import note_account

MOVES_MONEY = frozenset({OperationKind.PAY, OperationKind.RETURN})
"""Operations whose unmapped errors prove nothing until the order has been read again."""

REPEATS = (0.1, 0.5, 1.5)
"""Seconds to wait before each further try at a provider that does not act twice on one key."""

_log = structlog.get_logger("ordergate.gateway")


def with_attempt(gateway: Gateway, before: Operation) -> Operation:
    """Return the operation with one attempt more, which is about to begin at the operation's account."""
    now = gateway.steady_time()
    attempt = Attempt(number=len(before.attempts) + 1, account=before.account or None, started_at=now)
    return msgspec.structs.replace(
        before,
        state="in_progress",
        outcome=None,
        problem=None,
        attempts=(*before.attempts, attempt),
        updated_at=now,
    )


async def carry_out(gateway: Gateway, held: Held, begun: Begun, elsewhere: Elsewhere | None = None) -> Answer:
    """Send, and record what came of it; from here on nobody may answer that nothing happened by default.

    Where nothing can have happened, it is sent `elsewhere` instead, if there is such a place.

    Raises:
        Problem: Refused by the provider, or of unknown outcome.
    """
    try:
        held, outcome = await _act(gateway, held, begun)
        while elsewhere is not None and _nothing_happened(held.operation, outcome):
            try:
                moved = await _move(gateway, held, elsewhere)
            except JournalUnavailableError:
                break  # it was not sent there, and cannot be
            if moved is None:
                break
            held, begun, elsewhere = moved
            held, outcome = await _act(gateway, held, begun)
        if isinstance(outcome, Unknown):
            held, outcome = await _repeat(gateway, held, begun.request, outcome)
        return await _conclude(gateway, held, outcome)
    except Problem:
        raise
    except JournalUnavailableError as error:
        _log.warning(
            "write.not_recorded", operation=held.operation.id, order=held.operation.order, error=str(error)
        )
        with contextlib.suppress(JournalUnavailableError):
            await _give_up(gateway, held, "outcome_unknown")
        reason = f"{error}. What came of it could not be recorded; the gateway finds it out again."
        raise outcome_unknown(held.operation, reason) from error
    except Exception as error:
        _log.exception("write.failed", operation_id=held.operation.id, order_id=held.operation.order)
        with contextlib.suppress(JournalUnavailableError):
            await _give_up(gateway, held, "internal_error")
        raise Problem(
            "internal_error",
            f"The gateway failed after the request was sent; GET /v1/operations/{held.operation.id} says what is "
            "known.",
            sent="maybe",
            outcome="unknown",
            operation=held.operation.id,
            order=held.operation.order,
            retry_after=5,
        ) from error


async def carry_out_accepted(
    gateway: Gateway, held: Held, request: bytes | None, elsewhere: Elsewhere | None
) -> Answer:
    """Begin a write that was accepted and that no process has begun; `request` is what was going to be sent.

    Raises:
        Problem: As :func:`carry_out`.
    """
    try:
        begun = begin(held.account, held.work.command)
    except Problem as problem:
        return await _refused_unsent(gateway, held, f"By now it cannot be sent: {problem.detail}")
    if (begun.request.body if begun.request is not None else None) != request:
        return await _refused_unsent(
            gateway, held, "By now the adapter would send something else than was accepted; nothing was sent."
        )
    operation = with_attempt(gateway, held.operation)
    if not await gateway.journal.write(
        tx.operations.start_attempt(operation, gateway.node, held.account.settling)
    ):
        raise outcome_unknown(operation, "Another process works on it.")
    held = msgspec.structs.replace(held, operation=operation, owner=None)
    return await carry_out(gateway, held, begun, elsewhere)


async def _refused_unsent(gateway: Gateway, held: Held, detail: str) -> Answer:
    """No attempt was begun, so that another process cannot have begun one either."""
    return await refused(
        gateway, held, NotApplied(code="provider_unavailable", detail=detail, provider=ProviderError())
    )


async def look_before_sending(gateway: Gateway, operation: Operation) -> Answer | None:
    """Look once more for a write that counts as not applied by its absence; None if its repeat may be sent.

    Raises:
        Problem: The provider cannot be looked at: to send again would be blind. Or somebody looks at this moment.
    """
    if not _may_turn_up(operation):
        return None
    account = require_home(gateway.configuration, operation)
    taken = await gateway.journal.write(tx.leases.acquire(operation.id, gateway.node, late=True))
    if taken is None:
        now = await gateway.journal.read(tx.operations.find(operation.id))
        if now is not None and now.state == "failed":
            raise looked_for(operation)
        return None  # another repeat was faster: its claim shows it
    gateway.hold(operation.id)
    probe_in = gateway.configuration.late_look.total_seconds()
    try:
        outcome: Outcome = Absent()
        if taken.work is not None and taken.work.command is not None:
            outcome = await probe(gateway, account, taken.work.command, taken.baseline)
        if isinstance(outcome, Applied) and taken.work is not None:
            before = await gateway.journal.read(tx.orders.find(operation.order))
            held = Held(
                operation=taken.operation, work=taken.work, account=account, before=before, owner=gateway.node
            )
            return await applied(gateway, held, outcome)
        await gateway.journal.write(
            tx.operations.settle(
                taken.operation,
                None,
                None,
                owner=gateway.node,
                late=True,
                probe_in=probe_in if operation.kind in LEAVES_A_MARK else None,
            )
        )
    finally:
        gateway.release(operation.id)
    if isinstance(outcome, Unknown) and _blind(operation):
        raise cannot_be_seen(operation, outcome.reason)
    return None  # a change reads its order before it is sent, and is refused by what it finds there


def _may_turn_up(operation: Operation) -> bool:
    """Whether a settled write may be at the provider after all, and would be known there.

    Only our own mark tells for certain after others may have changed the order. A return has none and can be made
    twice: if nobody has seen that it is absent, what was refunded has to do.
    """
    if operation.problem != NOTHING_FOUND or all(attempt.sent == "no" for attempt in operation.attempts):
        return False
    return operation.kind in LEAVES_A_MARK or (
        operation.kind is OperationKind.RETURN and operation.taken_unseen
    )


def _blind(operation: Operation) -> bool:
    """Whether nothing would keep its repeat from acting twice if the provider cannot be looked at.

    The order itself keeps a change from being made twice; of a payment that nobody has seen to be absent it may not.
    """
    if operation.kind is OperationKind.CREATE:
        return True
    return operation.kind is OperationKind.PAY and operation.taken_unseen


async def ask_again(gateway: Gateway, taken: AcquiredOperation, held: Held) -> None:
    """Repeat a request whose answer was lost, for a caller that has come back; what stays unknown is probed."""
    outcome: Outcome = (lost := Unknown(reason="The provider's answer was lost."))
    request = begin(held.account, held.work.command).request
    if request is not None and request.body == taken.request:
        held, outcome = await _repeat(gateway, held, request, lost)
    if isinstance(outcome, Unknown):
        anew = held.operation != taken.operation
        await leave(gateway, held.operation, anew=anew, exchanges=held.exchanges)
        return
    with contextlib.suppress(Problem):
        await _conclude(gateway, held, outcome)


async def leave(
    gateway: Gateway, operation: Operation, *, anew: bool, exchanges: tuple[Exchange, ...] = ()
) -> None:
    """Leave an operation to recovery, which is woken.

    Args:
        gateway: This process.
        operation: As it is now.
        anew: Another attempt was made: its settling time begins now.
        exchanges: What this process has said about it.
    """
    over = anew and _over(gateway, operation)
    await gateway.journal.write(
        tx.operations.leave_unknown(
            msgspec.structs.replace(operation, state="unknown", outcome="unknown"),
            gateway.node,
            settles_in=gateway.configuration.closed_settling if over else None,
            probe_in=0,
            exchanges=exchanges,
        )
    )
    if gateway.wake_recovery is not None:
        gateway.wake_recovery()


def _over(gateway: Gateway, operation: Operation) -> bool:
    """Whether no attempt can still be under way: how the last one ended says nothing of one before it.

    An earlier one whose answer did not come in time may arrive after a repeat of it was refused or cut off.
    """
    account = home_of(gateway.configuration, operation)
    *earlier, last = operation.attempts
    if account is None or last.finished_at is None or not last.closed:
        return False
    settled = last.started_at - timedelta(seconds=account.settling)
    return all(attempt.closed or attempt.sent == "no" or attempt.started_at < settled for attempt in earlier)


def _nothing_happened(operation: Operation, outcome: Outcome) -> bool:
    """Whether the write may go elsewhere: it never left, or the provider's rate limit kept it out."""
    if not isinstance(outcome, NotApplied):
        return False
    return operation.attempts[-1].sent == "no" or outcome.code == "provider_rate_limited"


async def _move(
    gateway: Gateway, held: Held, elsewhere: Elsewhere
) -> tuple[Held, Begun, Elsewhere | None] | None:
    """Make the next account's attempt durable; None where there is no other, or it is not this process's any more."""
    async with gateway.placing.reader:
        prepared = await elsewhere(held.operation)
        if prepared is None:
            return None
        begun = begin(prepared.account, prepared.command)
        work = work_of(prepared, begun)
        placed = msgspec.structs.replace(
            held.operation, account=prepared.account.name, adapter=prepared.account.adapter.name
        )
        operation = with_attempt(gateway, placed)
        moved = await gateway.journal.write(
            tx.operations.fail_over(
                operation, work, kept_bytes(begun), gateway.node, prepared.account.settling
            )
        )
    if not moved:
        return None
    note_account(prepared.account.name)
    _log.warning(
        "write.moved", operation_id=operation.id, order_id=operation.order, account=prepared.account.name
    )
    held = msgspec.structs.replace(held, operation=operation, work=work, account=prepared.account)
    return held, begun, prepared.elsewhere


async def _conclude(gateway: Gateway, held: Held, outcome: Outcome) -> Answer:
    match outcome:
        case Applied():
            return await applied(gateway, held, outcome)
        case NotApplied():
            return await refused(gateway, held, outcome)
        case Unknown():
            return await _wait_for_recovery(gateway, held, outcome)
        case _:
            raise TypeError(f"a write came to {type(outcome).__name__}")


async def _act(gateway: Gateway, held: Held, begun: Begun) -> tuple[Held, Outcome]:
    if begun.plan is None or begun.request is None:
        return _done_here(gateway, held)
    kind = held.operation.kind
    outcome, attempt, exchanges = await say(
        gateway,
        held.account,
        begun.plan,
        begun.request,
        held.operation,
        before=None if held.before is None else held.before.record.seen,
        recorded=begun.recorded,
    )
    if held.before is None and isinstance(outcome, Applied) and await _was_there(gateway, held, outcome):
        outcome = Unknown(
            reason=f"{held.account.adapter.title} has answered with {outcome.order.provider_order_id!r}, an order that "
            "was there before."
        )
    if isinstance(outcome, NotApplied) and not outcome.mapped:
        gateway.metrics.unmapped_error(held.account.name, kind.value, outcome.provider.code)
        if kind in MOVES_MONEY:
            outcome = await _look_again(gateway, held, outcome)
    instead = _done_instead(held, outcome) if isinstance(outcome, NotApplied) else None
    if instead is not None:
        operation = msgspec.structs.replace(held.operation, performed_by="gateway")
        held, outcome = msgspec.structs.replace(held, operation=operation), instead
    word = "not_sent" if attempt.sent == "no" else FOUND.get(type(outcome), "unknown")
    gateway.metrics.attempt(held.account.name, kind.value, word)
    return _after(gateway, held, attempt, exchanges), outcome


def _done_instead(held: Held, refusal: NotApplied) -> Applied | None:
    """Do here what the provider has refused, if no money can be concerned; None for every other refusal.

    Nothing is due of an order that costs nothing, so it is paid even if its provider takes no payment of zero. Such a
    provider takes the order for unpaid, and may refuse that its goods are handed over.
    """
    if held.before is None or refusal.code not in STORED_REFUSALS:
        return None
    record, kind = held.before.record, held.operation.kind
    free = record.seen.total == record.seen.amount_paid == 0
    if free and (
        kind is OperationKind.PAY or (kind is OperationKind.FULFILL and record.paid_here is not None)
    ):
        return Applied(order=record.seen)
    return None


async def _was_there(gateway: Gateway, held: Held, made: Applied) -> bool:
    """Whether what a create is answered with is another order of the journal."""
    native = made.order.provider_order_id
    try:
        return bool(await gateway.journal.read(tx.orders.find_imported(held.account.name, [native])))
    except JournalUnavailableError:
        return False  # the answer is recorded once the journal is there again


def _done_here(gateway: Gateway, held: Held) -> tuple[Held, Outcome]:
    """The gateway does it itself: nothing is sent."""
    if held.before is None:
        raise TypeError("only a change of an order can be made without its provider")
    attempt = msgspec.structs.replace(
        held.operation.attempts[-1], sent="no", closed=True, finished_at=gateway.steady_time()
    )
    return _after(gateway, held, attempt), Applied(order=held.before.record.seen)


def _after(gateway: Gateway, held: Held, attempt: Attempt, exchanges: tuple[Exchange, ...] = ()) -> Held:
    operation = msgspec.structs.replace(
        held.operation, attempts=(*held.operation.attempts[:-1], attempt), updated_at=gateway.steady_time()
    )
    return msgspec.structs.replace(held, operation=operation, exchanges=(*held.exchanges, *exchanges))


async def _repeat(
    gateway: Gateway, held: Held, request: WireRequest | None, lost: Unknown
) -> tuple[Held, Outcome]:
    """Send the very same request again, while a caller waits, to a provider that does not act twice on one key.

    That it was applied is proven then. A refusal proves nothing of the first: it may be what the first has done that
    stands against the second.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + gateway.configuration.idempotency_wait
    outcome: Outcome = lost
    for pause in REPEATS:
        if not _acts_once(gateway, held, request) or loop.time() + pause > deadline:
            break
        with waiting():
            await asyncio.sleep(pause)
        begun = begin(held.account, held.work.command)
        operation = with_attempt(gateway, held.operation)
        try:
            begins = await gateway.journal.write(
                tx.operations.start_attempt(operation, gateway.node, held.account.settling)
            )
        except JournalUnavailableError:
            break  # what is not recorded is not sent
        if not begins:
            break
        held, answer = await _act(gateway, msgspec.structs.replace(held, operation=operation), begun)
        if isinstance(answer, Applied):
            return held, answer
        if held.operation.attempts[-1].sent == "no":
            continue  # a repeat that has not left tells nothing new
        if isinstance(answer, NotApplied):
            answer = Unknown(reason=f"{lost.reason} Repeated: {answer.detail}", provider=answer.provider)
        outcome = answer
    return held, outcome


def _acts_once(gateway: Gateway, held: Held, request: WireRequest | None) -> bool:
    """Whether the provider would answer these very bytes, under their key, instead of acting on them again."""
    command = held.work.command
    if request is None or command is None or held.work.confidential:
        return False
    window = held.account.adapter.idempotent_for(command, held.account.settings)
    if gateway.steady_time() - held.operation.created_at >= window:
        return False
    again = begin(held.account, command).request
    return again is not None and (again.path, again.body) == (request.path, request.body)


async def _give_up(gateway: Gateway, held: Held, problem: str) -> None:
    operation = msgspec.structs.replace(held.operation, problem=problem)
    await leave(gateway, operation, anew=True, exchanges=held.exchanges)


async def _wait_for_recovery(gateway: Gateway, held: Held, outcome: Unknown) -> Answer:
    """Leave it to recovery, and wait for that as long as the caller's request lasts."""
    await recorded(gateway, lambda: _give_up(gateway, held, "outcome_unknown"))
    existing = await recorded(
        gateway, lambda: gateway.journal.read(tx.operations.find_existing(held.operation.id))
    )
    if existing is None:
        raise LookupError(f"{held.operation.id} is not in the journal")
    if gateway.wake_recovery is not None:
        existing = await wait_until_settled(gateway, existing)
    if not existing.operation.settled:
        provider = outcome.provider and named(outcome.provider, held.account)
        raise outcome_unknown(existing.operation, outcome.reason, provider)
    answer = await answer_of(gateway, existing)
    if answer is None:
        raise found_nothing(existing.operation)
    return answer


async def _look_again(gateway: Gateway, held: Held, refusal: NotApplied) -> NotApplied | Unknown:
    """An error that nobody mapped, of a call that moves money, proves nothing until the order has been read."""
    if held.before is None:
        raise TypeError("only an existing order's money is moved")
    before = held.before.record.seen
    try:
        now = await read_order(
            gateway, held.account, RetrieveOrder(provider_order_id=before.provider_order_id)
        )
    except Problem as problem:
        return Unknown(reason=f"{refusal.detail} Then: {problem.detail}", provider=refusal.provider)
    if not now.payment_pending and _money(now) == _money(before):
        return refusal
    return Unknown(reason=f"{refusal.detail} But the order has changed.", provider=refusal.provider)


def _money(order: ProviderOrder) -> tuple[object, ...]:
    """Everything about an order that a payment or a refund would change."""
    return order.amount_paid, order.amount_refunded, order.phase, order.provider_status
