"""What counts as a difference between the journal and the provider, and where a list may be left."""

from datetime import timedelta
from typing import Any

import pytest
from tests.builders import NOON, provider_order
from tests.unit.conftest import order_record

from ordergate.domain.lifecycle import FulfillmentStatus, Phase
from ordergate.domain.operation import OperationState
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderOrder
from ordergate.gateway.operating.reconcile import (
    FieldDifference,
    differences,
    known,
    leads_into_the_past,
    stranger,
)

DAY = timedelta(days=1)


def _differ(field: str, journal: str | int, provider: str | int) -> FieldDifference:
    return FieldDifference(field=field, journal=journal, provider=provider)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, []),
        ({"updated_at": NOON + DAY, "provider_status": "renamed", "metadata": {"a": 1}}, []),
        ({"phase": Phase.CANCELED}, [_differ("status", "open", "canceled")]),
        (
            {"amount_paid": 5000},
            [_differ("status", "open", "partially_paid"), _differ("amount_paid", 0, 5000)],
        ),
        (
            {"amount_paid": 20000, "amount_refunded": 100},
            [
                _differ("status", "open", "partially_refunded"),
                _differ("amount_paid", 0, 20000),
                _differ("amount_refunded", 0, 100),
            ],
        ),
        ({"total": 19999}, [_differ("status", "open", "review"), _differ("total", 20000, 19999)]),
        ({"currency": "EUR"}, [_differ("status", "open", "review"), _differ("currency", "USD", "EUR")]),
        (
            {"fulfillment_status": FulfillmentStatus.PARTIAL},
            [_differ("fulfillment_status", "unfulfilled", "partial")],
        ),
    ],
)
def test_status_and_money_are_compared(changes: dict[str, Any], found: list[FieldDifference]) -> None:
    """Each member that counts is compared in canonical terms; the provider's own words and clocks do not count."""
    assert list(differences(order_record(), provider_order(**changes))) == found


def test_an_order_that_both_have() -> None:
    """What agrees is no finding; what differs names the order on both sides."""
    record = order_record(seen=provider_order(marks={OPERATION_MARK: "op_1"}))

    assert known(record, provider_order()) is None
    finding = known(record, provider_order(amount_paid=20000))

    assert finding is not None
    assert (finding.found, finding.order, finding.provider_order_id) == ("different", "ord_1", "order_1")
    assert (finding.reference, finding.merchant, finding.operation) == ("A-1", "acme", "op_1")


@pytest.mark.parametrize(
    ("marks", "state", "found", "detail"),
    [
        ({}, None, "elsewhere", "without this gateway"),
        ({OPERATION_MARK: "op_1", MERCHANT_MARK: "acme"}, None, "stray", "does not know that write"),
        ({MERCHANT_MARK: "acme"}, None, "stray", "does not know that write"),
        ({OPERATION_MARK: "op_1"}, "unknown", "stray", "unsettled still"),
        ({OPERATION_MARK: "op_1"}, "failed", "stray", "settled as failed"),
    ],
)
def test_an_order_that_the_journal_does_not_have(
    marks: dict[str, Any], state: OperationState | None, found: str, detail: str
) -> None:
    """Our mark tells a stray write of ours from an order that was made without us."""
    finding = stranger(provider_order(marks=marks), state)

    assert (finding.found, finding.order, finding.provider_order_id) == (found, None, "order_1")
    assert finding.operation == marks.get(OPERATION_MARK)
    assert finding.merchant == marks.get(MERCHANT_MARK)
    assert detail in finding.detail


def _page(*days: int) -> list[ProviderOrder]:
    return [provider_order(created_at=NOON + number * DAY) for number in days]


@pytest.mark.parametrize(
    ("first", "page", "past"),
    [
        (3, (3, 2, 1), False),
        (3, (1, 0, -1), False),
        (3, (-1, -2), True),
        (-3, (-3, -2), False),
        (-3, (-1, 0), False),
        (-3, (-3,), False),
        (-1, (-2, -3), True),
        (3, (), False),
    ],
)
def test_where_a_list_may_be_left(first: int, page: tuple[int, ...], past: bool) -> None:
    """A list is left where it has become older than what matters; one that begins with the oldest is read on."""
    assert leads_into_the_past(_page(*page), _page(first)[0], NOON) is past
