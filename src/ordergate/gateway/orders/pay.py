"""Pays an order, or a part of it if the provider supports that."""

from ordergate.domain.assembly import OrderRecord, currency_differs, review_reasons
from ordergate.domain.changes import PaymentMade
from ordergate.domain.commands import PayOrder
from ordergate.domain.draft import PayBody, refuse_large_extensions
from ordergate.domain.errors import FieldError, Problem, invalid_request
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.links.links import Wanted, resolve
from ordergate.gateway.orders.existing import call_on, read_again, refuse_in_review
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, write
from ordergate.journal.records.operations import Operation


async def pay_order(
    runtime: Runtime, caller: Caller, order_id: str, body: PayBody, options: CallOptions
) -> Answer:
    """Pay an order.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """
    refuse_large_extensions(body.extensions)

    async def prepare(operation: Operation) -> PreparedWrite:
        account, stored = await read_again(runtime, caller, order_id, OperationKind.PAY)
        _refuse_other_currency(stored.record)
        _check_total(stored.record, body)
        refuse_in_review(stored.record, except_for=ReviewReason.AMOUNT_MISMATCH)
        command = PayOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            amount=_amount(account, stored.record.seen, body),
            payment_method=await _payment_method(runtime, account, operation, body),
            extension=(body.extensions or {}).get(account.adapter.name, {}),
        )
        change = PaymentMade(expected_total=body.expected_total)
        return PreparedWrite(account=account, command=command, change=change, before=stored)

    return await write(runtime, call_on(caller, OperationKind.PAY, order_id, body, options, "/pay"), prepare)


def _refuse_other_currency(record: OrderRecord) -> None:
    """Refuse to pay in a currency that the caller did not order in: no total confirms that."""
    if currency_differs(record):
        ordered, there = record.currency, record.seen.currency
        detail = f"The order was ordered in {ordered}, and the provider has it in {there}; cancel it."
        raise Problem("amount_mismatch", detail, order=record.id)


def _check_total(record: OrderRecord, body: PayBody) -> None:
    """Refuse a total that differs from the caller's expected one, or from the last one shown.

    The caller must confirm it.
    """
    total, told = record.seen.total, record.shown_total
    as_told = told is None and ReviewReason.AMOUNT_MISMATCH not in review_reasons(record)
    if body.expected_total == total or (body.expected_total is None and as_told):
        return
    since = f", and was {told} in this gateway's last answer" if told is not None else ""
    detail = (
        f"The order's total at the provider is {total}{since}. "
        f"If {total} is right, pay with expected_total {total}."
    )
    error = FieldError(pointer="/expected_total", code="amount_mismatch", detail=detail)
    raise Problem("amount_mismatch", detail, errors=[error], order=record.id)


def _amount(account: Account, seen: ProviderOrder, body: PayBody) -> int:
    due = max(seen.total - seen.amount_paid, 0)
    if body.amount is None or body.amount == due:
        return due
    if body.amount > due:
        raise invalid_request("/amount", "amount_too_large", f"Only {due} is due.")
    if not account.adapter.capabilities.partial_pay:
        detail = f"{account.adapter.title} takes only the whole amount due, {due}; leave the amount out."
        error = FieldError(pointer="/amount", code="unsupported_field", detail=detail)
        raise Problem("unsupported_field", detail, errors=[error])
    return body.amount


async def _payment_method(
    runtime: Runtime, account: Account, operation: Operation, body: PayBody
) -> str | None:
    if body.payment_method is None:
        return None
    wanted: Wanted = ("payment_methods", body.payment_method, "/payment_method")
    native = await resolve(runtime.journal, account, operation.merchant, operation.world, [wanted])
    return native.get(("payment_methods", body.payment_method))
