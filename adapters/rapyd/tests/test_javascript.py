"""What is sent back to Rapyd is written as JavaScript writes it: else the signature is one of another text."""

import json
import random
import struct
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate_rapyd.emulator.javascript import Number, parse, stringify
from ordergate_rapyd.emulator.javascript import number_text as emulated
from ordergate_rapyd.javascript import number_text, rewritten

from .commands import asked, seen, update
from .javascript import rewritten as by_node

NUMBERS: dict[str, str] = json.loads(Path(__file__).with_name("numbers.json").read_text())
"""By the bits of a double: what Node 20 writes.

Zeros, subnormals, the borders of what is normal, powers of two and of ten with their neighbours, the places where the
notation changes, halves between doubles, the vectors of RFC 8785 (appendix B), and doubles drawn by chance.
"""

PUBLISHED = {
    "0000000000000001": "5e-324",
    "7fefffffffffffff": "1.7976931348623157e+308",
    "c340000000000000": "-9007199254740992",
    "4430000000000000": "295147905179352830000",
    "44b52d02c7e14af5": "9.999999999999997e+22",
    "44b52d02c7e14af6": "1e+23",
    "44b52d02c7e14af7": "1.0000000000000001e+23",
    "444b1ae4d6e2ef4e": "999999999999999700000",
    "444b1ae4d6e2ef4f": "999999999999999900000",
    "444b1ae4d6e2ef50": "1e+21",
    "3eb0c6f7a0b5ed8c": "9.999999999999997e-7",
    "3eb0c6f7a0b5ed8d": "0.000001",
    "41b3de4355555554": "333333333.33333325",
    "becbf647612f3696": "-0.0000033333333333333333",
    "43143ff3c1cb0959": "1424953923781206.2",
}
"""Some of RFC 8785's own vectors, as they are printed there."""


def double(bits: str) -> float:
    value: float = struct.unpack(">d", bytes.fromhex(bits))[0]
    return value


def test_the_vectors_are_the_published_ones() -> None:
    """Where the RFC and the list have the same double they say the same."""
    assert PUBLISHED.items() <= NUMBERS.items()
    assert len(NUMBERS) > 500


def test_numbers_are_written_as_javascript_does() -> None:
    """Every kind of double; the adapter's reading of the rules and the emulator's agree."""
    wrong = {
        bits: (written, number_text(double(bits)))
        for bits, written in NUMBERS.items()
        if not written == number_text(double(bits)) == emulated(Number(repr(double(bits))))
    }

    assert wrong == {}


def test_numbers_are_written_as_node_does() -> None:
    """Ten thousand doubles drawn by their bits, so that every exponent is among them."""
    chance = random.Random(8785)
    drawn = [struct.unpack(">d", chance.randbytes(8))[0] for _ in range(10_000)]
    numbers = [number for number in drawn if number - number == 0]

    (written,) = by_node([json.dumps(numbers).encode()])

    assert msgspec.json.encode(rewritten(numbers)) == written


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_stays_the_same_double(number: float) -> None:
    """Read again, the text is the number."""
    assert float(number_text(number)) == number


DOCUMENTS: dict[str, str] = {
    '{"b":1,"2":1e-6,"a":-0.0,"10":1e21,"1":[0.000001,{"z":1.0,"0":2}],"01":1,"4294967295":1,"4294967294":1}': (
        '{"1":[0.000001,{"0":2,"z":1}],"2":0.000001,"10":1e+21,"4294967294":1,"b":1,"a":0,"01":1,"4294967295":1}'
    ),
    '{"n":[9007199254740992,9007199254740993,-9007199254740993,100000000000000000000,1000000000000000000000]}': (
        '{"n":[9007199254740992,9007199254740992,-9007199254740992,100000000000000000000,1e+21]}'
    ),
    '{"a":[true,false,null,"1e-6","\\u00e9\\u2028\\u007f\\u0001\\/"],"b":{},"c":[]}': (
        '{"a":[true,false,null,"1e-6","\u00e9\u2028\x7f\\u0001/"],"b":{},"c":[]}'
    ),
    f'{{"huge":{"9" * 400}}}': '{"huge":null}',
}
"""Metadata as somebody may have put it at Rapyd, and as JavaScript writes it."""


@pytest.mark.parametrize(("text", "written"), DOCUMENTS.items())
def test_documents_are_written_as_javascript_does(text: str, written: str) -> None:
    """Numbers at any depth, and names that look like numbers, which JavaScript puts first."""
    assert msgspec.json.encode(rewritten(msgspec.json.decode(text))).decode() == written
    assert stringify(parse(text.encode())) == written


def test_documents_are_written_as_node_does() -> None:
    """The same, by JavaScript itself."""
    assert by_node([text.encode() for text in DOCUMENTS]) == [text.encode() for text in DOCUMENTS.values()]


def test_a_change_sends_foreign_metadata_as_javascript_writes_it() -> None:
    """What others have put there goes back beside the new key, in the form over which Rapyd signs."""
    foreign: dict[str, Any] = {"rate": 1e-06, "big": 1e21, "half": 0.5, "7": [1e-07]}

    request = asked(update(metadata={**foreign, "colour": "red"}, order=seen(metadata=foreign)))

    assert request.body == (
        b'{"metadata":{"7":[1e-7],"rate":0.000001,"big":1e+21,"half":0.5,"colour":"red"}}'
    )
