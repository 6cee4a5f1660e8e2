"""A new configuration comes into force while the gateway runs, as a whole or not at all."""

import asyncio
import os
import tomllib
from collections.abc import Callable
from typing import Any

import pytest
import tomli_w
from tests import journals
from tests.journals import Run
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import (
    Emulator,
    Shop,
    body_of,
    problem_of,
)

from ordergate.journal.records.orders import AccountUse
from ordergate.journal.transaction import Transaction

RELOAD = "/v1/admin/reload"
CONFIG = "/v1/admin/config"


def _rewrite(shop: Shop, change: Callable[[dict[str, Any]], None]) -> None:
    document = tomllib.loads(shop.config.read_text())
    change(document)
    shop.config.write_text(tomli_w.dumps(document))


@pytest.fixture
def provider() -> str:
    """The account that orders go to at first."""
    return "revkeen"


async def test_default_route_is_switched(open_another: OpenShop, emulators: dict[str, Emulator]) -> None:
    """After a reload the next order goes to the other account; the hash in the answers tells which holds."""
    shop = await open_another(routing={"default": ["revkeen"]})
    operator = await shop.another(None)
    draft = {key: value for key, value in shop.draft().items() if key != "account"}
    first = await shop.create(draft)
    assert body_of(first, 201)["account"] == "revkeen"

    _rewrite(shop, lambda document: document["routing"].update(default=["rapyd"]))
    assert body_of(await shop.create(draft), 201)["account"] == "revkeen"
    reloaded = body_of(await operator.call("POST", RELOAD), 200)
    second = await shop.create(draft)

    assert body_of(second, 201)["account"] == "rapyd"
    assert (reloaded["changed"], reloaded["restart_needed"]) == (True, [])
    assert second.headers["ordergate-config"] == reloaded["configuration"]["hash"]
    assert second.headers["ordergate-config"] != first.headers["ordergate-config"]
    assert body_of(await operator.call("POST", RELOAD), 200)["changed"] is False
    assert len(emulators["rapyd"].orders) == 1


async def test_invalid_file_changes_nothing(open_another: OpenShop) -> None:
    """A file with mistakes is refused with each of them, by file and line, and the old one goes on."""
    shop = await open_another()
    operator = await shop.another(None)
    before = body_of(await operator.get(CONFIG), 200)
    shop.config.write_text(shop.config.read_text().replace('"revkeen"', '"revken"') + "\n[surver]\n")

    problem = problem_of(await operator.call("POST", RELOAD), 422, "invalid_request")

    assert any(
        "surver" in error["detail"] and str(shop.config) in error["detail"] for error in problem["errors"]
    )
    assert len(problem["errors"]) > 1
    assert body_of(await operator.get(CONFIG), 200) == before
    body_of(await shop.create(), 201)


async def test_account_with_open_orders_stays(open_another: OpenShop) -> None:
    """An account where orders are open, or operations unsettled, cannot be removed or become another provider's."""
    shop = await open_another(server={"idempotency_wait": 0})
    operator = await shop.another(None)
    order = await shop.order()

    def remove(document: dict[str, Any]) -> None:
        del document["accounts"]["revkeen"]
        document["routing"]["default"] = ["rapyd"]

    original = shop.config.read_text()
    _rewrite(shop, remove)
    problem = problem_of(await operator.call("POST", RELOAD), 409, "invalid_state")
    assert "1 open orders" in problem["detail"]
    assert (await shop.read(order))["id"] == order["id"]

    shop.config.write_text(original)
    body_of(await shop.cancel(order), 200)
    _rewrite(shop, remove)
    body_of(await operator.call("POST", RELOAD), 200)
    problem_of(await shop.create(), 422, "no_route")


async def test_account_that_became_another_is_not_asked(open_another: OpenShop) -> None:
    """An order whose account's name was given to another world is not looked for there: its key reaches no further."""
    shop = await open_another()
    operator = await shop.another(None)
    order = await shop.order()
    body_of(await shop.cancel(order), 200)

    def turn(document: dict[str, Any]) -> None:
        account = document["accounts"]["revkeen"]
        account["environment"] = "production"
        del account["base_url"]
        account["api_key"] = {"env": "LIVE_KEY"}

    os.environ["LIVE_KEY"] = "rk_live_x"
    try:
        _rewrite(shop, turn)
        body_of(await operator.call("POST", RELOAD), 200)
    finally:
        del os.environ["LIVE_KEY"]
    refused = await shop.get(f"/v1/orders/{order['id']}?refresh=true")

    problem = problem_of(refused, 422, "no_route")
    assert "now belongs to another" in problem["detail"]


