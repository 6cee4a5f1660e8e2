"""How a call runs: what is repeated, under which key, how long, and what it ends with."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from ordergate.client import (
    CustomerBody,
    Draft,
    DraftLine,
    NoAnswerError,
    OperationDocument,
    Order,
    OrdergateError,
    OutcomeUnknown,
    ProblemError,
    UnavailableError,
    UnreadableAnswerError,
    calls,
)
from ordergate.client.conversation import Answer, Call, NoAnswer, Sending, Times, Waiting, converse
from ordergate.domain.errors import PROBLEMS
from ordergate.web.examples import CHAIR_ORDER
from ordergate.web.problems import STATUSES

DRAFT = Draft(
    currency="USD",
    customer=CustomerBody(id="cust-42"),
    line_items=[DraftLine(description="Chair", quantity=2, unit_amount=20000)],
)
TIMES = Times(total=60, attempt=30)
LOST = NoAnswer(0, ConnectionResetError("gone"), arrived=True)
REFUSED_CONNECTION = NoAnswer(0, ConnectionRefusedError("nobody"), arrived=False)
CREATED = Answer(0, 201, {"content-type": "application/json"}, msgspec.json.encode(CHAIR_ORDER))

Reply = Answer | NoAnswer


def problem(code: str, **changes: Any) -> Answer:
    kind = PROBLEMS[code]
    document = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": STATUSES[code],
        "detail": "So it is.",
        "instance": "/v1/orders",
        "code": code,
        "fault": kind.fault,
        "sent": kind.sent,
        "outcome": kind.outcome,
        "retry": kind.retry,
        "retry_after": None,
        "errors": [],
        "provider": None,
        "operation": None,
        "order": None,
        "request_id": "req_1",
        "of_a_later_release": True,
        **changes,
    }
    headers = {"content-type": "application/problem+json"}
    return Answer(0, STATUSES[code], headers, msgspec.json.encode(document))


def operation(status: int, state: str, **changes: Any) -> Answer:
    """A create, as the gateway shows it."""
    moment = "2026-03-01T12:00:00Z"
    document = {
        "id": "op_1",
        "kind": "create",
        "state": state,
        "performed_by": "provider",
        "outcome": None,
        "problem": None,
        "order": "ord_1",
        "account": "main",
        "reference": None,
        "idempotency_key": "mine",
        "attempts": [],
        "probes": [],
        "needs_person": False,
        "resolution": None,
        "created_at": moment,
        "updated_at": moment,
        **changes,
    }
    return Answer(0, status, {"content-type": "application/json"}, msgspec.json.encode(document))


def page(status: int, **headers: str) -> Answer:
    """What a proxy says for itself."""
    return Answer(0, status, {"content-type": "text/html", **headers}, b"<html>")


class Run:
    """A call that is given these replies, the last of them again and again, each half a second after it was sent."""

    def __init__(self, call: Call[Any], *replies: Reply, times: Times = TIMES, chance: float = 0.5) -> None:
        self.attempts: list[Sending] = []
        self.pauses: list[float] = []
        self.answer: Any = None
        self.error: OrdergateError | None = None
        self._drive(call, self._endless(replies), times, chance)

    @staticmethod
    def _endless(replies: tuple[Reply, ...]) -> Iterator[Reply]:
        yield from replies
        while True:
            yield replies[-1]

    def _drive(self, call: Call[Any], replies: Iterator[Reply], times: Times, chance: float) -> None:
        self.clock = 1000.0
        conversation = converse(call, times, started=self.clock, chance=lambda: chance)
        reply: Reply | None = None
        try:
            while True:
                step = conversation.send(reply)
                if isinstance(step, Waiting):
                    self.pauses.append(step.seconds)
                    self.clock += step.seconds
                    reply = None
                else:
                    self.attempts.append(step)
                    self.clock += 0.5
                    reply = next(replies)._replace(at=self.clock)
        except StopIteration as end:
            self.answer = end.value
        except OrdergateError as error:
            self.error = error

    @property
    def keys(self) -> set[str | None]:
        return {attempt.call.key for attempt in self.attempts}

    @property
    def unknown(self) -> OutcomeUnknown:
        assert isinstance(self.error, OutcomeUnknown), self.error
        return self.error


@pytest.mark.parametrize("code", PROBLEMS)
def test_only_what_takes_the_same_key_is_repeated(code: str) -> None:
    """Each code of the published table, answered once to a write: repeated under its key, or raised at once."""
    run = Run(calls.create_order(DRAFT), problem(code), CREATED)

    if PROBLEMS[code].retry == "same_key":
        assert isinstance(run.answer, Order)
        assert (len(run.attempts), len(run.keys)) == (2, 1)
    else:
        assert isinstance(run.error, ProblemError)
        assert (run.error.code, len(run.attempts)) == (code, 1)
        assert run.error.idempotency_key in run.keys


def test_a_declined_payment_that_takes_a_new_key_is_raised() -> None:
    """The problem's own advice counts, not the table's."""
    run = Run(calls.pay_order("ord_1"), problem("provider_rejected", retry="new_key"))

    assert isinstance(run.error, ProblemError)
    assert len(run.attempts) == 1


def test_an_unknown_outcome_is_repeated_until_the_time_is_up() -> None:
    """The same key again and again, never before retry_after; then the caller is told which write it is."""
    unknown = problem("outcome_unknown", operation="op_1", order="ord_1", retry_after=5)

    run = Run(calls.create_order(DRAFT, idempotency_key="mine"), unknown)

    assert run.keys == {"mine"}
    assert len(run.attempts) > 5
    assert all(5 <= pause <= 6.25 for pause in run.pauses)
    assert (run.unknown.operation, run.unknown.order, run.unknown.idempotency_key) == (
        "op_1",
        "ord_1",
        "mine",
    )
    assert run.unknown.problem is not None
    assert "op_1" in str(run.unknown)
    assert run.clock <= 1060.5


def test_a_lost_answer_is_asked_for_again() -> None:
    """Nobody answered a write twice: it is the third attempt of the same call."""
    run = Run(calls.create_order(DRAFT), LOST, LOST, CREATED)

    assert isinstance(run.answer, Order)
    assert (len(run.attempts), len(run.keys)) == (3, 1)


REFUSALS = {
    "a key that was revoked since": (problem("unauthenticated"), True),
    "a gateway at its limit": (problem("overloaded"), True),
    "another write on the order": (problem("order_busy", operation="op_9"), True),
    "a proxy that refuses": (page(403), True),
    "the provider's refusal": (problem("provider_rejected", operation="op_1"), False),
    "proof that it was not applied": (problem("provider_unavailable", operation="op_1"), False),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_doubt_remains_until_the_write_itself_is_spoken_of(name: str) -> None:
    """After a lost answer a refusal from before the key was looked at proves nothing."""
    refusal, doubtful = REFUSALS[name]

    run = Run(calls.create_order(DRAFT), LOST, refusal)

    assert isinstance(run.error, OutcomeUnknown) is doubtful
    if not doubtful:
        assert isinstance(run.error, ProblemError)


def test_a_connection_that_is_never_made_leaves_no_doubt() -> None:
    """It is tried until the time is up, with a key or without, and nothing was applied."""
    for call in (calls.create_order(DRAFT), calls.import_order("main", "order_1"), calls.get_order("ord_1")):
        run = Run(call, REFUSED_CONNECTION)

        assert isinstance(run.error, NoAnswerError)
        assert isinstance(run.error.__cause__, ConnectionRefusedError)
        assert len(run.attempts) > 5


@pytest.mark.parametrize("reply", [LOST, page(502), problem("internal_error", outcome="unknown")])
def test_a_write_without_a_key_is_not_sent_twice(reply: Reply) -> None:
    """An import whose answer was lost is not repeated: the caller is told that it may have been applied."""
    run = Run(calls.import_order("main", "order_1"), reply)

    assert run.unknown.idempotency_key is None
    assert len(run.attempts) == 1


def test_a_write_without_a_key_that_was_not_applied_is_repeated() -> None:
    """What the gateway turned away because of its limit is sent again."""
    run = Run(calls.put_link("products", "CHAIR-1", {"main": "sku_1"}), problem("rate_limited"), page(200))

    assert len(run.attempts) == 2


def test_reads_are_repeated_and_leave_no_doubt() -> None:
    """A read whose answer was lost is sent again, and ends with no answer."""
    run = Run(calls.get_order("ord_1"), LOST)

    assert isinstance(run.error, NoAnswerError)
    assert len(run.attempts) > 5


def test_what_was_asked_for_is_waited_out() -> None:
    """The pause is what the problem or the proxy asks for, and a little more; else it grows."""
    asked = Run(calls.create_order(DRAFT), problem("overloaded", retry_after=4), CREATED)
    proxied = Run(calls.create_order(DRAFT), page(503, **{"retry-after": "3"}), CREATED)
    dated = Run(
        calls.create_order(DRAFT), page(503, **{"retry-after": "Fri, 01 May 2026 09:00:00 GMT"}), CREATED
    )
    growing = Run(calls.get_order("ord_1"), LOST)
    sooner = Run(calls.get_order("ord_1"), LOST, chance=0.0)

    assert (asked.pauses, proxied.pauses) == ([4.5], [3.375])
    assert dated.pauses == growing.pauses[:1]
    assert growing.pauses == sorted(growing.pauses)
    assert growing.pauses[-1] == 6
    assert sooner.pauses[0] < growing.pauses[0]


def test_a_pause_beyond_the_end_is_not_waited() -> None:
    """Who may be asked again only after the time is up is not waited for."""
    run = Run(calls.create_order(DRAFT), problem("overloaded", retry_after=90))

    assert isinstance(run.error, UnavailableError)
    assert run.error.problem.retry_after == 90
    assert (len(run.attempts), run.pauses) == (1, [])


def test_no_attempt_may_take_longer_than_what_is_left() -> None:
    """The last attempts get what is left of the whole time."""
    run = Run(calls.get_order("ord_1"), LOST, times=Times(total=10, attempt=8))

    assert run.attempts[0].timeout == 8
    assert run.attempts[-1].timeout < 3
    assert all(attempt.timeout > 0 for attempt in run.attempts)


def test_an_answer_that_cannot_be_read() -> None:
    """A write that was answered 2xx may have been applied; anything else that is no gateway's says so."""
    written = Run(calls.create_order(DRAFT), page(200))
    read = Run(calls.get_order("ord_1"), page(200))
    misdirected = Run(calls.create_order(DRAFT), page(404))
    other_problem = Run(calls.get_order("ord_1"), problem("not_found", retry="tomorrow"))

    assert isinstance(written.unknown.__cause__, UnreadableAnswerError)
    for run in (read, misdirected, other_problem):
        assert isinstance(run.error, UnreadableAnswerError)
        assert len(run.attempts) == 1
        assert "<html>" not in str(run.error)


