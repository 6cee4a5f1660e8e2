"""A provider's fees for an order, by the merchant's contract. Exact decimal arithmetic."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from ordergate.domain.order import Record


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """An account's prices.

    Attributes:
        percent: Of the total, as a decimal string.
        fixed: For each order, by currency, in minor units.
    """

    percent: str = "0"
    fixed: Mapping[str, int] = {}


class Fee(Record, frozen=True, kw_only=True):
    """The fee for one order; amounts in minor units.

    Attributes:
        amount: All of it.
        percent: The part of the total that is charged, as a decimal string.
        fixed: The fixed part of the fee in this currency.
    """

    amount: int
    currency: str
    percent: str
    fixed: int


def fee_for(fees: Fees, total: int, currency: str) -> Fee:
    """Return the fee for an order; the percentage is rounded half up to the minor unit.

    Args:
        fees: The account's prices.
        total: Of the order, in minor units.
        currency: Of the order.
    """
    share = (Decimal(total) * Decimal(fees.percent)).scaleb(-2).quantize(Decimal(1), ROUND_HALF_UP)
    fixed = fees.fixed.get(currency, 0)
    return Fee(amount=int(share) + fixed, currency=currency, percent=fees.percent, fixed=fixed)
