"""An amount arrives at each provider exactly as it was meant and comes back the same, or is refused before."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.conformance import InProcess
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.errors import Problem
from ordergate.domain.money import MAX_AMOUNT, minor_unit_digits
from ordergate.domain.outcome import Applied
from ordergate.domain.provider_order import ProviderOrder

from .strategies import CENT_CURRENCIES, CURRENCIES

REVKEEN_MAX = 2**31 - 1


def order_of(amount: int, currency: str, *, quantity: int = 1, shipping: int = 0) -> Draft:
    lines = [DraftLine(sku="SKU-0", description="Chair", quantity=quantity, unit_amount=amount)]
    if shipping:
        lines.append(DraftLine(type="shipping", description="Post", quantity=1, unit_amount=shipping))
    return Draft(currency=currency, line_items=lines)


def created(provider: InProcess, draft: Draft) -> ProviderOrder:
    outcome = provider.create(draft)
    assert isinstance(outcome, Applied), outcome
    return outcome.order


def check_refused(provider: InProcess, draft: Draft) -> None:
    before = provider.requests
    with pytest.raises(Problem) as caught:
        provider.create(draft)

    assert caught.value.code == "unsupported_field"
    assert caught.value.sent == "no"
    assert provider.requests == before


def check_came_back(order: ProviderOrder, draft: Draft) -> None:
    assert order.currency == draft.currency
    assert [line.unit_amount for line in order.line_items] == [line.unit_amount for line in draft.line_items]
    assert (order.subtotal + order.shipping, order.total) == (draft.lines_total, draft.lines_total)
    assert (order.discount, order.tax, order.amount_paid) == (0, 0, 0)


def test_there_are_currencies_of_every_kind() -> None:
    """The data package knows the currencies of the world, with none, two, three and four decimals."""
    assert len(CURRENCIES) > 150
    assert {minor_unit_digits(code) for code in CURRENCIES} == {0, 2, 3, 4}


@settings(deadline=None)
@given(st.sampled_from(CURRENCIES), st.integers(1, MAX_AMOUNT // 1000), st.integers(1, 999), st.data())
def test_any_amount_goes_to_rapyd_and_back(
    currency: str, amount: int, quantity: int, data: st.DataObject
) -> None:
    """Price times quantity, and shipping beside it, add up at Rapyd as they do here."""
    rapyd = InProcess("rapyd", unknown_currency="accept")
    shipping = data.draw(st.integers(0, MAX_AMOUNT - amount * quantity))
    draft = order_of(amount, currency, quantity=quantity, shipping=shipping)

    check_came_back(created(rapyd, draft), draft)


@settings(deadline=None)
@given(st.sampled_from(CENT_CURRENCIES), st.integers(0, REVKEEN_MAX * 2), st.integers(1, 999))
def test_any_amount_goes_to_revkeen_and_back_or_is_refused(currency: str, amount: int, quantity: int) -> None:
    """It is the whole line, not its unit price, that must be carried."""
    revkeen = InProcess("revkeen")
    draft = order_of(amount, currency, quantity=quantity)
    if draft.lines_total > REVKEEN_MAX:
        check_refused(revkeen, draft)
    else:
        check_came_back(created(revkeen, draft), draft)


@settings(deadline=None)
@given(st.sampled_from(CURRENCIES), st.integers(1, MAX_AMOUNT))
def test_what_rapyd_received_is_what_was_due(currency: str, amount: int) -> None:
    """A payment in full comes back as the very amount, in any currency."""
    rapyd = InProcess("rapyd", unknown_currency="accept")
    order = created(rapyd, order_of(amount, currency))
    paid = rapyd.pay(order, order.total)

    assert (paid.amount_paid, paid.paid_in_full) == (amount, True)
    assert [payment.amount for payment in paid.payments] == [amount]


@settings(deadline=None)
@given(st.integers(1, REVKEEN_MAX), st.data())
def test_what_revkeen_received_is_what_was_paid(amount: int, data: st.DataObject) -> None:
    """A payment in parts adds up to the very amount."""
    revkeen = InProcess("revkeen")
    order = created(revkeen, order_of(amount, "USD"))
    part = data.draw(st.integers(1, amount))
    partly = revkeen.pay(order, part)
    paid = revkeen.pay(partly, amount - part) if part < amount else partly

    assert (partly.amount_paid, paid.amount_paid, paid.paid_in_full) == (part, amount, True)
