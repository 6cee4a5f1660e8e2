"""A write whose answer was lost is found at RevKeen by its key in an event, or by what the order has become."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ordergate.conformance import InProcess
from ordergate.domain.commands import Command, ReturnGoods, WriteCommand
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.spi.adapter import Baseline
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate_revkeen import adapter

from .commands import CUSTOMER, OPERATION, SETTINGS, WRITES, cancel, create, fulfill, pay, seen, update
from .samples import ORDER_ID, order, refusal, respond, rows

NOTHING_KNOWN = Baseline(
    newest_order=None, newest_created_at=None, recorded_at=datetime(2026, 5, 2, 10, tzinfo=UTC)
)
CHAIR = Draft(currency="USD", line_items=[DraftLine(description="Chair", quantity=1, unit_amount=20_050)])
LATER = f"{OPERATION}-2"
"""The key of the second time that the operation was sent."""


def event(kind: str, key: str | None = OPERATION, **changes: Any) -> dict[str, Any]:
    """Return an event of the documented form, with the request behind it."""
    request = {"id": "req_1", "idempotency_key": key}
    return {"id": f"evt_{kind}_{key}", "type": kind, "created": 1, "request": request, **changes}


def events(*found: dict[str, Any], has_more: bool = False) -> WireResponse:
    return respond({"object": "list", "data": list(found), "has_more": has_more})


def told(**changes: Any) -> WireResponse:
    return respond(order(**changes))


def held(command: WriteCommand, *answers: WireResponse) -> tuple[list[WireRequest], Outcome]:
    """Hold a probe with these answers, all of which it has to ask for."""
    plan = adapter.probe(command, NOTHING_KNOWN, SETTINGS)
    asked = [next(plan)]
    try:
        for answer in answers:
            asked.append(plan.send(answer))  # noqa: PERF401 - the plan ends in the middle
    except StopIteration as end:
        assert len(asked) == len(answers)
        assert not any(request.acts for request in asked)
        return asked, end.value
    raise AssertionError(f"the probe asks on: {asked[-1].path}")


def probed(command: WriteCommand, *answers: WireResponse) -> Outcome:
    return held(command, *answers)[1]


PAID = {"status": "paid", "amount_paid": 2_500, "amount_due": 0}
PARTLY = {"status": "partially_paid", "amount_paid": 100, "amount_due": 2_400}


@pytest.mark.parametrize(
    ("found", "now", "expected"),
    [
        ([], {}, NotFound),
        ([], PAID, Unknown),
        ([], PARTLY, Unknown),
        ([], {"status": "pending"}, Unknown),
        ([], {"notes": "changed", "updated_at": "2026-05-03T10:00:00Z"}, NotFound),
        ([event("payment.succeeded"), event("order.paid")], PAID, Applied),
        ([event("order.paid")], PAID, Applied),
        ([event("payment.succeeded")], {}, Applied),
        ([event("order.updated")], {"status": "pending"}, Applied),
        ([event("order.updated"), event("payment.failed")], {}, NotApplied),
        ([event("payment.failed")], {}, NotApplied),
        ([event("payment.failed")], PAID, NotApplied),
        ([event("invoice.payment_failed"), event("invoice.created")], {}, NotApplied),
        ([event("invoice.created")], {}, Unknown),
        ([event("payment.succeeded", "op_other")], PAID, Unknown),
        ([event("payment.succeeded", None)], PAID, Unknown),
        ([event("payment.failed", "op_other")], {}, NotFound),
        ([event("payment.succeeded", request=None)], PAID, Unknown),
        ([event("payment.failed", request=...)], {}, NotFound),
    ],
)
def test_a_payment_is_told_by_events_and_amount(
    found: list[dict[str, Any]], now: dict[str, Any], expected: type
) -> None:
    """Our key in an event proves a payment; money without it is for a person; neither is no trace."""
    plain = [{name: value for name, value in one.items() if value is not ...} for one in found]
    outcome = probed(pay(), events(*plain), told(**now))

    assert isinstance(outcome, expected), outcome
    if isinstance(outcome, Applied | NotFound):
        assert outcome.order == seen(**now)
    if isinstance(outcome, NotApplied):
        assert outcome.code == "payment_declined"
        assert outcome.provider.code in {"payment.failed", "invoice.payment_failed"}


def test_a_second_partial_payment_is_told_from_the_first() -> None:
    """What was paid before the write counts as unchanged; what came since does not."""
    command = pay(order=seen(**PARTLY), amount=100)

    assert isinstance(probed(command, events(), told(**PARTLY)), NotFound)
    assert isinstance(probed(command, events(), told(**{**PARTLY, "amount_paid": 200})), Unknown)


@pytest.mark.parametrize(
    ("kind", "key", "expected"),
    [
        ("payment.failed", OPERATION, NotFound),
        ("payment.failed", LATER, NotApplied),
        ("order.updated", OPERATION, NotFound),
        ("payment.succeeded", OPERATION, Applied),
        ("payment.succeeded", LATER, Applied),
        ("payment.succeeded", f"{OPERATION}-3", NotFound),
    ],
)
def test_a_payment_is_told_under_every_key(kind: str, key: str, expected: type) -> None:
    """Money counts under any key that was sent; a failure only under the last, whose answer was lost."""
    assert isinstance(probed(pay(key_number=2), events(event(kind, key)), told()), expected)


def test_the_order_is_read_last() -> None:
    """The events come first: money that arrives in between then shows without an event, and is unknown."""
    asked, _ = held(pay(), events(), told())

    assert [request.path for request in asked] == [
        f"/events?order_id={ORDER_ID}&limit=100",
        f"/orders/{ORDER_ID}",
    ]


def test_events_are_read_to_the_end() -> None:
    """The event may be on a later page; every page is asked for from the last event on."""
    pages = [events(event("order.updated", None, id=str(page)), has_more=True) for page in range(3)]
    asked, outcome = held(pay(), *pages, events(event("payment.succeeded")), told(**PAID))

    assert isinstance(outcome, Applied)
    assert [request.path.partition("&limit=100")[2] for request in asked[:4]] == [
        "",
        "&starting_after=0",
        "&starting_after=1",
        "&starting_after=2",
    ]


def test_endless_events_are_unknown() -> None:
    """After twenty pages, or when a page comes twice, nobody knows."""
    pages = [events(event("order.updated", None, id=str(page)), has_more=True) for page in range(20)]

    assert isinstance(probed(pay(), *pages), Unknown)
    assert isinstance(probed(pay(), pages[0], pages[0]), Unknown)


UNFULFILLED: dict[str, Any] = {**PAID, "fulfillment_status": "unfulfilled"}
PARTIAL: dict[str, Any] = {**PAID, "fulfillment_status": "partial"}
FULFILLED: dict[str, Any] = {**PAID, "status": "fulfilled", "fulfillment_status": "fulfilled"}
RETURNED: dict[str, Any] = {**PAID, "status": "refunded", "fulfillment_status": "returned"}
STRANGE: dict[str, Any] = {**PAID, "status": "archived", "fulfillment_status": "unfulfilled"}


@pytest.mark.parametrize(
    ("before", "lines", "now", "expected"),
    [
        (UNFULFILLED, None, FULFILLED, Applied),
        (UNFULFILLED, None, RETURNED, Applied),
        (FULFILLED, None, FULFILLED, Applied),
        (UNFULFILLED, None, UNFULFILLED, NotFound),
        (UNFULFILLED, None, PARTIAL, Unknown),
        (UNFULFILLED, None, STRANGE, Unknown),
        (UNFULFILLED, (0,), PARTIAL, Applied),
        (UNFULFILLED, (0,), FULFILLED, Applied),
        (UNFULFILLED, (0,), UNFULFILLED, NotFound),
        (PARTIAL, (0,), FULFILLED, Applied),
        (PARTIAL, (0,), PARTIAL, Unknown),
        (PARTIAL, None, PARTIAL, Unknown),
    ],
)
def test_a_fulfilment_is_told_by_the_order(
    before: dict[str, Any], lines: tuple[int, ...] | None, now: dict[str, Any], expected: type
) -> None:
    """The whole order's fulfilment tells, as far as it can; an event with our key tells the rest."""
    command = fulfill(order=seen(**before), lines=lines)
    if expected is Applied:
        assert probed(command, told(**now)) == Applied(order=seen(**now))
        return

    assert isinstance(probed(command, told(**now), events(event("order.updated", "op_other"))), expected)
    assert probed(command, told(**now), events(event("order.fulfilled")), told(**now)) == Applied(
        order=seen(**now)
    )


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"status": "canceled"}, Applied),
        ({}, NotFound),
        (PAID, NotFound),
        ({"status": "archived"}, Unknown),
    ],
)
def test_a_cancellation_is_told_by_the_order(now: dict[str, Any], expected: type) -> None:
    """An order that is canceled is; one in a status that nobody knows may be."""
    answers = [told(**now)] if expected is Applied else [told(**now), events()]

    assert isinstance(probed(cancel(), *answers), expected)


