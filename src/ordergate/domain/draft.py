"""The draft that creates an order, and the request bodies of the other writes.

Constraints of one field are part of the field. Constraints of several fields are in :func:`draft_errors`.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Annotated, Any, Literal

import msgspec
from iso3166 import countries_by_alpha2
from msgspec import UNSET, Meta, UnsetType

from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.money import MAX_AMOUNT, UnknownCurrencyError, minor_unit_digits
from ordergate.domain.validation import MAX_ERRORS

MAX_LINES = 1_000
"""Of an order; no command names more of them."""

MAX_CHANGED_KEYS = 100
"""Of metadata in one change: there may be 40 before it and 40 others after it."""

MAX_METADATA = 65_536
"""Maximum characters in the metadata of an order and of its lines together, keys included."""

MAX_EXTENSIONS = 65_536
"""Bytes of an order's `extensions`, as JSON."""

PRINTABLE = "^[^\\x00-\\x1f\\x7f]*(?!\\n)$"

Reference = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=PRINTABLE,
        description="The merchant's own order number; the gateway sends it to the provider, too.",
    ),
]
CurrencyCode = Annotated[
    str, Meta(pattern="^[A-Z]{3}$", description="ISO 4217, upper case, with a minor unit.", examples=["USD"])
]
Amount = Annotated[
    int, Meta(ge=0, le=MAX_AMOUNT, description="An amount in the currency's minor unit: 20000 is 200.00 USD.")
]
PositiveAmount = Annotated[
    int, Meta(ge=1, le=MAX_AMOUNT, description="An amount in the currency's minor unit.")
]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000_000)]
LinkedId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        pattern=PRINTABLE,
        description="The merchant's own id, linked to each account's; or `provider:` and a provider's id.",
    ),
]
MetadataKey = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z_][A-Za-z0-9_.-]{0,39}(?!\\n)$",
        description="A letter or _ and up to 39 letters, digits, _, . or -.",
    ),
]
MetadataValue = Annotated[str, Meta(max_length=500)] | bool | Annotated[int, Meta(ge=-(2**53), le=2**53)]
Metadata = Annotated[
    dict[MetadataKey, MetadataValue],
    Meta(
        max_length=40, description="The merchant's own data; keys that begin with `ordergate_` are refused."
    ),
]
TaxPercent = Annotated[
    str,
    Meta(
        pattern="^(100(\\.0{1,4})?|[0-9]{1,2}(\\.[0-9]{1,4})?)(?!\\n)$",
        description="A percentage as a decimal string, 0 to 100, up to 4 decimals.",
        examples=["13.5"],
    ),
]
Notes = Annotated[str, Meta(max_length=1000)]
Time = Annotated[
    datetime, Meta(tz=True, description="RFC 3339, with Z or an offset, to the microsecond; answered in UTC.")
]
BillingType = Literal["one_time", "recurring"]
LineType = Literal["product", "shipping"]
Extensions = Annotated[
    dict[str, dict[str, Any]],
    Meta(
        max_length=100,
        description="Fields that only one provider knows, by adapter; only the chosen one's are used.",
    ),
]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request body: an unknown field is refused."""


class CustomerBody(Body, frozen=True, kw_only=True):
    """Who buys: the merchant's own customer, an email, or both."""

    id: LinkedId | None = None
    email: Annotated[str, Meta(max_length=512, pattern="^[^@\\s]+@[^@\\s]+(?!\\n)$")] | None = None


class DraftLine(Body, frozen=True, kw_only=True):
    """One line to order; `unit_amount` is one unit's price, in minor units."""

    type: LineType = "product"
    sku: LinkedId | None = None
    description: Annotated[str, Meta(min_length=1, max_length=500)]
    quantity: Quantity
    unit_amount: Amount
    metadata: Metadata | None = None


class AddressBody(Body, frozen=True, kw_only=True):
    """A postal address; `country` is ISO 3166-1 alpha-2."""

    name: Annotated[str, Meta(max_length=255)] | None = None
    line_1: Annotated[str, Meta(max_length=255)] | None = None
    line_2: Annotated[str, Meta(max_length=255)] | None = None
    line_3: Annotated[str, Meta(max_length=255)] | None = None
    city: Annotated[str, Meta(max_length=255)] | None = None
    district: Annotated[str, Meta(max_length=255)] | None = None
    state: Annotated[str, Meta(max_length=255)] | None = None
    postal_code: Annotated[str, Meta(max_length=32)] | None = None
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$", examples=["US"])] | None = None
    phone: Annotated[str, Meta(max_length=32)] | None = None


