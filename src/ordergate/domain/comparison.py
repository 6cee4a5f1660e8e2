"""Compares providers' documents for one draft: equal, equivalent, provider-specific or different. Pure.

Requests and responses were parsed from their bytes and checked against the draft. Here they are compared with each
other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ordergate.domain.checks import Side, View, covers, shown, view_of
from ordergate.domain.difference import Difference, DifferenceKind
from ordergate.domain.draft import Draft
from ordergate.domain.errors import FieldError
from ordergate.domain.statements import Statement, same


def compare(draft: Draft, sides: Sequence[Side]) -> list[Difference]:
    """Return every field of any account, missing ones included, in the order of the draft."""
    views = {side.account: view_of(draft, side) for side in sides if side.refusal is None}
    literals = _literals(draft)
    refused = _refused([side for side in sides if side.refusal is not None], views, literals)
    pointers = dict.fromkeys(pointer for view in views.values() for pointer in view)
    present = [side for side in sides if side.refusal is None]
    fields = [
        _difference(pointer, present, views, literals) for pointer in pointers if pointer not in refused
    ]
    # Fields that appear only in responses are last.
    place = {pointer: position for position, pointer in enumerate(literals)}
    return sorted(
        [*refused.values(), *fields],
        key=lambda difference: (place.get(difference.pointer, len(place)), difference.pointer),
    )


def literal(value: Any) -> str:
    """Return a value for people: text unchanged, anything else as JSON, digit by digit."""
    if isinstance(value, str):
        return value
    return msgspec.json.Encoder(decimal_format="number").encode(value).decode()


def _difference(
    pointer: str, sides: Sequence[Side], views: Mapping[str, View], literals: Mapping[str, Any]
) -> Difference:
    told = {side.account: views[side.account][pointer] for side in sides if pointer in views[side.account]}
    values = {account: each.statement.literal if each.statement else None for account, each in told.items()}
    wrong = [each.wrong for each in told.values() if each.wrong is not None]
    if wrong:
        return Difference(pointer=pointer, kind="different", values=values, why=" ".join(wrong))
    statements = {account: each.statement for account, each in told.items() if each.statement is not None}
    kind, why = _kind(pointer, statements, literals) if statements else ("equal", "")
    absent = [side for side in sides if side.account not in told]
    if absent and kind != "different":
        why = " ".join(_why_absent(side, pointer, literals) for side in absent)
        return Difference(pointer=pointer, kind="only_in", values=values, why=why)
    return Difference(pointer=pointer, kind=kind, values=values, why=why)


def _kind(
    pointer: str, statements: Mapping[str, Statement], literals: Mapping[str, Any]
) -> tuple[DifferenceKind, str]:
    told = list(statements.values())
    if any(each.clock for each in told):
        return "own", f"Each provider's own clock: {_notations(statements)}."
    if any(each.own for each in told):
        return "own", "Each provider's own."
    if not all(same(each.value, told[0].value) for each in told):
        return "different", "; ".join(
            f"{name} means {shown(each.value)}" for name, each in statements.items()
        )
    compared = [each.literal for each in told]
    if len(told) == 1 and pointer in literals:
        compared.append(literals[pointer])
    if all(same(literal, compared[0]) for literal in compared):
        return "equal", ""
    return "equivalent", f"The same, {shown(told[0].value)}: {_notations(statements)}."


def _notations(statements: Mapping[str, Statement]) -> str:
    told = (
        (account, each.notation if each.at is not None else each.unsaid)
        for account, each in statements.items()
    )
    return ", ".join(f"{notation} at {account}" for account, notation in told)


def _why_absent(side: Side, pointer: str, literals: Mapping[str, Any]) -> str:
    notice = next((notice for notice in side.notices if covers(notice, pointer)), None)
    if notice is not None:
        return f"{side.account}: {notice.detail}"
    if side.answered is None and pointer not in literals:
        return f"{side.account} did not answer it."
    return f"{side.title} has no field for it."


def _refused(
    sides: Sequence[Side], views: Mapping[str, View], literals: Mapping[str, Any]
) -> dict[str, Difference]:
    """Return the refusals of the draft by field, or for the whole draft."""
    blamed: dict[str, dict[str, str]] = {}
    for side in sides:
        assert side.refusal is not None
        code, detail = side.refusal.code, side.refusal.detail
        errors = side.refusal.errors or (FieldError(pointer="", code=code, detail=detail),)
        for error in errors:
            blamed.setdefault(error.pointer, {})[side.account] = f"refused as {code}: {error.detail}"
    found = {}
    for pointer, reasons in blamed.items():
        values = {account: _literal(view, pointer, literals) for account, view in views.items()}
        agree = not views and len(reasons) == len(sides) and len(set(reasons.values())) == 1
        found[pointer] = Difference(
            pointer=pointer,
            kind="equal" if agree else "different",
            values=values | dict.fromkeys(reasons),
            why=" ".join(f"{account}: {reason}" for account, reason in reasons.items()),
        )
    return found


def _literal(view: View, pointer: str, literals: Mapping[str, Any]) -> Any:
    if pointer == "":
        return None  # the whole order says nothing about one field
    told = view.get(pointer)
    return (
        told.statement.literal if told is not None and told.statement is not None else literals.get(pointer)
    )


def _literals(draft: Draft) -> dict[str, Any]:
    """Return the draft's values by pointer, in its order; objects and arrays are included as a whole, too."""
    found: dict[str, Any] = {}

    def collect(pointer: str, value: Any) -> None:
        found[pointer] = value
        inner = value.items() if isinstance(value, dict) and not pointer.endswith("/metadata") else ()
        for name, each in inner if not isinstance(value, list) else enumerate(value):
            collect(f"{pointer}/{name}", each)

    collect("", msgspec.to_builtins(draft))
    return found
