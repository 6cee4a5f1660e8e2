"""Checks the requests and the responses of one account against the draft. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from ordergate.domain.alignment import Found, align
from ordergate.domain.assembly import expected_total
from ordergate.domain.draft import Draft
from ordergate.domain.errors import FieldError
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.order import Notice, Order
from ordergate.domain.statements import Reading, Statement, plain_percent, same

CLOCK_TOLERANCE = timedelta(minutes=10)
"""Tolerance between a provider's clock and the time of the call; a lost time zone exceeds it."""

_FROM_PROVIDER = (
    "currency",
    "total",
    "discount",
    "tax",
    "billing_type",
    "created_at",
    "updated_at",
    "status",
)
"""Fields that the adapter derives from a response. They are checked against the response itself."""

_MAY_BE_UNKNOWN = frozenset({"discount", "tax"})
"""Those of these fields that an adapter may leave open, both together."""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an account made no order."""

    code: str
    detail: str
    errors: tuple[FieldError, ...] = ()


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one account.

    Attributes:
        adapter: Which block of the draft's extensions is its own.
        title: The provider's name.
        customer: The provider's id of the draft's customer.
        products: The provider's product id of each line; None without a link.
        notices: Notices about fields that the account does not support.
        sent: The request, read back.
        answered: The parsed response; None without an order in it.
        order: The order that the adapter has read from the response.
        asked: When the request was sent, and when it was answered.
        refusal: Why there is no order; nothing else is known then.
    """

    account: str
    adapter: str
    title: str
    customer: str | None = None
    products: tuple[str | None, ...] = ()
    notices: tuple[Notice, ...] = ()
    sent: Reading | None = None
    answered: Reading | None = None
    order: Order | None = None
    asked: tuple[datetime, datetime] | None = None
    refusal: Refusal | None = None


class CheckedField(msgspec.Struct, frozen=True, kw_only=True):
    """One field at one account; `wrong` describes the error."""

    statement: Statement | None
    wrong: str | None = None


View = dict[str, CheckedField]
"""The values of one account, by canonical pointer."""


def _meant_by(draft: Draft, side: Side) -> dict[str, Any]:
    """Return the values that a request for the draft must contain, by pointer, with the account's own ids."""
    fields = {
        "/reference": draft.reference,
        "/currency": draft.currency,
        "/customer/id": side.customer,
        "/customer/email": draft.customer.email if draft.customer else None,
        "/billing_type": draft.billing_type,
        "/tax_percent": plain_percent(draft.tax_percent) if draft.tax_percent else None,
        "/metadata": draft.metadata or None,
        "/notes": draft.notes,
        "/expires_at": draft.expires_at.astimezone(UTC) if draft.expires_at else None,
    }
    if draft.shipping_address is not None:
        address = msgspec.structs.asdict(draft.shipping_address)
        fields |= {f"/shipping_address/{name}": value for name, value in address.items()}
    own = (draft.extensions or {}).get(side.adapter, {})
    fields |= {f"/extensions/{side.adapter}/{name}": value for name, value in own.items()}
    return {pointer: value for pointer, value in fields.items() if value not in (None, "")}


def _lines_meant_by(draft: Draft, side: Side) -> list[dict[str, Any]]:
    """Return the values that a request must contain for each line, by pointer inside the line."""
    products = side.products or (None,) * len(draft.line_items)
    lines = []
    for line, product in zip(draft.line_items, products, strict=True):
        fields = {
            "/type": line.type,
            "/sku": product,
            "/description": line.description,
            "/quantity": line.quantity,
            "/unit_amount": line.unit_amount,
            "/metadata": line.metadata or None,
        }
        lines.append({pointer: value for pointer, value in fields.items() if value is not None})
    return lines


def view_of(draft: Draft, side: Side) -> View:
    """Return all sent and received values of an account, with their errors."""
    view: View = {}
    meant = _meant_by(draft, side)
    if side.sent is not None:
        view |= _judged(draft, side, side.sent, "request", meant)
    if side.answered is not None:
        coupon = (draft.extensions or {}).get(side.adapter, {}).get("coupon") is not None
        total = expected_total(draft, coupon=coupon)
        expected = meant if total is None else {**meant, "/total": total}
        answer = _judged(draft, side, side.answered, "answer", expected)
        wrong = {pointer for pointer, told in view.items() if told.wrong is not None}
        view |= {pointer: told for pointer, told in answer.items() if pointer not in wrong}
        for pointer, sentence in _misread(side):
            view[pointer] = msgspec.structs.replace(view[pointer], wrong=sentence)
    return view