async def test_order_made_while_its_account_goes(
    open_another: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A create that has chosen an account is recorded before the account goes, or chooses anew: never after."""
    shop = await open_another(routing={"default": ["revkeen"]})
    operator = await shop.another(None)
    creating: list[asyncio.Task[Any]] = []

    async def looked_at(run: Run, transaction: Transaction[AccountUse]) -> AccountUse:
        use: AccountUse = await run(transaction)
        creating.append(asyncio.create_task(shop.create({**shop.draft(), "account": None})))
        await asyncio.sleep(0.2)
        return use

    journals.replace(monkeypatch, shop.journal, "orders.account_use", looked_at)

    def remove(document: dict[str, Any]) -> None:
        del document["accounts"]["revkeen"]
        document["routing"]["default"] = ["rapyd"]

    _rewrite(shop, remove)
    body_of(await operator.call("POST", RELOAD), 200)

    assert body_of(await creating[0], 201)["account"] == "rapyd"
    assert shop.emulator.orders == []


async def test_the_file_that_was_read_last_wins(
    open_another: OpenShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reloads come one after the other: a slow one does not bring an older file back."""
    shop = await open_another(routing={"default": ["revkeen"]})
    operator = await shop.another(None)

    async def looked_at(run: Run, transaction: Transaction[AccountUse]) -> AccountUse:
        await asyncio.sleep(0.2)
        use: AccountUse = await run(transaction)
        return use

    journals.replace(monkeypatch, shop.journal, "orders.account_use", looked_at)
    original = shop.config.read_text()
    _rewrite(shop, lambda document: document["accounts"].pop("rapyd"))
    first = asyncio.create_task(operator.call("POST", RELOAD))
    await asyncio.sleep(0.1)
    shop.config.write_text(original)
    last = body_of(await operator.call("POST", RELOAD), 200)
    body_of(await first, 200)

    assert body_of(await operator.get(CONFIG), 200)["hash"] == last["configuration"]["hash"]


async def test_what_needs_a_restart_goes_on_needing_it(open_another: OpenShop) -> None:
    """A port that changed is told of at every reload until the process is started again."""
    shop = await open_another()
    operator = await shop.another(None)
    _rewrite(
        shop, lambda document: document.setdefault("server", {}).update(port=9, key_requests_per_minute=900)
    )

    told = [body_of(await operator.call("POST", RELOAD), 200)["restart_needed"] for _ in range(2)]

    assert told == [["server.port"], ["server.port"]]


async def test_account_is_closed_step_by_step(open_another: OpenShop) -> None:
    """`existing` takes no new order and lets the old ones live; `none` takes nothing; `all` opens it again."""
    shop = await open_another()
    operator = await shop.another(None)
    order = await shop.order()

    async def accept(what: str) -> None:
        _rewrite(shop, lambda document: document["accounts"]["revkeen"].update(accept=what))
        body_of(await operator.call("POST", RELOAD), 200)

    await accept("existing")
    assert "takes no new orders" in problem_of(await shop.create(), 422, "no_route")["detail"]
    assert (await shop.read(order, refresh=True))["id"] == order["id"]
    body_of(await shop.update(order, metadata={"closing": True}), 200)

    await accept("none")
    assert "accept = none" in problem_of(await shop.pay(order), 422, "no_route")["detail"]
    problem_of(await shop.get(f"/v1/orders/{order['id']}", refresh="true"), 422, "no_route")
    assert (await shop.read(order))["metadata"] == {"closing": True}
    assert shop.emulator.state()["payments"] == []

    await accept("all")
    body_of(await shop.pay(order), 200)


async def test_account_is_closed_to_a_merchant(open_another: OpenShop) -> None:
    """A merchant who is taken off an account's list is told no more of it than of one that is not there."""
    shop = await open_another()
    operator = await shop.another(None)
    body_of(await shop.create(), 201)

    _rewrite(shop, lambda document: document["accounts"]["revkeen"].update(merchants=["bolt"]))
    body_of(await operator.call("POST", RELOAD), 200)

    closed = problem_of(await shop.create(), 422, "no_route")
    absent = problem_of(await shop.create(shop.draft(account="nowhere")), 422, "no_route")
    assert closed["detail"].replace("revkeen", "nowhere") == absent["detail"]
    listed = body_of(await shop.get("/v1/accounts"), 200)["data"]
    assert "revkeen" not in {account["name"] for account in listed}


async def test_configuration_is_shown_without_secrets(open_another: OpenShop, emulator: Emulator) -> None:
    """Operators see the whole file as it is in force, and no secret; nobody else sees it."""
    shop = await open_another()
    operator = await shop.another(None)

    answer = await operator.get(CONFIG)

    shown = body_of(answer, 200)
    assert shown["document"]["accounts"]["revkeen"]["base_url"] == emulator.base_url
    assert not any(secret in answer.text for secret in emulator.credentials.values())
    assert shown["source"] == str(shop.config)
    problem_of(await shop.get(CONFIG), 403, "forbidden")
    problem_of(await shop.call("POST", RELOAD), 403, "forbidden")
