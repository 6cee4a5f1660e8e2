"""The gateway as its own process, whose configuration can change while it serves."""

import asyncio
import os
import signal
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w
from tests.scenarios.shop import Command, Emulator, Shop, body_of, plain_client, prepare_store, write_config

from ordergate.settings import load_settings

Document = dict[str, Any]

LONGEST_RELOAD = 10.0
"""Seconds after which a configuration that was signalled must be in force."""
PAGE = 100


@dataclass(frozen=True)
class InForce:
    """One configuration, from the signal on; times in seconds of the monotonic clock.

    Attributes:
        hash: Read from the file, not from the gateway.
        signalled: It may be in force from here on.
        confirmed: The gateway has shown it, so that no other one is in force from here on.
    """

    hash: str
    signalled: float
    confirmed: float


@dataclass(frozen=True)
class Stage:
    """A gateway that serves, and the emulators behind it; `operator` may see everything."""

    shop: Shop
    operator: Shop
    emulators: Mapping[str, Emulator]
    process: int

    async def take_into_force(self, change: Callable[[Document], object]) -> InForce:
        """Change the configuration's file, signal it, and wait until it is in force.

        Raises:
            TimeoutError: The configuration did not take effect.
        """
        file = self.shop.config
        document = tomllib.loads(file.read_text())
        change(document)
        written = file.with_suffix(".new")
        written.write_text(tomli_w.dumps(document))
        written.replace(file)
        content_hash = load_settings(file, {}).hash
        signalled = time.monotonic()
        os.kill(self.process, signal.SIGHUP)
        while await self._hash() != content_hash:
            if time.monotonic() > signalled + LONGEST_RELOAD:
                raise TimeoutError(f"the configuration {content_hash} did not come into force")
            await asyncio.sleep(0.01)
        return InForce(content_hash, signalled, time.monotonic())

    async def operations(self) -> list[Document]:
        """Everything that the journal knows of writes, newest first."""
        rows: list[Document] = []
        while True:
            last = {"starting_after": rows[-1]["id"]} if rows else {}
            page = body_of(await self.shop.get("/v1/operations", limit=PAGE, **last), 200)
            rows += page["data"]
            if not page["has_more"]:
                return rows

    async def health(self, account: str) -> Document:
        """How the gateway finds an account to be."""
        return body_of(await self.shop.get(f"/v1/accounts/{account}"), 200)["health"]

    async def _hash(self) -> str:
        return body_of(await self.operator.get("/v1/admin/config"), 200)["hash"]


@asynccontextmanager
async def served(folder: Path, emulators: Mapping[str, Emulator], **settings: Any) -> AsyncIterator[Stage]:
    """Serve a configuration with one account for each emulator.

    Args:
        folder: The folder of configuration, journal and log.
        emulators: The emulators of its accounts.
        settings: As :func:`tests.scenarios.shop.write_config` takes them.
    """
    config = write_config(folder, emulators, **settings)
    key, operator_key = await prepare_store(config, emulators)
    command = Command(
        folder / "serve.log",
        *("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin"),
    )
    try:
        url = await asyncio.to_thread(command.line)
        account = next(iter(emulators))
        async with plain_client() as client:
            shop = Shop(url, key, account, emulators[account], client, config)
            yield Stage(shop, shop.using(operator_key), emulators, command.process.pid)
    finally:
        command.end()
