"""An adapter that is wrong is caught by comparison and by shadow, each time at the right field."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
from tests import journals
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import CUSTOMER, SKUS, Emulator, Shop, body_of, chairs, product, shipping
from tests.wrong import Change, WrongAdapter, double_tax, drop_line, shift_zone

from ordergate.domain.identifiers import new_id
from ordergate.gateway.accounts.registry import installed_adapter
from ordergate.gateway.comparing.shadow import Shadowing, shadow_report, translate_waiting
from ordergate.gateway.runtime.shadows import WAITING
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.comparisons import ShadowCount
from ordergate.journal.records.links import LinkKey
from ordergate.settings import document

WRONG = "wrong"
OpenWrong = Callable[..., Awaitable[Shop]]
CASES = [
    pytest.param("rapyd", double_tax, {"tax_percent": "10"}, "/tax_percent", id="doubles tax"),
    pytest.param(
        "rapyd",
        drop_line,
        {"line_items": [product(), product(sku="DESK-1", description="Desk"), shipping()]},
        "/line_items/1",
        id="drops a line",
    ),
    pytest.param(
        "revkeen", shift_zone, {"expires_at": "2030-05-01T12:30:00Z"}, "/expires_at", id="shifts a time zone"
    ),
]


@pytest.fixture
def provider() -> str:
    """Every test here names its providers itself."""
    return "revkeen"


@pytest.fixture
def open_wrong(
    open_another: OpenShop, emulators: Mapping[str, Emulator], monkeypatch: pytest.MonkeyPatch
) -> OpenWrong:
    """Opens a shop with one account more, whose adapter is wrong: linked like the right one, and its shadow."""

    async def open_with(name: str, change: Change | None = None, shift: timedelta = timedelta(0)) -> Shop:
        emulator = emulators[name]
        wrong = WrongAdapter(installed_adapter(name), change, shift)
        monkeypatch.setattr(
            document, "installed_adapter", lambda asked: wrong if asked == WRONG else installed_adapter(asked)
        )
        account = {"adapter": WRONG, "environment": "emulator", "base_url": emulator.base_url}
        shop = await open_another(
            more_accounts={WRONG: account | emulator.credentials}, routing={"shadow": [WRONG]}
        )
        rows = [("customers", CUSTOMER, emulator.customer)]
        rows += [("products", sku, emulator.products[index]) for index, sku in enumerate(SKUS)]
        for kind, identifier, native in rows:
            key = LinkKey(merchant="acme", world="test", kind=kind, id=identifier)
            await shop.journal.write(tx.links.put(key, {WRONG: native}))
        return shop

    return open_with


async def _compare(shop: Shop, accounts: list[str], mode: str, **changes: Any) -> dict[str, Any]:
    body = {"order": {**chairs(), **changes}, "accounts": accounts, "mode": mode}
    return (await shop.post("/v1/comparisons", body)).json()


def _different(compared: Mapping[str, Any]) -> list[str]:
    return [each["pointer"] for each in compared["differences"] if each["kind"] == "different"]


async def _report(shop: Shop) -> Shadowing:
    assert shop.gateway is not None
    await translate_waiting(shop.gateway)
    return await shadow_report(shop.gateway, "test", "acme")


@pytest.mark.parametrize(("name", "change", "fields", "pointer"), CASES)
async def test_a_wrong_request_is_caught(
    open_wrong: OpenWrong,
    name: str,
    change: Change,
    fields: dict[str, Any],
    pointer: str,
) -> None:
    """By what is sent, by what is answered, and by the shadow of a real order: each names the field."""
    shop = await open_wrong(name, change)

    translated = await _compare(shop, [name, WRONG], "translate", **fields)
    assert _different(translated) == [pointer]
    (difference,) = (each for each in translated["differences"] if each["pointer"] == pointer)
    assert WRONG in difference["why"]
    assert f"{name}:" not in difference["why"]
    executed = await _compare(shop, [name, WRONG], "execute", **fields)
    assert pointer in _different(executed)

    body_of(await shop.create({**chairs(), "account": name, "reference": "A-1", **fields}), 201)
    (account,) = (await _report(shop)).accounts
    assert (account.account, account.accepted, account.refused) == (WRONG, 1, 0)
    (found,) = account.differences
    assert (found.pointer, found.orders, found.example) == (pointer.replace("/1", "/*"), 1, "A-1")


async def test_a_right_adapter_is_not_accused(shop: Shop, emulators: Mapping[str, Emulator]) -> None:
    """The same drafts at the right accounts differ nowhere but where one of them refuses."""
    for name in emulators:
        for case in CASES:
            right, _, fields, _ = case.values
            if right == name:
                assert _different(await _compare(shop, [name], "execute", **fields)) == []


@pytest.mark.parametrize("name", ["revkeen", "rapyd"])
async def test_a_time_that_is_read_in_another_zone_is_caught(open_wrong: OpenWrong, name: str) -> None:
    """An answer whose time is right, and the order that the adapter has read in it, differ in that time."""
    shop = await open_wrong(name, shift=timedelta(hours=2))

    assert _different(await _compare(shop, [name, WRONG], "execute")) == ["/created_at"]


@pytest.mark.parametrize("name", ["revkeen", "rapyd"])
async def test_a_clock_that_is_hours_off_is_no_clock_of_its_own(
    shop: Shop, emulators: Mapping[str, Emulator], name: str
) -> None:
    """A provider's clock is its own only near the time of the call."""
    emulators[name]._call("PUT", "clock", {"offset_seconds": 7200 if name == "revkeen" else 20})

    different = _different(await _compare(shop, ["revkeen", "rapyd"], "execute"))

    emulators[name]._call("PUT", "clock", {"offset_seconds": 0})
    assert different == (["/created_at", "/updated_at"] if name == "revkeen" else [])


