"""The objects of a merchant account before its first order: customers, SKUs, coupons and payment methods.

Facts: Rapyd docs, "Customer", "SKU", "Coupon" and "Payment Method Type". The behaviour of a
payment method when it is charged is the emulator's own.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from ordergate.spi.emulator import InvalidControlError
from ordergate.spi.emulator_toolkit.catalogs import decode_catalog

Behaviour = Literal[
    "closes",
    "fails_later",
    "3ds",
    "declines",
    "non_card",
    "charged_without_order_update",
    "completed_without_order_update",
]
Category = Literal["card", "bank_redirect", "bank_transfer", "cash", "ewallet"]

CARD_BEHAVIOURS = frozenset({"closes", "fails_later", "3ds", "declines", "charged_without_order_update"})

_ID = re.compile(r"[A-Za-z0-9_]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CODE = re.compile(r"[A-Z0-9_]{1,100}")


class _Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    """Letters, digits and underscores."""

    about: str = ""
    """A description for people."""


class Customer(_Entry, frozen=True, kw_only=True):
    """A customer."""

    email: str = ""
    """Blank for a customer whose orders must contain an email."""

    default_payment_method: str = ""
    """The id of a payment method of this customer; blank for none."""

    identity_proof_required: bool = False
    """Orders of this customer are refused with ``IDENTITY_PROOF_REQUIRED``."""


class Sku(_Entry, frozen=True, kw_only=True):
    """A stock keeping unit: the ``parent`` of an order's item."""

    currency: str
    """ISO 4217, upper case."""

    price: int
    """In minor units; orders may name another amount."""

    shippable: bool = False
    """Orders with this SKU need a shipping address."""


class Coupon(_Entry, frozen=True, kw_only=True):
    """A coupon: either a share or an amount off."""

    duration: str = "repeating"
    """``forever`` or ``repeating``; ``once`` in older documentation."""

    duration_in_months: int = 1
    """The number of months of a repeating coupon."""

    discount_duration_in_uses: int = 1
    """The number of uses of a repeating coupon."""

    percent_off: int = 0
    """1 to 100; 0 for a coupon with an amount."""

    amount_off: int = 0
    """In minor units of `currency`; 0 for a coupon with a share."""

    currency: str = ""
    """ISO 4217, upper case; blank for a coupon with a share."""


class PaymentMethod(_Entry, frozen=True, kw_only=True):
    """A payment method, and the behaviour of its payments."""

    customer: str
    """The id of its customer."""

    type: str
    """The payment method type, such as ``us_visa_card``."""

    category: Category = "card"
    """The category of the type."""

    behaviour: Behaviour = "closes"
    """``closes`` by itself; ``fails_later`` instead of closing; ``3ds`` waits for the shopper; ``declines``
    at once; ``non_card`` waits for its completion; ``charged_without_order_update`` takes the money and
    answers an error; ``completed_without_order_update`` does so when it is completed."""

    error_code: str = ""
    """Why it declines or fails later."""

    currencies: Sequence[str] = ()
    """The currencies that it accepts; empty for every currency."""

    minimum: int = 0
    """The smallest amount, in minor units of the order's currency."""

    maximum: int = 0
    """The largest amount, in minor units of the order's currency; 0 for none."""

    tokenizable: bool = True
    """Orders can only be paid with a method that is."""

    refundable: bool = True
    """Returns can only refund a method that is."""


class Catalog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All entries; ids are unique in each list."""

    customers: Sequence[Customer]
    skus: Sequence[Sku]
    coupons: Sequence[Coupon] = ()
    payment_methods: Sequence[PaymentMethod]


class Index:
    """A catalog, by id."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog
        self.customers: Mapping[str, Customer] = {entry.id: entry for entry in catalog.customers}
        self.skus: Mapping[str, Sku] = {entry.id: entry for entry in catalog.skus}
        self.coupons: Mapping[str, Coupon] = {entry.id: entry for entry in catalog.coupons}
        self.payment_methods: Mapping[str, PaymentMethod] = {
            entry.id: entry for entry in catalog.payment_methods
        }


def read_catalog(document: bytes) -> Catalog:
    """Read a catalog strictly.

    Raises:
        InvalidControlError: The document is not a catalog, or contradicts itself.
    """
    catalog = decode_catalog(document, Catalog)
    for problem in _problems(catalog):
        raise InvalidControlError(f"This catalog contradicts itself: {problem}.")
    return catalog


def _problems(catalog: Catalog) -> Iterator[str]:
    yield from _id_problems("customers", catalog.customers)
    yield from _id_problems("skus", catalog.skus)
    yield from _id_problems("coupons", catalog.coupons)
    yield from _id_problems("payment_methods", catalog.payment_methods)
    index = Index(catalog)
    for customer in catalog.customers:
        yield from _customer_problems(customer, index)
    for sku in catalog.skus:
        yield from _sku_problems(sku)
    for coupon in catalog.coupons:
        yield from _coupon_problems(coupon)
    for method in catalog.payment_methods:
        yield from _method_problems(method, index)


def _id_problems(name: str, entries: Iterable[_Entry]) -> Iterator[str]:
    seen: set[str] = set()
    for entry in entries:
        if not _ID.fullmatch(entry.id):
            yield f"the id {entry.id!r} in {name} is not made of 1 to 64 letters, digits and underscores"
        if entry.id in seen:
            yield f"the id {entry.id} occurs twice in {name}"
        seen.add(entry.id)


def _customer_problems(customer: Customer, index: Index) -> Iterator[str]:
    default = customer.default_payment_method
    method = index.payment_methods.get(default)
    if default and (method is None or method.customer != customer.id):
        yield f"the default payment method of {customer.id} is not one of its own"


def _sku_problems(sku: Sku) -> Iterator[str]:
    if not _CURRENCY.fullmatch(sku.currency):
        yield f"the currency of {sku.id} is not three capitals"
    if sku.price <= 0:
        yield f"the price of {sku.id} is not positive"


def _coupon_problems(coupon: Coupon) -> Iterator[str]:
    if bool(coupon.percent_off) == bool(coupon.amount_off):
        yield f"{coupon.id} needs exactly one of percent_off and amount_off"
    if not 0 <= coupon.percent_off <= 100 or coupon.amount_off < 0:
        yield f"the discount of {coupon.id} is out of range"
    if bool(coupon.amount_off) != bool(_CURRENCY.fullmatch(coupon.currency)):
        yield f"{coupon.id} needs a currency, three capitals, with amount_off and only with it"


def _method_problems(method: PaymentMethod, index: Index) -> Iterator[str]:
    if method.customer not in index.customers:
        yield f"the customer of {method.id} does not exist"
    if (method.category == "card") != (method.behaviour in CARD_BEHAVIOURS):
        yield f"the behaviour {method.behaviour} of {method.id} does not suit the category {method.category}"
    needs_code = method.behaviour in {"declines", "fails_later"}
    if needs_code != bool(_CODE.fullmatch(method.error_code)):
        yield f"{method.id} needs an error_code if it declines or fails later, and only then"
    if method.minimum < 0 or method.maximum < 0:
        yield f"a limit of {method.id} is negative"
    if not all(_CURRENCY.fullmatch(currency) for currency in method.currencies):
        yield f"a currency of {method.id} is not three capitals"
