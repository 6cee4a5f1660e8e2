"""How values look on a page."""

from datetime import timedelta

import pytest
from tests.builders import NOON

from ordergate.console.formats import ago, amount, isolated, shown, tone, words
from ordergate.domain.lifecycle import OrderStatus


@pytest.mark.parametrize(
    ("units", "currency", "text"),
    [
        (0, "USD", "0.00 USD"),
        (5, "USD", "0.05 USD"),
        (123456789, "USD", "1,234,567.89 USD"),
        (-5, "USD", "-0.05 USD"),
        (1234567, "JPY", "1,234,567 JPY"),
        (1234567, "BHD", "1,234.567 BHD"),
        (10**15 - 1, "USD", "9,999,999,999,999.99 USD"),
        (5, "XAU", "5 minor units of XAU"),
    ],
)
def test_amounts_have_all_their_decimals(units: int, currency: str, text: str) -> None:
    """Every minor unit shows, in the currency's own notation; of what has none, the integer itself."""
    assert amount(units, currency).replace("\xa0", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "just now"),
        (-4, "just now"),
        (59, "59 seconds ago"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (-7200, "in 2 hours"),
        (86_400 * 40, "40 days ago"),
    ],
)
def test_times_are_near_or_far(seconds: int, text: str) -> None:
    """How long ago, or how soon, in the largest whole unit."""
    assert ago(NOON, NOON + timedelta(seconds=seconds)) == text


def test_text_of_others_is_cut_and_cleaned() -> None:
    """What works unseen shows as a mark; line ends, emoji and the marks of scripts that run leftwards stay."""
    assert shown("a\x00b\x1b[31m\u202ec\u2066", 50) == "a\ufffdb\ufffd[31m\ufffdc\ufffd"
    assert shown("a\nb 👩\u200d👧 \u05d0\u200f", 50) == "a\nb 👩\u200d👧 \u05d0\u200f"
    assert shown("x" * 11, 10) == "x" * 9 + "…"
    assert shown("x" * 10, 10) == "x" * 10
    assert isolated("x") == "\u2068x\u2069"


def test_states_have_words_and_tones() -> None:
    """A code is read as words; what nobody knows has no colour."""
    assert words(OrderStatus.PARTIALLY_PAID) == "partially paid"
    assert (tone(OrderStatus.PAID), tone("review"), tone("nobody's")) == ("good", "bad", "plain")
