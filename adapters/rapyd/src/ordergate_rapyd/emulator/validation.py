"""The checks of a request to create an order, in sequence: the first failure is the response.

Facts: Rapyd docs, "Create an Order" and "Order Errors". The codes are documented, the order of the checks is
not.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from ordergate_rapyd.emulator.account import Account
from ordergate_rapyd.emulator.catalog import Coupon
from ordergate_rapyd.emulator.currencies import CODES
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.fields import given, is_text, objects, text
from ordergate_rapyd.emulator.javascript import Json, JsonObject
from ordergate_rapyd.emulator.money import exponent_of, read_integer, read_scaled
from ordergate_rapyd.emulator.switches import Switches

Check: TypeAlias = Callable[[Account, JsonObject], str | None]

TAX_PERCENT_DECIMALS = 4
MAX_QUANTITY = 10**9
MAX_EMAIL = 512

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CURRENCY = re.compile(r"[A-Z]{3}")
_PHONE_NUMBER = re.compile(r"\+?[1-9][0-9]{6,14}")
_ZIP = re.compile(r"[A-Za-z0-9 -]{1,16}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_ADDRESS_TEXTS = ("line_2", "line_3", "city", "district", "canton", "state")


def check_create(account: Account, body: JsonObject) -> None:
    """Run every check.

    Raises:
        RefusedError: The first check that fails.
    """
    for check in CHECKS:
        if code := check(account, body):
            raise RefusedError(code)


def read_currency(value: Json, switches: Switches) -> str:
    """Return a currency code, or the empty string for anything that is none."""
    code = value.strip() if isinstance(value, str) else ""
    if switches.lower_case_currency == "upper_case":
        code = code.upper()
    known = code in CODES or switches.unknown_currency == "accept"
    return code if known and _CURRENCY.fullmatch(code) else ""


def read_tax_percent(value: Json, switches: Switches) -> int | None:
    """Return a rate in ten-thousandths of a percent, or None when it is negative, too large or no number."""
    rate = read_scaled(value, TAX_PERCENT_DECIMALS)
    if rate is None or rate < 0:
        return None
    return None if switches.limit_tax_percent and rate > 100 * 10**TAX_PERCENT_DECIMALS else rate


def check_coupon(account: Account, coupon_id: Json, currency: str) -> str | None:
    """Return why the coupon cannot be added to an order in this currency."""
    coupon = account.catalog.coupons.get(coupon_id) if isinstance(coupon_id, str) else None
    if coupon is None:
        return "ERROR_GET_COUPON"
    if not _suits_orders(coupon, account.switches):
        return "ERROR_INVALID_COUPON_TYPE"
    if coupon.amount_off and coupon.currency != currency:
        return "ERROR_ORDER_COUPON_INVALID_CURRENCY"
    return None


def _suits_orders(coupon: Coupon, switches: Switches) -> bool:
    if switches.coupon_rule == "duration_once":
        return coupon.duration == "once"
    months_and_uses = (coupon.duration_in_months, coupon.discount_duration_in_uses)
    return coupon.duration == "repeating" and months_and_uses == (1, 1)


def _currency(account: Account, body: JsonObject) -> str | None:
    currency = read_currency(body.get("currency"), account.switches)
    return None if currency else "ERROR_ORDER_MISSING_CURRENCY"


def _customer(account: Account, body: JsonObject) -> str | None:
    return None if text(body, "customer") in account.catalog.customers else "ERROR_MISSING_CUSTOMER"


def _identity(account: Account, body: JsonObject) -> str | None:
    customer = account.catalog.customers[text(body, "customer")]
    return "IDENTITY_PROOF_REQUIRED" if customer.identity_proof_required else None


def _items(_account: Account, body: JsonObject) -> str | None:
    items = body.get("items")
    return None if isinstance(items, list) and items else "ERROR_MISSING_ORDER_ITEMS"


def _item_types(_account: Account, body: JsonObject) -> str | None:
    items = body["items"]
    assert isinstance(items, list)
    known = all(isinstance(item, dict) and text(item, "type") in {"sku", "shipping"} for item in items)
    return None if known else "ERROR_ORDER_ITEM_INVALID_TYPE"


def _sku_item(_account: Account, body: JsonObject) -> str | None:
    return None if _lines(body, "sku") else "ERROR_ORDER_MISSING_SKU_ITEM"


def _shipping_item(_account: Account, body: JsonObject) -> str | None:
    return None if _lines(body, "shipping") else "ERROR_ORDER_MISSING_SHIPPING_ITEM"


def _item_currencies(account: Account, body: JsonObject) -> str | None:
    """An item's currency is not taken over from the order: absent differs as well."""
    currency = read_currency(body["currency"], account.switches)
    items = objects(body, "items")
    same = all(read_currency(item.get("currency"), account.switches) == currency for item in items)
    return None if same else "ERROR_INVALID_ORDER_CURRENCY"


def _parents(account: Account, body: JsonObject) -> str | None:
    parents = [text(item, "parent") for item in _lines(body, "sku")]
    if not all(parents):
        return "ERROR_ORDER_ITEM_MISSING_PARENT"
    known = all(parent in account.catalog.skus for parent in parents)
    return None if known else account.switches.unknown_sku


def _distinct_skus(_account: Account, body: JsonObject) -> str | None:
    counts = Counter(text(item, "parent") for item in _lines(body, "sku"))
    if max(counts.values()) > 1:
        return "ERROR_ORDER_SAME_SKU_PRESENT_IN_MORE_THAN_ONE_ORDER_ITEM"
    return None