MARKS = {"ordergate_operation": "op_first"}


@pytest.mark.parametrize(
    ("asked", "now", "expected"),
    [
        ({"metadata": {"a": "2"}}, {"metadata": {"a": "2", **MARKS}}, Applied),
        ({"metadata": {"a": "2"}}, {"metadata": {"a": "1", **MARKS}}, NotFound),
        ({"metadata": {"a": "2"}}, {"metadata": {"a": "1"}, "notes": "other"}, NotFound),
        ({"metadata": {"a": "2"}}, {"metadata": {"a": "3"}}, Unknown),
        ({"metadata": {"b": "2"}}, {"metadata": {"a": "1", "b": "2"}}, Applied),
        ({"metadata": {}}, {"metadata": {"a": "1", "b": "2"}}, Unknown),
        ({"metadata": {}}, {"metadata": {"a": "1"}}, NotFound),
        ({"metadata": {"a": "1"}}, {"metadata": {"a": "1"}}, Applied),
        ({"notes": "new"}, {"metadata": {"a": "1"}, "notes": "new"}, Applied),
        ({"notes": None}, {"metadata": {"a": "1"}, "notes": ""}, Applied),
        ({"notes": None}, {"metadata": {"a": "1"}, "notes": "old"}, NotFound),
        ({"customer": CUSTOMER}, {"metadata": {"a": "1"}, "customer_id": CUSTOMER}, Applied),
        ({"customer": None}, {"metadata": {"a": "1"}, "customer_id": CUSTOMER}, Unknown),
        ({"metadata": {"a": "2"}, "notes": "new"}, {"metadata": {"a": "1"}, "notes": "new"}, Unknown),
    ],
)
def test_an_update_is_told_by_the_order(asked: dict[str, Any], now: dict[str, Any], expected: type) -> None:
    """All that was asked for holds, or nothing of it has moved, or a person has to look."""
    before = seen(
        metadata={"a": "1", **MARKS}, notes="old", customer_id="x" if asked == {"customer": None} else None
    )
    given = {"metadata": UNSET, **asked}
    answers = [told(**{"notes": "old", **now})]
    if expected is not Applied:
        answers.append(events())

    assert isinstance(probed(update(order=before, **given), *answers), expected)


