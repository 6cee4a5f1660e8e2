"""What exists from the start, and its replacement."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from ordergate.spi.emulator import InvalidControlError
from ordergate_rapyd.emulator import RapydEmulator

from .emulator_client import START, Client

Catalog = dict[str, Any]


def test_description_names_what_exists() -> None:
    """The customer, its default card and products that need no address are there from the start."""
    client = Client()
    description, catalog = client.description, client.emulator.catalog()
    customer = client.entry("customers", id=description.customer)

    assert customer["email"]
    assert customer["default_payment_method"] == description.payment_methods[0]
    assert client.entry("payment_methods", id=description.payment_methods[0])["behaviour"] == "closes"
    assert len(description.products) >= 3
    assert not any(client.entry("skus", id=product)["shippable"] for product in description.products)
    assert [method["id"] for method in catalog["payment_methods"]] == description.payment_methods
    assert any(sku["shippable"] for sku in catalog["skus"])
    assert all(entry["about"] for entries in catalog.values() for entry in entries)


def test_credentials_look_like_rapyds() -> None:
    """The keys have the form of the provider's, and nobody would take them for real ones."""
    description = RapydEmulator(3).describe()

    assert (description.base_path, description.webhook_secret) == ("", None)
    assert set(description.credentials) == {"access_key", "secret_key"}
    assert re.fullmatch("AKTEST[0-9A-F]{14}", description.credentials["access_key"])
    assert re.fullmatch("sk_test_[0-9a-f]{64}", description.credentials["secret_key"])


def test_ids_have_the_providers_form() -> None:
    """Every id is a prefix and 32 lower-case hexadecimal digits."""
    catalog = RapydEmulator(0).catalog()
    ids = [entry["id"] for entries in catalog.values() for entry in entries]

    assert all(re.fullmatch("(cus|sku|coupon|card|other)_[0-9a-f]{32}", found) for found in ids)
    assert len(set(ids)) == len(ids)


def test_catalog_is_its_own_replacement() -> None:
    """What the catalog shows can be sent back unchanged."""
    emulator = RapydEmulator(0)
    catalog = emulator.catalog()
    emulator.replace_catalog(json.dumps(catalog).encode())

    assert catalog == emulator.catalog()


def test_replaced_catalog_is_what_requests_see() -> None:
    """Orders name the new entries, and the description stays."""
    client = Client()
    catalog = {
        "customers": [{"id": "cus_1", "email": "a@example.com", "default_payment_method": "card_1"}],
        "skus": [{"id": "CHAIR", "currency": "EUR", "price": 100}],
        "payment_methods": [{"id": "card_1", "customer": "cus_1", "type": "de_visa_card"}],
    }
    before = client.description
    assert client.post("/v1/orders", client.order_body()).status == 200
    client.emulator.replace_catalog(json.dumps(catalog).encode())

    assert client.post("/v1/orders", client.order_body()).code == "ERROR_MISSING_CUSTOMER"
    items = [{**client.order_body()["items"][0], "parent": "CHAIR"}, client.order_body()["items"][1]]
    order = client.created(customer="cus_1", items=items)
    assert client.pay(order).data["payment"]["payment_method"] == "card_1"
    assert before == client.emulator.describe()
    client.emulator.reset()
    assert len(client.emulator.catalog()["customers"]) == 4


Change = Callable[[Catalog], object]

FAULTS: list[tuple[Change, str]] = [
    (lambda catalog: catalog.pop("customers"), "missing required field `customers`"),
    (lambda catalog: catalog.update(prices=[]), "unknown field `prices`"),
    (lambda catalog: catalog["skus"][0].update(price="200"), "Expected `int`, got `str`"),
    (lambda catalog: catalog["skus"][0].update(price=0), "price of .* is not positive"),
    (lambda catalog: catalog["skus"][0].update(currency="usd"), "currency of .* is not three capitals"),
    (lambda catalog: catalog["skus"][0].update(colour="red"), "unknown field `colour`"),
    (lambda catalog: catalog["skus"][0].update(id=""), "the id '' in skus is not made of"),
    (lambda catalog: catalog["skus"].append(catalog["skus"][0]), "occurs twice in skus"),
    (
        lambda catalog: catalog["customers"][0].update(default_payment_method="card_0"),
        "default payment method of .* is not one of its own",
    ),
    (
        lambda catalog: catalog["customers"][2].update(
            default_payment_method=catalog["payment_methods"][0]["id"]
        ),
        "default payment method of .* is not one of its own",
    ),
    (lambda catalog: catalog["coupons"][0].update(percent_off=0), "exactly one of"),
    (lambda catalog: catalog["coupons"][0].update(percent_off=101), "out of range"),
    (lambda catalog: catalog["coupons"][1].update(currency=""), "needs a currency"),
    (lambda catalog: catalog["payment_methods"][1].update(customer="cus_0"), "customer of .* does not exist"),
    (lambda catalog: catalog["payment_methods"][0].update(behaviour="explodes"), "Invalid enum value"),
    (
        lambda catalog: catalog["payment_methods"][0].update(behaviour="non_card"),
        "does not suit the category",
    ),
    (lambda catalog: catalog["payment_methods"][0].update(behaviour="declines"), "needs an error_code"),
    (lambda catalog: catalog["payment_methods"][0].update(error_code="CODE"), "needs an error_code"),
    (lambda catalog: catalog["payment_methods"][0].update(minimum=-1), "limit of .* is negative"),
    (lambda catalog: catalog["payment_methods"][0].update(currencies=["usd"]), "is not three capitals"),
]


@pytest.mark.parametrize(("change", "sentence"), FAULTS, ids=[sentence for _, sentence in FAULTS])
def test_faulty_catalog_is_refused(change: Change, sentence: str) -> None:
    """A catalog that is wrong in one point is refused with that point, and the old one stays."""
    emulator = RapydEmulator(0)
    catalog = emulator.catalog()
    change(changed := json.loads(json.dumps(catalog)))

    with pytest.raises(InvalidControlError, match=sentence):
        emulator.replace_catalog(json.dumps(changed).encode())
    assert catalog == emulator.catalog()


@pytest.mark.parametrize("document", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_no_catalog_at_all(document: bytes) -> None:
    """Anything else is no catalog."""
    with pytest.raises(InvalidControlError, match="This is not a catalog"):
        RapydEmulator(0).replace_catalog(document)


def test_seeds() -> None:
    """One seed always gives the same catalog and keys, another seed others."""
    assert RapydEmulator(1).describe() == RapydEmulator(1).describe()
    assert RapydEmulator(1).catalog() == RapydEmulator(1).catalog()
    assert RapydEmulator(1).describe() != RapydEmulator(2).describe()
    assert RapydEmulator(1).state() == {"orders": [], "payments": [], "returns": []}


def test_payments_outlive_their_method() -> None:
    """An open payment closes as it was going to, whatever became of the catalog."""
    client = Client()
    order = client.pay(client.created()).data
    client.emulator.replace_catalog(b'{"customers":[],"skus":[],"payment_methods":[]}')
    client.now = START + 1

    assert client.retrieve(order)["status"] == "paid"
