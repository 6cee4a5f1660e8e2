"""Probes: whether Rapyd applied a write whose response was lost, by reads only.

The proof of a write is the operation's mark in the metadata of the order or of its payment; without a mark, the change
of the order itself.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ordergate.domain.commands import (
    ConfirmPayment,
    CreateOrder,
    FulfillOrder,
    ListFilters,
    ListOrders,
    PayOrder,
    RetrieveOrder,
    ReturnGoods,
    UpdateOrder,
    WriteCommand,
)
from ordergate.domain.errors import ProviderError
from ordergate.domain.lifecycle import FulfillmentStatus, Phase, ReviewReason
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder, ProviderReturn
from ordergate.spi.adapter import Baseline, Plan
from ordergate.spi.paging import Cursor
from ordergate.spi.proof import Change, judge_changes, unread
from ordergate.spi.search import PAGE_SIZE, ListedOrders, Search, find_created
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate_rapyd import requests, responses
from ordergate_rapyd.errors import read_failure
from ordergate_rapyd.responses import FAILED_PAYMENTS, UnreadableAnswerError
from ordergate_rapyd.wire import Payment, UpdateExtension

_Conversation = Generator[WireRequest, WireResponse, Outcome]
_Judge = Callable[[Any, ProviderOrder], Applied | NotFound | Unknown]


def _create(command: CreateOrder, baseline: Baseline) -> _Conversation:
    listing = ListOrders(limit=PAGE_SIZE, cursor=None, filters=ListFilters())

    def ask(cursor: Cursor | None) -> WireRequest:
        return requests.list_orders(listing, cursor)

    def read(response: WireResponse) -> ListedOrders | NotApplied | Unknown:
        if response.status != 200:
            return read_failure(response, listing)
        try:
            orders = responses.read_list(response.body)
        except UnreadableAnswerError as error:
            return _unreadable(response, "a list of orders", error)
        # Rapyd does not return whether there are further rows: after a full page there may be some (docs, List Orders).
        return ListedOrders(orders=tuple(orders), has_more=len(orders) >= PAGE_SIZE)

    outcome = yield from find_created(Search(operation=command.operation, ask=ask, read=read), baseline)
    coupon = requests.as_ordered(command).coupon
    if isinstance(outcome, Applied) and coupon is not None:
        outcome = Applied(order=responses.with_coupon(outcome.order, coupon))
    if not isinstance(outcome, Applied) or outcome.order.line_items:
        return outcome
    # The row has proven the write; if it has no items, the order itself may have them.
    try:
        order = yield from _read_order(outcome.order)
    except NoAnswer:
        return outcome
    return Applied(order=order) if isinstance(order, ProviderOrder) else outcome


def _pay(command: PayOrder, baseline: Baseline) -> _Conversation:  # noqa: ARG001 - every probe's
    """Find the payment by our mark: in the order, or in the list of payments if the order does not contain it.

    The list is read last: it contains a payment that arrives after the read of the order.
    """
    read = yield from _read_paid_order(command.order)
    if isinstance(read, Unknown):
        return read
    order, embedded = read
    verdict = _judge_payments(command, order, [embedded] if embedded is not None else [])
    if verdict is not None:
        return verdict
    payments = yield from _read_payments(command.order)
    if isinstance(payments, Unknown):
        return payments
    verdict = _judge_payments(command, order, payments)
    if isinstance(verdict, Applied) and not _recorded(order):
        # It may have arrived after the order was read, so the order is read once more.
        later = yield from _read_order(command.order)
        if isinstance(later, Unknown):
            return later
        return Applied(order=later, concerns=() if _recorded(later) else (ReviewReason.PAYMENT_NOT_RECORDED,))
    return verdict or _judge_unmarked(command, order, payments)


def _recorded(order: ProviderOrder) -> bool:
    return order.paid_in_full or order.payment_pending


def _judge_payments(
    command: PayOrder, order: ProviderOrder, payments: Sequence[Payment]
) -> Applied | NotApplied | None:
    """Return the outcome of our own payments; None without any."""
    ours = [payment for payment in payments if _mark(payment) == command.operation]
    if any(payment.status not in FAILED_PAYMENTS for payment in ours):
        return Applied(order=order)
    if not ours:
        return None
    code = ours[-1].failure_code or ours[-1].error_code or None
    return NotApplied(
        code="payment_declined",
        detail="Rapyd recorded that the payment failed.",
        provider=ProviderError(http_status=200, code=code),
    )


def _judge_unmarked(
    command: PayOrder, order: ProviderOrder, payments: Sequence[Payment]
) -> NotFound | Unknown:
    """Without a payment of ours: absent if the order's money is as it was, or another operation's payment moved it."""
    known = {payment.provider_payment_id for payment in command.order.payments}
    new = [
        payment for payment in payments if payment.id not in known and payment.status not in FAILED_PAYMENTS
    ]
    moved = _money(order) != _money(command.order)
    if any(_mark(payment) is None for payment in new) or (moved and not new):
        return Unknown(reason="The order has a payment at Rapyd without an operation's mark.")
    if len(payments) >= PAGE_SIZE:
        return Unknown(reason="The order has too many payments at Rapyd to search.")
    return NotFound(order=order)


def _mark(payment: Payment) -> object:
    metadata = payment.metadata
    return metadata.get(OPERATION_MARK) if isinstance(metadata, dict) else None


def _money(order: ProviderOrder) -> tuple[object, ...]:
    """The fields of an order that a payment changes."""
    payments = [payment.provider_payment_id for payment in order.payments]
    return order.amount_paid, order.paid_in_full, order.payment_pending, payments


def _change(judge: _Judge) -> Callable[[Any, Baseline], Plan]:
    """Return the probe of a write with a visible effect on its order."""

    def begin(command: Any, baseline: Baseline) -> _Conversation:  # noqa: ARG001 - every probe's
        order = yield from _read_order(command.order)
        return order if isinstance(order, Unknown) else judge(command, order)

    return begin


def _fulfilled(command: FulfillOrder, order: ProviderOrder) -> Applied | NotFound | Unknown:  # noqa: ARG001
    if order.fulfillment_status in {FulfillmentStatus.FULFILLED, FulfillmentStatus.RETURNED}:
        return Applied(order=order)
    return _unmapped(order) or NotFound(order=order)


def _confirmed(command: ConfirmPayment, order: ProviderOrder) -> Applied | NotFound | Unknown:  # noqa: ARG001
    if order.paid_in_full:
        return Applied(order=order)
    return _unmapped(order) or NotFound(order=order)


def _updated(command: UpdateOrder, order: ProviderOrder) -> Applied | NotFound | Unknown:
    """Compare the sent fields; an order with an applied coupon counts as having it."""
    coupon = msgspec.convert(command.extension, UpdateExtension).coupon
    verdict = _judge_update(command, order, coupon)
    if isinstance(verdict, Applied) and isinstance(coupon, str):
        return Applied(order=responses.with_coupon(order, coupon))
    return verdict


def _judge_update(
    command: UpdateOrder, order: ProviderOrder, coupon: str | UnsetType | None
) -> Applied | NotFound | Unknown:
    """Few responses contain a coupon, so the other fields are compared first."""
    changes = _changes(command, order)
    if coupon is UNSET or any(change.asks for change in changes):
        return judge_changes(order, changes)
    if order.extensions["coupon"] == coupon or order.total != command.order.total:
        return Applied(order=order)
    return judge_changes(order, [*changes, _without_trace()])


def _changes(command: UpdateOrder, order: ProviderOrder) -> list[Change]:
    before, percent = command.order, command.tax_percent
    changes = []
    if not isinstance(command.metadata, UnsetType):
        changes.append(Change(asked=command.metadata, before=before.metadata, found=order.metadata))
    if not isinstance(percent, UnsetType):
        asked = requests.plain_percent(percent or "0")
        wanted = None if asked == "0" else asked
        changes.append(Change(asked=wanted, before=before.tax_percent, found=order.tax_percent))
    return changes


def _without_trace() -> Change:
    """An invisible change: it proves neither its success nor its absence."""
    return Change(asked=True, before=False, found=False)


def _unmapped(order: ProviderOrder) -> Unknown | None:
    """An order with an unknown status may have the requested state."""
    if order.phase is not Phase.UNMAPPED:
        return None
    return Unknown(reason=f"Rapyd's order has a status that is not known: {order.provider_status}.")


def _return_goods(command: ReturnGoods, baseline: Baseline) -> _Conversation:  # noqa: ARG001 - every probe's
    """Find the return by its refund: a return has no mark and no status of its own."""
    order = yield from _read_order(command.order)
    if isinstance(order, Unknown):
        return order
    wanted = sum(line.quantity * line.unit_amount for line in command.lines) + (command.shipping or 0)
    moved = order.amount_refunded - command.order.amount_refunded
    if not wanted or moved not in {0, wanted}:
        return Unknown(
            reason=f"Rapyd's order has {moved} more refunded, in minor units; the return was of {wanted}."
        )
    returns = yield from _read_returns(order)
    if returns is not None:
        return _judge_returns(command, order, returns, wanted)
    if moved:
        return Applied(order=order)
    return Unknown(reason="Rapyd's list of returns, which would show it first, cannot be read.")


def _judge_returns(
    command: ReturnGoods, order: ProviderOrder, returns: Sequence[ProviderReturn], wanted: int
) -> Applied | NotFound | Unknown:
    """Others may have returned the same amount: this return is in the list if the refunds have grown by it."""
    before = command.order.amount_refunded
    unknown = [made for made in returns if made.provider_return_id not in command.known]
    alike = [made for made in unknown if made.amount == wanted]
    new = sum(made.amount for made in returns) - before
    if new == wanted and alike:
        newest = [made for made in alike if made.created_at == alike[0].created_at]
        return Applied(order=order, returned=newest[0] if len(newest) == 1 else None)
    if new == wanted:
        return Unknown(reason="Rapyd's list has other returns of this amount.")
    if order.amount_refunded > before:
        return Applied(order=order)
    if new == 0 or not alike:
        return NotFound(order=order)
    return Unknown(reason="Rapyd's list has a return of this amount, which may have been made before.")


def _read_returns(
    order: ProviderOrder,
) -> Generator[WireRequest, WireResponse, Sequence[ProviderReturn] | None]:
    """Read the order's returns, the newest first; None if they cannot be read."""
    try:
        response = yield requests.list_returns(order.provider_order_id, PAGE_SIZE)
        return responses.read_returns(response.body, order.provider_order_id)
    except (NoAnswer, UnreadableAnswerError):
        return None