class Draft(Body, frozen=True, kw_only=True):
    """An order as the merchant means it, before any provider has seen it."""

    reference: Reference | None = None
    account: Annotated[str, Meta(max_length=64, description="Overrides the routing.")] | None = None
    currency: CurrencyCode
    customer: CustomerBody | None = None
    line_items: Annotated[list[DraftLine], Meta(min_length=1, max_length=MAX_LINES)]
    shipping_address: AddressBody | None = None
    tax_percent: TaxPercent | None = None
    billing_type: BillingType | None = None
    metadata: Metadata | None = None
    notes: Notes | None = None
    expires_at: Time | None = None
    expected_total: Amount | None = None
    extensions: Extensions | None = None

    @property
    def lines_total(self) -> int:
        """The sum of the lines, in minor units."""
        return sum(line.quantity * line.unit_amount for line in self.line_items)

    @property
    def taxed(self) -> bool:
        """Whether a tax that changes the total is asked for."""
        return taxes(self.tax_percent)


class PayBody(Body, frozen=True, kw_only=True):
    """How to pay. Everything is optional: by default, the customer's default method pays the amount due."""

    payment_method: LinkedId | None = None
    amount: PositiveAmount | None = None
    expected_total: Amount | None = None
    extensions: Extensions | None = None


class CancelBody(Body, frozen=True, kw_only=True):
    """Why to cancel."""

    reason: Annotated[str, Meta(max_length=500)] | None = None


class FulfillBody(Body, frozen=True, kw_only=True):
    """The fulfilled lines: all unless some are named."""

    line_item_ids: Annotated[list[str], Meta(min_length=1, max_length=MAX_LINES)] | None = None
    tracking_number: Annotated[str, Meta(max_length=100)] | None = None
    carrier: Annotated[str, Meta(max_length=50)] | None = None
    notify_customer: bool = False


class UpdateBody(Body, frozen=True, kw_only=True):
    """The changes: an absent field stays, null clears."""

    metadata: (
        Annotated[dict[str, MetadataValue | None], Meta(max_length=MAX_CHANGED_KEYS)] | UnsetType | None
    ) = UNSET
    notes: Notes | UnsetType | None = UNSET
    customer: CustomerBody | UnsetType | None = UNSET
    tax_percent: TaxPercent | UnsetType | None = UNSET
    extensions: Extensions | UnsetType | None = UNSET


class ReturnLineBody(Body, frozen=True, kw_only=True):
    """The returned quantity of one line."""

    line_item_id: str
    quantity: Quantity


class ReturnBody(Body, frozen=True, kw_only=True):
    """The returned lines; `shipping` refunds the shipping too."""

    lines: Annotated[list[ReturnLineBody], Meta(min_length=1, max_length=MAX_LINES)]
    shipping: bool | None = None


class ResolveBody(Body, frozen=True, kw_only=True):
    """A person's resolution of a write; `provider_order_id` is the order that a create has made.

    `unseen` resolves it as not applied although the provider cannot show that now.
    """

    as_: Literal["applied", "not_applied"] = msgspec.field(name="as")
    evidence: Annotated[str, Meta(min_length=1, max_length=2000)]
    provider_order_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    unseen: bool = False


class RouteBody(Body, frozen=True, kw_only=True):
    """A draft for the route preview; a weight is drawn from its reference or from the key."""

    order: Draft
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None


AccountName = Annotated[str, Meta(min_length=1, max_length=64)]
Accounts = Annotated[
    list[AccountName],
    Meta(min_length=1, max_length=20, description="Names of accounts; each is asked once, in this order."),
]


class TranslationBody(Body, frozen=True, kw_only=True):
    """A draft to translate, and the accounts."""

    order: Draft
    accounts: Accounts


class ComparisonBody(Body, frozen=True, kw_only=True):
    """A draft to compare accounts with.

    `translate` compares the requests for each account. `execute` creates the order at each, which must be an emulator
    or a sandbox.
    """

    order: Draft
    accounts: Accounts
    mode: Literal["translate", "execute"] = "translate"


class ImportBody(Body, frozen=True, kw_only=True):
    """Which of the provider's orders to adopt; an operator names the merchant too."""

    provider_order_id: Annotated[str, Meta(min_length=1, max_length=255, pattern=PRINTABLE)]
    merchant: Annotated[str, Meta(min_length=1, max_length=64)] | None = None


