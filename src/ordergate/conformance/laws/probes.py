"""Probes alone find a write without a response, or find that it is absent."""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import msgspec

from ordergate.conformance import answers
from ordergate.conformance.case import Case
from ordergate.conformance.driver import Conversation, InProcess, heard
from ordergate.conformance.law import Laws, law, leave_out
from ordergate.conformance.laws.money import order_of
from ordergate.conformance.laws.purity import ended
from ordergate.conformance.walks import CHAIRS, declares
from ordergate.conformance.world import timeless_world
from ordergate.domain.commands import WriteCommand
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.adapter import Baseline
from ordergate.spi.wire import NoAnswer, WireResponse

MORE_THAN_A_PAGE = 105
"""Orders that no provider is known to answer on one page."""
FAILURES = (400, 401, 403, 404, 429, 500, 502, 503)
_ATTEMPTS = 5
"""Requests after which a probe that is answered nonsense has to have ended."""

Prepare = Callable[[InProcess], WriteCommand | None]
"""Brings a provider to the state before a write, and returns the write; None if the provider does it by itself."""


W = TypeVar("W", bound=WriteCommand)


def _own(command: W) -> W:
    """Return the command as an operation that no other command is: the driver counts requests alone."""
    own: W = msgspec.structs.replace(command, operation=f"op_{'f' * 32}")
    return own


def _order(provider: InProcess) -> ProviderOrder:
    return provider.apply(provider.creation(CHAIRS)).order


def _paid(provider: InProcess) -> ProviderOrder:
    order = _order(provider)
    return provider.pay(order, order.total)


