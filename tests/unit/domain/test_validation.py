"""Reading a body: exactly one of a value and a list of everything wrong with it."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ordergate.domain import validation
from ordergate.domain.draft import CancelBody, Draft, FulfillBody, PayBody, UpdateBody
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.validation import MAX_ERRORS, decode_body, explain, summary

LINES = b'"line_items":[{"description":"Chair","quantity":1,"unit_amount":20000}]'


def _refused(body: bytes, wanted: Any = Draft) -> Problem:
    with pytest.raises(Problem) as refused:
        decode_body(body, wanted)
    return refused.value


def _draft_body(field: str) -> bytes:
    return b'{"currency":"USD",' + LINES + b"," + field.encode() + b"}"


def test_a_right_body_is_decoded() -> None:
    """A body of the right shape becomes its type, with every number as it stands."""
    draft = decode_body(_draft_body('"expected_total":999999999999999'), Draft)

    assert (
        draft.expected_total,
        draft.currency,
        draft.line_items[0].unit_amount,
    ) == (999999999999999, "USD", 20000)


def test_everything_wrong_is_told_at_once_with_exact_pointers() -> None:
    """Wrong types, missing, unknown and nested fields are all in one answer."""
    body = b"""{
        "currency": 5,
        "customer": {"id": 7, "nickname": "x"},
        "line_items": [
            {"description": "a", "quantity": 1, "unit_amount": 1},
            {"description": "b", "quantity": "2", "unit_amount": 1.5, "metadata": {"k": [1]}},
            "line",
            {}
        ],
        "shipping_address": {"country": "USA"},
        "surprise": null
    }"""

    assert {
        ("/currency", "wrong_type"),
        ("/customer/id", "wrong_type"),
        ("/customer/nickname", "unknown_field"),
        ("/line_items/1/quantity", "wrong_type"),
        ("/line_items/1/unit_amount", "wrong_type"),
        ("/line_items/1/metadata/k", "wrong_type"),
        ("/line_items/2", "wrong_type"),
        ("/line_items/3/description", "required"),
        ("/line_items/3/quantity", "required"),
        ("/line_items/3/unit_amount", "required"),
        ("/shipping_address/country", "invalid_value"),
        ("/surprise", "unknown_field"),
    } == {(error.pointer, error.code) for error in _refused(body).errors}


@pytest.mark.parametrize(
    ("name", "step"),
    [("a/b", "a~1b"), ("a~b", "a~0b"), ("~1", "~01"), ("/", "~1"), ("", ""), ("a b", "a b"), ("ä", "ä")],
)
def test_names_are_escaped_in_pointers(name: str, step: str) -> None:
    """A name with ~ or / stands in a pointer as RFC 6901 says."""
    body = msgspec.json.encode({"extensions": {name: 5}, name: 1})

    pointers = {error.pointer for error in _refused(body).errors}

    assert {f"/extensions/{step}", f"/{step}"} <= pointers


@pytest.mark.parametrize(
    "value",
    ["1.0", "1e2", "0.1", "-0.0", "true", "false", '"200"', "[]", "{}", "[200]", "1e-400"],
)
def test_an_amount_is_an_integer_and_nothing_else(value: str) -> None:
    """Floats, also whole ones, booleans, strings and containers are no amounts."""
    problem = _refused(_draft_body(f'"expected_total":{value}'))

    assert [(error.pointer, error.code) for error in problem.errors] == [("/expected_total", "wrong_type")]


@pytest.mark.parametrize("value", ["9" * 16, "9" * 30, "-1", "-" + "9" * 30, "18446744073709551616"])
def test_an_amount_out_of_range_is_refused_whatever_its_size(value: str) -> None:
    """Integers beyond the limits are refused as values, also those that no machine word holds."""
    problem = _refused(_draft_body(f'"expected_total":{value}'))

    assert [(error.pointer, error.code) for error in problem.errors] == [("/expected_total", "invalid_value")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b'{"currency":"USD",' + LINES + b"} x",
        b'{"currency":"USD",' + LINES + b"}{}",
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"{'currency': 'USD'}",
        b'{"currency":NaN}',
        b'{"notes":"\xff"}',
        b'{"notes":"\xed\xa0\x80"}',
        b'{"notes":"\\ud800"}',
        b'{"notes":"\\udc00"}',
        b'{"\\ud800":1}',
        b'{"notes":"\n"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"extensions":{"revkeen":{"a":' + b"[" * 100_000,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"expected_total":' + b"9" * 100_000 + b"}",
        b'{"expected_total":1e999}',
    ],
    ids=lambda body: f"{body[:24]!r}-{len(body)}",
)
def test_what_is_not_json_is_one_problem(body: bytes) -> None:
    """Broken text, trailing bytes, impossible characters, numbers and depths are invalid_json, never a crash."""
    problem = _refused(body)

    assert (problem.code, problem.outcome, problem.errors) == ("invalid_json", "not_applied", ())


@pytest.mark.parametrize("body", [b"null", b"[]", b"5", b'"x"', b"true"])
def test_json_that_is_no_object_points_to_the_whole(body: bytes) -> None:
    """JSON of another kind is told with the empty pointer."""
    problem = _refused(body)

    assert [(error.pointer, error.code) for error in problem.errors] == [("", "wrong_type")]
    assert problem.detail.startswith("the body: ")


REPEATED = {
    b'{"currency":5,"currency":"USD",' + LINES + b"}": ["/currency"],
    b'{"currency":"USD","currency":"USD",' + LINES + b"}": ["/currency"],
    b'{"currency":"USD",' + LINES + b"," + LINES + b"}": ["/line_items"],
    b'{"metadata":{"a":1.5,"a":1},"currency":"USD",' + LINES + b"}": ["/metadata/a"],
    b'{"currency":"USD","line_items":[{"description":"Chair","quantity":1,"unit_amount":250000,"unit_amount":1}]}': [
        "/line_items/0/unit_amount"
    ],
    b'{"currency":"USD","extensions":{"x":{"a/b":[[{}],{"d":{"c":1,"c":[{"e":1,"e":2}]}}]}},'
    + LINES
    + b"}": [
        "/extensions/x/a~1b/1/d/c",
        "/extensions/x/a~1b/1/d/c/0/e",
    ],
    b'{"notes":"a:b","\\u006eotes":"c","currency":"USD",' + LINES + b"}": ["/notes"],
    b'{"notes":"hides \\u003a one","notes":"x","currency":"USD",' + LINES + b"}": ["/notes"],
    b'{"notes":"hides \\u003A one","notes":"x","currency":"USD",' + LINES + b"}": ["/notes"],
    b'{"x":123456789012345678901234567890,"x":1}': ["/x"],
    b'{"":1,"":2}': ["/"],
    b'[{"a":1},{"a":1,"a":1}]': ["/1/a"],
}
"""By body: the pointers of the names that stand in their object already."""


@pytest.mark.parametrize(("body", "pointers"), REPEATED.items())
def test_a_name_that_stands_twice_is_refused(body: bytes, pointers: list[str]) -> None:
    """Whatever the values are: a body that readers can take in two ways is no JSON to us."""
    problem = _refused(body)

    assert problem.code == "invalid_json"
    assert [(error.pointer, error.code) for error in problem.errors] == [
        (pointer, "repeated_name") for pointer in pointers
    ]


@pytest.mark.parametrize(
    "field",
    [
        '"notes":"10:30 {\\"a\\":1,\\"a\\":2}"',
        '"notes":"\\u003a"',
        '"metadata":{"a":"a:","b":"\\u003A"}',
        '"extensions":{"x":{"big":123456789012345678901234567890}}',
        '"extensions":{"a":{"x":1},"b":{"x":1}}',
    ],
)
def test_what_only_looks_like_a_repeated_name_passes(field: str) -> None:
    """Colons and objects inside text, escaped colons and equal names in other objects are no repetition."""
    assert decode_body(_draft_body(field), Draft).currency == "USD"


@given(data=st.data())
def test_a_repeated_name_is_found_in_any_document(data: st.DataObject) -> None:
    """Exactly the documents in which a name stands twice in one object are refused for it."""
    texts = st.sampled_from(["a", "b", ":", "", '"', "a:b", "\\u003a", "\\u0061"])
    names = texts.map(lambda text: f'"{text}"' if text != '"' else '"\\""')
    documents = st.recursive(
        names | st.sampled_from(["1", "null", "1e3", "12345678901234567890123"]),
        lambda inner: (
            st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]")
            | st.lists(st.tuples(names, inner), max_size=4).map(
                lambda members: "{" + ",".join(f"{name}: {value}" for name, value in members) + "}"
            )
        ),
        max_leaves=12,
    )
    body = data.draw(documents).encode()
    repeated = []

    def look(members: list[tuple[str, Any]]) -> dict[str, Any]:
        repeated.extend({name for name, _ in members} if len(dict(members)) < len(members) else ())
        return dict(members)

    json.loads(body, object_pairs_hook=look)
    if not repeated:
        decode_body(body, Any)
        return
    problem = _refused(body, Any)
    assert (problem.code, bool(problem.errors)) == ("invalid_json", True)


NULLS = {
    b'{"currency":"USD","notes":"a\\u0000b",' + LINES + b"}": ["/notes"],
    b'{"currency":"US\\u0000",' + LINES + b"}": ["/currency"],
    b'{"metadata":{"a\\u0000":1},"extensions":{"x":{"y":[1,["\\u0000"]]}}}': [
        "/metadata/a\0",
        "/extensions/x/y/1/0",
    ],
    b'"\\u0000"': [""],
}
"""By body: the pointers of the text that holds U+0000."""


@pytest.mark.parametrize(("body", "pointers"), NULLS.items())
def test_the_null_character_is_refused(body: bytes, pointers: list[str]) -> None:
    """Text with U+0000 is refused wherever it stands, names included: not every store can keep it."""
    problem = _refused(body)

    assert problem.code == "invalid_request"
    assert [(error.pointer, error.code) for error in problem.errors] == [
        (pointer, "invalid_value") for pointer in pointers
    ]


def test_an_escaped_backslash_is_no_null_character() -> None:
    """The six letters of the escape are text like any other."""
    assert decode_body(_draft_body('"notes":"\\\\u0000"'), Draft).notes == "\\u0000"


def _lines(count: int, more: str = "") -> bytes:
    line = '{"description":"Chair","quantity":1,"unit_amount":1' + more + "}"
    return ",".join([line] * count).encode()


LARGE = {
    "objects": b"{}," * 300_000 + b"{}",
    "lists": b"[]," * 300_000 + b"[]",
    "right lines, one wrong": _lines(15_000) + b",{}",
    "a thousand lines, all wrong": b"{}," * 999 + b"{}",
    "a thousand lines, the last wrong": _lines(999) + b",{}",
    "much metadata, the last line wrong": _lines(
        999, ',"metadata":{' + ",".join(f'"k{i}":{i}' for i in range(40)) + "}"
    )
    + b",{}",
}


@pytest.mark.parametrize("name", LARGE)
def test_the_search_for_mistakes_stops(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However large a body is, only what leads to the first hundred errors is looked at."""
    looked_at = 0

    def count(value: Any, wanted: Any, pointer: str) -> Any:
        nonlocal looked_at
        looked_at += 1
        return errors(value, wanted, pointer)

    errors = validation._errors
    monkeypatch.setattr(validation, "_errors", count)

    problem = _refused(b'{"currency":"USD","line_items":[' + LARGE[name] + b"]}")

    assert problem.code == "invalid_request"
    assert 1 <= len(problem.errors) <= MAX_ERRORS
    assert looked_at < 1_500