def _amounts(account: Account, body: JsonObject) -> str | None:
    """Goods cost something; shipping may be free."""
    exponent = exponent_of(read_currency(body["currency"], account.switches))
    for item in objects(body, "items"):
        amount = read_scaled(item.get("amount"), exponent)
        if amount is None or amount < (0 if item["type"] == "shipping" else 1):
            return "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER"
        if account.switches.sku_price_must_match and not _price_matches(account, item, amount):
            return "ERROR_ORDER_ITEM_INVALID_AMOUNT_NUMBER"
    return None


def _price_matches(account: Account, item: JsonObject, amount: int) -> bool:
    return item["type"] != "sku" or account.catalog.skus[text(item, "parent")].price == amount


def _shipping_quantity(_account: Account, body: JsonObject) -> str | None:
    shipping = _lines(body, "shipping")
    single = len(shipping) == 1 and read_integer(shipping[0].get("quantity", "1")) == 1
    return None if single else "ERROR_ORDER_SHIPPING_ITEM_INVALID_QUANTITY"


def _tax_percent(account: Account, body: JsonObject) -> str | None:
    rate = read_tax_percent(body.get("tax_percent", "0"), account.switches)
    return "ERROR_ORDER_INVALID_TAX_PERCENT" if rate is None else None


def _email(account: Account, body: JsonObject) -> str | None:
    email = body.get("email", "")
    if email == "":
        known = account.catalog.customers[text(body, "customer")].email
        return None if known else "ERROR_MISSING_ORDER_EMAIL"
    valid = isinstance(email, str) and len(email) <= MAX_EMAIL and _EMAIL.fullmatch(email)
    return None if valid else "ERROR_ORDER_INVALID_EMAIL"


def _address_presence(account: Account, body: JsonObject) -> str | None:
    skus = (account.catalog.skus[text(item, "parent")] for item in _lines(body, "sku"))
    needed = any(sku.shippable for sku in skus)
    return "ERROR_INVALID_ORDER_SHIPPING_ADDRESS" if needed and not body.get("shipping_address") else None


def _coupon(account: Account, body: JsonObject) -> str | None:
    if body.get("coupon", "") == "":
        return None
    return check_coupon(account, body["coupon"], read_currency(body["currency"], account.switches))


def _address(account: Account, body: JsonObject) -> str | None:
    address = body.get("shipping_address")
    if not address:
        return None
    if not isinstance(address, dict):
        return "MISSING_INVALID_PARAMETERS"
    members = given(address)
    strict = account.switches.address_characters == "strict"
    failed = (code for code, passes in _ADDRESS_CHECKS.items() if not passes(members, strict))
    return next(failed, None)


def _name_is_valid(address: Mapping[str, Json], strict: bool) -> bool:
    name = text(address, "name").strip()
    return bool(name) and (not strict or all(part.isalpha() for part in name.split()))


def _line_1_is_valid(address: Mapping[str, Json], strict: bool) -> bool:
    line = text(address, "line_1").strip()
    return bool(line) and (not strict or all(part.isalnum() for part in line.split()))


def _phone_number_is_valid(address: Mapping[str, Json], _strict: bool) -> bool:
    return _absent_or(address, "phone_number", _PHONE_NUMBER)


def _zip_is_valid(address: Mapping[str, Json], _strict: bool) -> bool:
    return _absent_or(address, "zip", _ZIP)


def _rest_is_valid(address: Mapping[str, Json], _strict: bool) -> bool:
    texts = all(is_text(address, name) for name in _ADDRESS_TEXTS)
    metadata = isinstance(address.get("metadata", {}), dict)
    return texts and metadata and _absent_or(address, "country", _COUNTRY)


def _absent_or(address: Mapping[str, Json], name: str, pattern: re.Pattern[str]) -> bool:
    value = address.get(name, "")
    return value == "" or (isinstance(value, str) and pattern.fullmatch(value) is not None)


_ADDRESS_CHECKS: Mapping[str, Callable[[Mapping[str, Json], bool], bool]] = {
    "INVALID_ADDRESS_NAME": _name_is_valid,
    "INVALID_ADDRESS_LINE_1": _line_1_is_valid,
    "INVALID_ADDRESS_PHONE_NUMBER": _phone_number_is_valid,
    "INVALID_ADDRESS_ZIP": _zip_is_valid,
    "MISSING_INVALID_PARAMETERS": _rest_is_valid,
}


def _other_fields(_account: Account, body: JsonObject) -> str | None:
    """Check the fields without a documented code of their own."""
    quantities = (read_integer(item.get("quantity")) for item in _lines(body, "sku"))
    valid = (
        all(quantity is not None and 0 < quantity <= MAX_QUANTITY for quantity in quantities)
        and all(is_text(item, "description") for item in objects(body, "items"))
        and all(is_text(body, name) for name in ("upstream_id", "external_coupon_code"))
        and isinstance(body.get("metadata", {}), dict)
    )
    return None if valid else "MISSING_INVALID_PARAMETERS"


def _upstream_id(account: Account, body: JsonObject) -> str | None:
    upstream_id = text(body, "upstream_id")
    taken = any(order.upstream_id == upstream_id for order in account.orders.values())
    unique = account.switches.unique_upstream_id and upstream_id
    return "INVALID_FIELDS - [UPSTREAM_ID]" if unique and taken else None


def _lines(body: JsonObject, kind: str) -> list[JsonObject]:
    return [item for item in objects(body, "items") if item.get("type") == kind]


CHECKS: Sequence[Check] = (
    _currency,
    _customer,
    _identity,
    _items,
    _item_types,
    _sku_item,
    _shipping_item,
    _item_currencies,
    _parents,
    _distinct_skus,
    _amounts,
    _shipping_quantity,
    _tax_percent,
    _email,
    _address_presence,
    _coupon,
    _address,
    _other_fields,
    _upstream_id,
)
"""Each returns the code of its failure, or None; each may rely on those before it."""
