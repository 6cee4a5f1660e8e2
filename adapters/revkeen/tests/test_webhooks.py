"""RevKeen's webhooks and its feed of events, against the vector that two official verifiers agree on."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ordergate.conformance import InProcess
from ordergate.conformance.walks import CHAIRS
from ordergate.domain.commands import ListEvents
from ordergate.domain.errors import Problem
from ordergate.domain.outcome import EventPage, NotApplied
from ordergate.spi.secret import Secret
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate_revkeen import adapter

from .commands import OPERATION, asked, concluded
from .deliveries import BODY, HEADER, SECRET, SETTINGS, SIGNED_AT, V1, deliver, event, signed, v1
from .samples import ORDER_ID, order, respond

HEADERS = ("x-revkeen-signature", "x-rk-signature", "revkeen-signature")
PAYMENT_ID = "7b1e2c3d-6276-4993-bfeb-53cbbbba6f08"
MARKS = {"ordergate_operation": OPERATION, "ordergate_merchant": "acme"}


def refused(delivery: ReceivedWebhook, now: int = SIGNED_AT, **changes: Any) -> str:
    """Return the sentence with which a delivery is refused, under changed settings."""
    with pytest.raises(Problem) as raised:
        adapter.verify(delivery, msgspec.structs.replace(SETTINGS, **changes), now)
    assert raised.value.code == "bad_signature"
    return raised.value.detail


def test_vector_both_ways() -> None:
    """The vector is what the documented formula makes, and is let in."""
    assert v1() == V1
    adapter.verify(deliver(f"t={SIGNED_AT},v1={V1}"), SETTINGS, SIGNED_AT)


@pytest.mark.parametrize("header", HEADERS)
def test_each_header_is_looked_at(header: str) -> None:
    """The signature may stand under each of the three names that RevKeen's clients look for."""
    adapter.verify(signed(header=header), SETTINGS, SIGNED_AT)


@pytest.mark.parametrize(("first", "second"), [(0, 1), (0, 2), (1, 2)])
def test_first_header_counts(first: int, second: int) -> None:
    """Where there are two, the first in RevKeen's order counts alone, whatever the other says."""
    right, wrong = signed().headers[HEADER], (f"t={SIGNED_AT},v1={'0' * 64}",)

    good = ReceivedWebhook(headers={HEADERS[first]: right, HEADERS[second]: wrong}, body=BODY)
    bad = ReceivedWebhook(headers={HEADERS[first]: wrong, HEADERS[second]: right}, body=BODY)
    empty = ReceivedWebhook(headers={HEADERS[first]: ("",), HEADERS[second]: right}, body=BODY)

    adapter.verify(good, SETTINGS, SIGNED_AT)
    assert "No signature in" in refused(bad)
    assert refused(empty) == f"The header {HEADERS[first]} is missing."


@pytest.mark.parametrize("secret", ["whsec_next", SECRET])
def test_either_secret_verifies_during_a_rotation(secret: str) -> None:
    """Deliveries signed with the old secret and with the new one are let in."""
    adapter.verify(signed(secret=secret), SETTINGS, SIGNED_AT)


@pytest.mark.parametrize(
    "value",
    [
        f"t={SIGNED_AT},v1={'0' * 64},v1={V1}",
        f"t={SIGNED_AT},v1={V1},v1={'0' * 64}",
        f"v1={V1},t={SIGNED_AT}",
        f"v0=abc,t={SIGNED_AT},v1={V1},v2=A-1",
    ],
)
def test_parts_in_any_order_and_number(value: str) -> None:
    """One signature of several has to match; parts of another scheme are passed over."""
    adapter.verify(deliver(value), SETTINGS, SIGNED_AT)


