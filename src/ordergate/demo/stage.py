"""Sets the stage: one process per emulator and one for the gateway, in a folder that is gone afterwards.

The processes are the ordinary commands. Each ends when this one does, however it ends, since its standard input
closes then.
"""

import asyncio
import contextlib
import json
import shutil
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import tomli_w

from ordergate.domain.link import LinkKind
from ordergate.gateway.access.caller import MERCHANT_SCOPES, OPERATOR_SCOPE, hash_key, make_key
from ordergate.gateway.accounts.registry import installed_adapters
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey
from ordergate.server.bootstrap import open_journal

MERCHANT = "acme"
CUSTOMER = "cust-42"
SKUS = ("CHAIR-1", "DESK-1", "LAMP-1")
PAYMENT_METHOD = "card-on-file"

_START_SECONDS = 120.0
"""Long, for a busy machine: a part that cannot start ends, and that shows at once."""
_STOP_SECONDS = 5.0


class StageError(Exception):
    """A process did not start; the message contains its output."""


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """The running demonstration, as ``ordergate demo --keep --json`` prints it.

    Attributes:
        gateway: The gateway's URL.
        key: A merchant's API key.
        operator_key: An operator's.
        accounts: The announcement of each account's emulator.
        customer: Linked to every account, as are `skus`.
        store: The URL of the journal.
    """

    gateway: str
    key: str
    operator_key: str
    accounts: Mapping[str, Mapping[str, Any]]
    customer: str
    skus: tuple[str, ...]
    store: str


@asynccontextmanager
async def set_stage(
    *, store: str | None = None, port: int = 0, extra_config: Path | None = None
) -> AsyncIterator[Stage]:
    """Start everything, and end everything.

    Args:
        store: A journal's URL; a temporary SQLite file if None.
        port: The gateway's; 0 for any free one.
        extra_config: TOML laid over the demonstration's own configuration.

    Raises:
        StageError: A process did not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="ordergate-demo-"))
    url = store or f"sqlite:///{folder / 'journal.db'}"
    try:
        async with contextlib.AsyncExitStack() as processes:
            announced = await asyncio.gather(
                *(_emulator(processes, folder, name) for name in installed_adapters())
            )
            accounts = {facts["adapter"]: facts for facts in announced}
            if not accounts:
                raise StageError("no adapter is installed; install the extra: pip install 'ordergate[all]'")
            config = folder / "ordergate.toml"
            config.write_text(tomli_w.dumps(_configuration(url, accounts, extra_config)))
            key, operator_key = await _prepare_journal(url, accounts)
            gateway = await _gateway(processes, folder, config, port)
            yield Stage(
                gateway=gateway,
                key=key,
                operator_key=operator_key,
                accounts=accounts,
                customer=CUSTOMER,
                skus=SKUS,
                store=url,
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(url: str, accounts: Mapping[str, Any], extra: Path | None) -> dict[str, Any]:
    config: dict[str, Any] = {
        "server": {"log_format": "json"},
        "store": {"url": url},
        "accounts": {
            name: {
                "adapter": facts["adapter"],
                "environment": "emulator",
                "base_url": facts["base_url"],
                "merchants": [MERCHANT],
                **facts["credentials"],
            }
            for name, facts in accounts.items()
        },
        "routing": {"default": list(accounts)},
    }
    return _merged(config, tomllib.loads(extra.read_text())) if extra is not None else config


def _merged(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(name), dict)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


async def _prepare_journal(url: str, accounts: Mapping[str, Any]) -> tuple[str, str]:
    """Create two keys, and link the merchant's ids to the emulators' catalogs."""
    journal = await open_journal(url)
    try:
        key = await _add_key(journal, MERCHANT)
        operator_key = await _add_key(journal, None)
        await _link(journal, "customers", CUSTOMER, {name: a["customer"] for name, a in accounts.items()})
        for index, sku in enumerate(SKUS):
            await _link(journal, "products", sku, {n: a["products"][index] for n, a in accounts.items()})
        methods = {name: a["payment_methods"][0] for name, a in accounts.items()}
        await _link(journal, "payment_methods", PAYMENT_METHOD, methods)
    finally:
        await journal.close()
    return key, operator_key


async def _add_key(journal: Journal, merchant: str | None) -> str:
    scopes = (OPERATOR_SCOPE,) if merchant is None else MERCHANT_SCOPES
    key, token = make_key(merchant=merchant, world="test", scopes=scopes, now=datetime.now(UTC))
    await journal.write(tx.keys.add(key, hash_key(token)))
    return token


async def _link(journal: Journal, kind: LinkKind, name: str, links: Mapping[str, str]) -> None:
    await journal.write(tx.links.put(LinkKey(merchant=MERCHANT, world="test", kind=kind, id=name), links))


async def _emulator(processes: contextlib.AsyncExitStack, folder: Path, name: str) -> dict[str, Any]:
    process = await _start(processes, folder / f"{name}.log", "emulate", name, "--json")
    facts: dict[str, Any] = json.loads(await _first_line(process.stdout, folder / f"{name}.log"))
    return facts


async def _gateway(processes: contextlib.AsyncExitStack, folder: Path, config: Path, port: int) -> str:
    log = folder / "gateway.log"
    process = await _start(
        processes, log, "serve", "--config", str(config), "--port", str(port), "--announce"
    )
    return (await _first_line(process.stdout, log)).strip()


async def _start(
    processes: contextlib.AsyncExitStack, log: Path, *arguments: str
) -> asyncio.subprocess.Process:
    """Start one of our own commands; it is ended with the stack."""
    with log.open("wb") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "ordergate",
            *arguments,
            "--stop-with-stdin",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=errors,
        )
    processes.push_async_callback(_stop, process)
    return process


async def _first_line(stdout: asyncio.StreamReader | None, log: Path) -> str:
    assert stdout is not None
    try:
        line = await asyncio.wait_for(stdout.readline(), _START_SECONDS)
    except TimeoutError:
        line = b""
    if not line:
        raise StageError(f"{log.stem} did not start:\n{_tail(log)}")
    return line.decode()


def _tail(log: Path) -> str:
    return log.read_text()[-2000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
