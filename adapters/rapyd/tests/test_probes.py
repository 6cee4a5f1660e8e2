"""A write whose answer was lost is found at Rapyd by the operation's mark, or by what the order has become."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from ordergate.conformance import InProcess
from ordergate.domain.commands import CancelOrder, Command, WriteCommand
from ordergate.domain.draft import CustomerBody, Draft, DraftLine
from ordergate.domain.lifecycle import ReviewReason
from ordergate.domain.outcome import Applied, NotApplied, NotFound, Outcome, Unknown
from ordergate.domain.provider_order import ProviderReturn
from ordergate.spi.adapter import Baseline
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate_rapyd import adapter

from .commands import (
    OPERATION,
    ORDER_ID,
    SETTINGS,
    WRITES,
    confirm,
    create,
    fulfill,
    pay,
    return_goods,
    returned,
    seen,
    update,
)
from .samples import envelope, order, payment, refusal, respond, transitions

NOTHING_KNOWN = Baseline(
    newest_order=None, newest_created_at=None, recorded_at=datetime(2025, 11, 18, 15, tzinfo=UTC)
)
CHAIR = Draft(
    currency="USD",
    customer=CustomerBody(id="cust-42"),
    line_items=[DraftLine(sku="SKU-0", description="Chair", quantity=2, unit_amount=20_050)],
)
OURS = {"ordergate_operation": OPERATION}
OTHERS = {"ordergate_operation": "op_other"}


def told(**changes: Any) -> WireResponse:
    return respond(envelope(order(**changes)))


def payments(*found: dict[str, Any]) -> WireResponse:
    return respond(envelope(list(found)))


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


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Applied) for status in ("ACT", "CLO", "NEW", "UND", "a_status_of_2031", None)),
        *((status, NotApplied) for status in ("CAN", "ERR", "EXP", "REV", "DLD")),
    ],
)
def test_a_payment_in_its_order_is_told_by_our_mark(status: str | None, expected: type) -> None:
    """The payment inside the order, with our mark, is ours: made, or failed."""
    made = payment(status=status, metadata=OURS, failure_code="ERROR_CARD_EXPIRED")
    outcome = probed(pay(), told(status="pending", payment=made))

    assert isinstance(outcome, expected)
    if isinstance(outcome, Applied):
        assert outcome == Applied(order=seen(status="pending", payment=made))
    if isinstance(outcome, NotApplied):
        assert (outcome.code, outcome.provider.code) == ("payment_declined", "ERROR_CARD_EXPIRED")


FAILED = payment(id="payment_failed", status="ERR", failure_code="ERROR_CARD_EXPIRED", metadata=OTHERS)
OPEN: dict[str, Any] = {"status": "pending", "payment": payment(status="ACT", metadata=OTHERS)}


@pytest.mark.parametrize(
    ("before", "now", "listed", "expected"),
    [
        ({}, {}, [], NotFound),
        ({}, {}, [FAILED], NotFound),
        ({}, {}, [payment(metadata={}, status="ERR")], NotFound),
        ({}, {}, [payment(metadata=OTHERS, status="CLO")], NotFound),
        ({}, {}, [payment(metadata={}, status="CLO")], Unknown),
        ({}, {}, [payment(metadata="", status="ACT")], Unknown),
        ({}, OPEN, [], Unknown),
        ({}, OPEN, [OPEN["payment"]], NotFound),
        ({}, {"status": "paid"}, [], Unknown),
        ({}, {"status": "paid"}, [payment(metadata=OTHERS, status="CLO")], NotFound),
        ({}, {"status": "paid"}, [payment(metadata=OTHERS, status="ERR")], Unknown),
        ({}, {"payment": FAILED}, [FAILED], Unknown),
        ({"payment": FAILED}, {"payment": FAILED}, [FAILED], NotFound),
        ({}, {}, [payment(metadata=OURS, status="ERR")], NotApplied),
        ({}, {"status": "pending", "payment": "payment_1"}, [payment(metadata=OURS)], Applied),
        ({}, {"status": "pending", "payment": "payment_1"}, [], Unknown),
        ({}, {}, [payment(metadata=OTHERS, status="CLO")] * 100, Unknown),
    ],
)
def test_a_payment_is_told_by_the_list(
    before: dict[str, Any], now: dict[str, Any], listed: list[dict[str, Any]], expected: type
) -> None:
    """Where the order does not show our payment, the list of its payments may; money of others is for a person."""
    asked, outcome = held(pay(order=seen(**before)), told(**now), payments(*listed))

    assert [request.path for request in asked] == [
        f"/v1/orders/{ORDER_ID}",
        f"/v1/payments?order={ORDER_ID}&limit=100",
    ]
    assert isinstance(outcome, expected), outcome
    if isinstance(outcome, Applied | NotFound):
        assert outcome.order == seen(**now)


def test_a_payment_that_the_order_does_not_show_is_a_concern() -> None:
    """Money that was taken while the order stayed as it was: applied, and a person has to look."""
    failed, taken = payment(metadata=OURS, status="ERR"), payment(metadata=OURS, status="CLO")
    hidden = probed(pay(), told(), payments(failed, taken), told())
    shown = probed(
        pay(), told(status="pending", payment="payment_1"), payments(payment(metadata=OURS, status="CLO"))
    )

    assert isinstance(hidden, Applied)
    assert hidden.concerns == (ReviewReason.PAYMENT_NOT_RECORDED,)
    assert isinstance(shown, Applied)
    assert shown.concerns == ()


def test_a_payment_that_arrives_while_it_is_looked_for_is_no_concern() -> None:
    """The order was read before the payment arrived, and its payments after: the order is read again."""
    ours = payment(metadata=OURS, status="ACT")
    outcome = probed(pay(), told(), payments(ours), told(status="pending", payment="payment_1"))

    assert outcome == Applied(order=seen(status="pending", payment="payment_1"))


PAID: dict[str, Any] = {"status": "paid"}


@pytest.mark.parametrize(
    ("command", "now", "expected"),
    [
        (fulfill(), {"status": "fulfilled"}, Applied),
        (fulfill(), {"status": "canceled", "status_transitions": transitions(fulfilled=1)}, Applied),
        (fulfill(), PAID, NotFound),
        (fulfill(), {"status": "partial"}, Unknown),
        (confirm(), PAID, Applied),
        (confirm(), {"status": "fulfilled"}, Applied),
        (confirm(), {"status": "pending"}, NotFound),
        (confirm(), {"status": "canceled"}, NotFound),
        (confirm(), {"status": "partial"}, Unknown),
    ],
)
def test_a_status_is_told_by_the_order(command: WriteCommand, now: dict[str, Any], expected: type) -> None:
    """An order that has become what was asked for; one in a status that nobody knows may have."""
    outcome = probed(command, told(**now))

    assert isinstance(outcome, expected)
    if isinstance(outcome, Applied | NotFound):
        assert outcome.order == seen(**now)


COUPON = {"coupon": "coupon_1"}


@pytest.mark.parametrize(
    ("asked", "now", "expected"),
    [
        ({"metadata": {"a": 2}}, {"metadata": {"a": 2, **OTHERS}}, Applied),
        ({"metadata": {"a": 2}}, {}, NotFound),
        ({"metadata": {"a": 2}}, {"metadata": {"a": 3}}, Unknown),
        ({"metadata": {"b": 2}}, {"metadata": {"a": 1, "b": 2}}, Applied),
        ({"metadata": {}}, {}, NotFound),
        ({"metadata": {"a": 1}}, {}, Applied),
        ({"tax_percent": "13.50"}, {"tax_percent": 13.5}, Applied),
        ({"tax_percent": "0"}, {"tax_percent": 0}, Applied),
        ({"tax_percent": None}, {"tax_percent": 5}, NotFound),
        ({"tax_percent": "7"}, {"tax_percent": 6}, Unknown),
        ({"extension": COUPON}, {"coupon": "coupon_1"}, Applied),
        ({"extension": COUPON}, {"amount": 400}, Applied),
        ({"extension": COUPON}, {}, NotFound),
        ({"extension": COUPON, "metadata": {"a": 2}}, {"metadata": {"a": 2}}, Applied),
        ({"extension": COUPON, "metadata": {"a": 2}}, {}, NotFound),
        ({"extension": COUPON, "metadata": {"a": 1}}, {}, NotFound),
        ({"extension": COUPON, "metadata": {"a": 1}}, {"amount": 400}, Applied),
    ],
)
def test_an_update_is_told_by_the_order(asked: dict[str, Any], now: dict[str, Any], expected: type) -> None:
    """All that was asked for holds, or nothing of it has moved, or a person has to look."""
    before = {"metadata": {"a": 1}, "tax_percent": 5}
    command = update(**{"metadata": UNSET, "order": seen(**before), **asked})

    assert isinstance(probed(command, told(**{**before, **now})), expected)


@pytest.mark.parametrize(("taxed", "split"), [(False, (1_000, 0)), (True, (None, None))])
def test_a_coupon_that_was_found_to_be_applied_is_known(taxed: bool, split: tuple[Any, Any]) -> None:
    """Rapyd's answers need not name it; beside tax, what is discount and what is tax is not guessed then."""
    percent = 2.5 if taxed else 0
    now = {"amount": 410 if taxed else 400, "tax_percent": percent}
    command = update(metadata=UNSET, order=seen(tax_percent=percent, amount=420.25), extension=COUPON)

    outcome = probed(command, told(**now))

    assert isinstance(outcome, Applied)
    assert outcome.order.extensions["coupon"] == "coupon_1"
    assert (outcome.order.discount, outcome.order.tax) == split


