"""The customers, products and payment methods, each with its behaviour.

RevKeen documents no test cards: the entries are the emulator's own, one for each possible course of a payment.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, TypeVar

import msgspec

from ordergate.spi.emulator import InvalidControlError
from ordergate.spi.emulator_toolkit.catalogs import decode_catalog

from .bodies import NotNegative, Uuid
from .identifiers import Identifiers

Outcome = Literal[
    "succeeds", "insufficient_funds", "expired_card", "card_declined", "pending", "needs_challenge"
]
"""The course of a charge: immediate, declined in three ways, settled later, or after a challenge."""

DECLINES: Mapping[str, str] = {
    "insufficient_funds": "The card has insufficient funds",
    "expired_card": "The card has expired",
    "card_declined": "The card was declined",
}
"""The declining outcomes with their messages."""


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all catalog entries: a sentence for people about its behaviour."""

    behaviour: str = ""


class Customer(Entry, frozen=True):
    """A customer; `default_payment_method_id` pays when a pay request names nothing."""

    id: Uuid
    email: str
    name: str = ""
    default_payment_method_id: Uuid | None = None


class Product(Entry, frozen=True):
    """A product; `unit_price` in minor units."""

    id: Uuid
    name: str
    unit_price: NotNegative
    currency: str = "usd"


class PaymentMethod(Entry, frozen=True):
    """A saved payment method of one customer."""

    id: Uuid
    customer_id: Uuid
    type: str = "card"
    last4: str | None = None
    outcome: Outcome = "succeeds"


class PaymentToken(Entry, frozen=True):
    """A payment token; `single_use` ones are gone after one charge, declined or not."""

    token: str
    outcome: Outcome = "succeeds"
    single_use: bool = False


class Link(Entry, frozen=True):
    """An invoice or subscription that an order may be linked to at creation."""

    id: Uuid


class Catalog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that exists before the first order."""

    customers: list[Customer] = []
    products: list[Product] = []
    payment_methods: list[PaymentMethod] = []
    payment_tokens: list[PaymentToken] = []
    invoices: list[Link] = []
    subscriptions: list[Link] = []


E = TypeVar("E", Customer, Product, PaymentMethod, Link)


def entry(entries: Iterable[E], entry_id: str) -> E | None:
    """Find an entry by its id, in either case."""
    return next((found for found in entries if found.id.lower() == entry_id.lower()), None)


def token_named(catalog: Catalog, token: str) -> PaymentToken | None:
    """Find a payment token."""
    return next((found for found in catalog.payment_tokens if found.token == token), None)


def parse_catalog(document: bytes) -> Catalog:
    """Read a catalog strictly.

    Raises:
        InvalidControlError: It is not a catalog, an id occurs twice, or a reference leads nowhere.
    """
    catalog = decode_catalog(document, Catalog)
    _refuse_twins(catalog)
    _refuse_dangling(catalog)
    return catalog


def default_catalog(identifiers: Identifiers) -> Catalog:
    """Build the catalog that an emulator starts with; the first customer and its first method pay."""
    customer_id = identifiers.uuid()
    methods = _methods(identifiers, customer_id)
    return Catalog(
        customers=[
            Customer(
                id=customer_id,
                email="ada@example.com",
                name="Ada Example",
                default_payment_method_id=methods[0].id,
                behaviour="Has a default card that pays at once, and one method for each other outcome.",
            ),
            Customer(
                id=identifiers.uuid(),
                email="grace@example.com",
                name="Grace Example",
                behaviour="Has no payment method: pay without a payment_token is refused.",
            ),
        ],
        products=_products(identifiers),
        payment_methods=methods,
        payment_tokens=_tokens(),
        invoices=[Link(id=identifiers.uuid(), behaviour="An invoice that an order may link to.")],
        subscriptions=[Link(id=identifiers.uuid(), behaviour="A subscription that an order may link to.")],
    )


_METHODS: tuple[tuple[str, str | None, Outcome, str], ...] = (
    ("card", "4242", "succeeds", "Pays at once; the default card."),
    ("card", "9995", "insufficient_funds", "Declines: insufficient funds."),
    ("card", "0069", "expired_card", "Declines: the card has expired."),
    ("card", "0002", "card_declined", "Declines without saying why."),
    ("bank_debit", "6789", "pending", "Stays pending until payment_closed (or pending_payment_seconds)."),
    ("card", "3220", "needs_challenge", "Stays pending until 3ds_ok or 3ds_fail."),
)

_TOKENS: tuple[tuple[str, Outcome, bool, str], ...] = (
    ("tok_pays", "succeeds", False, "Pays at once, as often as wanted."),
    ("tok_pays_once", "succeeds", True, "Pays at once, then is spent."),
    ("tok_declines", "card_declined", False, "Declines without saying why."),
    ("tok_insufficient_funds", "insufficient_funds", False, "Declines: insufficient funds."),
    ("tok_pending", "pending", False, "Stays pending until payment_closed (or pending_payment_seconds)."),
    ("tok_challenge", "needs_challenge", False, "Stays pending until 3ds_ok or 3ds_fail."),
)

_PRODUCTS = (("Blue mug", 1250), ("Walnut chair", 18900), ("Gift wrapping", 0))


def _methods(identifiers: Identifiers, customer_id: str) -> list[PaymentMethod]:
    return [
        PaymentMethod(
            id=identifiers.uuid(),
            customer_id=customer_id,
            type=kind,
            last4=last4,
            outcome=outcome,
            behaviour=behaviour,
        )
        for kind, last4, outcome, behaviour in _METHODS
    ]


def _tokens() -> list[PaymentToken]:
    return [
        PaymentToken(token=token, outcome=outcome, single_use=single_use, behaviour=behaviour)
        for token, outcome, single_use, behaviour in _TOKENS
    ]


def _products(identifiers: Identifiers) -> list[Product]:
    return [
        Product(
            id=identifiers.uuid(),
            name=name,
            unit_price=price,
            behaviour="A line may name it; the line's own price counts.",
        )
        for name, price in _PRODUCTS
    ]


def _refuse_twins(catalog: Catalog) -> None:
    for name in Catalog.__struct_fields__:
        seen: set[str] = set()
        for found in getattr(catalog, name):
            key = found.token if isinstance(found, PaymentToken) else found.id.lower()
            if key in seen:
                raise InvalidControlError(f"Not a catalog: {key} occurs twice in {name}")
            seen.add(key)


def _refuse_dangling(catalog: Catalog) -> None:
    for method in catalog.payment_methods:
        if entry(catalog.customers, method.customer_id) is None:
            raise InvalidControlError(f"Not a catalog: payment method {method.id} belongs to no customer")
    for customer in catalog.customers:
        default_id = customer.default_payment_method_id
        if default_id is not None and not _owns(catalog, customer, default_id):
            raise InvalidControlError(f"Not a catalog: {default_id} is no payment method of {customer.id}")


def _owns(catalog: Catalog, customer: Customer, method_id: str) -> bool:
    method = entry(catalog.payment_methods, method_id)
    return method is not None and method.customer_id.lower() == customer.id.lower()
