"""The lifecycle's tables, each written out once more by hand."""

import itertools
import re

import pytest

from ordergate.domain.lifecycle import (
    REFUSALS,
    WAYS_OUT,
    FulfillmentStatus,
    OperationKind,
    OrderStatus,
    PaymentFacts,
    PaymentStatus,
    Phase,
    ReviewReason,
    order_status,
    payment_status,
    refusal,
)

PAYMENT_WORDS = {
    "-": PaymentStatus.UNPAID,
    "wait": PaymentStatus.PENDING,
    "some": PaymentStatus.PARTIALLY_PAID,
    "PAID": PaymentStatus.PAID,
    "back": PaymentStatus.PARTIALLY_REFUNDED,
    "BACK": PaymentStatus.REFUNDED,
    "fail": PaymentStatus.FAILED,
}

# Of an order of 1000: paid, refunded | by what the provider says besides:
#              nothing  failed  pending both    in full, and the same four
PAYMENTS = """
    0    0   |  -       fail    wait    wait    PAID    PAID    PAID    PAID
    400  0   |  some    some    wait    wait    PAID    PAID    PAID    PAID
    1000 0   |  PAID    PAID    PAID    PAID    PAID    PAID    PAID    PAID
    1200 0   |  PAID    PAID    PAID    PAID    PAID    PAID    PAID    PAID
    400  100 |  back    back    back    back    back    back    back    back
    1000 400 |  back    back    back    back    back    back    back    back
    1000 999 |  back    back    back    back    back    back    back    back
    400  400 |  BACK    BACK    BACK    BACK    BACK    BACK    BACK    BACK
    1000 1000|  BACK    BACK    BACK    BACK    BACK    BACK    BACK    BACK
    1000 1200|  BACK    BACK    BACK    BACK    BACK    BACK    BACK    BACK
"""

ORDER_WORDS = {
    "open": OrderStatus.OPEN,
    "wait": OrderStatus.PENDING,
    "some": OrderStatus.PARTIALLY_PAID,
    "PAID": OrderStatus.PAID,
    "DONE": OrderStatus.FULFILLED,
    "back": OrderStatus.PARTIALLY_REFUNDED,
    "BACK": OrderStatus.REFUNDED,
    "gone": OrderStatus.CANCELED,
}

COLUMNS = ["unpaid", "failed", "pending", "partially_paid", "paid", "partially_refunded", "refunded"]

#                                  unpaid fail pending part-paid paid part-refunded refunded
ORDERS = """
    open     unfulfilled        |  open   open  wait   some      PAID  back         BACK
    open     partial            |  open   open  wait   some      PAID  back         BACK
    open     fulfilled          |  DONE   DONE  DONE   DONE      DONE  back         BACK
    open     returned           |  open   open  wait   some      PAID  back         BACK
    unmapped unfulfilled        |  open   open  wait   some      PAID  back         BACK
    unmapped partial            |  open   open  wait   some      PAID  back         BACK
    unmapped fulfilled          |  DONE   DONE  DONE   DONE      DONE  back         BACK
    unmapped returned           |  open   open  wait   some      PAID  back         BACK
    pending  unfulfilled        |  wait   wait  wait   some      PAID  back         BACK
    pending  partial            |  wait   wait  wait   some      PAID  back         BACK
    pending  fulfilled          |  DONE   DONE  DONE   DONE      DONE  back         BACK
    pending  returned           |  wait   wait  wait   some      PAID  back         BACK
    canceled unfulfilled        |  gone   gone  gone   gone      gone  gone         BACK
    canceled partial            |  gone   gone  gone   gone      gone  gone         BACK
    canceled fulfilled          |  gone   gone  gone   gone      gone  gone         BACK
    canceled returned           |  gone   gone  gone   gone      gone  gone         BACK
"""


def _rows(table: str) -> list[tuple[list[str], list[str]]]:
    halves = (line.partition("|") for line in table.strip().splitlines())
    return [(left.split(), right.split()) for left, _, right in halves]


@pytest.mark.parametrize(("figures", "words"), _rows(PAYMENTS))
def test_payment_status_is_the_table(figures: list[str], words: list[str]) -> None:
    """Money that went back decides first, then payment in full, a payment in flight, a part, a failure."""
    paid, refunded = map(int, figures)
    told = [
        payment_status(
            PaymentFacts(
                total=1000, paid=paid, refunded=refunded, in_full=in_full, pending=pending, failed=failed
            )
        )
        for in_full, pending, failed in itertools.product([False, True], repeat=3)
    ]

    assert [PAYMENT_WORDS[word] for word in words] == told


@pytest.mark.parametrize(("in_full", "status"), [(False, PaymentStatus.UNPAID), (True, PaymentStatus.PAID)])
def test_an_order_that_costs_nothing_is_paid_when_the_provider_says_so(
    in_full: bool, status: PaymentStatus
) -> None:
    """Of an order of 0 no figure proves a payment; the provider's word does."""
    facts = PaymentFacts(total=0, paid=0, refunded=0, in_full=in_full, pending=False, failed=False)

    assert status == payment_status(facts)


