"""The lifecycle: after each step, the adapter's reading equals the author's reading of the emulator."""

from datetime import UTC, datetime

from ordergate.conformance.case import Case
from ordergate.conformance.driver import InProcess
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.walks import CHAIRS, declares, live, lives
from ordergate.domain.assembly import order_from_provider
from ordergate.domain.lifecycle import FulfillmentStatus, OperationKind, OrderStatus, PaymentStatus
from ordergate.domain.order import Order
from ordergate.domain.outcome import Applied, NotApplied, Unknown
from ordergate.domain.provider_order import ProviderOrder


class LifecycleLaws(Laws):
    """The adapter and the emulator agree."""

    @law
    def test_every_step_of_a_life_agrees(self) -> None:
        """Status, total, paid and refunded amounts equal the provider's after each step, and after another read."""
        for steps in lives(self.case):
            live(self.case, steps, lambda provider, order: _agree(self.case, provider, order))

    @law
    def test_lives_come_to_their_ends(self) -> None:
        """Orders end paid and fulfilled, canceled, or given back, each with the time when it did."""
        ends = {}
        for steps in lives(self.case):
            provider = live(self.case, steps)
            order = _canonical(self.case, provider.read(_last(provider)))
            ends[order.status] = order
        wanted = {
            OperationKind.FULFILL: (OrderStatus.FULFILLED, "fulfilled_at"),
            OperationKind.CANCEL: (OrderStatus.CANCELED, "canceled_at"),
            OperationKind.RETURN: (OrderStatus.REFUNDED, "refunded_at"),
        }
        for kind, (status, time) in wanted.items():
            if declares(self.case, kind) and not (
                kind is OperationKind.RETURN and OrderStatus.PARTIALLY_REFUNDED in ends
            ):
                assert status in ends, f"no order ended as {status}; there were {', '.join(ends)}"
                assert getattr(ends[status], time) is not None, f"{status}, and no {time}"
        if OrderStatus.FULFILLED in ends:
            assert ends[OrderStatus.FULFILLED].paid_at is not None
            assert ends[OrderStatus.FULFILLED].fulfillment_status is FulfillmentStatus.FULFILLED
        for order in ends.values():
            assert order.review_reasons == []

    @law
    def test_a_declined_payment_takes_nothing(self) -> None:
        """A declining payment method leaves the order unpaid, and the problem names the payment."""
        case, provider = self.case, InProcess.of(self.case)
        if case.declining_method is None or not declares(case, OperationKind.PAY):
            leave_out("the case names no payment method that declines")
        assert case.declining_method is not None
        order = provider.apply(provider.creation(CHAIRS)).order
        method = case.declining_method(provider.emulator.catalog())
        outcome = provider.carry_out(provider.payment(order, order.total, method))
        read = provider.read(order)

        assert not isinstance(outcome, Unknown), f"a decline is certain, and returned {outcome}"
        if isinstance(outcome, NotApplied):
            assert outcome.code in {"payment_declined", "provider_rejected"}
            assert outcome.mapped, f"{outcome.provider.code} is not mapped"
        assert (read.amount_paid, read.paid_in_full, provider.facts(case, order).paid) == (0, False, 0)
        assert _canonical(case, read).payment_status in {PaymentStatus.UNPAID, PaymentStatus.FAILED}

    @law
    def test_a_payment_that_waits_is_pending(self) -> None:
        """A payment that is not closed yet is pending and not paid; once closed, the order is paid for good."""
        case, provider = self.case, InProcess.of(self.case)
        if case.waiting_method is None or not declares(case, OperationKind.PAY):
            leave_out("the case names no payment method that waits")
        assert case.waiting_method is not None
        order = provider.apply(provider.creation(CHAIRS)).order
        method = case.waiting_method(provider.emulator.catalog())
        waiting = provider.apply(provider.payment(order, order.total, method)).order
        for seen in (waiting, provider.read(order)):
            assert (seen.payment_pending, seen.paid_in_full, seen.amount_paid) == (True, False, 0)
            _agree(case, provider, seen)
        provider.now += 2
        provider.emulator.act(order.provider_order_id, "payment_closed", None, float(provider.now))
        closed = provider.read(order)
        if closed.confirmation_due:
            assert closed.amount_paid == closed.total
            closed = provider.apply(provider.confirmation(closed)).order
        for seen in (closed, provider.read(order)):
            assert (seen.payment_pending, seen.confirmation_due) == (False, False)
            assert _canonical(case, seen).status is OrderStatus.PAID
            _agree(case, provider, seen)

    @law
    def test_what_happens_without_us_is_seen(self) -> None:
        """A refund and a cancellation in the provider's own portal are recognized."""
        case, provider = self.case, InProcess.of(self.case)
        order = provider.apply(provider.creation(CHAIRS)).order
        provider.emulator.act(order.provider_order_id, "dashboard_cancel", None, float(provider.now))
        canceled = provider.read(order)
        assert _canonical(case, canceled).status is OrderStatus.CANCELED
        _agree(case, provider, canceled)
        if not declares(case, OperationKind.PAY):
            return
        order = provider.apply(provider.creation(CHAIRS)).order
        order = provider.pay(order, order.total)
        for amount, payment in ((149, PaymentStatus.PARTIALLY_REFUNDED), (66_000, PaymentStatus.REFUNDED)):
            provider.emulator.act(order.provider_order_id, "refund", amount, float(provider.now))
            order = provider.read(order)
            assert _canonical(case, order).payment_status is payment
            _agree(case, provider, order)


def _agree(case: Case, provider: InProcess, order: ProviderOrder) -> None:
    facts = provider.facts(case, order)
    said = _canonical(case, order)
    for name, ours, theirs in (
        ("status", said.status, facts.status),
        ("currency", order.currency, facts.currency),
        ("total", order.total, facts.total),
        ("amount paid", order.amount_paid, facts.paid),
        ("amount refunded", order.amount_refunded, facts.refunded),
    ):
        assert ours == theirs, f"the {name} is {ours} here and {theirs} there ({order.provider_status})"
    assert order.total == order.subtotal + order.shipping - (order.discount or 0) + (order.tax or 0)
    assert [line.quantity for line in order.line_items] == [line.quantity for line in CHAIRS.line_items]


def _canonical(case: Case, order: ProviderOrder) -> Order:
    now = datetime.fromtimestamp(0, UTC)
    return order_from_provider(order, account="", adapter=case.adapter.name, synced_at=now)


def _last(provider: InProcess) -> ProviderOrder:
    outcome = provider.said[-1].outcome
    assert isinstance(outcome, Applied)
    return outcome.order
