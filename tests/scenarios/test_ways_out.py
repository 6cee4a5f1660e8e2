"""Every reason for a review, and each way out that is told: taken for real at each provider, it clears the order."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from tests.scenarios.shop import Shop, body_of, problem_of

from ordergate.domain.commands import UpdateOrder
from ordergate.domain.lifecycle import ACCEPTED_WITH, WAYS_OUT, ReviewReason
from ordergate.gateway.accounts.routing import require_account_of
from ordergate.journal import transactions as tx

Order = dict[str, Any]
Bring = Callable[[Shop], Awaitable[Order]]
Take = Callable[[Shop, Order], Awaitable[object]]


@dataclass(frozen=True)
class Way:
    """One way out.

    Attributes:
        named: The words that tell of it.
        bring: Brings an order into review for the reason.
        take: Goes the way.
        status: The order's then.
    """

    named: str
    bring: Bring
    take: Take
    status: str


async def _kept(shop: Shop, order: Order, **changes: Any) -> Order:
    """Change what is kept of an order, as if it had come to that."""
    stored = await shop.journal.read(tx.orders.find(order["id"]))
    assert stored is not None
    await shop.journal.write(tx.orders.update(msgspec.structs.replace(stored.record, **changes), stored))
    return order


async def _read_again(shop: Shop, order: Order) -> None:
    await shop.read(order, refresh=True)


def _do(action: str, **details: Any) -> Take:
    """Do something at the provider, then read the order again."""

    async def take(shop: Shop, order: Order) -> None:
        shop.emulator.act(order["provider_order_id"], action, **details)
        await _read_again(shop, order)

    return take


def _accept(kind: str) -> Take:
    """Resolve the operation of this kind as applied, as an operator; what was said is kept with it."""

    async def take(shop: Shop, order: Order) -> None:
        found = [
            each for each in await shop.operations() if (each["kind"], each["order"]) == (kind, order["id"])
        ]
        said = {"as": "applied", "evidence": "Dealt with at the provider."}
        path = f"/v1/operations/{found[0]['id']}/resolve"
        answer = await (await shop.another(None)).call("POST", path, json=said)
        assert body_of(answer, 200)["resolution"]["evidence"] == said["evidence"]

    return take


# unmapped_status


async def _unmapped(shop: Shop) -> Order:
    if shop.account == "revkeen":
        shop.emulator.switch(new_order_status="quarantined")
        return await shop.order()
    order = await shop.order()
    shop.emulator.switch(unknown_order_status="quarantined")
    await _read_again(shop, order)
    return order


async def _known_status(shop: Shop, order: Order) -> None:
    if shop.account == "revkeen":
        shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    else:
        shop.emulator.switch(unknown_order_status=None)
    await _read_again(shop, order)


# amount_mismatch


async def _other_total(shop: Shop) -> Order:
    return await shop.order(expected_total=40999)


async def _other_total_paid(shop: Shop) -> Order:
    return await _kept(shop, await shop.paid_order(), expected_total=40999)


async def _other_currency(shop: Shop) -> Order:
    return await _kept(shop, await shop.order(), currency="EUR")


async def _pay_knowingly(shop: Shop, order: Order) -> None:
    body_of(await shop.pay(order, expected_total=41000), 200)
    await shop.until_paid(order)


async def _cancel(shop: Shop, order: Order) -> None:
    body_of(await shop.cancel(order), 200)


# canceled_with_money_held, payment_mismatch


async def _canceled_with_money(shop: Shop) -> Order:
    if shop.account == "rapyd":
        order = await shop.paid_order()
        shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    else:
        shop.emulator.switch(cancel_in_flight="close_later", refund_canceled=True)
        order = await shop.order()
        pending = shop.emulator.payment_method(outcome="pending")
        body_of(await shop.pay(order, payment_method=f"provider:{pending}"), 200)
        shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
        shop.emulator.act(order["provider_order_id"], "payment_closed")
    await _read_again(shop, order)
    return order


async def _canceled_here_and_paid_there(shop: Shop) -> Order:
    order = await shop.paid_order()
    stored = await shop.journal.read(tx.orders.find(order["id"]))
    assert stored is not None
    return await _kept(shop, order, canceled_here=stored.record.seen.created_at)


def _transferred(amount: int) -> Bring:
    """The shopper has sent this amount by bank transfer."""

    async def bring(shop: Shop) -> Order:
        order = await shop.order()
        transfer = shop.emulator.payment_method(category="bank_transfer")
        body_of(await shop.pay(order, payment_method=f"provider:{transfer}"), 200)
        shop.emulator.act(order["provider_order_id"], "payment_closed", amount=amount)
        await _read_again(shop, order)
        return order

    return bring


async def _mark_as_paid(shop: Shop, order: Order) -> None:
    shop.emulator.switch(unknown_order_status="paid")  # as somebody has mended it there
    await _read_again(shop, order)


# payment_not_recorded, update_mismatch, late_write


async def _not_recorded(shop: Shop) -> Order:
    order = await shop.order()
    charged = shop.emulator.payment_method(behaviour="charged_without_order_update")
    body_of(await shop.pay(order, payment_method=f"provider:{charged}"), 200)
    return order


async def _not_kept(shop: Shop) -> Order:
    order = await shop.order(metadata={"colour": "red", "count": 1})
    shop.emulator.switch(metadata_update="merge")
    body_of(await shop.update(order, metadata={"colour": None}), 200)
    return order


async def _change_again(shop: Shop, order: Order) -> None:
    body_of(await shop.update(order, metadata={"colour": "blue"}), 200)


async def _mend_metadata(shop: Shop, order: Order) -> None:
    """Make it there what was asked for, without the gateway."""
    shop.emulator.switch(metadata_update="replace")
    stored = await shop.journal.read(tx.orders.find(order["id"]))
    assert stored is not None
    assert shop.gateway is not None
    account = require_account_of(shop.gateway.configuration, stored.record)
    command = UpdateOrder(
        operation="elsewhere", order=stored.record.seen, metadata={"count": 1}, extension={}
    )
    await shop.gateway.transport.send(account, next(account.adapter.plan(command, account.settings)))
    await _read_again(shop, order)


async def _late(shop: Shop) -> Order:
    return await _kept(shop, await shop.order(), concerns=[ReviewReason.LATE_WRITE])


async def _cancel_and_accept(shop: Shop, order: Order) -> None:
    await _cancel(shop, order)
    await _accept("create")(shop, order)


REFUND = _do("refund")
_BOTH: dict[ReviewReason, list[Way]] = {
    ReviewReason.UNMAPPED_STATUS: [],
    ReviewReason.AMOUNT_MISMATCH: [
        Way("pay with expected_total", _other_total, _pay_knowingly, "paid"),
        Way("or cancel it", _other_total, _cancel, "canceled"),
        Way("another currency can only be canceled", _other_currency, _cancel, "canceled"),
        Way("refunded at the provider", _other_total_paid, REFUND, "refunded"),
    ],
    ReviewReason.UPDATE_MISMATCH: [
        Way("next change of metadata that the provider keeps", _not_kept, _change_again, "open"),
        Way("a read once the metadata is as it was sent", _not_kept, _mend_metadata, "open"),
        Way("resolving the change's operation as applied", _not_kept, _accept("update"), "open"),
    ],
    ReviewReason.LATE_WRITE: [
        Way("resolving the operation as applied", _late, _accept("create"), "open"),
        Way("cancel or refund the excess", _late, _cancel_and_accept, "canceled"),
    ],
}
WAYS: dict[str, dict[ReviewReason, list[Way]]] = {
    "revkeen": {
        **_BOTH,
        ReviewReason.UNMAPPED_STATUS: [Way("a read clears this", _unmapped, _known_status, "canceled")],
        ReviewReason.CANCELED_WITH_MONEY_HELD: [
            Way("refund it at the provider", _canceled_with_money, REFUND, "refunded")
        ],
    },
    "rapyd": {
        **_BOTH,
        ReviewReason.UNMAPPED_STATUS: [Way("a read clears this", _unmapped, _known_status, "open")],
        ReviewReason.CANCELED_WITH_MONEY_HELD: [
            Way("refund it at the provider", _canceled_with_money, REFUND, "refunded"),
            Way("refund it at the provider", _canceled_here_and_paid_there, REFUND, "refunded"),
        ],
        ReviewReason.PAYMENT_MISMATCH: [
            Way(
                "refund the excess",
                _transferred(42000),
                _do("refund", amount=1000),
                "partially_refunded",
            ),
            Way("or the whole payment", _transferred(40000), REFUND, "refunded"),
            Way("mark the order as paid", _transferred(40000), _mark_as_paid, "paid"),
        ],
        ReviewReason.PAYMENT_NOT_RECORDED: [
            Way("once the order at the provider is paid", _not_recorded, _mark_as_paid, "paid"),
            Way("resolving the payment's operation as applied", _not_recorded, _accept("pay"), "open"),
        ],
    },
}
"""By provider and reason. RevKeen waits for no confirmation and tells of no payment apart from its order, so that two
reasons do not come up there."""

CASES = [
    pytest.param(provider, reason, way, id=f"{provider}-{reason}-{index}")
    for provider, reasons in WAYS.items()
    for reason, ways in reasons.items()
    for index, way in enumerate(ways)
]


@pytest.mark.parametrize(("provider", "reason", "way"), CASES, indirect=["provider"])
async def test_way_out_leads_out(shop: Shop, reason: ReviewReason, way: Way) -> None:
    """The order stands in review for the reason, and after the way is taken for none, which stays so."""
    order = await way.bring(shop)
    before = await shop.read(order)
    assert (before["status"], before["review_reasons"]) == ("review", [reason])

    await way.take(shop, order)

    for refresh in (False, True):
        after = await shop.read(order, refresh=refresh)
        assert (after["status"], after["review_reasons"]) == (way.status, [])


def test_every_way_out_is_tried() -> None:
    """Each reason is left at some provider, by ways that its text tells of; the text tells of no other."""
    tried = {reason for reasons in WAYS.values() for reason in reasons}

    assert tried == set(ReviewReason)
    for reasons in WAYS.values():
        for reason, ways in reasons.items():
            assert ways
            assert all(way.named in WAYS_OUT[reason] for way in ways), reason
    told = {reason for reason in ReviewReason if "operator" in WAYS_OUT[reason]}
    assert told == set(ACCEPTED_WITH)


async def test_another_currency_is_never_paid(shop: Shop) -> None:
    """An order that the provider has in another currency than was ordered takes no payment, whatever total is named."""
    order = await _other_currency(shop)

    for body in ({}, {"expected_total": 41000}):
        problem = problem_of(await shop.pay(order, **body), 409, "amount_mismatch")
        assert "EUR" in problem["detail"]
        assert "USD" in problem["detail"]
    assert shop.emulator.state()["payments"] == []
