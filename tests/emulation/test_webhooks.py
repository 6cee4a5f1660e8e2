"""Webhooks: the delivered events, their order, their attempts and their faults."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from tests.emulation.conftest import Running, running
from tests.emulation.receiver import Receiver, receiving

from ordergate.emulation.deliveries import CONCURRENT
from ordergate.emulation.webhooks import WebhookSettings

START = 1_763_478_200.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


async def log(server: Running) -> list[dict[str, Any]]:
    return (await server.client.get("/_emulator/webhooks")).json()["deliveries"]


async def delivered(server: Running, count: int) -> list[dict[str, Any]]:
    """Wait until the log has so many attempts."""
    for _ in range(6000):
        if len(entries := await log(server)) >= count:
            return entries
        await asyncio.sleep(0.01)
    raise TimeoutError(entries)


async def test_what_happens_is_posted(server: Running, receiver: Receiver) -> None:
    """Body and headers are the provider's, and beside them only what HTTP needs."""
    await server.webhooks(f"{receiver.url}?a=b%20c")
    await server.tell("ord_1", "created")

    (first,) = await receiver.expect(1)

    assert (first.method, first.target, first.json) == (
        "POST",
        "/hooks?a=b%20c",
        {"id": "evt_1", "type": "created"},
    )
    assert set(first.headers) == {"host", "content-length", "content-type", "attempt", "signed", "secrets"}
    assert first.headers["content-type"] == "application/json"
    url, signed_at, first_signed_at = first.headers["signed"].split()
    assert (url, signed_at) == (f"{receiver.url}?a=b%20c", first_signed_at)
    assert float(signed_at) == pytest.approx(time.time(), abs=30)
    (entry,) = await delivered(server, 1)
    assert (
        entry.items()
        >= {
            "id": "evt_1",
            "type": "created",
            "order": "ord_1",
            "attempt": 1,
            "status": 200,
            "error": None,
            "delivered": True,
        }.items()
    )
    assert (await server.client.get("/_emulator/state")).json()["webhooks_sent"] == 1


async def test_what_nobody_asks_for_happens_too(server: Running, receiver: Receiver) -> None:
    """The passing of time and actions of the control plane are told as well."""
    await server.webhooks(receiver.url)
    await server.order()
    await receiver.expect(2)

    await server.client.post("/_emulator/orders/ord_1/do", json={"action": "refund"})

    await receiver.expect(3)
    assert receiver.types == ["created", "paid", "refund"]


async def test_what_happened_before_is_not_told_later(server: Running, receiver: Receiver) -> None:
    """Without a URL nothing is kept for later; what waits when it goes is forgotten."""
    await server.tell("ord_1", "a")
    await server.webhooks(receiver.url, delay=60)
    await server.tell("ord_1", "b")

    assert (await server.webhooks(None))["waiting"] == 0
    await server.webhooks(receiver.url)
    await server.clock(120)
    await server.tell("ord_1", "c")

    await receiver.expect(1)
    assert receiver.types == ["c"]


async def test_one_order_is_told_in_order(server: Running, receiver: Receiver) -> None:
    """Each delivery waits for the one before it."""
    kinds = [f"k{number}" for number in range(40)]
    await server.webhooks(receiver.url)

    await server.tell("ord_1", *kinds)

    await receiver.expect(40)
    assert receiver.types == kinds


async def test_a_receiver_that_never_answers_holds_up_nobody(server: Running, receiver: Receiver) -> None:
    """Requests go on at their pace, one order does not wait for another, and there is a bound."""
    receiver.unanswered = True
    await server.webhooks(receiver.url)

    for number in range(2 * CONCURRENT):  # each within the client's three seconds
        await server.tell(f"ord_{number}", "a")

    await receiver.expect(CONCURRENT)
    shown = (await server.client.get("/_emulator/webhooks")).json()
    assert (shown["waiting"], shown["sent"], len(receiver.received)) == (2 * CONCURRENT, 0, CONCURRENT)


