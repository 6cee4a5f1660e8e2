"""Amounts: what has a minor unit, and the two notations of one amount."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from ordergate.domain.money import (
    MAX_AMOUNT,
    InexactAmountError,
    UnknownCurrencyError,
    minor_unit_digits,
    to_decimals,
    to_major_units,
    to_minor_units,
)

CHARGEABLE = sorted(currency.code for currency in Currency if currency.exponent is not None)
WITHOUT_MINOR_UNIT = sorted(currency.code for currency in Currency if currency.exponent is None)

amounts = st.integers(min_value=0, max_value=MAX_AMOUNT)


@pytest.mark.parametrize(
    ("currency", "digits"),
    [("USD", 2), ("EUR", 2), ("ISK", 0), ("JPY", 0), ("KRW", 0), ("BHD", 3), ("KWD", 3), ("CLF", 4)],
)
def test_minor_unit_digits_are_iso_4217s(currency: str, digits: int) -> None:
    """A currency has as many decimals as ISO 4217 says."""
    assert digits == minor_unit_digits(currency)


@pytest.mark.parametrize("code", ["usd", "Usd", "US", "USDX", "", "840", " USD", "USD\n", "ABC", "ÙSD", "$"])
def test_a_code_outside_iso_4217_is_refused(code: str) -> None:
    """What is no ISO 4217 code in upper case is unknown, and the sentence repeats it."""
    with pytest.raises(UnknownCurrencyError) as refused:
        minor_unit_digits(code)

    assert repr(code) in str(refused.value)


def test_codes_without_a_minor_unit_are_refused() -> None:
    """Metals, tests and funds without a minor unit cannot be charged, each with the reason."""
    assert {"XAU", "XXX", "XTS"} <= set(WITHOUT_MINOR_UNIT)
    for code in WITHOUT_MINOR_UNIT:
        with pytest.raises(UnknownCurrencyError, match=f"^{code} has no minor unit"):
            minor_unit_digits(code)


@pytest.mark.parametrize(
    ("amount", "digits", "literal"),
    [
        (0, 0, "0"),
        (0, 2, "0"),
        (1, 2, "0.01"),
        (10, 2, "0.1"),
        (1050, 2, "10.5"),
        (20000, 2, "200"),
        (47150, 2, "471.5"),
        (500, 0, "500"),
        (1, 3, "0.001"),
        (1500, 3, "1.5"),
        (12345, 4, "1.2345"),
        (MAX_AMOUNT, 2, "9999999999999.99"),
        (MAX_AMOUNT, 0, "999999999999999"),
    ],
)
def test_both_notations_of_one_amount(amount: int, digits: int, literal: str) -> None:
    """Minor units and the plain decimal number say the same, in both directions."""
    assert literal == to_major_units(amount, digits)
    assert amount == to_minor_units(literal, digits)


@pytest.mark.parametrize(
    ("literal", "digits", "amount"),
    [
        ("1.0e2", 2, 10000),
        ("1E+2", 0, 100),
        ("12345e-2", 2, 12345),
        ("1e-2", 2, 1),
        ("10.500", 2, 1050),
        ("5.000", 0, 5),
        ("-1.5", 2, -150),
        ("-0", 2, 0),
        ("0.1", 2, 10),
        ("1.1", 2, 110),
        ("8.2", 2, 820),
        ("4.35", 2, 435),
        ("90071992547409.93", 2, 9007199254740993),
    ],
)
def test_every_json_notation_is_read_exactly(literal: str, digits: int, amount: int) -> None:
    """Exponents, trailing zeros and values that a binary float would miss are read as they stand."""
    assert amount == to_minor_units(literal, digits)


@pytest.mark.parametrize(
    ("literal", "digits"),
    [
        ("0.001", 2),
        ("10.505", 2),
        ("0.5", 0),
        ("1e-1", 0),
        ("1e-3", 2),
        ("0.0001", 3),
        ("-0.001", 2),
        ("1e-999", 4),
        ("0." + "0" * 39 + "1", 4),
    ],
)
def test_an_amount_below_the_minor_unit_is_refused(literal: str, digits: int) -> None:
    """More decimals than the currency has are refused, never rounded."""
    with pytest.raises(InexactAmountError, match="decimals"):
        to_minor_units(literal, digits)


@pytest.mark.parametrize(
    "literal",
    [
        *(
            "",
            " ",
            "1 ",
            " 1",
            "1\n",
            "+1",
            ".5",
            "1.",
            "1,5",
            "1_000",
            "--1",
            "-",
            "0x10",
            "1e",
            "1e+",
            "e2",
        ),
        *("NaN", "nan", "Infinity", "-inf", "null", "true", '"1"', "\u0661\u0662", "1e1000", "1" * 41),
    ],
)
def test_what_is_no_decimal_number_is_refused(literal: str) -> None:
    """Whatever is not a JSON number is no amount."""
    with pytest.raises(InexactAmountError, match="not a decimal number"):
        to_minor_units(literal, 2)


@given(amount=amounts)
def test_the_notations_are_inverse_for_every_currency(amount: int) -> None:
    """Any amount comes back from its decimal notation unchanged, in every currency there is."""
    for currency in CHARGEABLE:
        digits = minor_unit_digits(currency)

        assert amount == to_minor_units(to_major_units(amount, digits), digits)


@given(amount=amounts, digits=st.integers(0, 4))
def test_the_decimal_notation_is_short_and_exact(amount: int, digits: int) -> None:
    """The notation is a plain number without trailing zeros, of exactly the amount's value."""
    literal = to_major_units(amount, digits)

    assert Decimal(literal) == Decimal(amount).scaleb(-digits)
    assert "e" not in literal.lower()
    assert "." not in literal or not literal.endswith(("0", "."))


@given(units=st.integers(-(10**20), 10**20), shift=st.integers(-12, 12), digits=st.integers(0, 4))
def test_reading_agrees_with_decimal_arithmetic(units: int, shift: int, digits: int) -> None:
    """A number is read as exactly what it is worth, or refused: no whole minor unit, or more than 18 digits."""
    literal = f"{units}e{shift}"
    worth = Decimal(units).scaleb(shift + digits)

    if worth == worth.to_integral_value() and abs(worth) < 10**18:
        assert int(worth) == to_minor_units(literal, digits)
    else:
        with pytest.raises(InexactAmountError):
            to_minor_units(literal, digits)


@given(amount=st.integers(min_value=-MAX_AMOUNT, max_value=MAX_AMOUNT), digits=st.integers(0, 4))
def test_decimals_are_read_back_exactly(amount: int, digits: int) -> None:
    """Written for people, with or without a separator, an amount is the same amount, with all its decimals."""
    plain, grouped = to_decimals(amount, digits), to_decimals(amount, digits, separator=",")

    assert int(Decimal(plain).scaleb(digits)) == amount
    assert grouped.replace(",", "") == plain
    assert len(plain.partition(".")[2]) == digits