def _read_order(before: ProviderOrder) -> Generator[WireRequest, WireResponse, ProviderOrder | Unknown]:
    read = yield from _read_paid_order(before)
    return read if isinstance(read, Unknown) else read[0]


def _read_paid_order(
    before: ProviderOrder,
) -> Generator[WireRequest, WireResponse, tuple[ProviderOrder, Payment | None] | Unknown]:
    """Read an order with the payment inside it, which alone has the mark of a pay."""
    response = yield requests.retrieve(before.provider_order_id)
    if response.status != 200:
        return unread(read_failure(response, _retrieval(before)))
    try:
        order = responses.read_order(response.body, responses.known(before))
        return order, responses.read_embedded_payment(response.body)
    except UnreadableAnswerError as error:
        return _unreadable(response, "an order", error)


def _read_payments(order: ProviderOrder) -> Generator[WireRequest, WireResponse, list[Payment] | Unknown]:
    response = yield requests.list_payments(order.provider_order_id, PAGE_SIZE)
    if response.status != 200:
        return unread(read_failure(response, _retrieval(order)))
    try:
        return responses.read_payments(response.body)
    except UnreadableAnswerError as error:
        return _unreadable(response, "a list of payments", error)


def _retrieval(order: ProviderOrder) -> RetrieveOrder:
    return RetrieveOrder(provider_order_id=order.provider_order_id)


def _unreadable(response: WireResponse, wanted: str, error: UnreadableAnswerError) -> Unknown:
    return Unknown(
        reason=f"Rapyd answered {response.status} with a body that is not {wanted}: {error}.",
        provider=ProviderError(http_status=response.status),
    )


def _update(command: UpdateOrder, baseline: Baseline) -> Plan:
    if requests.update(command) is None:
        return _nothing_sent(command)
    return _change(_updated)(command, baseline)


def _nothing_sent(command: UpdateOrder) -> _Conversation:
    """A change that only the gateway keeps was applied without a request."""
    yield from ()
    return Applied(order=command.order)


PROBES: Mapping[type[WriteCommand], Callable[[Any, Baseline], Plan]] = {
    CreateOrder: _create,
    PayOrder: _pay,
    UpdateOrder: _update,
    FulfillOrder: _change(_fulfilled),
    ConfirmPayment: _change(_confirmed),
    ReturnGoods: _return_goods,
}
"""The probe of each write."""