def test_a_change_that_an_event_proves_is_read_again() -> None:
    """An order that was read before the change came is read once more, and may be gone by then."""
    fresh = told(status="canceled")

    assert probed(cancel(), told(), events(event("order.canceled")), fresh) == Applied(
        order=seen(status="canceled")
    )
    gone = refusal(404, "resource_not_found")
    assert isinstance(probed(cancel(), told(), events(event("order.canceled")), gone), Unknown)


@pytest.mark.parametrize("command", WRITES, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize(("status", "code"), [(404, "resource_not_found"), (403, "forbidden"), (409, "x")])
def test_a_refused_read_is_unknown(command: Command, status: int, code: str) -> None:
    """An order that is not found, or events that the key may not read, say nothing of the write."""
    assert isinstance(command, WriteCommand)
    outcome = probed(command, refusal(status, code))

    assert isinstance(outcome, Unknown)
    assert outcome.provider is not None
    assert (outcome.provider.http_status, outcome.provider.code) == (status, code)


def test_a_change_that_was_never_sent_is_applied() -> None:
    """What only the gateway keeps is changed without a request, and is found without one."""
    command = replace(update(), metadata=UNSET, tax_percent="0")
    plan = adapter.probe(command, NOTHING_KNOWN, SETTINGS)

    with pytest.raises(StopIteration) as end:
        next(plan)
    assert end.value.value == Applied(order=command.order)


@pytest.mark.parametrize("switches", [{"list_order": "newest_first"}, {"list_order": "oldest_first"}])
@pytest.mark.parametrize("cursor", ["refuse", "empty"])
def test_a_create_is_found_from_a_forgotten_order(cursor: str, switches: dict[str, str]) -> None:
    """A cursor that RevKeen does not know, however it says so, sends the search to the list's beginning."""
    provider = InProcess("revkeen", unknown_cursor=cursor, line_items_in="retrieve", **switches)
    for _ in range(101):
        provider.create(CHAIR)
    provider.now += 5
    command = provider.creation(CHAIR)
    forgotten = replace(
        provider.baseline(None), newest_order=ORDER_ID, newest_created_at=datetime(2026, 5, 28, tzinfo=UTC)
    )
    absent = provider.probe(replace(command, operation="op_never"), forgotten)
    made = provider.apply(command).order
    outcome = provider.probe(command, forgotten).outcome

    assert absent.outcome == NotFound()
    assert isinstance(outcome, Applied)
    assert outcome.order == provider.read(made)
    assert outcome.order.line_items, "rows have no lines, so the order itself is read"


def test_a_row_proves_the_create_where_the_order_cannot_be_read() -> None:
    """A list without lines is proof all the same; the lines come with the next reading."""
    row = order(line_items=..., metadata={"ordergate_operation": OPERATION})
    outcome = probed(create(), respond(rows(row)), refusal(500, "internal_error"))

    assert isinstance(outcome, Applied)
    assert outcome.order.line_items == []


def test_repeats_are_safe_for_less_than_a_key_lives() -> None:
    """RevKeen forgets a key after 24 hours; the gateway stops an hour earlier, for every write."""
    assert {adapter.idempotent_for(command, SETTINGS) for command in WRITES} == {timedelta(hours=23)}


def test_what_is_not_declared_has_no_probe() -> None:
    """RevKeen takes no returns, so none can have been applied."""
    command = ReturnGoods(operation=OPERATION, order=seen(), lines=(), shipping=None)

    with pytest.raises(TypeError, match="no plan for ReturnGoods"):
        adapter.probe(command, NOTHING_KNOWN, SETTINGS)