def test_fields_of_later_releases_are_ignored() -> None:
    """An order with a field that nobody knows yet is an order."""
    later = CREATED._replace(body=msgspec.json.encode({**CHAIR_ORDER, "of_a_later_release": {"a": 1}}))

    run = Run(calls.create_order(DRAFT), later)

    assert run.answer.total == CHAIR_ORDER["total"]


def test_a_write_is_begun_or_answered() -> None:
    """A 202 is its operation; anything else is what the write itself answers, under the same key."""
    create = calls.create_order(DRAFT, allow_duplicate=True)

    begun = Run(calls.begun(create, wait=3), LOST, operation(202, "in_progress"))
    ended = Run(calls.begun(create), CREATED)

    assert isinstance(begun.answer, OperationDocument)
    assert isinstance(ended.answer, Order)
    assert begun.keys == ended.keys == {create.key}
    assert [dict(attempt.call.headers) for attempt in begun.attempts] == [
        {"Ordergate-Duplicate": "allow", "Prefer": "respond-async, wait=3"}
    ] * 2


@pytest.mark.parametrize("state", ["succeeded", "failed"])
def test_an_operation_is_waited_for(state: str) -> None:
    """It is read until it has ended, ever more seldom; then, and only then, it is returned."""
    answers = [operation(200, "in_progress"), *[operation(200, "unknown")] * 6, operation(200, state)]

    run = Run(calls.settled("op_1"), *answers, chance=1)

    assert run.answer.state == state
    assert run.pauses == [0.25, 0.5, 1, 2, 4, 8, 8]


def test_an_operation_that_does_not_end_in_time() -> None:
    """It is in doubt still, and the caller is told which write it is."""
    run = Run(calls.settled("op_1"), operation(200, "unknown"))

    assert run.clock <= 1000 + TIMES.total
    assert (run.unknown.operation, run.unknown.order, run.unknown.idempotency_key) == (
        "op_1",
        "ord_1",
        "mine",
    )


def test_an_operation_that_needs_a_person_is_not_waited_for() -> None:
    """Nobody looks after it any more, so the caller is told at once."""
    run = Run(calls.settled("op_1"), operation(200, "unknown", needs_person=True))

    assert run.unknown.operation == "op_1"
    assert len(run.attempts) == 1
