"""Values as JavaScript writes them.

Rapyd signs the result of ``JSON.stringify`` of a body, not the received bytes. Nearly all of a body is ours and has
that form already. Metadata of others at Rapyd, which a change sends back, may contain any number and any name.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

_EXACT = 2**53
"""Up to it a double represents every integer, and both languages write the same digits."""

_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")
_MAX_INDEX = 2**32 - 2
"""Names from 0 to it are indices of arrays to JavaScript, which puts them before all other names, by size."""


def rewritten(value: Any) -> Any:
    """Return a decoded JSON value so that it is encoded as JavaScript would encode it."""
    if isinstance(value, Mapping):
        return {name: rewritten(value[name]) for name in sorted(value, key=_place)}
    if isinstance(value, list | tuple):
        return [rewritten(item) for item in value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) > _EXACT):
        return _number(value)
    return value


def _number(value: float) -> msgspec.Raw | None:
    """Return the text of a number; none is as large as to be infinite to JavaScript, which would write null."""
    try:
        return msgspec.Raw(number_text(msgspec.convert(value, float)).encode())
    except msgspec.ValidationError:
        return None


def number_text(number: float) -> str:
    """Return a finite number as ECMAScript's ``Number::toString`` does.

    Both languages write the fewest digits that name a double; they differ in when they write an exponent, and how.
    """
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    text = "".join(map(str, digits)).rstrip("0")
    if not text:
        return "0"  # without a sign, also for -0
    point = len(digits) + int(exponent)
    return ("-" if sign else "") + _notation(text, point)


def _notation(digits: str, point: int) -> str:
    """Write digits without zeros at their ends; `point` of them are before the decimal point."""
    if 0 < point <= 21:
        whole, fraction = digits[:point].ljust(point, "0"), digits[point:]
        return f"{whole}.{fraction}" if fraction else whole
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    mantissa = f"{digits[0]}.{digits[1:]}" if len(digits) > 1 else digits
    return f"{mantissa}e{point - 1:+d}"


def _place(name: str) -> tuple[bool, int]:
    """Return the sort key of a name; names that are no index keep their order."""
    index = _INDEX.fullmatch(name) is not None and int(name) <= _MAX_INDEX
    return not index, int(name) if index else 0
