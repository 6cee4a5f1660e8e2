"""Exact amounts: integers of minor units inside, decimal major units on the wire, never a float.

Facts: ISO 4217 for the exponents; Rapyd docs, "Create an Order", for the notation: an amount is a JSON number
in plain notation without padding, ``410`` or ``471.5``.
"""

from decimal import Decimal, InvalidOperation
from typing import Literal

import msgspec

from ordergate_rapyd.emulator.javascript import Json, Number

Rounding = Literal["half_up", "half_even"]

_MAX_LITERAL = 40
_MAX_MAGNITUDE = 24

_EXPONENTS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_EXPONENT_OF = {code: exponent for exponent, codes in _EXPONENTS.items() for code in codes.split()}


def exponent_of(currency: str) -> int:
    """Return how many decimals the currency has; 2 for every currency that is not an exception."""
    return _EXPONENT_OF.get(currency, 2)


def read_scaled(value: Json, exponent: int) -> int | None:
    """Return the value times ten to the exponent, or None when that is not a whole number.

    Args:
        value: A number, or a string with one in decimal notation: requests contain both.
        exponent: How many decimals are allowed; zeros beyond them do not count.
    """
    match value:
        case Number(text=text):
            decimal = _decimal(text)
        case str() if value == value.strip() and "_" not in value:
            decimal = _decimal(value)
        case _:
            return None
    return None if decimal is None else _scaled(decimal, exponent)


def read_integer(value: Json) -> int | None:
    """Return a whole number sent as a number or a string, else None."""
    return read_scaled(value, 0)


def write_scaled(units: int, exponent: int) -> msgspec.Raw:
    """Return the literal for so many units of ten to the minus exponent: 47150 at 2 is ``471.5``."""
    sign = "-" if units < 0 else ""
    digits = str(abs(units)).rjust(exponent + 1, "0")
    whole, fraction = digits[: len(digits) - exponent], digits[len(digits) - exponent :].rstrip("0")
    return msgspec.Raw(f"{sign}{whole}.{fraction}".rstrip(".").encode("ascii"))


def write_amount(minor: int, currency: str) -> msgspec.Raw:
    """Return the literal for an amount in minor units, in major units."""
    return write_scaled(minor, exponent_of(currency))


def divide(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Divide a non-negative number, rounded to the nearest whole number; ties as asked."""
    quotient, remainder = divmod(numerator, denominator)
    if remainder * 2 == denominator:
        return quotient + (1 if rounding == "half_up" else quotient % 2)
    return quotient + (1 if remainder * 2 > denominator else 0)


def _decimal(text: str) -> Decimal | None:
    if len(text) > _MAX_LITERAL or not text.isascii():
        return None
    try:
        decimal = Decimal(text)
    except InvalidOperation:
        return None
    return decimal if decimal.is_finite() and abs(decimal.adjusted()) <= _MAX_MAGNITUDE else None


def _scaled(decimal: Decimal, exponent: int) -> int | None:
    """Work on the digits alone, so that no context can round."""
    sign, digits, shift = decimal.as_tuple()
    assert isinstance(shift, int)
    magnitude, power = int("".join(map(str, digits))), shift + exponent
    scaled: int
    scaled, beyond = divmod(magnitude * 10 ** max(power, 0), 10 ** max(-power, 0))
    if beyond:
        return None
    return -scaled if sign else scaled
