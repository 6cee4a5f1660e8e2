"""Exact amounts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ordergate_rapyd.emulator.currencies import CODES
from ordergate_rapyd.emulator.javascript import Number
from ordergate_rapyd.emulator.money import divide, exponent_of, read_integer, read_scaled, write_scaled

MINOR = st.integers(-(10**18), 10**18)
EXPONENTS = st.integers(0, 4)

READ = [
    (Number("200"), 2, 20_000),
    (Number("200.00"), 2, 20_000),
    (Number("19.99"), 2, 1_999),
    (Number("2E+2"), 2, 20_000),
    (Number("1e-2"), 2, 1),
    (Number("0.1"), 1, 1),
    (Number("-5"), 0, -5),
    ("10.50", 2, 1_050),
    ("100", 0, 100),
    ("0.001", 3, 1),
    (Number("0.0001"), 4, 1),
    (Number("1.234"), 2, None),
    ("1.005", 2, None),
    (Number("0.5"), 0, None),
    ("", 2, None),
    (" 1", 2, None),
    ("1_0", 2, None),
    ("\u0661", 2, None),
    ("1" + "0" * 18 + ".00", 2, 10**20),
    (f"1.{'0' * 38}", 2, 100),
    (f"1.{'0' * 39}", 2, None),
    ("abc", 2, None),
    ("NaN", 2, None),
    ("Infinity", 2, None),
    ("1e999", 2, None),
    ("1e99999999999999999999", 2, None),
    ("9" * 5000, 2, None),
    (True, 2, None),
    (None, 2, None),
    ([], 2, None),
]


@pytest.mark.parametrize(("value", "exponent", "scaled"), READ)
def test_amount_is_read_exactly(value: object, exponent: int, scaled: int | None) -> None:
    """Numbers and strings are read digit by digit; more decimals than the currency has are refused."""
    assert scaled == read_scaled(value, exponent)


@pytest.mark.parametrize(
    ("units", "exponent", "literal"),
    [
        (41_000, 2, b"410"),
        (47_150, 2, b"471.5"),
        (1, 2, b"0.01"),
        (0, 2, b"0"),
        (-5, 1, b"-0.5"),
        (100, 0, b"100"),
        (10, 3, b"0.01"),
        (123_456, 4, b"12.3456"),
        (10**20, 2, b"1000000000000000000"),
    ],
)
def test_amount_is_written_plainly(units: int, exponent: int, literal: bytes) -> None:
    """A literal has neither padding nor an exponent."""
    assert literal == bytes(write_scaled(units, exponent))


@given(MINOR, EXPONENTS)
def test_amount_survives_writing_and_reading(units: int, exponent: int) -> None:
    """Every amount of every exponent comes back from its literal, sent as a number or a string."""
    literal = bytes(write_scaled(units, exponent)).decode()

    assert units == read_scaled(Number(literal), exponent)
    assert units == read_scaled(literal, exponent)


@given(MINOR, st.integers(0, 3))
def test_one_decimal_too_many_is_refused(units: int, exponent: int) -> None:
    """A digit beyond the currency's exponent is never rounded away."""
    literal = bytes(write_scaled(units * 10 + 5, exponent + 1)).decode()

    assert read_scaled(literal, exponent) is None


@given(st.integers(0, 10**30), st.integers(1, 10**12))
def test_division_rounds_to_the_nearest(numerator: int, denominator: int) -> None:
    """A rounded share is never further off than half a unit, and ties go as asked."""
    up, even = divide(numerator, denominator, "half_up"), divide(numerator, denominator, "half_even")

    assert -denominator <= 2 * (numerator - up * denominator) < denominator
    assert up == even or (up == even + 1 and even % 2 == 0)


def test_ties() -> None:
    """A tie goes up, or to the even neighbour."""
    assert [divide(n, 2, "half_up") for n in (1, 3, 5)] == [1, 2, 3]
    assert [divide(n, 2, "half_even") for n in (1, 3, 5)] == [0, 2, 2]


@pytest.mark.parametrize(
    ("currency", "exponent"), [("JPY", 0), ("UGX", 0), ("USD", 2), ("KWD", 3), ("CLF", 4), ("UYW", 4)]
)
def test_exponents(currency: str, exponent: int) -> None:
    """Each currency has ISO 4217's decimals."""
    assert exponent == exponent_of(currency)


def test_exponents_agree_with_iso_4217() -> None:
    """The exceptions are exactly those of the standard."""
    iso4217 = pytest.importorskip("iso4217")
    expected = {currency.code: currency.exponent for currency in iso4217.Currency}

    assert {code: expected[code] for code in CODES} == {code: exponent_of(code) for code in CODES}


@pytest.mark.parametrize(
    ("value", "integer"), [(Number("2"), 2), (Number("2.0"), 2), ("2", 2), (Number("2.5"), None), ("x", None)]
)
def test_integers(value: object, integer: int | None) -> None:
    """Quantities are whole numbers, as numbers or strings."""
    assert integer == read_integer(value)
