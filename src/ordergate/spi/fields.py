"""The field map: the places of the canonical order's fields in a provider's documents, as data.

An adapter declares the map beside its code, which does not use the map. So the map is an independent reading of the
same bytes.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ordergate.domain.money import minor_unit_digits, to_minor_units
from ordergate.domain.provider_order import MARK_PREFIX
from ordergate.domain.statements import Reading, Statement, plain_percent

_MAGNITUDE = 30
"""Powers of ten beyond which no amount, percentage or time is."""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class UnreadableDocumentError(ValueError):
    """The bytes are no document in which the map could find anything."""


class Notation(msgspec.Struct, frozen=True, kw_only=True):
    """One way to write a value.

    Attributes:
        name: For a human: ``major units``.
        read: Returns the value of a literal, given the decimals of the order's currency. It raises ``ValueError`` or
            ``TypeError`` for an invalid literal.
        own: Literals name things of the provider's own.
        clock: Literals are times of the provider's clock.
    """

    name: str
    read: Callable[[Any, int], Any]
    own: bool = False
    clock: bool = False


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the order, and its place in a document.

    Attributes:
        pointer: The canonical JSON Pointer; of a line's field, inside the line.
        at: JSON Pointer into the document, or into its line; None if the document does not contain the field.
        notation: How it is written there.
        absent: The meaning of an absent or null value; unset if it has none.
        unsaid: The name of that meaning, for people.
        made: The provider generates a value, or takes one from elsewhere, if it gets none.
    """

    pointer: str
    at: str | None
    notation: Notation
    absent: Any = msgspec.UNSET
    unsaid: str = "unsaid"
    made: bool = False