async def test_failed_attempts_are_followed_by_others(server: Running, receiver: Receiver) -> None:
    """Redirects are not followed, and an attempt without an answer is a failure too."""
    receiver.statuses.extend([302, None])
    await server.webhooks(receiver.url, retry_seconds=0)
    await server.tell("ord_1", "a")

    attempts = await receiver.expect(3)

    assert [attempt.headers["attempt"] for attempt in attempts] == ["1", "2", "3"]
    assert [attempt.target for attempt in attempts] == ["/hooks"] * 3
    assert len({attempt.body for attempt in attempts}) == 1
    entries = await delivered(server, 3)
    assert [(entry["status"], entry["delivered"]) for entry in entries] == [
        (302, False),
        (None, False),
        (200, True),
    ]
    assert "RemoteProtocolError" in entries[1]["error"]
    assert (await server.client.get("/_emulator/state")).json()["webhooks_sent"] == 3


async def test_the_providers_waits_pass_with_the_clock(server: Running, receiver: Receiver) -> None:
    """300 s, then 1800 s; each attempt knows its own time and the first one's; then the event is given up."""
    receiver.statuses.extend([500] * 4)
    await server.webhooks(receiver.url)
    await server.tell("ord_1", "a")
    await delivered(server, 1)

    await server.clock(290)
    assert len(await log(server)) == 1
    await server.clock(301)
    await delivered(server, 2)
    await server.clock(2200)
    entries = await delivered(server, 3)
    await server.clock(100_000)

    shown = (await server.client.get("/_emulator/webhooks")).json()
    assert (shown["waiting"], shown["sent"]) == (0, 3)
    times = [entry["at"] - entries[0]["at"] for entry in entries]
    assert times == pytest.approx([0, 300, 2200], abs=30)
    signed = [delivery.headers["signed"].split()[1:] for delivery in receiver.received]
    assert {first for _, first in signed} == {signed[0][0]}
    assert float(signed[2][0]) - float(signed[0][0]) == pytest.approx(2200, abs=30)


async def test_a_later_event_does_not_wait_for_a_retry(server: Running, receiver: Receiver) -> None:
    """While one event waits for its next attempt, those after it are told."""
    receiver.statuses.append(500)
    await server.webhooks(receiver.url)
    await server.tell("ord_1", "a", "b")
    await delivered(server, 2)

    await server.clock(301)

    await receiver.expect(3)
    assert receiver.types == ["a", "b", "a"]


async def test_nobody_listens(server: Running) -> None:
    """Attempts that reach nobody are logged, and not counted as sent."""
    with socket.create_server(("127.0.0.1", 0)) as once:
        port = once.getsockname()[1]
    await server.webhooks(f"http://127.0.0.1:{port}/", retry_seconds=0)
    await server.tell("ord_1", "a")

    entries = await delivered(server, 3)

    assert [entry["attempt"] for entry in entries] == [1, 2, 3]
    assert all("ConnectError" in entry["error"] for entry in entries)
    assert (await server.client.get("/_emulator/state")).json()["webhooks_sent"] == 0


@pytest.mark.parametrize(("duplicate", "times"), [(True, 2), (3, 4), (0, 1), (False, 1), (1.0, 2)])
async def test_duplicates(server: Running, receiver: Receiver, duplicate: float, times: int) -> None:
    """Each event comes so many times more, under the same id."""
    await server.webhooks(receiver.url, duplicate=duplicate)

    await server.tell("ord_1", "a", "b")

    await receiver.expect(2 * times)
    assert receiver.types == ["a"] * times + ["b"] * times
    assert len(set(receiver.ids)) == 2


