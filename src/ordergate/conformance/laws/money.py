"""Amounts arrive exactly and are read exactly, or are refused before anything is sent."""

from functools import partial

from iso4217 import Currency

from ordergate.conformance.case import Case
from ordergate.conformance.driver import InProcess
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.walks import declares
from ordergate.domain.commands import ReturnGoods
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.money import MAX_AMOUNT, UnknownCurrencyError, minor_unit_digits
from ordergate.domain.outcome import Applied, NotApplied, Outcome
from ordergate.domain.provider_order import ProviderOrder

REFUSALS = frozenset({"unsupported_field", "invalid_request"})


def currencies() -> list[str]:
    """Return every ISO 4217 currency that has a minor unit."""
    return sorted({currency.code for currency in Currency if _has_minor_unit(currency.code)})


def _has_minor_unit(code: str) -> bool:
    try:
        minor_unit_digits(code)
    except UnknownCurrencyError:
        return False
    return True


def edges(case: Case) -> list[int]:
    """Return amounts around every power of ten and around every limit."""
    powers = {10**power + step for power in range(15) for step in (-1, 0, 1)}
    limits = {case.max_amount + step for step in (-1, 0, 1)} | {MAX_AMOUNT - 1, 123_456_789_012_345}
    return sorted(amount for amount in powers | limits if 0 < amount <= MAX_AMOUNT)


def order_of(amount: int, currency: str, *, quantity: int = 1, shipping: int = 0) -> Draft:
    """Return a draft of one product, with shipping if it costs something."""
    lines = [DraftLine(sku="SKU-0", description="Chair", quantity=quantity, unit_amount=amount)]
    if shipping:
        lines.append(DraftLine(type="shipping", description="Post", quantity=1, unit_amount=shipping))
    return Draft(currency=currency, line_items=lines)


