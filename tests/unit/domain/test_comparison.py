"""Drafts and readings side by side: which lines belong together, and what differs."""

import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ordergate.domain.alignment import align
from ordergate.domain.checks import Refusal, Side
from ordergate.domain.comparison import compare
from ordergate.domain.draft import Draft, DraftLine
from ordergate.domain.errors import FieldError
from ordergate.domain.fees import Fee, Fees, fee_for
from ordergate.domain.order import Notice
from ordergate.domain.statements import Reading, Statement, plain_percent, same

CHAIR = {"/type": "product", "/sku": "s1", "/description": "Chair", "/quantity": 1, "/unit_amount": 100}
DESK = {"/type": "product", "/sku": "s2", "/description": "Desk", "/quantity": 1, "/unit_amount": 300}
POST = {"/type": "shipping", "/description": "Post", "/quantity": 1, "/unit_amount": 50}


def said(pointer: str, value: Any, **changes: Any) -> Statement:
    """A statement that stands where it is meant."""
    return Statement(
        **{"pointer": pointer, "at": pointer, "value": value, "literal": value, "notation": "n", **changes}
    )


def reading(*lines: dict[str, Any], fields: dict[str, Any] | None = None, merges: bool = False) -> Reading:
    """A document that says this."""
    return Reading(
        fields=tuple(said(pointer, value) for pointer, value in (fields or {}).items()),
        lines=tuple(tuple(said(pointer, value) for pointer, value in line.items()) for line in lines),
        merges=merges,
    )


def found(meant: list[dict[str, Any]], told: Reading) -> list[Any]:
    """The description of what each line was found to be."""
    return [line and line["/description"].value for line in align(meant, told).lines]


def test_lines_are_found_wherever_they_stand() -> None:
    """Sorted otherwise, one left out, one changed or one too many: the others are still found."""
    assert found([CHAIR, DESK, POST], reading(POST, CHAIR, DESK)) == ["Chair", "Desk", "Post"]
    assert found([CHAIR, DESK, POST], reading(CHAIR, POST)) == ["Chair", None, "Post"]
    assert found([CHAIR, DESK], reading(CHAIR, {**DESK, "/unit_amount": 9, "/quantity": 9})) == [
        "Chair",
        "Desk",
    ]
    aligned = align([CHAIR], reading(DESK, CHAIR))
    assert [line["/description"].value for line in aligned.surplus] == ["Desk"]


def test_lines_of_one_product_are_told_apart() -> None:
    """Two lines that differ in the price alone, echoed in the other order, are each other's no more."""
    dear = {**CHAIR, "/unit_amount": 900}

    aligned = align([CHAIR, dear], reading(dear, CHAIR))

    assert [line and line["/unit_amount"].value for line in aligned.lines] == [100, 900]


def test_a_merged_line_is_each_of_its_lines() -> None:
    """One line there for two here has its quantity shared out; a wrong sum shows at each of them."""
    two = [{**CHAIR, "/quantity": 1}, DESK, {**CHAIR, "/quantity": 2}]
    right = align(two, reading({**CHAIR, "/quantity": 3}, DESK, merges=True))
    wrong = align(two, reading({**CHAIR, "/quantity": 4}, DESK, merges=True))

    assert [line and line["/quantity"].value for line in right.lines] == [1, 1, 2]
    assert [line and line["/quantity"].value for line in wrong.lines] == [2, 1, 3]
    assert right.surplus == ()


def test_very_many_lines_do_not_take_very_long() -> None:
    """Thousands of lines that are nowhere in their place are taken in order."""
    many = [{**CHAIR, "/sku": f"s{number}"} for number in range(5000)]

    assert None not in align(many, reading(*reversed(many))).lines
    began = time.process_time()
    merged = align([CHAIR] * 20_000, reading({**CHAIR, "/quantity": 20_000}, merges=True))
    assert time.process_time() - began < 5
    assert {line and line["/quantity"].value for line in merged.lines} == {1}


DRAFT = Draft(
    currency="USD", notes="n", line_items=[DraftLine(description="Chair", quantity=1, unit_amount=100)]
)
LINE = {"/type": "product", "/description": "Chair", "/quantity": 1, "/unit_amount": 100}


def side(name: str, sent: Reading, **changes: Any) -> Side:
    """One account's side."""
    return Side(account=name, adapter=name, title=name.title(), products=(None,), sent=sent, **changes)


def kinds(*sides: Side, draft: Draft = DRAFT) -> dict[str, str]:
    """Each field's kind."""
    return {each.pointer: each.kind for each in compare(draft, sides)}


def test_a_field_is_dropped_only_with_a_notice() -> None:
    """What one account is not told is only in the other where a notice says so, and different where none does."""
    whole = side("a", reading(LINE, fields={"/currency": "USD", "/notes": "n"}))
    without = reading(LINE, fields={"/currency": "USD"})
    notice = Notice(pointer="/notes", kind="kept", detail="No place for it.")

    assert kinds(whole, side("b", without))["/notes"] == "different"
    assert kinds(whole, side("b", without, notices=(notice,)))["/notes"] == "only_in"
    (difference,) = (
        each
        for each in compare(DRAFT, [whole, side("b", without, notices=(notice,))])
        if each.pointer == "/notes"
    )
    assert (difference.values, difference.why) == ({"a": "n"}, "b: No place for it.")


