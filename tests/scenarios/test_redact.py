"""An order is redacted beside a running gateway, and nothing brings its personal data back."""

import json
import subprocess
from typing import Any

from click.testing import CliRunner
from tests.scenarios.shop import CUSTOMER, Shop, body_of, chairs, problem_of, run

from ordergate.cli import main

SECRETS = ("ada@example.com", "Lovelace Street 1", "Ring twice", "for-charles", "1Z999")
ADDRESS = {
    "name": "Ada",
    "line_1": SECRETS[1],
    "city": "London",
    "country": "GB",
    "postal_code": "N1",
    "phone": "+442071234567",
}


def _personal() -> dict[str, Any]:
    return {
        "customer": {"id": CUSTOMER, "email": SECRETS[0]},
        "shipping_address": ADDRESS,
        "notes": SECRETS[2],
        "metadata": {"gift": SECRETS[3]},
    }


def _left(shop: Shop) -> list[str]:
    """What of it stands in the journal's files, read by another process: closing one here would end SQLite's locks."""
    files = shop.config.parent.glob("journal.db*")
    content = subprocess.run(["cat", *files], capture_output=True, check=True).stdout
    return [secret for secret in SECRETS if secret.encode() in content]


def _redact(shop: Shop, order_id: str, *options: str, code: int = 0) -> Any:
    done = run("orders", "redact", order_id, "--yes", "--json", "--config", str(shop.config), *options)
    assert done.returncode == code, done.stderr
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


async def test_a_redacted_order(shop: Shop) -> None:
    """Personal data are gone from answers, repeats and files; money, goods and ids are as before, and stay so."""
    created = await shop.create(shop.draft(**_personal()), key="once")
    order = body_of(created, 201)
    body_of(await shop.pay(order, key="pay"), 200)
    await shop.until_paid(order)
    before = body_of(await shop.fulfill(order, tracking_number=SECRETS[4], carrier="UPS"), 200)
    assert _left(shop) == list(SECRETS)

    redacted = _redact(shop, order["id"])

    assert _left(shop) == []
    erased = {
        "customer",
        "shipping_address",
        "notes",
        "metadata",
        "fulfillments",
        "next_action",
        "synced_at",
        "notices",
    }
    assert {name: value for name, value in redacted.items() if name not in erased} == {
        name: value for name, value in before.items() if name not in erased
    }
    assert redacted["customer"] == {"id": CUSTOMER, "email": None}
    assert before["notices"]
    assert [notice for notice in redacted["notices"] if notice["kind"] == "kept"] == []
    assert (redacted["shipping_address"], redacted["notes"], redacted["metadata"]) == (None, None, {})
    assert redacted["fulfillments"][0]["tracking_number"] is None
    assert await shop.read(order) == redacted
    again = await shop.read(order, refresh=True)
    repeat = await shop.create(shop.draft(**_personal()), key="once")
    assert repeat.status_code == 201, repeat.text
    assert repeat.json()["id"] == order["id"]
    assert repeat.json() == again
    adopted = body_of(await shop.adopt(order["provider_order_id"]), 200)
    assert not any(secret in json.dumps([again, adopted]) for secret in SECRETS)
    assert _left(shop) == []
    assert {**_redact(shop, order["id"]), "synced_at": None} == {**adopted, "synced_at": None}
    assert len(shop.emulator.orders) == 1


async def test_a_redacted_order_lives_on(shop: Shop) -> None:
    """It is paid and handed over like any other; new personal data are refused, and overwrite nothing there."""
    order = await shop.order(**_personal())
    _redact(shop, order["id"])
    theirs = shop.emulator.orders

    refused = problem_of(await shop.update(order, metadata={"gift": "x"}, notes="y"), 409, "invalid_state")
    assert [error["pointer"] for error in refused["errors"]] == ["/metadata", "/notes"]
    assert shop.emulator.orders == theirs
    body_of(await shop.pay(order), 200)
    paid = await shop.until_paid(order)
    done = body_of(await shop.fulfill(order, tracking_number=SECRETS[4]), 200)

    assert (paid["status"], done["status"]) == ("paid", "fulfilled")
    assert done["fulfillments"][0]["tracking_number"] is None
    assert (done["metadata"], done["notes"], done["shipping_address"]) == ({}, None, None)


async def test_an_order_that_is_busy_is_not_redacted(shop: Shop) -> None:
    """While a write is unknown its data are needed: the refusal names it."""
    order = await shop.order(**_personal())
    shop.emulator.faults({"match": {"method": "POST", "path": "*/pay"}, "at": "after", "do": "drop"})
    unknown = problem_of(await shop.pay(order), 504, "outcome_unknown")
    shop.emulator.faults()

    refused = _redact(shop, order["id"], code=1)

    assert (refused["code"], refused["operation"]) == ("order_busy", unknown["operation"])
    assert (await shop.read(order))["notes"] == order["notes"]
    assert _redact(shop, "ord_nobody", code=1)["code"] == "not_found"
    assert _redact(shop, order["id"], "--env", "live", code=1)["code"] == "not_found"


async def test_redaction_is_asked_for(shop: Shop) -> None:
    """Without --yes nothing is erased where nobody can be asked."""
    order = await shop.order(notes=chairs()["line_items"][0]["description"])

    for options in ([], ["--json"]):
        asked = ["orders", "redact", order["id"], "--config", str(shop.config), *options]
        done = CliRunner().invoke(main, asked)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "--yes" in done.stderr
    assert (await shop.read(order))["notes"] == order["notes"]


async def test_a_refused_create_is_redacted(shop: Shop) -> None:
    """There is no order, but what was sent for one goes all the same."""
    draft = shop.draft(**_personal())
    draft["line_items"][0]["sku"] = "provider:00000000-0000-4000-8000-000000000000"
    problem_of(await shop.create(draft), 422, "provider_rejected")
    (operation,) = await shop.operations()
    order = operation["order"]
    assert SECRETS[3] in _left(shop)

    assert _redact(shop, order) == {"id": order}

    assert _left(shop) == []
    assert _redact(shop, order, "--env", "live", code=1)["code"] == "not_found"
