"""What a draft may hold: limits of one field, and rules that need two."""

from typing import Any

import msgspec
import pytest
from tests.unit.conftest import draft

from ordergate.domain.draft import AddressBody, Draft, DraftLine, draft_errors
from ordergate.domain.errors import Problem
from ordergate.domain.money import MAX_AMOUNT
from ordergate.domain.validation import decode_body


def _line(**changes: Any) -> DraftLine:
    line = DraftLine(description="Chair", quantity=1, unit_amount=20000)
    return msgspec.structs.replace(line, **changes)


def _shipping(**changes: Any) -> DraftLine:
    return _line(type="shipping", description="Parcel", unit_amount=500, **changes)


def _told(wrong: Draft) -> list[tuple[str, str]]:
    return [(error.pointer, error.code) for error in draft_errors(wrong)]


@pytest.mark.parametrize(
    "right",
    [
        draft(),
        draft(currency="JPY"),
        draft(line_items=[_line(), _shipping()]),
        draft(line_items=[_shipping(), _line()]),
        draft(line_items=[_line(quantity=1, unit_amount=MAX_AMOUNT)]),
        draft(line_items=[_line(unit_amount=0)]),
        draft(metadata={"ordergate": "fine", "my_ordergate_key": True, "Ordergate_x": 1}),
        draft(shipping_address=AddressBody()),
        draft(shipping_address=AddressBody(country="IS")),
    ],
)
def test_a_right_draft_has_no_errors(right: Draft) -> None:
    """Nothing is held against a draft that keeps every rule, also at the limits."""
    assert _told(right) == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (draft(currency="XAU"), [("/currency", "unknown_currency")]),
        (draft(currency="XXX"), [("/currency", "unknown_currency")]),
        (draft(currency="ABC"), [("/currency", "unknown_currency")]),
        (
            draft(line_items=[_shipping(), _line(), _shipping(), _shipping()]),
            [
                ("/line_items/2/type", "too_many_shipping_lines"),
                ("/line_items/3/type", "too_many_shipping_lines"),
            ],
        ),
        (
            draft(line_items=[_line(), _shipping(quantity=2)]),
            [("/line_items/1/quantity", "invalid_value")],
        ),
        (
            draft(line_items=[_line(unit_amount=MAX_AMOUNT), _line(unit_amount=1)]),
            [("/line_items", "amount_too_large")],
        ),
        (
            draft(line_items=[_line(quantity=10**9, unit_amount=MAX_AMOUNT)]),
            [("/line_items", "amount_too_large")],
        ),
        (
            draft(metadata={"ordergate_operation": "x", "fine": 1}),
            [("/metadata/ordergate_operation", "reserved")],
        ),
        (
            draft(line_items=[_line(), _line(metadata={"ordergate_": True})]),
            [("/line_items/1/metadata/ordergate_", "reserved")],
        ),
        (
            draft(shipping_address=AddressBody(country="XX")),
            [("/shipping_address/country", "unknown_country")],
        ),
        (
            draft(shipping_address=AddressBody(country="UK")),
            [("/shipping_address/country", "unknown_country")],
        ),
    ],
)
def test_each_rule_names_its_field(wrong: Draft, told: list[tuple[str, str]]) -> None:
    """A broken rule is told with the pointer of the field that breaks it, and a code."""
    assert told == _told(wrong)


def test_everything_wrong_is_told_at_once() -> None:
    """A draft that breaks every rule is told all of them together."""
    wrong = draft(
        currency="XAG",
        line_items=[_line(unit_amount=MAX_AMOUNT), _shipping(quantity=2), _shipping()],
        metadata={"ordergate_a": 1},
        shipping_address=AddressBody(country="ZZ"),
    )

    assert {
        "/currency",
        "/line_items/2/type",
        "/line_items/1/quantity",
        "/line_items",
        "/metadata/ordergate_a",
        "/shipping_address/country",
    } == {pointer for pointer, _ in _told(wrong)}


def _decode(**fields: Any) -> Draft:
    document = {
        "currency": "USD",
        "line_items": [{"description": "Chair", "quantity": 1, "unit_amount": 20000}],
        **fields,
    }
    return decode_body(msgspec.json.encode(document), Draft)


