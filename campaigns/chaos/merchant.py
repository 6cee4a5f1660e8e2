"""The merchant's end of a campaign: a receiver that fails now and then, and the feed that it must agree with."""

import asyncio
import contextlib
import random
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.scenarios.receiver import Answer, Came, Receiver, receiving

from campaigns.chaos.plan import Plan

Document = dict[str, Any]

FAILS = 0.3
"""The share of the deliveries that the receiver refuses."""
ONCE = frozenset({"order.created", "order.paid", "order.fulfilled", "order.canceled", "order.refunded"})
"""Events that an order has once at most."""
PROMISED: Mapping[str, Mapping[str, str]] = {
    "payment_status": {"paid": "order.paid", "refunded": "order.refunded"},
    "fulfillment_status": {"fulfilled": "order.fulfilled"},
    "status": {"canceled": "order.canceled"},
}
"""By field and value of an order's last state, the event that must have reported it."""


@dataclass
class Merchant:
    """The deliveries that the merchant's receiver took.

    Attributes:
        receiver: The receiver of the deliveries.
        taken: Those that were answered with 200, in the order in which they were.
        unsigned: Ids of deliveries whose signature was wrong on arrival: a signature is valid for a few minutes only.
        secret: The signing secret of the endpoint.
    """

    receiver: Receiver
    taken: list[Came] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    secret: str = ""

    @property
    def ids(self) -> set[str]:
        """The events that were taken."""
        return {came.id for came in self.taken}


@contextlib.asynccontextmanager
async def listening(plan: Plan) -> AsyncIterator[Merchant]:
    """Serve a receiver that refuses some of the deliveries."""
    draw = random.Random(f"{plan.seed}/receiver")
    async with receiving() as receiver:
        merchant = Merchant(receiver)

        def answer(came: Came) -> Answer:
            if not came.verified_by(merchant.secret):
                merchant.unsigned.append(came.id)
            if draw.random() < FAILS:
                return 500, ()
            merchant.taken.append(came)
            return 200, ()

        receiver.answer = answer
        yield merchant


async def wait_for(merchant: Merchant, feed: Sequence[Document], seconds: float) -> float:
    """Wait until the merchant has every event, at most so long; return how long it took."""
    began = time.monotonic()
    wanted = {event["id"] for event in feed}
    while wanted - merchant.ids and time.monotonic() - began < seconds:  # noqa: ASYNC110 - it comes by a socket
        await asyncio.sleep(0.1)
    return time.monotonic() - began


def disagreements(
    merchant: Merchant, feed: Sequence[Document], orders: Sequence[Document]
) -> list[tuple[str, str]]:
    """Return the disagreements between the receiver, the feed and the orders, by class."""
    return [
        *_deliveries(merchant, feed),
        *_order_kept(merchant, feed),
        *_stories(feed, orders),
    ]


def _deliveries(merchant: Merchant, feed: Sequence[Document]) -> list[tuple[str, str]]:
    told = {event["id"]: f"{event['id']} {event['type']} of {event['order']}" for event in feed}
    found = [("event not delivered", told[each]) for each in told.keys() - merchant.ids]
    found += [("event that nobody recorded", each) for each in merchant.ids - told.keys()]
    found += [("delivery that does not verify", each) for each in merchant.unsigned]
    numbers = [event["number"] for event in feed]
    if numbers != list(range(1, len(numbers) + 1)):
        found.append(("gap in the feed", f"{len(numbers)} events up to {max(numbers)}"))
    return found


def _order_kept(merchant: Merchant, feed: Sequence[Document]) -> list[tuple[str, str]]:
    """Each order's events were taken, for the first time, in the order of the feed."""
    place = {event["id"]: event for event in feed}
    firsts = dict.fromkeys(came.id for came in merchant.taken if came.id in place)
    by_order: dict[str, list[int]] = defaultdict(list)
    for each in firsts:
        by_order[place[each]["order"]].append(place[each]["number"])
    return [
        ("events out of order", f"{order}: {numbers}")
        for order, numbers in by_order.items()
        if numbers != sorted(numbers)
    ]


def _stories(feed: Sequence[Document], orders: Sequence[Document]) -> list[tuple[str, str]]:
    """The events of each order report each change: once, and all of them."""
    stories: dict[str, list[str]] = defaultdict(list)
    for event in feed:
        if event["type"] != "operation.settled":
            stories[event["order"]].append(event["type"])
    found = [("event of no order", order) for order in stories.keys() - {order["id"] for order in orders}]
    for order in orders:
        story = stories[order["id"]]
        what = f"{order['id']}, {order['status']}, {order['payment_status']}: {story}"
        if story[:1] != ["order.created"]:
            found.append(("story without its beginning", what))
        found += [("told more than once", what) for kind in ONCE if story.count(kind) > 1]
        promised = {told[order[name]] for name, told in PROMISED.items() if order[name] in told}
        found += [("story without its end", f"{what}, no {kind}") for kind in promised - set(story)]
    return found


CLASSES = (
    "event not delivered",
    "event that nobody recorded",
    "delivery that does not verify",
    "gap in the feed",
    "events out of order",
    "event of no order",
    "story without its beginning",
    "told more than once",
    "story without its end",
)