def test_what_nobody_ordered_is_different() -> None:
    """A line or a field that the draft does not have stands out; what is neutral does not."""
    told = reading(
        LINE,
        DESK,
        fields={"/currency": "USD", "/notes": "n", "/tax_percent": "5", "/billing_type": "one_time"},
    )

    found_kinds = kinds(side("a", told))

    assert found_kinds["/line_items/1"] == found_kinds["/tax_percent"] == "different"
    assert found_kinds["/billing_type"] != "different"


def test_notations_are_equivalent_and_ids_own() -> None:
    """Another literal with the same meaning has its reason; ids are each one's own."""
    cents = said("/unit_amount", 100)
    dollars = said("/unit_amount", 100, literal=1, notation="dollars")
    rest = tuple(said(pointer, value) for pointer, value in LINE.items() if pointer != "/unit_amount")
    sides = [
        side(
            name,
            Reading(
                fields=(
                    said("/currency", "USD"),
                    said("/notes", "n"),
                    said("/provider_order_id", name, own=True),
                ),
                lines=((*rest, amount),),
            ),
        )
        for name, amount in (("a", cents), ("b", dollars))
    ]
    by_pointer = {each.pointer: each for each in compare(DRAFT, sides)}

    amount = by_pointer["/line_items/0/unit_amount"]
    assert (amount.kind, amount.values, amount.why) == (
        "equivalent",
        {"a": 100, "b": 1},
        "The same, 100: n at a, dollars at b.",
    )
    assert by_pointer["/currency"].kind == "equal"


def test_refusals_are_laid_beside_each_other() -> None:
    """Refused by one it is different, refused by all for one reason it is equal, and the blamed field is named."""
    told = side("a", reading(LINE, fields={"/currency": "USD", "/notes": "n"}))
    error = FieldError(pointer="/notes", code="unsupported_field", detail="No notes.")
    refused = [
        Side(
            account=name,
            adapter=name,
            title=name,
            refusal=Refusal(code="unsupported_field", detail="No.", errors=(error,)),
        )
        for name in ("b", "c")
    ]

    assert kinds(told, refused[0])["/notes"] == "different"
    assert kinds(*refused) == {"/notes": "equal"}
    bare = Side(account="d", adapter="d", title="d", refusal=Refusal(code="no_route", detail="No."))
    assert kinds(told, bare)[""] == "different"


@pytest.mark.parametrize(
    ("percent", "total", "amount"),
    [
        ("0", 1000, 30),
        ("2.9", 1050, 60),
        ("2.9", 1034, 60),
        ("0.0001", 10**15 - 1, 1_000_000_030),
        ("2.5", 20, 31),
    ],
)
def test_fees_are_rounded_half_up(percent: str, total: int, amount: int) -> None:
    """The percentage of the total to the minor unit, and the fixed part of the order's currency."""
    fees = Fees(percent=percent, fixed={"USD": 30})

    assert fee_for(fees, total, "USD") == Fee(amount=amount, currency="USD", percent=percent, fixed=30)
    assert fee_for(fees, total, "EUR").amount == amount - 30


@pytest.mark.parametrize(
    ("text", "plain"), [("13.50", "13.5"), ("0.0", None), ("007", "7"), ("100.0000", "100")]
)
def test_percentages_have_one_form(text: str, plain: str | None) -> None:
    """However many zeros stand in it."""
    assert plain_percent(text) == plain


def test_a_third_account_hides_no_difference() -> None:
    """Where two differ, it does not matter that another has no place for it."""
    sides = [
        side(name, reading(LINE, fields=fields))
        for name, fields in (
            ("a", {"/currency": "USD", "/notes": "n", "/extensions/x": 1}),
            ("b", {"/currency": "USD", "/notes": "n", "/extensions/x": 2}),
            ("c", {"/currency": "USD", "/notes": "n"}),
        )
    ]
    told = msgspec.structs.replace(
        sides[0], sent=None, answered=reading(LINE, fields={"/currency": "USD", "/status": "open"})
    )
    other = msgspec.structs.replace(
        sides[1], sent=None, answered=reading(LINE, fields={"/currency": "USD", "/status": "paid"})
    )

    found = {each.pointer: each for each in compare(DRAFT, [told, other, sides[2]])}

    assert found["/status"].kind == "different"
    (only,) = (each for each in compare(DRAFT, [told, sides[2]]) if each.pointer == "/status")
    assert (only.kind, only.why) == ("only_in", "c did not answer it.")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (True, 1, False),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": [1, {"b": 2}]}, {"a": [Decimal(1), {"b": 2}]}, True),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
    ],
)
def test_sameness_is_jsons(one: Any, other: Any, expected: bool) -> None:
    """True is not 1, at any depth; numbers are what they amount to."""
    assert same(one, other) is expected


def test_metadata_that_changed_its_type_is_different() -> None:
    """A provider that makes 1 of true has changed what the merchant said."""
    draft = msgspec.structs.replace(DRAFT, metadata={"gift": True})
    told = reading(LINE, fields={"/currency": "USD", "/notes": "n", "/metadata": {"gift": 1}})

    assert kinds(side("a", told), draft=draft)["/metadata"] == "different"