@pytest.mark.parametrize(("given", "words"), _rows(ORDERS))
def test_order_status_is_the_table(given: list[str], words: list[str]) -> None:
    """The one word follows from phase, fulfilment and payment alone, as the table says."""
    phase, fulfillment = Phase(given[0]), FulfillmentStatus(given[1])
    told = [
        order_status(payment=PaymentStatus(column), fulfillment=fulfillment, phase=phase)
        for column in COLUMNS
    ]

    assert [ORDER_WORDS[word] for word in words] == told


def test_the_tables_are_whole() -> None:
    """Every phase, fulfilment and payment status stands in the table of orders."""
    given = {(phase, fulfillment) for (phase, fulfillment), _ in _rows(ORDERS)}

    assert set(itertools.product(Phase, FulfillmentStatus)) == given
    assert set(PaymentStatus) == set(COLUMNS)


@pytest.mark.parametrize("reason", ReviewReason)
def test_review_stands_above_every_other_status(reason: ReviewReason) -> None:
    """An order that a person must look at says so, whatever else holds."""
    for payment, fulfillment, phase in itertools.product(PaymentStatus, FulfillmentStatus, Phase):
        assert (
            order_status(payment=payment, fulfillment=fulfillment, phase=phase, review=[reason])
            == OrderStatus.REVIEW
        )


ALLOWED = {
    OperationKind.PAY: {OrderStatus.OPEN, OrderStatus.PARTIALLY_PAID},
    OperationKind.CANCEL: {OrderStatus.OPEN},
    OperationKind.FULFILL: {OrderStatus.PAID, OrderStatus.PARTIALLY_REFUNDED},
    OperationKind.UPDATE: set(OrderStatus) - {OrderStatus.REFUNDED, OrderStatus.CANCELED, OrderStatus.REVIEW},
    OperationKind.RETURN: {
        OrderStatus.PAID,
        OrderStatus.FULFILLED,
        OrderStatus.PARTIALLY_REFUNDED,
    },
}


@pytest.mark.parametrize("operation", OperationKind)
def test_what_each_status_allows(operation: OperationKind) -> None:
    """Each write goes through in its own statuses only; creating and reading go through in all."""
    statuses = set(OrderStatus) - {OrderStatus.REVIEW}

    assert ALLOWED.get(operation, statuses) == {
        status for status in statuses if refusal(operation, status) is None
    }


def test_review_is_judged_by_the_use_cases() -> None:
    """No refusal is bound to review: the status without the reasons decides."""
    assert all(OrderStatus.REVIEW not in table for table in REFUSALS.values())


@pytest.mark.parametrize(
    ("operation", "status", "word"),
    [
        (OperationKind.CANCEL, OrderStatus.PAID, "return"),
        (OperationKind.CANCEL, OrderStatus.PARTIALLY_PAID, "return"),
        (OperationKind.CANCEL, OrderStatus.FULFILLED, "return"),
        (OperationKind.CANCEL, OrderStatus.PENDING, "in flight"),
        (OperationKind.PAY, OrderStatus.PENDING, "in flight"),
        (OperationKind.PAY, OrderStatus.CANCELED, "canceled"),
        (OperationKind.FULFILL, OrderStatus.OPEN, "paid"),
        (OperationKind.RETURN, OrderStatus.OPEN, "cancel"),
        (OperationKind.RETURN, OrderStatus.PARTIALLY_PAID, "in full"),
        (OperationKind.RETURN, OrderStatus.PENDING, "in flight"),
        (OperationKind.UPDATE, OrderStatus.CANCELED, "canceled"),
        (OperationKind.UPDATE, OrderStatus.REFUNDED, "refunded"),
    ],
)
def test_a_refusal_says_what_to_do(operation: OperationKind, status: OrderStatus, word: str) -> None:
    """A refusal names what stands in the way, and points on where there is a way on."""
    assert word in (refusal(operation, status) or "")


def test_a_refusal_says_one_thing_once() -> None:
    """What follows the status is not the status again: "The order is paid: the order is paid."."""
    for operation, statuses in REFUSALS.items():
        for status in statuses:
            state, why = (refusal(operation, status) or "").rstrip(".").split(": ", 1)
            assert status.value in state
            assert not re.search(rf"\bis {status.value}\b", why), (operation, status)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        (ReviewReason.UNMAPPED_STATUS, "a read clears this"),
        (ReviewReason.AMOUNT_MISMATCH, "expected_total"),
        (ReviewReason.CANCELED_WITH_MONEY_HELD, "refund"),
        (ReviewReason.PAYMENT_MISMATCH, "refund the excess"),
        (ReviewReason.PAYMENT_NOT_RECORDED, "do not pay again"),
        (ReviewReason.UPDATE_MISMATCH, "next change"),
    ],
)
def test_every_reason_has_a_way_out(reason: ReviewReason, word: str) -> None:
    """Each reason says what a person can do; the reasons and the ways are the same set."""
    assert word in WAYS_OUT[reason]
    assert set(WAYS_OUT) == set(ReviewReason)
