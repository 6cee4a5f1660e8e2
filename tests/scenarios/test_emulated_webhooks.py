"""The webhooks that an emulator sends of orders that the gateway makes there."""

from collections.abc import AsyncIterator

import pytest_asyncio
from tests.emulation.receiver import Receiver, receiving
from tests.scenarios.shop import Shop, body_of, eventually


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def test_an_order_is_told_from_its_creation_to_its_payment(shop: Shop, receiver: Receiver) -> None:
    """Each event once, in order, in the provider's form; the first shows the order's metadata."""
    shop.emulator.webhooks(receiver.url)

    order = await shop.order(metadata={"note": "told"})
    body_of(await shop.pay(order), 200)
    await shop.until_paid(order)
    sent = shop.emulator.state()["webhooks_sent"]
    await eventually(lambda: len(shop.emulator.deliveries()) >= max(sent, 3))

    entries = shop.emulator.deliveries()
    assert [(entry["id"], entry["type"]) for entry in entries] == [
        *zip(receiver.ids, receiver.types, strict=True)
    ]
    assert len(set(receiver.ids)) == len(receiver.ids)
    assert all(entry["delivered"] for entry in entries)
    assert b'"note":"told"' in receiver.received[0].body


async def test_a_lost_answer_is_told_of_nevertheless(shop: Shop, receiver: Receiver) -> None:
    """The order exists, its client does not know, and the provider says so."""
    shop.emulator.webhooks(receiver.url)
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop", "times": 1})

    await shop.create(shop.draft())

    (created, *_) = await receiver.expect(1)
    assert shop.emulator.orders[0]["id"].encode() in created.body