class MoneyLaws(Laws):
    """Exact."""

    @law
    def test_money_is_exact_or_refused(self) -> None:
        """Each amount in each ISO currency arrives at the provider exactly, or is refused unsent."""
        case, provider = self.case, InProcess.of(self.case)
        # Only the number of decimals makes a difference: every amount in one currency of each, extremes in all.
        amounts, sample = edges(case), _sample(case)
        extremes = [*amounts[:4], *amounts[-4:]]
        for currency in currencies():
            provider.reset(case)
            meant: dict[str, int] = {}
            for amount in amounts if currency in sample else extremes:
                order = _ordered(case, provider, order_of(amount, currency))
                if order is not None:
                    meant[order.provider_order_id] = amount
            state = provider.state()
            for name, amount in meant.items():
                facts = case.facts(state, name)
                assert (facts.currency, facts.total) == (currency, amount), (
                    f"{amount} {currency} is {facts.total} {facts.currency} at the provider"
                )

    @law
    def test_quantities_and_shipping_add_up(self) -> None:
        """Price times quantity, and shipping, have the same total at the provider and here."""
        case, provider = self.case, InProcess.of(self.case)
        for currency in _sample(case):
            for quantity in (2, 3, 7, 999):
                for amount in (1, 1_999, case.max_amount // 1_000 // 2):
                    draft = order_of(amount, currency, quantity=quantity, shipping=amount + 1)
                    order = _ordered(case, provider, draft)
                    assert order is not None, f"{draft.lines_total} {currency} was refused"
                    facts = provider.facts(case, order)
                    assert (order.subtotal, order.shipping) == (quantity * amount, amount + 1)
                    assert facts.total == order.total == draft.lines_total

    @law
    def test_what_was_paid_is_exact(self) -> None:
        """A payment in full takes the very total, in every currency that the provider takes."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.PAY):
            leave_out("declares no payment")
        for currency in currencies() if case.currencies is None else sorted(case.currencies):
            provider.reset(case)
            for amount in (1, 12_345, case.max_amount):
                order = _ordered(case, provider, order_of(amount, currency))
                assert order is not None, f"{amount} {currency} was refused"
                paid = provider.pay(order, order.total)
                facts = provider.facts(case, paid)
                assert (paid.amount_paid, paid.total) == (amount, amount), (
                    f"{amount} {currency} were paid; read back: {paid.amount_paid} of {paid.total}"
                )
                assert (facts.paid, facts.total) == (amount, amount), (
                    f"{amount} {currency} were due; the provider took {facts.paid}"
                )

    @law
    def test_a_part_is_paid_exactly_or_refused(self) -> None:
        """Supported partial payments add up to the total; otherwise one is refused before any request."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.PAY):
            leave_out("declares no payment")
        for part in (1, 500, 999):
            order = provider.apply(provider.creation(order_of(1_000, "USD"))).order
            if not case.adapter.capabilities.partial_pay:
                refused = provider.refusal(partial(provider.begin, provider.payment(order, part)))
                assert refused is not None, f"a payment of {part} out of 1000 is not refused"
                assert refused.code == "unsupported_field"
                continue
            partly = provider.pay(order, part)
            facts = provider.facts(case, partly)
            assert (partly.amount_paid, partly.paid_in_full, facts.paid) == (part, False, part)
            paid = provider.pay(partly, 1_000 - part)
            facts = provider.facts(case, paid)
            assert (paid.amount_paid, paid.paid_in_full, facts.paid) == (1_000, True, 1_000)

    @law
    def test_what_was_returned_is_exact(self) -> None:
        """The refund of goods is their price times their quantity, in currencies of every kind."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.RETURN):
            leave_out("declares no returns")
        for currency in _sample(case):
            draft = order_of(1_999, currency, quantity=3, shipping=501)
            order = provider.apply(provider.creation(draft)).order
            order = provider.pay(order, order.total)
            command: ReturnGoods = provider.giving_back(order, quantity=2, shipping=501)
            outcome = provider.apply(command)
            facts = provider.facts(case, outcome.order)
            assert outcome.returned is not None, "a return answers the returned lines"
            assert (outcome.returned.amount, facts.refunded) == (4_499, 4_499), (
                f"4499 {currency} were to return; read {outcome.returned.amount}, given {facts.refunded}"
            )

    @law
    def test_what_came_back_is_told_by_its_goods_or_not_at_all(self) -> None:
        """If a provider names the returned goods, they are complete, with their refund."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.RETURN):
            leave_out("declares no returns")
        order = provider.apply(provider.creation(order_of(1_999, "USD", quantity=5, shipping=501))).order
        order = provider.pay(order, order.total)
        for quantity, shipping, pieces, amount in ((2, None, 2, 3_998), (1, 501, 3, 6_498)):
            provider.apply(provider.giving_back(order, quantity=quantity, shipping=shipping))
            order = provider.read(order)
            goods = [each for each in order.returned if each.type == "product"]
            if not order.returned:
                leave_out("its answers name no goods of returns")
            assert {each.product for each in goods} == {order.line_items[0].product}
            assert (sum(each.quantity for each in goods), order.amount_refunded) == (pieces, amount)
            assert sum(each.amount for each in order.returned) == amount

    @law
    def test_paying_nothing_is_left_to_the_provider(self) -> None:
        """To pay an order that costs nothing is asked of the provider, which may refuse; no money is taken."""
        case, provider = self.case, InProcess.of(self.case)
        if not declares(case, OperationKind.PAY):
            leave_out("declares no payment")
        free = provider.creation(order_of(0, "USD"))
        if provider.refusal(partial(provider.begin, free)) is not None:
            leave_out("takes no order without a price")
        order = provider.apply(free).order
        outcome = provider.carry_out(provider.payment(order, 0))
        assert isinstance(outcome, Applied | NotApplied), f"a payment of nothing returned {outcome}"
        facts = provider.facts(case, order)
        assert (facts.paid, facts.total) == (0, 0)


def _sample(case: Case) -> list[str]:
    """Return currencies of every number of decimals that the provider takes."""
    taken = currencies() if case.currencies is None else sorted(case.currencies)
    kinds: dict[int, str] = {}
    for code in taken:
        kinds.setdefault(minor_unit_digits(code), code)
    return list(kinds.values())


def _ordered(case: Case, provider: InProcess, draft: Draft) -> ProviderOrder | None:
    """Create the order, and read it twice; None if it is rightly refused."""
    taken = case.currencies is None or draft.currency in case.currencies
    what = f"{draft.lines_total} {draft.currency}"
    outcomes: list[Outcome] = []
    refused = provider.refusal(lambda: outcomes.append(provider.create(draft)))
    if refused is not None:
        assert refused.code in REFUSALS, f"{what} was refused as {refused.code}"
        assert not taken or draft.lines_total > case.max_amount, f"{what} was refused: {refused.detail}"
        return None
    (outcome,) = outcomes
    assert taken, f"{what} was sent, though the provider takes no {draft.currency}"
    assert draft.lines_total <= case.max_amount, f"{what} was sent, though the provider cannot hold it"
    assert isinstance(outcome, Applied), f"{what} returned {outcome}"
    order = outcome.order
    for amount in (order.total, order.subtotal + order.shipping):
        assert amount == draft.lines_total, f"{what} was read back as {amount}"
    assert order.currency == draft.currency, f"{what} was read back in {order.currency}"
    assert (order.discount, order.tax, order.amount_paid, order.amount_refunded) == (0, 0, 0, 0)
    assert provider.read(order) == order, f"{what} differs when it is read again"
    return order