def test_an_error_says_what_the_field_is_for() -> None:
    """Where a pattern alone would help nobody, the sentence adds the field's meaning."""
    (error,) = _refused(_draft_body('"tax_percent":"a lot"')).errors

    assert "A percentage as a decimal string" in error.detail


def test_an_unknown_field_is_told_the_known_ones() -> None:
    """A misspelt name is answered with the names that exist."""
    (error,) = _refused(b'{"reson":"x"}', CancelBody).errors

    assert (error.pointer, error.code) == ("/reson", "unknown_field")
    assert "reason" in error.detail


def test_the_summary_names_the_first_and_counts_the_rest() -> None:
    """One error is the sentence itself; of several the sentence tells how many, and the first."""
    one = FieldError(pointer="/a", code="x", detail="Wrong.")
    two = FieldError(pointer="", code="x", detail="Worse.")

    assert summary([one]) == "/a: Wrong."
    assert summary([two]) == "the body: Worse."
    assert summary([one, two]) == "2 fields are wrong; first /a: Wrong."


FIELDS = sorted(
    {*Draft.__struct_fields__, "id", "email", "type", "sku", "description", "quantity", "unit_amount"}
    | {"country", "name", "k", "", "a/b", "~", "ordergate_x"}
)
names = st.sampled_from(FIELDS) | st.text(max_size=5)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, 1, 20000, 10**15, 10**40, "USD", "product", "2026-01-01T00:00:00Z", "13.5"])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)
lines = st.fixed_dictionaries(
    {
        "description": st.just("x") | values,
        "quantity": st.just(1) | values,
        "unit_amount": st.just(5) | values,
    },
    optional={"type": values, "sku": values, "metadata": values},
)
nearly_drafts = st.fixed_dictionaries(
    {"currency": st.just("USD") | values, "line_items": st.lists(lines | values, max_size=3) | values},
    optional={name: values for name in Draft.__struct_fields__ if name not in {"currency", "line_items"}},
)


