"""``ordergate webhooks``, beside a gateway that serves; and a gateway that is killed while it delivers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from click.testing import CliRunner
from tests.scenarios.conftest import Start
from tests.scenarios.receiver import Receiver, receiving
from tests.scenarios.shop import Emulator, Shop, body_of, plain_client, prepare_store, write_config

from ordergate.cli import main
from ordergate.gateway.accounts.registry import installed_adapters


@pytest.fixture(params=sorted(installed_adapters())[:1])
def provider(request: pytest.FixtureRequest) -> str:
    """One provider: deliveries know none."""
    return request.param


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver that refuses."""
    async with receiving() as made:
        made.answer = lambda _: (500, ())
        yield made


async def _serve(start: Start, config: Path, emulator: Emulator, key: str, provider: str) -> tuple[Any, Shop]:
    command = start("serve", "--config", str(config), "--port", "0", "--announce")
    shop = Shop(
        url=command.line(), key=key, account=provider, emulator=emulator, client=plain_client(), config=config
    )
    return command, shop


async def _said(config: Path, *arguments: str) -> str:
    """What one of the commands prints; in this process, in a thread of its own as it has its own loop."""
    command = ["webhooks", *arguments, "--config", str(config)]
    done = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert done.exit_code == 0, done.output
    return done.stdout


async def test_what_failed_is_listed_and_replayed_and_survives_a_kill(
    start: Start,
    emulators: Mapping[str, Emulator],
    provider: str,
    tmp_path: Path,
    receiver: Receiver,
) -> None:
    """Failed deliveries are found and queued by commands; a killed gateway's are made by the next one."""
    webhooks = {"allow_networks": ["127.0.0.0/8"], "retries": [0.01]}
    config = write_config(tmp_path, emulators, webhooks=webhooks)
    key, _ = await prepare_store(config, emulators)
    command, shop = await _serve(start, config, emulators[provider], key, provider)
    endpoint = body_of(await shop.call("POST", "/v1/webhook_endpoints", json={"url": receiver.url}), 201)
    await shop.order()
    await shop.order()
    await receiver.until(4)

    listed = await _said(config, "list", "--state", "failed", "--json")
    rows = json.loads(listed)
    shown = await _said(config, "endpoints")
    assert [row["endpoint"] for row in rows["data"]] == [endpoint["id"]] * 2
    assert rows["has_more"] is False
    assert receiver.url in shown
    assert "whsec_" not in shown + listed

    receiver.answer = lambda _: None
    replayed = await _said(config, "replay", "--endpoint", endpoint["id"], "--failed", "--json")
    assert json.loads(replayed) == {"replayed": 2}
    await receiver.until(6)
    command.kill()
    receiver.answer = lambda _: (200, ())
    _, again = await _serve(start, config, emulators[provider], key, provider)
    await receiver.until(8)

    one = await _said(config, "replay", rows["data"][0]["id"])
    assert one == "1 deliveries queued again\n"
    await receiver.until(9)
    assert len({came.id for came in receiver.came}) == 2
    await shop.client.aclose()
    await again.client.aclose()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Name one DELIVERY, or an --endpoint"),
        (("dlv_1", "--endpoint", "wh_1"), "Name one DELIVERY, or an --endpoint"),
        (("--endpoint", "wh_1"), "--failed, or --since"),
        (("dlv_1", "--failed"), "need --endpoint"),
        (("--endpoint", "wh_1", "--since", "yesterday"), "is not a date"),
    ],
)
def test_replay_is_told_what_to_do(arguments: tuple[str, ...], said: str) -> None:
    """Wrong usage ends with 2 and the cure."""
    done = CliRunner().invoke(main, ["webhooks", "replay", *arguments])

    assert done.exit_code == 2
    assert said in done.output