async def test_reordering(receiver: Receiver) -> None:
    """Each event is overtaken by the next one of its order, or comes a second later; none is lost."""
    async with running(clock=lambda: START) as server:
        await server.webhooks(receiver.url, reorder=True)

        await server.tell("ord_1", "a")
        await server.tell("ord_2", "other")
        await server.tell("ord_1", "b", "c", "d")
        await receiver.expect(4)
        assert receiver.types == ["b", "a", "d", "c"]

        await server.clock(2)
        await receiver.expect(5)
        assert receiver.types[4:] == ["other"]


async def test_losses(server: Running, receiver: Receiver) -> None:
    """The next two events are never sent."""
    await server.webhooks(receiver.url, drop=2)

    await server.tell("ord_1", "a", "b", "c", "d")

    await receiver.expect(2)
    assert receiver.types == ["c", "d"]


async def test_delay(server: Running, receiver: Receiver) -> None:
    """An event waits; how long is the emulator's time."""
    await server.webhooks(receiver.url, delay=60)
    await server.tell("ord_1", "a", "b")
    assert (await server.client.get("/_emulator/webhooks")).json()["waiting"] == 2

    await server.clock(61)

    await receiver.expect(2)
    assert receiver.types == ["a", "b"]


async def test_stale_signatures(server: Running, receiver: Receiver) -> None:
    """Every attempt is signed an hour ago."""
    await server.webhooks(receiver.url, stale=True)
    await server.tell("ord_1", "a")

    (stale,) = await receiver.expect(1)

    assert float(stale.headers["signed"].split()[1]) == pytest.approx(time.time() - 3600, abs=30)


async def test_secrets(receiver: Receiver) -> None:
    """Secrets that are given sign in place of the provider's own."""
    async with running(secret="whsec_own") as server:
        for secret in (None, "one", ["one", "two"]):
            await server.webhooks(receiver.url, secret=secret)
            await server.tell("ord_1", "a")

        assert [sent.headers["secrets"] for sent in await receiver.expect(3)] == ["", "one", "one two"]


async def test_equal_seeds_have_equal_fates(receiver: Receiver) -> None:
    """Fractions hit the same events each time, and after a reset again; another seed hits others."""

    async def told(server: Running) -> list[str]:
        await server.client.post("/_emulator/reset")
        receiver.received.clear()
        await server.webhooks(receiver.url, duplicate=0.3, drop=0.2, reorder=0.2)
        await server.tell("ord_1", *(f"k{number}" for number in range(24)))
        await server.webhooks(receiver.url)
        await server.tell("ord_1", "last")
        for _ in range(3000):
            if not (await server.client.get("/_emulator/webhooks")).json()["waiting"]:
                break
            await asyncio.sleep(0.02)
        return receiver.types

    async with running(1, clock=lambda: START) as one, running(2, clock=lambda: START) as two:
        first = list(await told(one))
        assert first == list(await told(one))
        assert first != list(await told(two))
    assert 10 < len(set(first)) < 25
    assert len(first) > len(set(first))
    kinds = [int(kind[1:]) for kind in dict.fromkeys(first) if kind != "last"]
    assert kinds != sorted(kinds)


async def test_a_reset_returns_to_where_webhooks_went_at_first(receiver: Receiver) -> None:
    """The URL from the start holds again; what was on its way is forgotten."""
    async with running(webhooks=WebhookSettings(url=receiver.url)) as server:
        await server.webhooks(receiver.url, delay=60)
        await server.tell("ord_1", "a")
        await server.client.post("/_emulator/reset")
        await server.clock(120)
        await server.tell("ord_1", "b")

        await receiver.expect(1)
        assert receiver.types == ["b"]


async def test_settings_that_are_refused_leave_those_in_force(server: Running, receiver: Receiver) -> None:
    """A wrong document changes nothing."""
    await server.webhooks(receiver.url)

    refused = await server.client.put("/_emulator/webhooks", json={"url": "nowhere"})

    assert refused.status_code == 422
    assert (await server.client.get("/_emulator/webhooks")).json()["url"] == receiver.url