class Lines(msgspec.Struct, frozen=True, kw_only=True):
    """The place of the order's lines.

    Attributes:
        at: JSON Pointer to the array.
        fields: Of each line.
        counts: Whether an element of the array is a line of the order; it is given the element and the document.
        merges: One line of the provider may stand for several lines of one product.
    """

    at: str
    fields: tuple[Field, ...]
    counts: Callable[[Any, Any], bool] = lambda _line, _document: True
    merges: bool = False


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of document: the request that creates an order, or a response with an order."""

    fields: tuple[Field, ...]
    lines: Lines


class FieldMap(msgspec.Struct, frozen=True, kw_only=True):
    """How the canonical order maps to a provider's documents.

    Attributes:
        request: The body that creates an order.
        order: The response with the order.
        request_id: JSON Pointer to the provider's id of a call in a response; None if only a header contains it.
    """

    request: Form
    order: Form
    request_id: str | None = None


def read(form: Form, body: bytes) -> Reading:
    """Return a document's fields of an order.

    Raises:
        UnreadableDocumentError: The document is not JSON, not an object, or has no currency.
    """
    document = decode(body)
    digits = _digits(form, document)
    array = at_pointer(document, form.lines.at)
    lines = [] if not isinstance(array, list) else array
    return Reading(
        fields=tuple(_statements(form.fields, document, "", digits)),
        lines=tuple(
            tuple(_statements(form.lines.fields, line, f"{form.lines.at}/{index}", digits))
            for index, line in enumerate(lines)
            if form.lines.counts(line, document)
        ),
        declared=frozenset(field.pointer for field in form.fields),
        line_declared=frozenset(field.pointer for field in form.lines.fields),
        merges=form.lines.merges,
    )


def decode(body: bytes) -> Any:
    """Return a JSON object with its numbers exact.

    Raises:
        UnreadableDocumentError: The bytes are none.
    """
    try:
        document = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ArithmeticError) as error:
        raise UnreadableDocumentError(str(error)) from None
    if not isinstance(document, dict):
        raise UnreadableDocumentError("it is no JSON object")
    return document


def at_pointer(document: Any, pointer: str) -> Any:
    """Return the value at a JSON Pointer; None if there is none."""
    found = document
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, Mapping):
            found = found.get(name)
        elif isinstance(found, Sequence) and not isinstance(found, str) and name.isdecimal():
            found = found[int(name)] if int(name) < len(found) else None
        else:
            return None
    return found


def _digits(form: Form, document: Any) -> int:
    field = next(field for field in form.fields if field.pointer == "/currency")
    try:
        return minor_unit_digits(field.notation.read(at_pointer(document, field.at or ""), 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableDocumentError(f"it has no currency at {field.at}: {error}") from None


def _statements(fields: Sequence[Field], document: Any, prefix: str, digits: int) -> list[Statement]:
    found = (_statement(field, document, prefix, digits) for field in fields)
    return [statement for statement in found if statement is not None]


def _statement(field: Field, document: Any, prefix: str, digits: int) -> Statement | None:
    literal = None if field.at is None else at_pointer(document, field.at)
    notation = field.notation
    if literal is None:
        value = field.absent
    else:
        try:
            value = notation.read(literal, digits)
        except (ValueError, TypeError, AttributeError, OverflowError, OSError):
            value = f"unreadable: {literal!r:.80}"
    if value is msgspec.UNSET or value is None:
        return None
    return Statement(
        pointer=field.pointer,
        at=None if field.at is None or literal is None else prefix + field.at,
        value=value,
        literal=literal,
        notation=notation.name,
        unsaid=field.unsaid,
        made=field.made,
        own=notation.own,
        clock=notation.clock,
    )


def _minor(literal: Any, _digits: int) -> int:
    if type(literal) is not int:
        raise TypeError("no integer")
    return literal


def _major(literal: Any, digits: int) -> int:
    return to_minor_units(_number(literal), digits)


def _number(literal: Any) -> str:
    """A number without an exponent; some providers quote theirs."""
    if isinstance(literal, Decimal):
        _refuse_huge(literal)
    return format(literal, "f") if isinstance(literal, Decimal) else str(literal)


def _refuse_huge(literal: Decimal) -> None:
    """Written out, a number with a large exponent takes all the memory and time there are."""
    if abs(literal.adjusted()) > _MAGNITUDE:
        raise ValueError("no number of this size is meant")


def _time(literal: Any, _digits: int) -> datetime:
    time = datetime.fromisoformat(literal)
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def _unix(literal: Any, _digits: int) -> datetime:
    if isinstance(literal, Decimal):
        _refuse_huge(literal)
    return datetime.fromtimestamp(int(literal), UTC)


def _unmarked(literal: Any, _digits: int) -> dict[str, Any] | None:
    kept = {name: value for name, value in literal.items() if not name.startswith(MARK_PREFIX)}
    return kept or None


PLAIN = Notation(name="said", read=lambda literal, _digits: literal)
TEXT = Notation(name="text", read=lambda literal, _digits: literal or None)
"""Text; an empty one counts as absent."""
UPPER_CASE = Notation(name="upper case", read=lambda literal, _digits: literal)
LOWER_CASE = Notation(name="lower case", read=lambda literal, _digits: literal.upper())
MINOR_UNITS = Notation(name="minor units", read=_minor)
MAJOR_UNITS = Notation(name="major units", read=_major)
PERCENT = Notation(name="a number", read=lambda literal, _digits: plain_percent(_number(literal)))
RFC_3339 = Notation(name="RFC 3339", read=_time)
RFC_3339_CLOCK = Notation(name="RFC 3339", read=_time, clock=True)
UNIX_CLOCK = Notation(name="Unix time", read=_unix, clock=True)
OWN_ID = Notation(name="its own id", read=lambda literal, _digits: literal or None, own=True)
METADATA = Notation(name="beside the gateway's own entries", read=_unmarked)


def words(name: str, meanings: Mapping[str, str]) -> Notation:
    """Return a notation in words of the provider's; one that is not listed cannot be read."""
    return Notation(name=name, read=lambda literal, _digits: _meaning(meanings, literal))


def _meaning(meanings: Mapping[str, str], literal: Any) -> str:
    if literal not in meanings:
        raise ValueError("not a known word")
    return meanings[literal]
