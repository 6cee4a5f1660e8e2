"""Amounts are integers of a currency's minor unit; notations are converted by pure, exact functions.

No amount is ever a binary float, here or in a caller.
"""

import re
from functools import cache

from iso4217 import Currency as Iso4217

MAX_AMOUNT = 10**15 - 1
"""The largest amount, in minor units: 15 digits survive every provider's number type."""

_LITERAL = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,3}))?", re.ASCII)


class UnknownCurrencyError(ValueError):
    """No ISO 4217 currency with a minor unit has this code."""


class InexactAmountError(ValueError):
    """An amount cannot be expressed exactly in the currency's minor unit, or is no amount at all."""


@cache
def minor_unit_digits(currency: str) -> int:
    """Return how many decimals a currency's minor unit has: 2 for USD, 0 for JPY, 3 for BHD.

    Args:
        currency: An ISO 4217 code in upper case.

    Raises:
        UnknownCurrencyError: The code is not ISO 4217, or names something without a minor unit (XAU, XXX).
    """
    try:
        found = Iso4217(currency)
    except ValueError:
        found = None
    if found is None or found.code != currency:
        raise UnknownCurrencyError(f"{currency!r} is not an ISO 4217 currency code")
    if found.exponent is None:
        raise UnknownCurrencyError(f"{currency} has no minor unit, so no amount can be charged in it")
    return int(found.exponent)


def is_currency(code: str) -> bool:
    """Return whether amounts in the currency are supported."""
    try:
        minor_unit_digits(code)
    except UnknownCurrencyError:
        return False
    return True


def to_major_units(amount: int, digits: int) -> str:
    """Write an amount of minor units as a plain decimal number without trailing zeros.

    ``to_major_units(1050, 2)`` is ``"10.5"`` and ``to_major_units(20000, 2)`` is ``"200"``.

    Args:
        amount: Minor units, not negative.
        digits: How many decimals the minor unit has.
    """
    if digits == 0:
        return str(amount)
    whole, fraction = divmod(amount, 10**digits)
    if fraction == 0:
        return str(whole)
    return f"{whole}.{fraction:0{digits}d}".rstrip("0")


def to_decimals(amount: int, digits: int, *, separator: str = "") -> str:
    """Write an amount of minor units as people do, with all its decimals.

    ``to_decimals(123450, 2, separator=",")`` is ``"1,234.50"`` and ``to_decimals(410, 0)`` is ``"410"``.

    Args:
        amount: Minor units; a negative amount has the sign first.
        digits: How many decimals the minor unit has.
        separator: The thousands separator.
    """
    sign = "-" if amount < 0 else ""
    whole, fraction = divmod(abs(amount), 10**digits)
    return sign + f"{whole:,}".replace(",", separator) + (f".{fraction:0{digits}d}" if digits else "")


def to_minor_units(literal: str, digits: int) -> int:
    """Parse a decimal number of a document into minor units.

    Args:
        literal: A JSON number literal: ``410``, ``471.5``, ``1.0e2``. Its text is read; no float is made.
        digits: How many decimals the minor unit has.

    Raises:
        InexactAmountError: It is no number, has more decimals than the minor unit, or has more than 18 digits.
    """
    match = _LITERAL.fullmatch(literal)
    if match is None:
        raise InexactAmountError(f"{literal[:40]!r} is not a decimal number")
    sign, whole, fraction, exponent = match.groups()
    fraction = fraction or ""
    shift = digits - len(fraction) + int(exponent or 0)
    units: int = int(whole + fraction)
    if shift < 0:
        units, remainder = divmod(units, 10**-shift)
        if remainder:
            raise InexactAmountError(f"{literal[:40]} has more than {digits} decimals")
    else:
        units *= 10**shift
    if units >= 10**18:
        raise InexactAmountError(f"{literal[:40]} is more than any amount here can be")
    return -units if sign else units
