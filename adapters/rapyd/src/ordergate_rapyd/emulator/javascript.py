"""JSON as JavaScript reads and writes it.

Rapyd does not sign the bytes that arrive: it parses the body and writes it again, as ``JSON.parse`` and
``JSON.stringify`` do. This module is that round trip, with one addition: a number keeps the literal that
was sent, so that amounts can be read exactly.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

import msgspec

MAX_DEPTH = 64
"""Objects and arrays nested deeper than this are refused as if they were not JSON."""

_MAX_ARRAY_INDEX = 2**32 - 2
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}")


class InvalidJsonError(ValueError):
    """The text is not JSON."""


class Number(msgspec.Struct, frozen=True):
    """A number that was sent, as it was written: ``200.00`` is not yet ``200``."""

    text: str


Json: TypeAlias = "bool | int | str | Number | msgspec.Raw | Sequence[Json] | Mapping[str, Json] | None"
"""A JSON value; a ``msgspec.Raw`` in it is a finished literal."""

JsonObject: TypeAlias = dict[str, Json]


def parse(body: bytes) -> Json:
    """Read a JSON text; of repeated members the last wins, at the place of the first.

    Raises:
        InvalidJsonError: The bytes are not UTF-8, not JSON, or nested too deeply.
    """
    try:
        value: Json = json.loads(
            body.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=_refuse_constant
        )
        _refuse_depth(value, MAX_DEPTH)
    except (ValueError, RecursionError) as error:
        raise InvalidJsonError(str(error)) from error
    return value


def stringify(value: Json) -> str:
    """Write a value as ``JSON.stringify`` does: no whitespace, shortest numbers, no escapes for non-ASCII."""
    match value:
        case str():
            return _quote(value)
        case Mapping():
            members = (f"{_quote(key)}:{stringify(value[key])}" for key in _property_order(value))
            return "{" + ",".join(members) + "}"
        case list() | tuple():
            return "[" + ",".join(map(stringify, value)) + "]"
        case Number():
            return number_text(value)
        case msgspec.Raw():
            return bytes(value).decode("ascii")
        case _:
            return json.dumps(value)


def number_text(number: Number) -> str:
    """Return the number as JavaScript prints the double nearest to it; an infinity prints as ``null``."""
    double = float(number.text)
    if not math.isfinite(double):
        return "null"
    if double == 0:
        return "0"
    sign = "-" if double < 0 else ""
    return sign + _positive_text(abs(double))


def well_formed(value: Json) -> Json:
    """Return the value with every lone surrogate replaced, as happens to text that is stored as UTF-8."""
    match value:
        case str():
            return _LONE_SURROGATE.sub("\ufffd", value)
        case Mapping():
            return {_LONE_SURROGATE.sub("\ufffd", key): well_formed(item) for key, item in value.items()}
        case list():
            return [well_formed(item) for item in value]
        case _:
            return value


def _positive_text(double: float) -> str:
    """Follow ECMAScript's ``Number::toString``: plain notation from 1e-6 up to, not including, 1e21."""
    digits, point = _shortest_digits(double)
    count = len(digits)
    if count <= point <= 21:
        return digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    fraction = f".{digits[1:]}" if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"


def _shortest_digits(double: float) -> tuple[str, int]:
    """Return the fewest digits that name this double, and the position of the decimal point among them."""
    _, digits, exponent = Decimal(repr(double)).as_tuple()
    assert isinstance(exponent, int)
    written = "".join(map(str, digits))
    return written.rstrip("0"), len(written) + exponent


def _quote(text: str) -> str:
    """Write a string; lone surrogates, which UTF-8 cannot carry, are escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return _LONE_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _property_order(members: Mapping[str, Json]) -> list[str]:
    """Move keys that are array indices to the front, ascending, as objects in JavaScript order them."""
    indices = sorted((key for key in members if _is_index(key)), key=int)
    return [*indices, *(key for key in members if not _is_index(key))]


def _is_index(key: str) -> bool:
    return _INDEX.fullmatch(key) is not None and int(key) <= _MAX_ARRAY_INDEX


def _refuse_constant(name: str) -> Json:
    raise InvalidJsonError(f"{name} is not JSON")


def _refuse_depth(value: Json, left: int) -> None:
    if isinstance(value, dict | list):
        if left == 0:
            raise InvalidJsonError(f"nested deeper than {MAX_DEPTH} levels")
        for item in value.values() if isinstance(value, dict) else value:
            _refuse_depth(item, left - 1)