def _half_paid(provider: InProcess) -> ProviderOrder:
    order = _order(provider)
    return provider.pay(order, order.total // 2)


def _pay(provider: InProcess, order: ProviderOrder) -> WriteCommand:
    return provider.payment(order, order.total - order.amount_paid)


_WRITES: Mapping[OperationKind, Prepare] = {
    OperationKind.CREATE: lambda provider: provider.creation(CHAIRS),
    OperationKind.PAY: lambda provider: _pay(provider, _order(provider)),
    OperationKind.UPDATE: lambda provider: provider.change(_order(provider), {"shelf": "C1"}),
    OperationKind.CANCEL: lambda provider: provider.cancellation(_order(provider)),
    OperationKind.FULFILL: lambda provider: provider.fulfilment(_paid(provider)),
    OperationKind.RETURN: lambda provider: provider.giving_back(_paid(provider), quantity=1),
}
"""Each write, with the state that it needs."""


def writes(case: Case) -> list[Prepare]:
    """Return every kind of write that the adapter declares, each to be prepared at a provider."""
    prepared = [prepare for kind, prepare in _WRITES.items() if declares(case, kind)]
    capabilities = case.adapter.capabilities
    if capabilities.partial_pay and declares(case, OperationKind.PAY):
        prepared.append(lambda provider: provider.payment(_order(provider), 100))
        prepared.append(lambda provider: _pay(provider, _half_paid(provider)))
    if capabilities.fulfill_lines and declares(case, OperationKind.FULFILL):
        prepared.append(lambda provider: provider.fulfilment(_paid(provider), 0))
    if case.waiting_method is not None and declares(case, OperationKind.PAY):
        prepared.append(lambda provider: _waiting_pay(case, provider))
        prepared.append(lambda provider: _confirmation(case, provider))
    return prepared


def _waiting_pay(case: Case, provider: InProcess) -> WriteCommand:
    assert case.waiting_method is not None
    order = _order(provider)
    return provider.payment(order, order.total, case.waiting_method(provider.emulator.catalog()))


def _confirmation(case: Case, provider: InProcess) -> WriteCommand | None:
    order = provider.apply(_waiting_pay(case, provider)).order
    provider.now += 2
    provider.emulator.act(order.provider_order_id, "payment_closed", None, float(provider.now))
    closed = provider.read(order)
    return provider.confirmation(closed) if closed.confirmation_due else None


class ProbeLaws(Laws):
    """Checked once: an uncertain result is never certain."""

    @law
    def test_a_probe_finds_what_was_applied(self) -> None:
        """A write that was applied and whose response was lost is applied, with the order of now."""
        for provider, command, baseline in _each(self.case):
            meant = provider.apply(command).order
            for seconds in (0, 2, 3_600):
                provider.now += seconds
                outcome = provider.probe(command, baseline).outcome
                assert isinstance(outcome, Applied), (
                    f"{_name(command)}: applied, and the probe returned {outcome}"
                )
                assert outcome.order.provider_order_id == meant.provider_order_id
                assert outcome.order == provider.read(meant), f"{_name(command)}: that is not the order"
                assert outcome.returned is None or outcome.returned.amount > 0

    @law
    def test_a_probe_finds_no_trace_of_what_was_not_sent(self) -> None:
        """A write that was never sent is absent, and its order is unchanged."""
        for provider, command, baseline in _each(self.case):
            provider.now += 60
            outcome = provider.probe(command, baseline).outcome
            assert isinstance(outcome, NotFound), (
                f"{_name(command)}: not sent, and the probe returned {outcome}"
            )
            before: ProviderOrder | None = getattr(command, "order", None)
            assert outcome.order == (before and provider.read(before))

    @law
    def test_a_create_is_found_among_many(self) -> None:
        """An order is found among any others and in any sort order of the list."""
        for provider, newest in self._crowded():
            command, baseline = _own(provider.creation(CHAIRS)), provider.baseline(newest)
            _crowd(provider, MORE_THAN_A_PAGE)
            meant = provider.apply(command).order
            _crowd(provider, MORE_THAN_A_PAGE)
            for known in (baseline, provider.baseline(None), _forgotten(baseline)):
                outcome = provider.probe(command, known).outcome
                assert isinstance(outcome, Applied), f"created, and the probe returned {outcome}"
                assert outcome.order == provider.read(meant)

    @law
    def test_a_create_is_missed_among_many(self) -> None:
        """If there are only other orders, the probe finds no trace."""
        for provider, newest in self._crowded():
            command, baseline = _own(provider.creation(CHAIRS)), provider.baseline(newest)
            assert provider.probe(command, baseline).outcome == NotFound()
            _crowd(provider, MORE_THAN_A_PAGE)
            for known in (baseline, provider.baseline(None), _forgotten(baseline)):
                assert provider.probe(command, known).outcome == NotFound()

    @law
    def test_a_probe_looks_only(self) -> None:
        """No request of a probe may change anything, and none does."""
        for provider, command, baseline in _each(self.case):
            _look_only(provider, command, baseline)
            provider.apply(command)
            _look_only(provider, command, baseline)

    @law
    def test_a_probe_tells_no_time(self) -> None:
        """A probe calls no clock, draws no number, asks the system for nothing, and repeats itself exactly."""
        for provider, told, baseline in self._told():
            assert isinstance(told.command, WriteCommand)
            with timeless_world():
                plan = provider.adapter.probe(told.command, baseline, provider.settings)
                asked = next(plan)
                again = ended(plan, told)
            assert asked == told.exchanges[0].planned
            assert again == told.outcome

    @law
    def test_what_others_did_is_not_ours(self) -> None:
        """An order that another create made, and a payment that another pay made, prove nothing of ours."""
        provider = InProcess.of(self.case)
        newest = _order(provider)
        command, baseline = _own(provider.creation(CHAIRS)), provider.baseline(newest)
        _order(provider)
        assert provider.probe(command, baseline).outcome == NotFound()
        if not declares(self.case, OperationKind.PAY):
            return
        order = _order(provider)
        ours = _own(provider.payment(order, order.total))
        provider.pay(order, order.total)
        outcome = provider.probe(ours, provider.baseline(order)).outcome
        assert isinstance(outcome, Unknown | NotFound), f"another's payment made {outcome} of ours"

    @law
    def test_a_declined_payment_is_not_taken_for_paid(self) -> None:
        """A payment that was declined is not applied or without a trace, and never applied."""
        case, provider = self.case, InProcess.of(self.case)
        if case.declining_method is None or not declares(case, OperationKind.PAY):
            leave_out("the case names no payment method that declines")
        assert case.declining_method is not None
        order = _order(provider)
        command = provider.payment(order, order.total, case.declining_method(provider.emulator.catalog()))
        provider.carry_out(command)
        outcome = provider.probe(command, provider.baseline(order)).outcome
        assert isinstance(outcome, NotApplied | NotFound), f"declined, and the probe returned {outcome}"
        assert isinstance(outcome, NotFound) or outcome.code in {"payment_declined", "provider_rejected"}

    @law
    def test_a_probe_that_cannot_read_knows_nothing(self) -> None:
        """After any failure at any step the outcome is unknown: not absent, not applied, not a crash."""
        # A return that the order proves stays applied if only its details are unreadable.
        for provider, told, baseline in self._told():
            for step, exchange in enumerate(told.exchanges):
                heard_before = [earlier.answer for earlier in told.exchanges[:step]]
                for broken in (None, *_broken(provider, exchange.answer)):
                    outcome = _reply(provider, told, baseline, heard_before, broken)
                    assert isinstance(outcome, Unknown) or outcome == _undetailed(told.outcome), (
                        f"{_name(told.command)}: {_said(broken)} at step {step} returned {outcome!r:.300}"
                    )
                    assert not isinstance(outcome, Unknown) or outcome.reason

    @law
    def test_no_value_breaks_a_probe(self) -> None:
        """A response with any one value wrong, null or missing has an outcome, never a crash."""
        for provider, told, baseline in self._told():
            for step, exchange in enumerate(told.exchanges):
                heard_before = [earlier.answer for earlier in told.exchanges[:step]]
                for body in answers.spoiled(exchange.answer.body):
                    spoiled = msgspec.structs.replace(exchange.answer, body=body)
                    outcome = _reply(provider, told, baseline, heard_before, spoiled)
                    assert isinstance(outcome, Applied | NotApplied | NotFound | Unknown)

    @law
    def test_an_order_that_is_gone_is_unknown(self) -> None:
        """A deleted order proves nothing about a write to it."""
        for provider, command, baseline in _each(self.case):
            order: ProviderOrder | None = getattr(command, "order", None)
            if order is not None:
                gone = msgspec.structs.replace(order, provider_order_id=_mangled(order.provider_order_id))
                lost = msgspec.structs.replace(command, order=gone)
                outcome = provider.probe(lost, baseline).outcome
                assert isinstance(outcome, Unknown), (
                    f"{_name(command)}: gone, and the probe returned {outcome}"
                )

    @law
    def test_an_idempotent_repeat_acts_once(self) -> None:
        """Within the time that the adapter names, a repeat is answered alike and changes nothing more."""
        repeated = 0
        for provider, command, _ in _each(self.case):
            lasting = provider.adapter.idempotent_for(command, provider.settings)
            assert lasting >= timedelta(0)
            if not lasting:
                continue
            repeated += 1
            first = provider.carry_out(command)
            provider.now += int(lasting.total_seconds()) - 1
            before = provider.state()
            assert provider.carry_out(command) == first, f"{_name(command)}: a repeat is answered otherwise"
            assert provider.state() == before, f"{_name(command)}: a repeat acted"
            one, other = provider.said[-2:]
            assert one.exchanges[0].planned == other.exchanges[0].planned, "a repeat is not the same bytes"
        if not repeated:
            leave_out("declares no write to be idempotent")

    def _told(self) -> Iterator[tuple[InProcess, Conversation, Baseline]]:
        """The exchanges of each probe, before the write and after it."""
        for provider, command, baseline in _each(self.case):
            yield provider, provider.probe(command, baseline), baseline
            provider.apply(command)
            provider.now += 2
            yield provider, provider.probe(command, baseline), baseline

    def _crowded(self) -> Iterator[tuple[InProcess, ProviderOrder]]:
        """An account with old orders and new ones for each way to sort, and the newest order in it."""
        if not declares(self.case, OperationKind.LIST):
            leave_out("declares no list")
        for reading in self.case.list_readings:
            provider = InProcess.of(self.case, **reading)
            _crowd(provider, MORE_THAN_A_PAGE)
            provider.now += 3 * 86_400
            yield provider, _crowd(provider, MORE_THAN_A_PAGE)


def _look_only(provider: InProcess, command: WriteCommand, baseline: Baseline) -> None:
    before = provider.state()
    told = provider.probe(command, baseline)
    assert not told.acts, f"{_name(command)}: a request of the probe acts"
    assert provider.state() == before, f"{_name(command)}: the probe changed something"


def _each(case: Case) -> Iterator[tuple[InProcess, WriteCommand, Baseline]]:
    """Every write, not sent yet, each at a provider of its own that has another order beside it."""
    for prepare in writes(case):
        provider = InProcess.of(case)
        newest = provider.apply(provider.creation(order_of(999, "USD"))).order
        provider.now += 5
        command = prepare(provider)
        if command is not None:
            yield provider, command, provider.baseline(newest)


def _crowd(provider: InProcess, count: int) -> ProviderOrder:
    """Let others create orders, four a second; return the newest."""
    for index in range(count):
        order = provider.apply(provider.creation(order_of(1_000 + index, "USD"))).order
        provider.now += index % 4 == 3
    return order


def _forgotten(baseline: Baseline) -> Baseline:
    """The same, with a newest order that the provider does not know any more."""
    return msgspec.structs.replace(baseline, newest_order=_mangled(baseline.newest_order or ""))


def _mangled(identifier: str) -> str:
    return identifier[:-4] + ("0000" if identifier[-4:] != "0000" else "1111")


def _name(command: Any) -> str:
    return type(command).__name__


def _undetailed(outcome: Outcome) -> Outcome | None:
    """The proven return without its details; None for any other outcome."""
    if isinstance(outcome, Applied) and outcome.returned is not None:
        return msgspec.structs.replace(outcome, returned=None)
    return None


def _broken(provider: InProcess, good: WireResponse) -> Iterator[WireResponse]:
    for status in FAILURES:
        yield heard(provider.emulator.failure(status, float(provider.now)))
        yield WireResponse(status=status, body=b"<html><body>Nothing to see</body></html>")
    yield heard(provider.emulator.rate_limited(float(provider.now)))
    for body in (*answers.WHOLE, *answers.DEEP, *answers.truncated(good.body)):
        yield WireResponse(status=200, headers=good.headers, body=body)


def _reply(
    provider: InProcess,
    told: Conversation,
    baseline: Baseline,
    good: list[WireResponse],
    broken: WireResponse | None,
) -> Outcome:
    """Run a probe with these responses; further requests get the broken one, or none."""
    assert isinstance(told.command, WriteCommand)
    plan = provider.adapter.probe(told.command, baseline, provider.settings)
    next(plan)
    try:
        for answer in good:
            plan.send(answer)
        for _ in range(_ATTEMPTS):
            plan.throw(NoAnswer("no answer")) if broken is None else plan.send(broken)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except NoAnswer:
        return Unknown(reason="no answer")
    except Exception as error:
        raise AssertionError(
            f"the probe of {_name(told.command)}: {type(error).__name__} at {_said(broken)}: {error}"
        ) from error
    raise AssertionError(f"the probe of {_name(told.command)} does not stop sending requests")


def _said(answer: WireResponse | None) -> str:
    return "silence" if answer is None else f"{answer.status} {answer.body[:200]!r}"