@pytest.mark.parametrize(
    "value",
    [
        f"t={SIGNED_AT}, v1={V1}",
        f"t={SIGNED_AT},v1={V1.upper()}",
        f"t={SIGNED_AT},v1=",
        f"t={SIGNED_AT}",
        f"v1={V1}",
        f"t={SIGNED_AT},t={SIGNED_AT},v1={V1}",
        f"t=+{SIGNED_AT},v1={V1}",
        f"t=0{SIGNED_AT},v1={V1}",
        f"t={SIGNED_AT}.0,v1={V1}",
        f"t={'9' * 5000},v1={V1}",
        f"t={SIGNED_AT},v1={V1},",
        f"sha256={V1}",
        V1,
    ],
)
def test_other_forms_are_refused(value: str) -> None:
    """What RevKeen's own verifiers take for malformed is, and so is the obsolete form without a time."""
    assert (
        refused(deliver(value))
        == f"The header {HEADER} is not of the form t=<Unix seconds>,v1=<hexadecimal>."
    )


@pytest.mark.parametrize("seconds", [-300, 0, 300])
def test_tolerance_is_300_seconds(seconds: int) -> None:
    """Exactly 300 seconds pass in both directions, one more does not."""
    adapter.verify(signed(), SETTINGS, SIGNED_AT + seconds)
    assert "301 seconds" in refused(signed(), SIGNED_AT + (301 if seconds >= 0 else -301))


@pytest.mark.parametrize("secrets", [(), (Secret(""),), (Secret(""), Secret(""))])
def test_without_a_secret_nothing_is_let_in(secrets: tuple[Secret, ...]) -> None:
    """Neither what is unsigned nor what is signed with an empty secret passes where none is configured."""
    for delivery in (signed(), signed(secret=""), ReceivedWebhook(headers={}, body=BODY)):
        assert "no webhook_secrets" in refused(delivery, webhook_secrets=secrets)


def test_secret_is_used_as_it_is_shown() -> None:
    """Its prefix belongs to it."""
    assert "No signature in" in refused(signed(secret=SECRET.removeprefix("whsec_")))


def told(kind: str, subject: Any, **members: Any) -> bytes:
    """Return the body of an event about this object."""
    return json.dumps(
        {"id": "evt_1", "type": kind, "created": 1705689600, "data": {"object": subject}, **members}
    ).encode()


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (told("order.paid", order()), {"provider_order_id": ORDER_ID}),
        (told("order.paid", order(object=...)), {"provider_order_id": ORDER_ID}),
        (
            told("order.updated", order(metadata=MARKS)),
            {
                "type": "order.updated",
                "provider_order_id": ORDER_ID,
                "operations": (OPERATION,),
                "merchant": "acme",
            },
        ),
        (
            told("payment.failed", {"object": "payment", "id": PAYMENT_ID, "order_id": ORDER_ID}),
            {"type": "payment.failed", "provider_order_id": ORDER_ID},
        ),
        (
            told("order.paid", order(), request={"id": None, "idempotency_key": f"{OPERATION}-3"}),
            {"provider_order_id": ORDER_ID, "operations": (OPERATION,)},
        ),
        (
            told("order.paid", order(), request={"idempotency_key": "somebody-elses"}),
            {"provider_order_id": ORDER_ID},
        ),
        (told("invoice.paid", {"object": "invoice", "id": "inv_1"}), {"type": "invoice.paid"}),
        (
            told("order.archived", order()),
            {"type": "order.archived", "known": False, "provider_order_id": ORDER_ID},
        ),
        (told("order.paid", None, created="soon"), {"occurred_at": None}),
        (told("order.paid", [], created=10**18), {"occurred_at": None}),
        (told("order.paid", order(id=7, metadata="none"), request=[]), {}),
    ],
)
def test_event_is_read(body: bytes, changes: dict[str, Any]) -> None:
    """An event names its order, directly or through a payment, our operations and the merchant, or none of these."""
    assert adapter.read_event(body) == event(**changes)


