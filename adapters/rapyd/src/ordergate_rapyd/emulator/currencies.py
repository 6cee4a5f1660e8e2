"""The currencies that ``GET /v1/data/currencies`` lists.

Source: Rapyd docs, "List Currencies", for the members of an entry. The data are in ``currencies.toml``.
"""

import msgspec

from ordergate.spi.tables import load_table
from ordergate_rapyd.emulator.javascript import JsonObject
from ordergate_rapyd.emulator.money import exponent_of


class Currency(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the table, under its ISO 4217 code.

    Attributes:
        number: The three digits of ISO 4217.
        name: The English name of ISO 4217.
        symbol: For example ``€``; empty if the code is used instead.
    """

    number: str
    name: str
    symbol: str = ""


_CURRENCIES = load_table(__package__, "currencies.toml", dict[str, Currency])

CODES = frozenset(_CURRENCIES)
"""The ISO 4217 code of every currency."""


def list_currencies() -> list[JsonObject]:
    """Return the currencies in the order of their codes; the number of decimals is a string."""
    return [
        {
            "code": code,
            "digits_after_decimal_separator": str(exponent_of(code)),
            "name": currency.name,
            "numeric_code": currency.number,
            "symbol": currency.symbol or code,
        }
        for code, currency in _CURRENCIES.items()
    ]
