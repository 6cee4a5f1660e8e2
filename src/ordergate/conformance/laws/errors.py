"""Any response has an outcome, and the right one."""

import msgspec

from ordergate.conformance import answers
from ordergate.conformance.driver import Conversation, InProcess, heard
from ordergate.conformance.law import Laws, law
from ordergate.conformance.walks import CHAIRS, corpus
from ordergate.domain.commands import Command, ListEvents, ListOrders, RetrieveOrder
from ordergate.domain.errors import PROBLEMS
from ordergate.domain.lifecycle import Phase
from ordergate.domain.outcome import Applied, EventPage, NotApplied, OrderPage, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.spi.wire import NoAnswer, WireResponse

READS = (RetrieveOrder, ListOrders, ListEvents)
TYPICAL = (200, 201, 202, 204, 302, 400, 401, 404, 409, 422, 429, 500, 503)
_ATTEMPTS = 5
"""Requests after which a plan that is answered nonsense has to have ended."""


class ErrorLaws(Laws):
    """Never a crash, never a guess."""

    @law
    def test_every_status_comes_to_an_outcome(self) -> None:
        """Every HTTP status with every broken body is an outcome, and one that the status allows."""
        provider, kinds = self._kinds()
        for told in kinds:
            good = told.exchanges[0].answer.body
            for body in (*answers.WHOLE, good[: len(good) // 2]):
                for status in range(100, 600):
                    _judge(provider, told.command, WireResponse(status=status, body=body), readable=False)

    @law
    def test_no_body_exhausts_the_reader(self) -> None:
        """Endless nesting and endless digits are an outcome like any other broken body."""
        provider, kinds = self._kinds()
        for told in kinds:
            for body in answers.DEEP:
                for status in TYPICAL:
                    _judge(provider, told.command, WireResponse(status=status, body=body), readable=False)

    @law
    def test_no_header_breaks_the_reader(self) -> None:
        """With any Retry-After header, the wait is whole seconds or absent."""
        provider, kinds = self._kinds()
        for told in kinds:
            for headers in answers.ODD_HEADERS:
                for status in TYPICAL:
                    response = WireResponse(status=status, headers=headers, body=b"{}")
                    outcome = _judge(provider, told.command, response, readable=False)
                    wait = outcome.retry_after if isinstance(outcome, NotApplied) else None
                    assert wait is None or 0 < wait < 10**9, f"{headers} asks to wait {wait} seconds"

    @law
    def test_truncated_answers_are_unreadable(self) -> None:
        """A truncated good response is not read."""
        provider, kinds = self._kinds()
        for told in kinds:
            good = told.exchanges[0].answer
            for body in answers.truncated(good.body):
                response = msgspec.structs.replace(good, body=body)
                _judge(provider, told.command, response, readable=False)

    @law
    def test_no_value_breaks_the_reader(self) -> None:
        """A good answer with any one value wrong, null or missing is read or is unreadable, never a crash."""
        provider, kinds = self._kinds()
        for told in kinds:
            good = told.exchanges[0].answer
            for body in answers.spoiled(good.body):
                for status in (good.status, 422, 500):
                    response = msgspec.structs.replace(good, status=status, body=body)
                    _judge(provider, told.command, response, readable=True)

    @law
    def test_new_members_change_nothing(self) -> None:
        """New members of a provider's response are ignored."""
        provider, kinds = self._kinds()
        for told in kinds:
            replies = [
                msgspec.structs.replace(exchange.answer, body=answers.extended(exchange.answer.body))
                for exchange in told.exchanges
            ]
            assert _reply(provider, told.command, replies) == told.outcome, (
                f"{type(told.command).__name__} fails on unknown members"
            )

    @law
    def test_an_unknown_status_is_reviewed(self) -> None:
        """An order with an unknown status is read, and gets a review."""
        provider, kinds = self._kinds()
        (read,) = (told for told in kinds if isinstance(told.command, RetrieveOrder))
        good = read.exchanges[0].answer
        seen = []
        for body in answers.strange(good.body):
            outcome = _reply(provider, read.command, [msgspec.structs.replace(good, body=body)])
            if isinstance(outcome, Applied) and outcome.order.provider_status == answers.STRANGER:
                seen.append(outcome.order.phase)
        assert seen, "an order with an unknown status cannot be read"
        assert set(seen) == {Phase.UNMAPPED}, "an unknown status is taken for a known one"

    @law
    def test_the_providers_own_failures_are_understood(self) -> None:
        """The forms in which the provider fails: wrong credentials, a rate limit, its own breakdown."""
        provider, kinds = self._kinds()
        for told in kinds:
            for status in (400, 401, 403, 404, 429, 500, 502, 503):
                answer = heard(provider.emulator.failure(status, float(provider.now)))
                outcome = _judge(provider, told.command, answer, readable=False)
                if status == 401:
                    _is(outcome, "provider_unauthenticated")
            outcome = _reply(
                provider, told.command, [heard(provider.emulator.rate_limited(float(provider.now)))]
            )
            _is(outcome, "provider_rate_limited")
            assert isinstance(outcome, NotApplied)
            assert outcome.retry_after, "a rate limit has a time to wait"

    @law
    def test_what_is_not_there_is_not_found(self) -> None:
        """Reading an order that never was is a refusal with the provider's own words."""
        provider = InProcess.of(self.case)
        order = provider.apply(provider.creation(CHAIRS)).order.provider_order_id
        gone = order[:-4] + ("0000" if order[-4:] != "0000" else "1111")
        outcome = provider.carry_out(RetrieveOrder(provider_order_id=gone))
        assert isinstance(outcome, NotApplied), f"an order that does not exist returned {outcome}"
        assert outcome.mapped, f"{outcome.provider.code} is not mapped"
        assert (outcome.provider.http_status or 0) > 0
        assert outcome.provider.code, "the provider's own code is lost"

    @law
    def test_an_applied_write_stays_applied(self) -> None:
        """An answered write stays applied, whatever the following requests return."""
        provider, kinds = self._kinds()
        for told in kinds:
            for index in range(1, len(told.exchanges)):
                before = [exchange.answer for exchange in told.exchanges[:index]]
                for status in (200, 400, 404, 429, 500):
                    for body in answers.WHOLE:
                        outcome = _reply(
                            provider, told.command, [*before, WireResponse(status=status, body=body)]
                        )
                        assert isinstance(outcome, Applied), f"{status} {body!r} made {outcome} of a write"
                outcome = _reply(provider, told.command, before)
                assert isinstance(outcome, Applied), f"silence made {outcome} of a write that was applied"

    def _kinds(self) -> tuple[InProcess, list[Conversation]]:
        """One conversation for each kind of command."""
        by_kind: dict[type[Command], Conversation] = {}
        for told in corpus(self.case):
            if told.exchanges:
                by_kind.setdefault(type(told.command), told)
        assert len(by_kind) > 1
        return InProcess.of(self.case), list(by_kind.values())


def _reply(provider: InProcess, command: Command, replies: list[WireResponse]) -> Outcome:
    """Run a plan with these responses; further requests get none."""
    plan, _ = provider.begin(command)
    try:
        for reply in replies:
            plan.send(reply)
        for _ in range(_ATTEMPTS):
            plan.throw(NoAnswer("no answer"))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except NoAnswer:
        return Unknown(reason="no answer")
    except Exception as error:
        answer = replies[-1]
        raise AssertionError(
            f"{type(command).__name__}: {type(error).__name__} at {answer.status} {answer.body[:300]!r}: {error}"
        ) from error
    raise AssertionError(f"{type(command).__name__} does not stop sending requests")


def _judge(provider: InProcess, command: Command, response: WireResponse, *, readable: bool) -> Outcome:
    """Check the outcome of a response; `readable` means that it may contain an order."""
    outcome = _reply(provider, command, [response])
    said = f"{type(command).__name__}: {response.status} {response.body[:200]!r} returned {outcome!r:.300}"
    good = 200 <= response.status < 300
    if isinstance(command, READS):
        _judge_read(outcome, said, applied=good and readable)
    else:
        assert not isinstance(outcome, OrderPage | EventPage), said
        assert not isinstance(outcome, Applied) or (good and readable), said
        assert not isinstance(outcome, NotApplied) or not (good or response.status >= 500), said
    if isinstance(outcome, Applied | OrderPage):
        for order in [outcome.order] if isinstance(outcome, Applied) else outcome.orders:
            _check_form(order, said)
    if isinstance(outcome, NotApplied):
        assert outcome.code in PROBLEMS, said
        assert outcome.provider.http_status == response.status, said
    return outcome


def _judge_read(outcome: Outcome, said: str, *, applied: bool) -> None:
    assert not isinstance(outcome, Unknown), f"a read is never unknown; {said}"
    assert not isinstance(outcome, Applied | OrderPage | EventPage) or applied, said


def _check_form(order: ProviderOrder, said: str) -> None:
    """An order that was read can be journaled, and every value is of its type."""
    try:
        again = msgspec.json.decode(msgspec.json.encode(order), type=ProviderOrder)
    except Exception as error:
        raise AssertionError(f"the read value cannot be journaled ({error}); {said}") from error
    assert again == order, f"the read value is no order ({said})"


def _is(outcome: Outcome, code: str) -> None:
    assert isinstance(outcome, NotApplied), f"{outcome} was to be {code}"
    assert outcome.code == code, f"{outcome} was to be {code}"