def test_a_change_that_was_never_sent_is_applied() -> None:
    """What only the gateway keeps is changed without a request, and is found without one."""
    command = update(metadata=UNSET, notes="Ring twice")
    plan = adapter.probe(command, NOTHING_KNOWN, SETTINGS)

    with pytest.raises(StopIteration) as end:
        next(plan)
    assert end.value.value == Applied(order=command.order)


def made(name: str, amount: float, **changes: Any) -> dict[str, Any]:
    """Return a return of the documented order."""
    given = {
        "id": name,
        "amount": amount,
        "currency": "USD",
        "refund": f"refund_{name}",
        "order": ORDER_ID,
        "created": 1,
    }
    return {**given, **changes}


BEFORE = {"status": "paid", "amount_returned": 10}


@pytest.mark.parametrize(
    ("shipping", "now", "expected"),
    [
        (None, 210, Applied),
        (500, 215, Applied),
        (None, 10, NotFound),
        (500, 10, NotFound),
        (None, 215, Unknown),
        (500, 210, Unknown),
        (None, 410, Unknown),
        (None, 0, Unknown),
    ],
)
def test_a_return_is_told_by_its_amount(shipping: int | None, now: int, expected: type) -> None:
    """The order has just so much more refunded, or nothing more; anything else is for a person."""
    command = return_goods(returned(), order=seen(**BEFORE), shipping=shipping)
    answers = [told(**{**BEFORE, "amount_returned": now})]
    if expected is not Unknown:
        answers.append(respond(envelope([])))

    assert isinstance(probed(command, *answers), expected)


