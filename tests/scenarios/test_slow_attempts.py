"""A write that is still on its way when its repeat fails fast: the repeat's end says nothing of the first."""

import asyncio
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomli_w
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    PATIENCE,
    Emulator,
    Shop,
    eventually,
    plain_client,
    prepare_store,
    write_config,
)

SLOW = {
    "match": {"method": "POST", "path": "/orders"},
    "at": "before",
    "do": "delay",
    "seconds": 2.5,
    "times": 1,
}
REFUSED = {"match": {"method": "POST", "path": "/orders"}, "do": "rate_limit"}
DROPPED = {"match": {"method": "POST", "path": "/orders"}, "do": "drop"}


@pytest.mark.parametrize("provider", ["revkeen"], indirect=True)
@pytest.mark.parametrize("failure", [REFUSED, DROPPED], ids=["refused", "dropped"])
async def test_repeat_that_fails_does_not_end_the_first_attempt(
    emulators: Mapping[str, Emulator],
    emulator: Emulator,
    provider: str,
    failure: dict[str, str],
    tmp_path: Path,
    start: Start,
) -> None:
    """The order is made once, though the first attempt arrives long after the repeat's connection was closed."""
    config = write_config(
        tmp_path,
        emulators,
        server={"idempotency_wait": 0.3},
        account={"read_timeout": 0.3, "settling_time": 6},
    )
    document = tomllib.loads(config.read_text())
    config.write_text(tomli_w.dumps({**document, "recovery": {"closed_settling": 0.3}}))
    key, _ = await prepare_store(config, emulators)
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, provider, emulator, client, config)
        emulator.faults(SLOW, failure)
        first = asyncio.create_task(shop.create(key="once"))
        deadline = time.monotonic() + 2
        states = set()
        while time.monotonic() < deadline:
            states |= {operation["state"] for operation in await shop.operations()}
            await asyncio.sleep(0.1)
        emulator.faults()
        await eventually(lambda: len(emulator.orders) == 1)
        await first
        answer = await shop.create(key="once")
        while answer.status_code >= 400 and time.monotonic() < deadline + PATIENCE:
            await asyncio.sleep(0.2)
            answer = await shop.create(key="once")

    assert answer.status_code == 201, answer.text
    assert "failed" not in states
    assert len(emulator.orders) == 1