@pytest.mark.parametrize(
    "fields",
    [
        {"reference": "x" * 64},
        {"reference": "Ä-1 日本"},
        {"tax_percent": "0"},
        {"tax_percent": "13.5"},
        {"tax_percent": "100"},
        {"tax_percent": "0.0001"},
        {"metadata": {"_": "x" * 500, "a.b-c_1": True, "n": 2**53, "m": -(2**53)}},
        {"metadata": {f"k{n}": n for n in range(40)}},
        {"metadata": {"k" * 40: ""}},
        {"notes": "x" * 1000},
        {"expected_total": 0},
        {"expected_total": MAX_AMOUNT},
        {"customer": {"id": None, "email": "a@b"}},
        {"expires_at": "2026-12-31T23:59:59+02:00"},
        {"billing_type": "recurring"},
        {"extensions": {"revkeen": {"anything": [1, {"x": None}]}}},
        dict.fromkeys(set(Draft.__struct_fields__) - {"currency", "line_items"}),
    ],
)
def test_every_field_takes_its_limits(fields: dict[str, Any]) -> None:
    """Each field takes the largest and the smallest that the contract names, and null like absent."""
    taken = msgspec.to_builtins(_decode(**fields))

    assert fields == {name: taken[name] for name in fields}


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 65}, "/reference"),
        ({"reference": "A-1\n"}, "/reference"),
        ({"reference": "A\x00"}, "/reference"),
        ({"customer": {"id": "cust\n"}}, "/customer/id"),
        ({"customer": {"id": ""}}, "/customer/id"),
        ({"customer": {"email": "nobody"}}, "/customer/email"),
        ({"customer": {"email": "a@b\n"}}, "/customer/email"),
        ({"tax_percent": "100.1"}, "/tax_percent"),
        ({"tax_percent": "-1"}, "/tax_percent"),
        ({"tax_percent": "1.23456"}, "/tax_percent"),
        ({"tax_percent": "13,5"}, "/tax_percent"),
        ({"tax_percent": "5\n"}, "/tax_percent"),
        ({"tax_percent": 5}, "/tax_percent"),
        ({"metadata": {f"k{n}": n for n in range(41)}}, "/metadata"),
        ({"metadata": {"k" * 41: 1}}, "/metadata/" + "k" * 41),
        ({"metadata": {"1k": 1}}, "/metadata/1k"),
        ({"metadata": {"k\n": 1}}, "/metadata/k\n"),
        ({"metadata": {"k": "x" * 501}}, "/metadata/k"),
        ({"metadata": {"k": 2**53 + 1}}, "/metadata/k"),
        ({"metadata": {"k": 1.5}}, "/metadata/k"),
        ({"metadata": {"k": None}}, "/metadata/k"),
        ({"metadata": {"k": {}}}, "/metadata/k"),
        ({"notes": "x" * 1001}, "/notes"),
        ({"expected_total": -1}, "/expected_total"),
        ({"expected_total": MAX_AMOUNT + 1}, "/expected_total"),
        ({"expires_at": "2026-12-31T23:59:59"}, "/expires_at"),
        ({"expires_at": "2026-02-30T00:00:00Z"}, "/expires_at"),
        ({"billing_type": "monthly"}, "/billing_type"),
        ({"currency": "usd"}, "/currency"),
        ({"currency": "DOLLAR"}, "/currency"),
        ({"line_items": []}, "/line_items"),
        ({"line_items": [{"description": "", "quantity": 1, "unit_amount": 1}]}, "/line_items/0/description"),
        ({"line_items": [{"description": "x", "quantity": 0, "unit_amount": 1}]}, "/line_items/0/quantity"),
        (
            {"line_items": [{"description": "x", "quantity": 1, "unit_amount": -1}]},
            "/line_items/0/unit_amount",
        ),
        ({"extensions": {"revkeen": 5}}, "/extensions/revkeen"),
        ({"surprise": 1}, "/surprise"),
    ],
)
def test_every_field_refuses_what_is_beyond(fields: dict[str, Any], pointer: str) -> None:
    """One step beyond each limit is refused, with the pointer of that field and no other."""
    with pytest.raises(Problem) as refused:
        _decode(**fields)

    assert [pointer] == [error.pointer for error in refused.value.errors]


def test_the_sum_of_the_lines() -> None:
    """The lines' total is the sum of quantity times price, shipping included."""
    assert draft(line_items=[_line(quantity=3), _shipping()]).lines_total == 3 * 20000 + 500


@pytest.mark.parametrize(
    ("percent", "taxed"),
    [
        (None, False),
        ("0", False),
        ("00.0", False),
        ("0.0000", False),
        ("0.0001", True),
        ("10", True),
        ("100", True),
    ],
)
def test_only_a_tax_above_zero_has_an_effect(percent: str | None, taxed: bool) -> None:
    """No tax and a tax of zero, however written, are the same."""
    assert taxed == draft(tax_percent=percent).taxed
