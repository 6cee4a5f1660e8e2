"""Whatever a merchant may order stands at the provider as it was meant, and is read back the same."""

from datetime import UTC, datetime, timedelta, timezone

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.conformance import MERCHANT, InProcess
from ordergate.domain.draft import Draft, DraftLine, draft_errors
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import Phase
from ordergate.domain.money import MAX_AMOUNT
from ordergate.domain.outcome import Applied
from ordergate.domain.provider_order import MERCHANT_MARK, OPERATION_MARK, ProviderOrder
from ordergate.domain.validation import decode_body

from .strategies import CENT_CURRENCIES, CURRENCIES, addresses, drafts, percents, texts

TEN_THOUSANDTHS = 100 * 10**4

for_rapyd = drafts(
    currencies=CURRENCIES,
    max_total=MAX_AMOUNT,
    tax_percent=percents,
    shipping_address=st.none() | addresses,
    notes=st.none() | texts,
)
for_revkeen = drafts(
    currencies=CENT_CURRENCIES,
    max_total=2**31 - 1,
    billing_type=st.sampled_from([None, "one_time", "recurring"]),
    shipping_address=st.none() | addresses,
    notes=st.none() | texts,
    expires_at=st.none()
    | st.datetimes(
        min_value=datetime(2027, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone itself
        max_value=datetime(2099, 1, 1),  # noqa: DTZ001 - the same
        timezones=st.sampled_from(
            [UTC, timezone(timedelta(hours=5, minutes=45)), timezone(-timedelta(hours=8))]
        ),
    ).map(lambda time: time.replace(microsecond=0)),
)


def items(draft: Draft) -> list[tuple[str, str | None, str, int, int]]:
    """Return the lines as Rapyd holds them: one item for each SKU, at the place of its first line."""
    merged: dict[object, tuple[str, str | None, str, int, int]] = {}
    for position, line in enumerate(draft.line_items):
        key = line.sku if line.type == "product" else position
        quantity = line.quantity + (merged[key][3] if key in merged else 0)
        merged[key] = (line.type, line.sku, line.description, quantity, line.unit_amount)
    return list(merged.values())


def agrees(draft: Draft) -> bool:
    """Whether lines that share a SKU have one price and one description."""
    kinds = {(line.sku, line.description, line.unit_amount) for line in draft.line_items if line.sku}
    return len(kinds) == len({sku for sku, _, _ in kinds})


def tax_of(draft: Draft) -> int:
    """Return the tax on goods and shipping, rounded half up to the minor unit."""
    whole, _, fraction = (draft.tax_percent or "0").partition(".")
    rate = int(whole) * 10**4 + int(fraction.ljust(4, "0"))
    return (2 * draft.lines_total * rate + TEN_THOUSANDTHS) // (2 * TEN_THOUSANDTHS)


def check_common(order: ProviderOrder, draft: Draft, operation: str) -> None:
    goods = sum(line.quantity * line.unit_amount for line in draft.line_items if line.type == "product")

    assert order.phase is Phase.OPEN
    assert order.currency == draft.currency
    assert (order.subtotal, order.shipping) == (goods, draft.lines_total - goods)
    assert order.discount is not None
    assert order.tax is not None
    assert order.total == order.subtotal + order.shipping - order.discount + order.tax
    assert order.metadata == (draft.metadata or {})
    assert order.marks[OPERATION_MARK] == operation
    assert order.marks[MERCHANT_MARK] == MERCHANT


def created(provider: InProcess, draft: Draft) -> ProviderOrder:
    operation = f"op_{provider.requests:032x}"
    outcome = provider.create(draft)
    assert isinstance(outcome, Applied), outcome
    check_common(outcome.order, draft, operation)
    assert provider.read(outcome.order) == outcome.order
    return outcome.order


@settings(deadline=None)
@given(for_rapyd | for_revkeen)
def test_drawn_drafts_are_what_a_merchant_may_send(draft: Draft) -> None:
    """The drafts drawn here pass the contract's own checks, so the other properties speak of real orders."""
    assert decode_body(msgspec.json.encode(draft), Draft) == draft
    assert draft_errors(draft) == []


@settings(deadline=None, max_examples=75)
@given(for_rapyd)
def test_draft_stands_at_rapyd(draft: Draft) -> None:
    """Figures, merged lines, tax, texts, address and reference stand at Rapyd; what cannot be merged is refused."""
    rapyd = InProcess("rapyd", unknown_currency="accept")
    if not agrees(draft):
        with pytest.raises(Problem) as caught:
            rapyd.create(draft)
        assert (caught.value.code, rapyd.requests) == ("unsupported_field", 0)
        return
    order = created(rapyd, draft)

    assert [
        (line.type, line.product, line.description, line.quantity, line.unit_amount)
        for line in order.line_items
    ] == [
        (kind, sku and rapyd.product(sku), description, quantity, amount)
        for kind, sku, description, quantity, amount in items(draft)
    ]
    assert order.tax == tax_of(draft)
    assert order.discount == 0
    assert draft.customer is not None
    assert order.email == (draft.customer.email or rapyd.emulator.catalog()["customers"][0]["email"])
    if draft.reference is not None:
        assert order.reference == draft.reference
    if draft.shipping_address is not None:
        assert order.shipping_address is not None
        assert msgspec.structs.asdict(order.shipping_address) == without_blanks(draft)


def without_blanks(draft: Draft) -> dict[str, str | None]:
    """Return the address's fields; a blank text is nothing at Rapyd."""
    address = draft.shipping_address
    assert address is not None
    return {name: value or None for name, value in msgspec.structs.asdict(address).items()}


@settings(deadline=None, max_examples=75)
@given(for_revkeen)
def test_draft_stands_at_revkeen(draft: Draft) -> None:
    """Figures, lines with their metadata, texts, expiry and reference stand at RevKeen as they were ordered."""
    revkeen = InProcess("revkeen")
    order = created(revkeen, draft)

    assert [as_ordered(line, revkeen) for line in draft.line_items] == [
        (line.type, line.product, line.description, line.quantity, line.unit_amount, line.metadata)
        for line in order.line_items
    ]
    assert [line.position for line in order.line_items] == list(range(len(draft.line_items)))
    assert (order.tax, order.discount) == (0, 0)
    assert order.reference == draft.reference
    assert order.notes == draft.notes
    assert order.expires_at == draft.expires_at
    assert order.billing_type == (draft.billing_type or "one_time")


def as_ordered(line: DraftLine, provider: InProcess) -> tuple[object, ...]:
    product = line.sku and provider.product(line.sku)
    metadata = line.metadata or {}
    return (line.type, product, line.description, line.quantity, line.unit_amount, metadata)


@settings(deadline=None)
@given(for_revkeen.filter(lambda draft: not draft.taxed), percents)
def test_tax_is_refused_at_revkeen_before_any_request(draft: Draft, percent: str | None) -> None:
    """RevKeen takes no tax from its clients: one that would count is refused, one that would not is nothing."""
    revkeen = InProcess("revkeen")
    taxed = msgspec.structs.replace(draft, tax_percent=percent)
    if not taxed.taxed:
        created(revkeen, taxed)
        return
    with pytest.raises(Problem) as caught:
        revkeen.create(taxed)

    assert [error.pointer for error in caught.value.errors] == ["/tax_percent"]
    assert revkeen.requests == 0


@settings(deadline=None, max_examples=50)
@given(for_rapyd.filter(agrees))
def test_order_survives_being_paid_at_rapyd(draft: Draft) -> None:
    """Paying changes the money and nothing else that was ordered."""
    rapyd = InProcess("rapyd", unknown_currency="accept")
    order = created(rapyd, draft)
    paid = rapyd.pay(order, order.total)

    assert (paid.amount_paid, paid.paid_in_full) == (order.total, True)
    assert (paid.line_items, paid.metadata, paid.marks) == (order.line_items, order.metadata, order.marks)
