"""The optional keyword arguments of calls."""

from datetime import datetime
from typing import Literal, TypedDict

from ordergate.domain.delivery import DeliveryState
from ordergate.domain.draft import BillingType
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.operation import OperationState


class ReadOptions(TypedDict, total=False):
    """Options of every call: `timeout` in seconds, for all its attempts together."""

    timeout: float


class WriteOptions(ReadOptions, total=False):
    """Options of a write: its own key, if the caller stores one; otherwise a new one is made."""

    idempotency_key: str


class CreateOptions(WriteOptions, total=False):
    """Options of a create: `allow_duplicate` creates another order with a reference that was used before."""

    allow_duplicate: bool


class OwnedOptions(ReadOptions, total=False):
    """Options of a call about a merchant's data: an operator's key names the merchant."""

    merchant: str


class ComparisonOptions(OwnedOptions, total=False):
    """Options of a comparison; the key is for ``execute``."""

    idempotency_key: str


class PageOptions(ReadOptions, total=False):
    """Options of a list: `limit` rows per page, 1 to 100; `starting_after` and `ending_before` are ids."""

    limit: int
    starting_after: str
    ending_before: str


class OrderFilters(PageOptions, total=False):
    """Which orders to list; times have a zone."""

    status: OrderStatus
    account: str
    provider: str
    customer: str
    reference: str
    created_gte: datetime
    created_lte: datetime
    purpose: Literal["comparison"]


class OperationFilters(PageOptions, total=False):
    """Which operations to list."""

    state: OperationState


class ProviderFilters(ReadOptions, total=False):
    """Filters of the provider's own list, as far as its capabilities allow."""

    customer: str
    status: OrderStatus
    billing_type: BillingType
    created_gte: datetime
    created_lte: datetime
    cursor: str
    limit: int


class EventFilters(OwnedOptions, total=False):
    """Which events to read: those after the last one that you have, by its number or id; 0 for all."""

    after: int | str
    type: str
    limit: int
    purpose: Literal["comparison"]


class TimelineOptions(ReadOptions, total=False):
    """Which events of an order to read: those after the last one that you have, by its id."""

    after: str
    limit: int


class DeliveryFilters(PageOptions, total=False):
    """Which deliveries to list; `endpoint`, `event` and `order` are ids."""

    endpoint: str
    state: DeliveryState
    event: str
    order: str