def taxes(percent: str | None) -> bool:
    """Whether a percentage, a plain decimal number, changes a total."""
    return percent is not None and percent.strip("0.") != ""


def draft_errors(draft: Draft) -> list[FieldError]:
    """Return the errors of a draft that concern several fields, up to a limit."""
    errors = chain(
        _currency_errors(draft.currency),
        _line_errors(draft),
        reserved_metadata_errors(draft.metadata, "/metadata"),
        (
            error
            for index, line in enumerate(draft.line_items)
            for error in reserved_metadata_errors(line.metadata, f"/line_items/{index}/metadata")
        ),
        _metadata_size_errors(draft),
        _country_errors(draft.shipping_address),
        _expiry_errors(draft.expires_at),
        _extension_errors(draft.extensions),
    )
    return list(islice(errors, MAX_ERRORS))


def refuse_large_extensions(extensions: dict[str, Any] | UnsetType | None) -> None:
    """Refuse extensions that are too large.

    Raises:
        Problem: ``invalid_request``.
    """
    errors = [] if isinstance(extensions, UnsetType) else _extension_errors(extensions)
    if errors:
        raise Problem("invalid_request", errors[0].detail, errors=errors)


def _extension_errors(extensions: dict[str, Any] | None) -> list[FieldError]:
    size = len(msgspec.json.encode(extensions)) if extensions else 0
    if size <= MAX_EXTENSIONS:
        return []
    detail = f"All extensions together take at most {MAX_EXTENSIONS} bytes; these take {size}."
    return [FieldError(pointer="/extensions", code="too_large", detail=detail)]


def _currency_errors(currency: str) -> list[FieldError]:
    try:
        minor_unit_digits(currency)
    except UnknownCurrencyError as error:
        return [FieldError(pointer="/currency", code="unknown_currency", detail=f"{error}.")]
    return []


def _line_errors(draft: Draft) -> list[FieldError]:
    errors = []
    shipping = [index for index, line in enumerate(draft.line_items) if line.type == "shipping"]
    errors += [
        FieldError(
            pointer=f"/line_items/{index}/type",
            code="too_many_shipping_lines",
            detail="An order has at most one shipping line; add the amounts together.",
        )
        for index in shipping[1:]
    ]
    errors += [
        FieldError(
            pointer=f"/line_items/{index}/quantity",
            code="invalid_value",
            detail="A shipping line has quantity 1; put the whole price into unit_amount.",
        )
        for index in shipping
        if draft.line_items[index].quantity != 1
    ]
    if draft.lines_total > MAX_AMOUNT:
        errors.append(
            FieldError(
                pointer="/line_items",
                code="amount_too_large",
                detail=f"The lines add up to {draft.lines_total}; the largest total is {MAX_AMOUNT}.",
            )
        )
    return errors


def _expiry_errors(expires_at: datetime | None) -> list[FieldError]:
    try:
        if expires_at is not None:
            expires_at.astimezone(UTC)
    except OverflowError:
        detail = "The time does not exist in UTC."
        return [FieldError(pointer="/expires_at", code="invalid_value", detail=detail)]
    return []


def _metadata_size_errors(draft: Draft) -> list[FieldError]:
    blocks = (draft.metadata, *(line.metadata for line in draft.line_items))
    size = sum(len(key) + len(str(value)) for block in blocks if block for key, value in block.items())
    if size <= MAX_METADATA:
        return []
    detail = (
        f"The metadata of an order and of its lines hold at most {MAX_METADATA} characters together; "
        f"these hold {size}."
    )
    return [FieldError(pointer="/metadata", code="too_large", detail=detail)]


def reserved_metadata_errors(metadata: Mapping[str, Any] | None, pointer: str) -> Iterator[FieldError]:
    """Return an error for each metadata key that only the gateway may set."""
    return (
        FieldError(
            pointer=f"{pointer}/{key}",
            code="reserved",
            detail="Keys that begin with ordergate_ are the gateway's own; choose another name.",
        )
        for key in metadata or ()
        if key.startswith("ordergate_")
    )


def _country_errors(address: AddressBody | None) -> list[FieldError]:
    if address is None or address.country is None or address.country in countries_by_alpha2:
        return []
    return [
        FieldError(
            pointer="/shipping_address/country",
            code="unknown_country",
            detail=f"{address.country} is not an ISO 3166-1 alpha-2 code.",
        )
    ]