def _decodes_or_explains(body: bytes, wanted: Any) -> None:
    problem = None
    try:
        decoded = decode_body(body, wanted)
    except Problem as error:
        problem = error
    if problem is None:
        assert isinstance(decoded, wanted)
    elif problem.code == "invalid_json":
        assert problem.errors == ()
    else:
        assert problem.code == "invalid_request"
        assert problem.errors
        assert all(error.pointer == "" or error.pointer.startswith("/") for error in problem.errors)


@given(value=values | nearly_drafts)
def test_any_json_either_decodes_or_is_explained(value: Any) -> None:
    """Of any JSON value either a draft comes, or at least one error; never both, never another exception."""
    body = msgspec.json.encode(value)

    _decodes_or_explains(body, Draft)
    try:
        msgspec.json.decode(body, type=Draft)
    except msgspec.ValidationError:
        assert explain(value, Draft)
    else:
        assert explain(value, Draft) == []


@given(value=values, wanted=st.sampled_from([PayBody, CancelBody, FulfillBody, UpdateBody]))
def test_any_json_against_the_other_bodies(value: Any, wanted: Any) -> None:
    """The same holds for every other body that a write takes."""
    _decodes_or_explains(msgspec.json.encode(value), wanted)


@given(body=st.binary(max_size=200))
@example(body=b'{"currency":' + b"\x00")
@example(body=b'"\\u0000"')
def test_any_bytes_either_decode_or_are_explained(body: bytes) -> None:
    """Of any bytes either a draft comes, or a problem; never another exception."""
    _decodes_or_explains(body, Draft)


@given(data=st.data())
def test_a_damaged_draft_either_decodes_or_is_explained(data: st.DataObject) -> None:
    """A right draft with some bytes exchanged, cut or doubled never breaks the reader."""
    body = _draft_body('"reference":"A","metadata":{"k":"\\u00e4"},"expires_at":"2026-01-01T00:00:00Z"')
    start = data.draw(st.integers(0, len(body)))
    end = data.draw(st.integers(start, min(start + 12, len(body))))
    patch = data.draw(st.binary(max_size=6) | st.sampled_from([body[start:end] * 2, b"", b"\\ud800", b"1e9"]))

    _decodes_or_explains(body[:start] + patch + body[end:], Draft)