def test_several_lines_are_one_return() -> None:
    """Quantities count."""
    command = return_goods(returned(quantity=2), returned(unit_amount=5), order=seen(**BEFORE))
    now = {**BEFORE, "amount_returned": 410.05}

    assert isinstance(probed(command, told(**now), respond(envelope([]))), Applied)


def test_a_return_of_nothing_is_unknown() -> None:
    """Free shipping that comes back moves no amount, so that nothing can be told."""
    command = return_goods(order=seen(**BEFORE), lines=(), shipping=0)

    assert isinstance(probed(command, told(**BEFORE)), Unknown)


def test_the_return_is_found_among_others() -> None:
    """The newest of the amount, and of this order: Rapyd may not heed the filter."""
    before = {**BEFORE, "amount_returned": 420}
    command = return_goods(order=seen(**before))
    listed = [
        made("orre_old", 200, created=5),
        made("orre_new", 200, created=9),
        made("orre_elsewhere", 200, created=10, order="order_other"),
        made("orre_smaller", 20, created=11),
        made("orre_older", 200, created=4),
    ]
    asked, outcome = held(command, told(**{**before, "amount_returned": 620}), respond(envelope(listed)))

    assert asked[1].path == f"/v1/order_returns?tokens={ORDER_ID}&limit=100"
    assert isinstance(outcome, Applied)
    assert outcome.returned == ProviderReturn(
        provider_return_id="orre_new",
        amount=20_000,
        refund_id="refund_orre_new",
        refund_status=None,
        created_at=datetime.fromtimestamp(9, UTC),
    )


