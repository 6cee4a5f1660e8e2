"""Orders as the journal keeps them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.lifecycle import OrderStatus
from ordergate.journal.records.paging import PageQuery


class StoredOrder(msgspec.Struct, frozen=True):
    """An order's record and the revision of its row."""

    record: OrderRecord
    revision: int


class AccountUse(msgspec.Struct, frozen=True, kw_only=True):
    """The reasons that prevent the removal of an account.

    Attributes:
        open_orders: Orders that are not over.
        unsettled: Operations with an unknown outcome, and operations with a delayed probe.
    """

    open_orders: int
    unsettled: int


class OrderQuery(PageQuery, frozen=True, kw_only=True):
    """Which orders to list. Those made for comparisons are listed only when asked for."""

    status: OrderStatus | None = None
    account: str | None = None
    provider: str | None = None
    customer: str | None = None
    reference: str | None = None
    created_gte: datetime | None = None
    created_lte: datetime | None = None
    purpose: Literal["comparison"] | None = None
