"""What callers and operators see while the store fails: nobody hears 500, and readiness is honest."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from click.testing import CliRunner
from tests.conftest import OpenShop
from tests.scenarios.shop import Shop, body_of, problem_of
from tests.scenarios.test_metrics import scrape

from ordergate.cli.check import check

ROLE = f"gate_{token_hex(4)}"
"""Roles belong to a whole server, which other tests have, too."""
ENOUGH = 60.0


@pytest.fixture
def provider() -> str:
    return "revkeen"


class Database:
    """A database as its administrator has it; the gateway's role may be kept from it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.name = urlsplit(url).path[1:]
        self.url = url.replace("postgres@", f"{ROLE}@", 1)

    async def run(self, *statements: str) -> None:
        """Run statements, which may write whatever the database is set to."""
        settings = {"default_transaction_read_only": "off"}
        connection = await asyncpg.connect(self._url, server_settings=settings)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def cut(self) -> None:
        """End every connection of the gateway."""
        await self.run(
            f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = '{ROLE}'"
        )

    async def allow(self, connections: int) -> None:
        """Let the gateway have so many connections; those beyond end."""
        await self.run(f"ALTER ROLE {ROLE} CONNECTION LIMIT {connections}")
        await self.cut()


@pytest_asyncio.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """A database of a role that is no administrator."""
    made = Database(postgresql_url)
    await made.run(f"CREATE ROLE {ROLE} LOGIN", f'ALTER DATABASE "{made.name}" OWNER TO {ROLE}')
    yield made
    await made.cut()
    await made.run(
        f'ALTER DATABASE "{made.name}" OWNER TO postgres',
        f"DROP OWNED BY {ROLE} CASCADE",
        f"DROP ROLE {ROLE}",
    )


async def _until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + ENOUGH
    while not await condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


# Recording


async def test_fewer_slots_than_connections_fail_nobody(open_another: OpenShop, database: Database) -> None:
    """A role with three slots, a pool of ten and 24 callers: an order is made and told, or nothing was sent.

    On a slow machine a caller may wait longer for a slot than it is given to.
    """
    shop = await open_another(store=database.url)
    await database.allow(3)
    statuses: list[int] = []

    async def caller() -> None:
        statuses.extend([(await shop.create()).status_code for _ in range(8)])

    await asyncio.gather(*(caller() for _ in range(24)))

    assert len(statuses) == 192
    assert {*statuses} <= {201, 503}
    assert len(shop.emulator.orders) == statuses.count(201) >= 24