async def test_shadow_counts_refusals_and_missing_links(
    open_wrong: OpenWrong, emulators: Mapping[str, Emulator]
) -> None:
    """What another account would refuse is counted by reason, an id without a link by name; nothing is sent there."""
    shop = await open_wrong("rapyd")
    await shop.call("PUT", "/v1/links/products/OLD-1", json={"revkeen": emulators["revkeen"].products[0]})
    for reference, fields in (
        ("A-1", {}),
        ("A-2", {"expires_at": "2030-05-01T12:30:00Z"}),
        ("A-3", {"line_items": [product(sku="OLD-1")]}),
        ("A-4", {"line_items": [product(sku="OLD-1"), shipping()]}),
    ):
        body_of(await shop.create({**chairs(), "account": "revkeen", "reference": reference, **fields}), 201)
    requests = emulators["rapyd"].requests

    (account,) = (await _report(shop)).accounts

    assert (account.accepted, account.refused) == (1, 3)
    assert [(each.code, each.pointer, each.orders) for each in account.refusals] == [
        ("link_missing", "/line_items/*/sku", 2),
        ("unsupported_field", "/expires_at", 1),
    ]
    assert [(each.code, each.pointer, each.orders) for each in account.links_missing] == [
        ("products", "OLD-1", 2)
    ]
    assert account.differences == []
    assert emulators["rapyd"].requests == requests


async def test_a_shadow_is_the_first_to_go(open_wrong: OpenWrong) -> None:
    """Where too many wait, orders go on as ever, and those that were not translated are counted."""
    shop = await open_wrong("rapyd")
    gateway = shop.gateway
    assert gateway is not None
    first = await shop.create({**chairs(), "account": "revkeen", "reference": "A-1"}, "the-key")
    await shop.create({**chairs(), "account": "revkeen", "reference": "A-1"}, "the-key")
    assert len(gateway.shadows.waiting) == 1
    gateway.shadows.waiting.extend([gateway.shadows.waiting[0]] * (WAITING - 1))

    second = await shop.create({**chairs(), "account": "revkeen", "reference": "A-2"})

    assert (first.status_code, second.status_code) == (201, 201)
    found = await _report(shop)
    assert (found.dropped, found.accounts[0].accepted) == (1, WAITING)
    assert b"ordergate_shadows_dropped_total 1.0" in gateway.metrics.exposition()


async def test_shadows_of_many_processes_add_up(shop: Shop) -> None:
    """Counts are added in the journal, whoever records them."""
    gateway = shop.gateway
    assert gateway is not None
    one = ShadowCount(world="test", merchant="acme", account="a", kind="accepted", last_at=gateway.clock())
    await asyncio.gather(*(gateway.journal.write(tx.shadows.add_counts([one, one])) for _ in range(5)))

    (account,) = (await shadow_report(gateway, "test", None)).accounts

    assert account.accepted == 10
    assert (await shadow_report(gateway, "test", new_id("req"))).accounts == []


def _broken(_document: dict[str, Any]) -> None:
    raise ZeroDivisionError


async def test_an_adapter_that_fails_costs_the_others_nothing(open_wrong: OpenWrong) -> None:
    """It stands in the comparison as failed, beside the others' results, and in the report as refused."""
    shop = await open_wrong("revkeen", _broken)

    compared = await _compare(shop, ["revkeen", WRONG], "translate")
    await shop.order()
    report = await _report(shop)

    assert [each["problem"] and each["problem"]["code"] for each in compared["results"]] == [
        None,
        "internal_error",
    ]
    assert [(each.account, each.refused) for each in report.accounts] == [(WRONG, 1)]


async def test_counts_outlive_a_journal_that_does_not_answer(
    open_wrong: OpenWrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What could not be recorded is recorded with the next."""
    shop = await open_wrong("revkeen")
    await shop.order()
    assert shop.gateway is not None

    with monkeypatch.context() as patched:
        journals.replace(patched, shop.gateway.journal, "shadows.add_counts", journals.unavailable)
        with pytest.raises(JournalUnavailableError):
            await translate_waiting(shop.gateway)

    assert [(each.account, each.accepted) for each in (await _report(shop)).accounts] == [(WRONG, 1)]
