"""What a merchant may send, drawn at random."""

from typing import Any

from hypothesis import strategies as st
from iso4217 import Currency

from ordergate.domain.draft import AddressBody, CustomerBody, Draft, DraftLine
from ordergate.domain.money import UnknownCurrencyError, minor_unit_digits


def _known(code: str) -> bool:
    try:
        minor_unit_digits(code)
    except UnknownCurrencyError:
        return False
    return True


CURRENCIES = sorted({currency.code for currency in Currency if _known(currency.code)})
"""Every ISO 4217 currency that has a minor unit."""
CENT_CURRENCIES = [code for code in CURRENCIES if minor_unit_digits(code) == 2]
MAX_LINES = 8
MAX_QUANTITY = 100
SKUS = ("SKU-0", "SKU-1", "SKU-2")

_characters = st.characters(codec="utf-8", exclude_characters="\0")
texts = st.text(_characters, max_size=60)
descriptions = st.text(_characters, min_size=1, max_size=60)
references = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=64)
emails = st.from_regex(r"[a-z0-9.+]{1,12}@[a-z0-9-]{1,12}\.[a-z]{2,6}", fullmatch=True)
metadata = st.dictionaries(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,39}", fullmatch=True).filter(
        lambda key: not key.startswith("ordergate_")
    ),
    texts | st.booleans() | st.integers(-(2**53), 2**53),
    max_size=6,
)
_named = st.text(_characters, min_size=1, max_size=40).filter(lambda text: bool(text.strip()))
_maybe = st.none() | texts
addresses = st.builds(
    AddressBody,
    name=_named,
    line_1=_named,
    line_2=_maybe,
    line_3=_maybe,
    city=_maybe,
    district=_maybe,
    state=_maybe,
    postal_code=st.none() | st.from_regex(r"[A-Za-z0-9 -]{1,16}", fullmatch=True),
    country=st.none() | st.sampled_from(["US", "GB", "DE", "JP", "BH"]),
    phone=st.none() | st.from_regex(r"\+?[1-9][0-9]{6,14}", fullmatch=True),
)
percents = st.one_of(
    st.none(),
    st.sampled_from(["0", "0.0000", "100", "100.0000", "0.0001", "99.9999", "13.5", "07.50"]),
    st.from_regex(r"[0-9]{1,2}\.[0-9]{1,4}", fullmatch=True),
)


@st.composite
def drafts(draw: st.DrawFn, *, currencies: list[str], max_total: int, **fields: Any) -> Draft:
    """Draw a draft whose lines add up to `max_total` at most.

    Each SKU mostly keeps one price and one description, so that lines which share it can be one item; now and
    then they differ.

    Args:
        draw: Hypothesis' own.
        currencies: The currency is one of these.
        max_total: In minor units.
        fields: Strategies for further fields of the draft.
    """
    prices = st.integers(1, max_total // (MAX_LINES * MAX_QUANTITY))
    usual = {sku: (draw(descriptions), draw(prices)) for sku in SKUS}
    lines = [_line(draw, usual, prices) for _ in range(draw(st.integers(1, MAX_LINES - 1)))]
    if draw(st.booleans()):
        shipping = DraftLine(
            type="shipping",
            description=draw(descriptions),
            quantity=1,
            unit_amount=draw(st.just(0) | prices),
            metadata=draw(st.none() | metadata),
        )
        lines.insert(draw(st.integers(0, len(lines))), shipping)
    return Draft(
        currency=draw(st.sampled_from(currencies)),
        customer=CustomerBody(id="cust-42", email=draw(st.none() | emails)),
        line_items=lines,
        reference=draw(st.none() | references),
        metadata=draw(st.none() | metadata),
        **{name: draw(strategy) for name, strategy in fields.items()},
    )


def _line(draw: st.DrawFn, usual: dict[str, tuple[str, int]], prices: st.SearchStrategy[int]) -> DraftLine:
    sku = draw(st.sampled_from(SKUS))
    description, price = usual[sku]
    if draw(st.integers(0, 9)) == 0:
        description, price = draw(descriptions), draw(prices)
    return DraftLine(
        sku=sku,
        description=description,
        quantity=draw(st.integers(1, MAX_QUANTITY)),
        unit_amount=price,
        metadata=draw(st.none() | metadata),
    )