def _judged(draft: Draft, side: Side, reading: Reading, what: str, meant: Mapping[str, Any]) -> View:
    """Check one document against the draft: its values, and the missing ones without a notice."""
    said = {statement.pointer: statement for statement in reading.fields}
    view = _fields_judged(side, said, reading.declared, what, meant)
    if what == "answer" and not reading.lines:
        return view  # an answer may leave its lines out
    lines = _lines_meant_by(draft, side)
    aligned = align(lines, reading)
    for index, (line, found) in enumerate(zip(lines, aligned.lines, strict=True)):
        place = f"/line_items/{index}"
        if found is None:
            view[place] = CheckedField(statement=None, wrong=f"{side.account}: the {what} has no such line.")
            continue
        whole = {f"{place}{pointer}": statement for pointer, statement in found.items()}
        declared = frozenset(f"{place}{pointer}" for pointer in reading.line_declared)
        wanted = {f"{place}{pointer}": value for pointer, value in line.items()}
        view |= _fields_judged(side, whole, declared, what, wanted)
    view |= _surplus(side, aligned.surplus, len(lines), what)
    return view


def _fields_judged(
    side: Side, said: Mapping[str, Statement], declared: frozenset[str], what: str, meant: Mapping[str, Any]
) -> View:
    view: View = {}
    for pointer, value in meant.items():
        statement = said.get(pointer)
        if statement is not None and not same(statement.value, value):
            found, wanted = shown(statement.value), shown(value)
            wrong = f"{side.account}: the {what} has {found}, and the draft means {wanted}."
            view[pointer] = CheckedField(statement=statement, wrong=wrong)
        elif statement is not None:
            view[pointer] = CheckedField(statement=statement)
        elif _owed(side, pointer, declared, what):
            view[pointer] = CheckedField(
                statement=None,
                wrong=f"{side.account}: the {what} does not contain it, and no notice reports it.",
            )
    for pointer, statement in said.items():
        if pointer not in meant:
            own = statement.own or statement.made
            view[pointer] = CheckedField(
                statement=msgspec.structs.replace(statement, own=own),
                wrong=_unasked(side, statement, what),
            )
    return view


def _owed(side: Side, pointer: str, declared: frozenset[str], what: str) -> bool:
    """Return whether a document must contain the field: a request unless it is stored here, a response if it can."""
    if what == "answer":
        return pointer in declared
    return pointer != "/total" and not any(covers(notice, pointer) for notice in side.notices)


def _unasked(side: Side, statement: Statement, what: str) -> str | None:
    """Return the error of a value that the draft does not have: none if it is neutral, or belongs only to responses."""
    if statement.clock and side.asked is not None:
        first, last = side.asked
        if not first - CLOCK_TOLERANCE <= statement.value <= last + CLOCK_TOLERANCE:
            return f"{side.account}: {shown(statement.value)} is far from the call at {shown(first)}."
    if what == "answer" or statement.value in ("one_time", "product", 0):
        return None
    return f"{side.account}: the {what} has {shown(statement.value)}, which the draft does not have."


def _surplus(side: Side, lines: Sequence[Found], first: int, what: str) -> View:
    view: View = {}
    for offset, line in enumerate(lines):
        description = line.get("/description")
        wrong = f"{side.account}: the {what} has a line that the draft does not have."
        pointer = f"/line_items/{first + offset}"
        view[pointer] = CheckedField(statement=description, wrong=wrong)
    return view


def _misread(side: Side) -> Iterator[tuple[str, str]]:
    """Return the fields that the adapter has read differently from the response."""
    if side.order is None or side.answered is None:
        return
    unknown = all(getattr(side.order, name) is None for name in _MAY_BE_UNKNOWN)
    for statement in side.answered.fields:
        name = statement.pointer.removeprefix("/")
        if name not in _FROM_PROVIDER:
            continue
        value = getattr(side.order, name)
        unread = unknown and name in _MAY_BE_UNKNOWN
        if unread or same(value, statement.value) or value is OrderStatus.REVIEW:
            continue
        sentence = f"the answer has {shown(statement.value)}, and the order as read has {shown(value)}"
        yield statement.pointer, f"{side.account}: {sentence}."


def covers(notice: Notice, pointer: str) -> bool:
    """Return whether a notice announces the missing field."""
    return notice.kind != "added" and f"{pointer}/".startswith(f"{notice.pointer}/")


def shown(value: Any) -> str:
    """Return a value for a sentence."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value) if isinstance(value, int | str) else msgspec.json.encode(value).decode()
