"""Pays, cancels and fulfills an order: reads it again, asks the lifecycle, then writes."""

from collections.abc import Callable

import msgspec

from ordergate.domain.assembly import OrderRecord, review_reasons, settled_status
from ordergate.domain.commands import CancelOrder, Command, FulfillOrder, PayOrder, RetrieveOrder
from ordergate.domain.draft import CancelBody, FulfillBody, PayBody
from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.lifecycle import OperationKind, ReviewReason, refusal
from ordergate.domain.order import Fulfillment
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.account import Account
from ordergate.gateway.caller import Caller
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.conversation import read_order
from ordergate.gateway.idempotency import order_busy
from ordergate.gateway.links import resolve
from ordergate.gateway.read import visible_order
from ordergate.gateway.records import Operation, StoredOrder
from ordergate.gateway.routing import account_of_order
from ordergate.gateway.write import Call, Prepared, write
from ordergate.spi.capabilities import Support

Finish = Callable[[OrderRecord, ProviderOrder], OrderRecord]


async def pay_order(gateway: Gateway, caller: Caller, order_id: str, body: PayBody, key: str) -> Answer:
    """Pay an order, or a part of it where the provider can.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await _read_again(gateway, caller, order_id, OperationKind.PAY)
        _judge_review(stored.record, body)
        command = PayOrder(
            operation=operation.id,
            order=stored.record.seen,
            amount=_amount(account, stored.record.seen, body),
            payment_method=await _payment_method(gateway, account, operation, body),
            extension=(body.extensions or {}).get(account.adapter.name, {}),
        )
        return _prepared(gateway, account, stored, command, _paid(body))

    return await write(gateway, _call(caller, OperationKind.PAY, order_id, key, body), prepare)


async def cancel_order(gateway: Gateway, caller: Caller, order_id: str, body: CancelBody, key: str) -> Answer:
    """Cancel an unpaid order; where the provider cannot, here alone, so that it is never paid through us.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await _read_again(gateway, caller, order_id, OperationKind.CANCEL)
        if _support(account, OperationKind.CANCEL).level == "gateway":
            return _canceled_here(gateway, account, stored)
        command = CancelOrder(operation=operation.id, order=stored.record.seen, reason=body.reason)
        return _prepared(gateway, account, stored, command, _unchanged)

    return await write(gateway, _call(caller, OperationKind.CANCEL, order_id, key, body), prepare)


async def fulfill_order(
    gateway: Gateway, caller: Caller, order_id: str, body: FulfillBody, key: str
) -> Answer:
    """Say that an order, or some of its lines where the provider can, was handed over.

    Raises:
        Problem: As :func:`ordergate.gateway.write.write`.
    """

    async def prepare(operation: Operation) -> Prepared:
        account, stored = await _read_again(gateway, caller, order_id, OperationKind.FULFILL)
        lines = _positions(stored.record, body)
        command = FulfillOrder(
            operation=operation.id,
            order=stored.record.seen,
            lines=lines,
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            notify_customer=body.notify_customer,
        )
        return _prepared(gateway, account, stored, command, _handed_over(gateway, body))

    return await write(gateway, _call(caller, OperationKind.FULFILL, order_id, key, body), prepare)


def _call(caller: Caller, kind: OperationKind, order_id: str, key: str, body: msgspec.Struct) -> Call:
    path = f"/v1/orders/{order_id}/{kind.value}"
    return Call(caller=caller, kind=kind, method="POST", path=path, key=key, body=body, order=order_id)


async def _read_again(
    gateway: Gateway, caller: Caller, order_id: str, kind: OperationKind
) -> tuple[Account, StoredOrder]:
    """Read the order at the provider, keep what it says, and refuse what its state does not allow."""
    stored = await visible_order(gateway, caller, order_id)
    account = account_of_order(gateway.configuration, stored.record.account)
    _support(account, kind)
    unsettled = await gateway.journal.unsettled(order_id)
    if unsettled is not None:
        raise order_busy(unsettled)
    seen = await read_order(
        gateway, account, RetrieveOrder(provider_order_id=stored.record.seen.provider_order_id)
    )
    record = msgspec.structs.replace(stored.record, seen=seen, synced_at=gateway.clock())
    stored = await gateway.journal.refresh(record, stored.revision)
    why = refusal(kind, settled_status(stored.record))
    if why is not None:
        status = settled_status(stored.record)
        raise Problem("invalid_state", f"The order is {status}: {why}.", order=order_id)
    return account, stored