@pytest.mark.parametrize(
    "body", [b"{", b"\xff", b"[]", b"null", b'{"type": "order.paid"}', b'{"id": "evt_1"}']
)
def test_what_is_no_event_is_a_problem(body: bytes) -> None:
    """A body without an event says what is missing."""
    with pytest.raises(Problem) as raised:
        adapter.read_event(body)
    assert raised.value.code in {"invalid_json", "invalid_request"}


SINCE = datetime(2026, 5, 2, 10, 0, 0, 700_000, tzinfo=UTC)


def feed(limit: int = 2, cursor: str | None = None) -> ListEvents:
    """Return a read of one page of the feed."""
    return ListEvents(limit=limit, since=SINCE, cursor=cursor)


def rows(*names: str, has_more: bool) -> Any:
    """Return a page of events with these ids."""
    events = [{"id": name, "type": "order.paid", "created": 1705689600, "data": {}} for name in names]
    return respond({"object": "list", "data": events, "has_more": has_more})


def test_feed_is_read_page_by_page() -> None:
    """The seconds are rounded down, so that nothing is left out, and a page goes on after its last event."""
    first = concluded(feed(), rows("evt_2", "evt_1", has_more=True))
    assert isinstance(first, EventPage)
    assert [event.id for event in first.events] == ["evt_2", "evt_1"]
    last = concluded(feed(cursor=first.next_cursor), rows("evt_0", has_more=False))
    assert isinstance(last, EventPage)

    assert asked(feed()).path == "/events?limit=2&created_gte=1777716000"
    assert asked(feed(cursor=first.next_cursor)).path == (
        "/events?limit=2&starting_after=evt_1&created_gte=1777716000"
    )
    assert last.next_cursor is None


def test_empty_page_ends_the_feed() -> None:
    """A page without events has nothing to go on after, whatever it says."""
    assert concluded(feed(), rows(has_more=True)) == EventPage(events=(), next_cursor=None)


def test_feed_that_stands_still_is_no_end() -> None:
    """A page that ends where it was asked to go on is not taken for the last one."""
    first = concluded(feed(), rows("evt_2", "evt_1", has_more=True))
    assert isinstance(first, EventPage)
    again = concluded(feed(cursor=first.next_cursor), rows("evt_2", "evt_1", has_more=True))

    assert isinstance(again, NotApplied)
    assert again.code == "provider_protocol_error"


def test_event_without_an_id_is_not_passed_over() -> None:
    """A page in which one event cannot be read is not read at all: nobody would miss it."""
    outcome = concluded(
        feed(), respond({"data": [{"id": "evt_1", "type": "order.paid"}, {}], "has_more": False})
    )

    assert isinstance(outcome, NotApplied)
    assert outcome.code == "provider_protocol_error"


def test_an_odd_event_keeps_no_other_from_being_read() -> None:
    """What has an id is counted as an event of an unknown type, and the page goes on."""
    odd = [{"id": "evt_2"}, {"id": "evt_1", "type": 7}, {"id": "evt_0", "type": "order.paid", "created": 1}]

    page = concluded(feed(), respond({"data": odd, "has_more": False}))

    assert isinstance(page, EventPage)
    assert [(event.id, event.known) for event in page.events] == [
        ("evt_2", False),
        ("evt_1", False),
        ("evt_0", True),
    ]


def test_deliveries_and_feed_say_the_same() -> None:
    """Each event of the emulator's feed, delivered, is the event that the feed tells."""
    provider = InProcess("revkeen")
    paid = provider.pay(provider.apply(provider.creation(CHAIRS)).order, CHAIRS.lines_total)
    page = provider.events(10)
    told_there = json.loads(provider.said[-1].exchanges[-1].answer.body)["data"]

    assert [adapter.read_event(json.dumps(document).encode()) for document in told_there] == list(page.events)
    assert {event.provider_order_id for event in page.events} == {paid.provider_order_id}
    assert {"order.created", "order.paid", "payment.succeeded"} <= {event.type for event in page.events}
