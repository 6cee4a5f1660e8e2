"""The round trip through JavaScript's JSON."""

import json
import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate_rapyd.emulator.javascript import (
    MAX_DEPTH,
    InvalidJsonError,
    Number,
    number_text,
    parse,
    stringify,
    well_formed,
)

NUMBERS = {
    "200.00": "200",
    "10.50": "10.5",
    "0.100": "0.1",
    "-0": "0",
    "-0.0": "0",
    "2E+2": "200",
    "1e21": "1e+21",
    "100000000000000000000": "100000000000000000000",
    "123456789012345678901234": "1.2345678901234569e+23",
    "9007199254740993": "9007199254740992",
    "0.000001": "0.000001",
    "0.0000001": "1e-7",
    "1.5e-9": "1.5e-9",
    "0.30000000000000004": "0.30000000000000004",
    "5e-324": "5e-324",
    "1.7976931348623157e308": "1.7976931348623157e+308",
    "-13.50": "-13.5",
    "1e400": "null",
}

TEXTS = {
    '{ "a" : [ 1.0 , 2 ] }': '{"a":[1,2]}',
    '{"b":1,"2":1,"a":1,"10":1,"1":1}': '{"1":1,"2":1,"10":1,"b":1,"a":1}',
    '{"01":1,"4294967295":1,"4294967294":1}': '{"4294967294":1,"01":1,"4294967295":1}',
    '{"a":1,"b":2,"a":3}': '{"a":3,"b":2}',
    '"caf\\u00e9\\/\\u03c0"': '"café/π"',
    '"\\u0000\\u001F\\b\\f\\n\\r\\t\\"\\\\\\u007f"': '"\\u0000\\u001f\\b\\f\\n\\r\\t\\"\\\\\x7f"',
    '"\\ud83d\\ude00 \\uD83D"': '"😀 \\ud83d"',
    "[true,false,null,{},[]]": "[true,false,null,{},[]]",
}

NOT_JSON = [b"", b"{", b"NaN", b"[Infinity]", b"{'a':1}", b"\xff", b"[1,]", b"01", b'"\n"', b"\xef\xbb\xbf{}"]


@pytest.mark.parametrize(("literal", "written"), NUMBERS.items())
def test_number_is_written_as_javascript_does(literal: str, written: str) -> None:
    """A number literal comes back as the shortest text of its double, in JavaScript's notation."""
    assert written == number_text(Number(literal))


@pytest.mark.parametrize(("text", "written"), TEXTS.items())
def test_text_is_written_as_javascript_does(text: str, written: str) -> None:
    """White space, escapes, member order and repeated members come back as JavaScript leaves them."""
    assert written == stringify(parse(text.encode()))


@pytest.mark.parametrize("body", NOT_JSON)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    """Nothing but strict UTF-8 JSON is read."""
    with pytest.raises(InvalidJsonError):
        parse(body)


@pytest.mark.parametrize("depth", [MAX_DEPTH, MAX_DEPTH + 1, 100_000])
def test_depth_has_a_limit(depth: int) -> None:
    """Deep nesting is refused instead of exhausting the stack."""
    body = b"[" * depth + b"]" * depth

    if depth <= MAX_DEPTH:
        assert body.decode() == stringify(parse(body))
    else:
        with pytest.raises(InvalidJsonError):
            parse(body)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_names_the_same_double(double: float) -> None:
    """Any double survives the text, which is plain from 1e-6 up to 1e21 and exponential elsewhere."""
    text = number_text(Number(repr(double)))

    assert double == float(text)
    plain = double == 0 or 1e-6 <= abs(double) < 1e21
    grammar = r"-?(0|[1-9]\d*)(\.\d*[1-9])?" if plain else r"-?[1-9](\.\d*[1-9])?e[+-][1-9]\d*"
    assert re.fullmatch(grammar, text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_number_text_is_shortest(double: float) -> None:
    """The text has no more significant digits than Python's shortest representation."""
    text = number_text(Number(repr(double)))

    def digits(number: str) -> str:
        return re.sub(r"e.*|[-.]", "", number).strip("0")

    assert digits(repr(double)) == digits(text)


@given(st.integers(-(2**53), 2**53))
def test_whole_number_has_no_point(integer: int) -> None:
    """Whole numbers look like integers, however many zeros follow their point."""
    assert str(integer) == number_text(Number(f"{integer}.000"))


JSON = st.recursive(
    st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_writing_is_stable(value: object) -> None:
    """What has been written once is written the same again, and still means the same."""
    once = stringify(parse(json.dumps(value).encode()))

    assert once == stringify(parse(once.encode()))
    assert _as_doubles(value) == _as_doubles(json.loads(once))


def _as_doubles(value: object) -> object:
    match value:
        case bool():
            return value
        case int() | float():
            double = float(value) if abs(value) < 1e308 else math.inf
            return None if math.isinf(double) else double
        case list():
            return [_as_doubles(item) for item in value]
        case dict():
            return {key: _as_doubles(item) for key, item in value.items()}
        case _:
            return value


def test_lone_surrogates_are_replaced_for_storage() -> None:
    """Text that UTF-8 cannot carry is stored with replacement characters, keys included."""
    assert {"�": ["a�b", Number("1")]} == well_formed({"\udc00": ["a\ud800b", Number("1")]})
