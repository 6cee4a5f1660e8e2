"""Runs every story with every webhook fault, on a real server, the emulators and a merchant's receiver."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.scenarios.receiver import Came, receiving
from tests.scenarios.shop import Emulator, free_port, prepare_store, write_config

from campaigns.chaos.merchant import Merchant
from campaigns.chaos.nodes import Node, compiled, emulators
from campaigns.matrix.stories import ON_THE_WAY, PATIENCE, STORIES, Document, begin

SLOW_ANSWER = {"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 0.6}


@dataclass(frozen=True)
class Way:
    """The delivery of webhooks, and the disturbance beside it.

    Attributes:
        webhooks: The emulators' settings.
        inbound: Keys of ``[inbound]``.
        faults: Rules of the emulators.
        kills: The server is killed during the stories, and started again.
    """

    webhooks: Mapping[str, Any] = field(default_factory=dict)
    inbound: Mapping[str, Any] = field(default_factory=dict)
    faults: Sequence[Mapping[str, Any]] = ()
    kills: bool = False


WAYS: Mapping[str, Way] = {
    "in time": Way(),
    "three times": Way({"duplicate": 2}),
    "reordered": Way({"reorder": True}),
    "after the next": Way({"delay": 0.5, "reorder": 0.5}),
    "lost": Way({"drop": True}, {"poll_seconds": 0.5}),
    "before our answer": Way(faults=[SLOW_ANSWER]),
    "node killed": Way({"retry_seconds": 0.3}, {"poll_seconds": 1.0}, kills=True),
}


@dataclass(frozen=True)
class Cell:
    """The result of one story in one way: `wrong` is its first fault."""

    way: str
    account: str
    story: str
    wrong: str | None


def run(folder: Path, tell: Callable[[str], None], ways: Sequence[str] = tuple(WAYS)) -> list[Cell]:
    """Run the matrix, and end every process that it started."""
    with compiled(folder), emulators(folder, 0) as running:
        return asyncio.run(_run(folder, running, tell, ways))


async def _run(
    folder: Path, running: Mapping[str, Emulator], tell: Callable[[str], None], ways: Sequence[str]
) -> list[Cell]:
    cells: list[Cell] = []
    for number, name in enumerate(ways):
        tell(name)
        place = folder / str(number)
        place.mkdir()
        cells += await _one_way(place, running, name, WAYS[name])
    return cells


async def _one_way(folder: Path, running: Mapping[str, Emulator], name: str, way: Way) -> list[Cell]:
    async with _served(folder, running, way) as (node, merchant, client):
        for account, emulator in running.items():
            emulator.webhooks(f"{node.url}/hooks/{account}", **way.webhooks)
        tellers = {
            (account, story): await begin(client, account, running[account], story)
            for story, told in STORIES.items()
            for account in told.accounts
        }
        for emulator in running.values():
            emulator.faults(*way.faults)
        lives = [asyncio.create_task(STORIES[story].live(teller)) for (_, story), teller in tellers.items()]
        if way.kills:
            await asyncio.sleep(0.4)
            node.kill()
            await node.up()
        ends = await asyncio.gather(*lives, return_exceptions=True)
        for emulator in running.values():
            emulator.faults()
        return [
            Cell(name, account, story, await _verdict(client, merchant, teller.order, story, end))
            for ((account, story), teller), end in zip(tellers.items(), ends, strict=True)
        ]


@contextlib.asynccontextmanager
async def _served(
    folder: Path, running: Mapping[str, Emulator], way: Way
) -> AsyncIterator[tuple[Node, Merchant, httpx.AsyncClient]]:
    port = free_port()
    config = write_config(
        folder,
        running,
        hooks=f"http://127.0.0.1:{port}",
        webhooks={"allow_networks": ["127.0.0.0/8"]},
        inbound={"settle_seconds": 0.1, "reread_seconds": 0.2, "poll_seconds": 0, **way.inbound},
        recovery={"closed_settling": 1.0},
        account={"settling_time": 1.5},
    )
    key, _ = await prepare_store(config, running)
    node = Node(0, port, config, folder)
    await node.up()
    headers = {"Authorization": f"Bearer {key}"}
    try:
        async with (
            receiving() as receiver,
            httpx.AsyncClient(base_url=node.url, headers=headers, timeout=15) as client,
        ):
            merchant = Merchant(receiver)

            def take(came: Came) -> tuple[int, tuple[()]]:
                merchant.taken.append(came)
                return 200, ()

            receiver.answer = take
            made = await client.post("/v1/webhook_endpoints", json={"url": receiver.url})
            merchant.secret = made.json()["secret"]
            yield node, merchant, client
    finally:
        node.end()


async def _verdict(
    client: httpx.AsyncClient, merchant: Merchant, order: Document, story: str, end: object
) -> str | None:
    """Return the fault in a story's end, its feed, or the merchant's events; None if there is none."""
    if isinstance(end, BaseException):
        return str(end) or type(end).__name__
    feed = (await client.get(f"/v1/orders/{order['id']}/events")).json()["data"]
    wanted = list(STORIES[story].heard)
    told = [event["type"] for event in feed if event["type"].startswith("order.")]
    if [kind for kind in told if kind not in ON_THE_WAY] != wanted:
        return f"the feed says {told}"
    ids = [event["id"] for event in feed]
    deadline = time.monotonic() + PATIENCE
    while not set(ids) <= merchant.ids and time.monotonic() < deadline:  # noqa: ASYNC110 - it comes by a socket
        await asyncio.sleep(0.05)
    heard = list(dict.fromkeys(came.id for came in merchant.taken if came.id in ids))
    if heard != ids:
        return f"the merchant heard {len(heard)} of {len(ids)}, or out of order"
    return None