def _support(account: Account, kind: OperationKind) -> Support:
    support = account.adapter.capabilities.support(kind)
    if support.level == "no":
        raise Problem(
            "unsupported_operation", f"{account.adapter.title} cannot {kind.value} an order. {support.detail}"
        )
    return support


def _judge_review(record: OrderRecord, body: PayBody) -> None:
    """Refuse to pay what a person must look at first; an amount that the caller confirms is looked at."""
    total = record.seen.total
    reasons = review_reasons(record)
    expected = body.expected_total
    if (expected is not None and expected != total) or (
        ReviewReason.AMOUNT_MISMATCH in reasons and expected is None
    ):
        detail = f"The order's total at the provider is {total}. If that is right, pay with expected_total {total}."
        raise Problem(
            "amount_mismatch",
            detail,
            errors=[FieldError(pointer="/expected_total", code="amount_mismatch", detail=detail)],
            order=record.id,
        )
    others = [reason for reason in reasons if reason is not ReviewReason.AMOUNT_MISMATCH]
    if others:
        raise Problem(
            "invalid_state", f"A person must look at the order first: {', '.join(others)}.", order=record.id
        )


def _amount(account: Account, seen: ProviderOrder, body: PayBody) -> int:
    due = max(seen.total - seen.amount_paid, 0)
    if body.amount is None or body.amount == due:
        return due
    if body.amount > due:
        raise invalid_request("/amount", "amount_too_large", f"Only {due} is due.")
    if not account.adapter.capabilities.partial_pay:
        detail = f"{account.adapter.title} takes only the whole of what is due, {due}; leave the amount out."
        error = FieldError(pointer="/amount", code="unsupported_field", detail=detail)
        raise Problem("unsupported_field", detail, errors=[error])
    return body.amount


async def _payment_method(
    gateway: Gateway, account: Account, operation: Operation, body: PayBody
) -> str | None:
    if body.payment_method is None:
        return None
    wanted = [("payment_methods", body.payment_method, "/payment_method")]
    native = await resolve(gateway.journal, account, operation.merchant, operation.world, wanted)  # type: ignore[arg-type]
    return native.get(("payment_methods", body.payment_method))


def _positions(record: OrderRecord, body: FulfillBody) -> tuple[int, ...] | None:
    """Positions of the named lines; None for all of them, named or not."""
    if body.line_item_ids is None:
        return None
    known = {line.id: position for position, line in enumerate(record.lines)}
    errors = [
        FieldError(
            pointer=f"/line_item_ids/{index}", code="unknown_line", detail=f"The order has no line {name!r}."
        )
        for index, name in enumerate(body.line_item_ids)
        if name not in known
    ]
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)
    positions = tuple(sorted({known[name] for name in body.line_item_ids}))
    return None if len(positions) == len(record.lines) else positions


def _prepared(
    gateway: Gateway, account: Account, stored: StoredOrder, command: Command, finish: Finish
) -> Prepared:
    plan = account.adapter.plan(command, account.settings)

    def finished(seen: ProviderOrder) -> OrderRecord:
        record = msgspec.structs.replace(stored.record, seen=seen, synced_at=gateway.clock())
        return finish(record, seen)

    return Prepared(account=account, plan=plan, request=next(plan), before=stored, finish=finished)


def _canceled_here(gateway: Gateway, account: Account, stored: StoredOrder) -> Prepared:
    def finished(_seen: ProviderOrder) -> OrderRecord:
        return msgspec.structs.replace(stored.record, canceled_here=gateway.clock())

    return Prepared(account=account, plan=None, request=None, before=stored, finish=finished)


def _paid(body: PayBody) -> Finish:
    """A confirmed total is the expected one from now on."""

    def finish(record: OrderRecord, _seen: ProviderOrder) -> OrderRecord:
        if body.expected_total is None:
            return record
        return msgspec.structs.replace(record, expected_total=body.expected_total)

    return finish


def _handed_over(gateway: Gateway, body: FulfillBody) -> Finish:
    """Keep what was handed over and how it travels: providers forget it."""

    def finish(record: OrderRecord, seen: ProviderOrder) -> OrderRecord:
        every = [line.id or "" for line in record.lines]
        fulfillment = Fulfillment(
            line_item_ids=body.line_item_ids or every,
            tracking_number=body.tracking_number,
            carrier=body.carrier,
            created_at=seen.fulfilled_at or gateway.clock(),
        )
        return msgspec.structs.replace(record, fulfillments=[*record.fulfillments, fulfillment])

    return finish


def _unchanged(record: OrderRecord, _seen: ProviderOrder) -> OrderRecord:
    return record