EARLIER = made("orre_earlier", 200, created=5)
NEW = made("orre_new", 200, created=9)
HALVES = [made("orre_a", 100, created=8), made("orre_b", 100, created=9)]


@pytest.mark.parametrize(
    ("before", "now", "listed", "expected"),
    [
        (0, 0, [NEW], Applied),
        (200, 200, [EARLIER], NotFound),
        (200, 200, [EARLIER, NEW], Applied),
        (200, 400, [EARLIER, NEW], Applied),
        (200, 400, [EARLIER], Applied),
        (100, 100, [EARLIER], Unknown),
        (0, 0, HALVES, Unknown),
        (0, 200, HALVES, Unknown),
        (0, 0, HALVES[:1], NotFound),
    ],
)
def test_a_return_before_this_one_is_not_taken_for_it(
    before: int, now: int, listed: list[dict[str, Any]], expected: type
) -> None:
    """Somebody may have returned as much before: the list has this one if it comes to so much more than before."""
    command = return_goods(order=seen(status="paid", amount_returned=before))
    outcome = probed(command, told(status="paid", amount_returned=now), respond(envelope(listed)))

    assert isinstance(outcome, expected)
    if isinstance(outcome, Applied):
        found = outcome.returned and outcome.returned.provider_return_id
        assert found == ("orre_new" if NEW in listed else None)


def test_a_return_is_not_known_from_one_of_the_same_second() -> None:
    """It was made; which of two alike it is, is not guessed."""
    command = return_goods(order=seen(status="paid", amount_returned=200))
    listed = [EARLIER, {**NEW, "created": EARLIER["created"]}]
    outcome = probed(command, told(status="paid", amount_returned=400), respond(envelope(listed)))

    assert outcome == Applied(order=seen(status="paid", amount_returned=400))


@pytest.mark.parametrize(
    "answer",
    [
        refusal("ERROR_GET_ORDER_RETURN"),
        refusal("UNAUTHORIZED_API_CALL", 401),
        respond({}, 500),
        respond(envelope(None)),
        respond(envelope([made("orre_1", 200.005)])),
        WireResponse(status=200, body=b"<html>"),
        None,
    ],
)
def test_a_return_without_details_was_made_all_the_same(answer: WireResponse | None) -> None:
    """The order has proven it; where the list cannot be read, only its id is missing."""
    plan = adapter.probe(return_goods(order=seen(**BEFORE)), NOTHING_KNOWN, SETTINGS)
    next(plan)
    plan.send(told(**{**BEFORE, "amount_returned": 210}))

    with pytest.raises(StopIteration) as end:
        plan.throw(NoAnswer("nobody answers")) if answer is None else plan.send(answer)
    assert end.value.value == Applied(order=seen(**{**BEFORE, "amount_returned": 210}))