async def _answered_without_a_store(shop: Shop, database: Database) -> "asyncio.Task[Any]":
    """Begin a create, and take the store away before the provider's answer comes."""
    shop.emulator.faults(
        {"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 1.5, "times": 1}
    )
    creating = asyncio.create_task(shop.create(key="mine"))

    async def made() -> bool:
        return len(await asyncio.to_thread(lambda: shop.emulator.orders)) == 1

    await _until(made)
    await database.allow(0)
    return creating


async def test_an_answer_is_recorded_once_the_store_is_back(
    open_another: OpenShop, database: Database
) -> None:
    """The store is away when the provider answers, and back while the caller waits: the normal answer."""
    shop = await open_another(store=database.url, server={"idempotency_wait": 30})
    creating = await _answered_without_a_store(shop, database)
    await asyncio.sleep(3)
    assert not creating.done()
    await database.allow(-1)

    order = body_of(await creating, 201)
    (operation,) = await shop.operations()

    assert operation["order"] == order["id"]
    assert operation["outcome"] == "applied"
    assert operation["probes"] == []


async def test_an_answer_that_cannot_be_recorded_is_unknown_and_found_out_again(
    open_another: OpenShop, database: Database
) -> None:
    """The store stays away for longer than the caller waits: 504, never 500; with the store back it settles."""
    shop = await open_another(store=database.url, server={"idempotency_wait": 1}, recovers=True)
    creating = await _answered_without_a_store(shop, database)

    problem = problem_of(await creating, 504, "outcome_unknown")
    assert (problem["sent"], problem["outcome"]) == ("maybe", "unknown")
    await database.allow(-1)
    settled = await shop.settled(problem["operation"])

    assert settled["outcome"] == "applied"
    body_of(await shop.create(key="mine"), 201)
    assert len(shop.emulator.orders) == 1


# Readiness


async def _is_ready(shop: Shop) -> bool:
    ready = await shop.get("/health/ready")
    if ready.status_code != 200:
        assert problem_of(ready, 503, "store_unavailable")
    return ready.status_code == 200


async def _journal_up(shop: Shop) -> float:
    samples = await scrape(shop)
    return next(value for (name, _), value in samples.items() if name == "ordergate_journal_up")


async def test_a_database_that_cannot_be_written_is_not_ready(
    open_another: OpenShop, database: Database
) -> None:
    """After a failover to a server that only reads, nothing is ready, and writes go on as soon as one can write."""
    shop = await open_another(store=database.url)
    assert await _is_ready(shop)
    await database.run(f'ALTER DATABASE "{database.name}" SET default_transaction_read_only = on')
    await database.cut()

    await _until(lambda: _not(_is_ready(shop)))
    problem = problem_of(await shop.create(), 503, "store_unavailable")
    assert problem["sent"] == "no"
    assert "target_session_attrs=read-write" in problem["detail"]
    assert await _journal_up(shop) == 0

    await database.run(f'ALTER DATABASE "{database.name}" RESET default_transaction_read_only')
    await _until(lambda: _is_ready(shop))
    body_of(await shop.create(), 201)
    assert await _journal_up(shop) == 1


async def _not(condition: Awaitable[bool]) -> bool:
    return not await condition


async def test_a_file_that_was_replaced_is_not_ready(open_another: OpenShop, tmp_path: Path) -> None:
    """A SQLite file that is replaced under a server takes no write: it is not ready, and the metric says so."""
    shop = await open_another()
    assert await _is_ready(shop)
    assert await _journal_up(shop) == 1
    journal = tmp_path / "journal.db"
    journal.rename(tmp_path / "aside.db")
    journal.write_bytes(b"")

    await _until(lambda: _not(_is_ready(shop)))

    detail = problem_of(await shop.get("/health/ready"), 503, "store_unavailable")["detail"]
    assert "was replaced while in use" in detail
    assert await _journal_up(shop) == 0


# The lease


async def test_a_gateway_that_lost_its_lease_does_not_send(open_another: OpenShop) -> None:
    """A gateway that the journal may count as dead by now sends nothing, and says that it did not."""
    shop = await open_another()
    before = shop.emulator.requests
    shop.gateway.work.lease.until = asyncio.get_running_loop().time()

    problem = problem_of(await shop.create(key="mine"), 503, "provider_unavailable")

    assert (problem["sent"], problem["outcome"]) == ("no", "not_applied")
    assert shop.emulator.requests == before
    shop.gateway.work.lease.until = float("inf")
    body_of(await shop.create(key="mine"), 201)


# What a check says


def _checked(shop: Shop) -> dict[str, Any]:
    done = CliRunner().invoke(check, ["--config", str(shop.config), "--json"])
    assert done.exit_code == 0, done.output
    facts: dict[str, Any] = json.loads(done.stdout)
    return facts


async def test_a_check_says_that_signing_secrets_can_be_read(open_another: OpenShop) -> None:
    """Once there are webhook endpoints, a check notes that nothing encrypts their secrets; before, it says nothing."""
    shop = await open_another(webhooks={"allow_networks": ["127.0.0.0/8"]})
    before = await asyncio.to_thread(_checked, shop)
    body_of(await shop.call("POST", "/v1/webhook_endpoints", json={"url": "https://127.0.0.1:9/hook"}), 201)

    after = await asyncio.to_thread(_checked, shop)

    assert before["notes"] == []
    (note,) = after["notes"]
    assert note.startswith("1 signing secret of webhook endpoints can be read in the store")
    assert after["warnings"] == []


async def test_a_check_counts_the_connections_of_a_rolling_deploy(
    open_another: OpenShop, database: Database
) -> None:
    """A role that allows fewer connections than the old and the new processes have together is a warning."""
    shop = await open_another(store=database.url)
    assert (await asyncio.to_thread(_checked, shop))["warnings"] == []
    await database.allow(19)

    (warning,) = (await asyncio.to_thread(_checked, shop))["warnings"]

    assert "the database allows 19 connections. Workers times connections are 10" in warning