@pytest.mark.parametrize("command", WRITES, ids=lambda command: type(command).__name__)
@pytest.mark.parametrize(
    ("code", "status"),
    [("ERROR_GET_ORDER", 400), ("UNAUTHORIZED_API_CALL", 401), ("ERROR_GET_LIST_ORDER", 400)],
)
def test_a_refused_read_is_unknown(command: Command, code: str, status: int) -> None:
    """An order, or a list, that Rapyd does not find says nothing of the write."""
    assert isinstance(command, WriteCommand)
    outcome = probed(command, refusal(code, status))

    assert isinstance(outcome, Unknown)
    assert outcome.provider is not None
    assert outcome.provider.code == code


@pytest.mark.parametrize("direction", ["oldest_first", "newest_first"])
@pytest.mark.parametrize("cursor", ["ERROR_GET_LIST_ORDER", "empty"])
def test_a_create_is_found_from_a_forgotten_order(cursor: str, direction: str) -> None:
    """A cursor that Rapyd does not know, however it says so, sends the search to the list's beginning."""
    provider = InProcess("rapyd", unknown_cursor=cursor, list_direction=direction)
    for _ in range(101):
        provider.create(CHAIR)
    provider.now += 2 * 86_400
    command = provider.creation(CHAIR)
    forgotten = replace(
        provider.baseline(None), newest_order=ORDER_ID, newest_created_at=datetime(2026, 5, 28, tzinfo=UTC)
    )
    absent = provider.probe(replace(command, operation="op_never"), forgotten)
    meant = provider.apply(command).order
    outcome = provider.probe(command, forgotten).outcome

    assert absent.outcome == NotFound()
    assert outcome == Applied(order=provider.read(meant))


def test_a_row_proves_the_create_where_the_order_cannot_be_read() -> None:
    """Rows may lack items: the mark is proof all the same, and the order is asked for them once."""
    row = order(items=..., metadata=OURS)
    listed = respond(envelope([row]))

    assert probed(create(), listed, told(metadata=OURS)) == Applied(order=seen(metadata=OURS))
    assert probed(create(), listed, respond({}, 500)) == Applied(order=seen(items=..., metadata=OURS))


def test_the_emulator_proves_a_return() -> None:
    """Whether or not Rapyd heeds the filter, the return that was made is the one that is found."""
    for heeded in (True, False):
        provider = InProcess("rapyd", returns_tokens_filter=heeded)
        other = provider.apply(provider.creation(CHAIR)).order
        provider.apply(provider.giving_back(provider.pay(other, other.total), quantity=1))
        order_ = provider.apply(provider.creation(CHAIR)).order
        command = provider.giving_back(provider.pay(order_, order_.total), quantity=1)
        done = provider.apply(command)
        outcome = provider.probe(command, provider.baseline(None)).outcome

        assert isinstance(outcome, Applied)
        assert outcome.returned == done.returned


def test_no_repeat_is_safe() -> None:
    """What Rapyd does with a repeat while the first request is running is not documented."""
    settings = replace(SETTINGS, idempotency="all_post")

    assert {adapter.idempotent_for(command, settings) for command in WRITES} == {timedelta(0)}


def test_a_lost_request_settles_before_the_window_shuts() -> None:
    """Signed 10 s in the past and taken for 60: 50 s after sending, and some more."""
    assert 50 < adapter.capabilities.settling_seconds <= 60


def test_what_is_not_declared_has_no_probe() -> None:
    """Rapyd cancels no unpaid order, so none can have been canceled."""
    command = CancelOrder(operation=OPERATION, order=seen(), reason=None)

    with pytest.raises(TypeError, match="no plan for CancelOrder"):
        adapter.probe(command, NOTHING_KNOWN, SETTINGS)
