"""The formats of values on a page. Pure; the filters of the templates."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum

from ordergate.domain.money import UnknownCurrencyError, minor_unit_digits, to_decimals

# Control characters, and those that change the direction of text around them; single marks stay.
_UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u202a-\u202e\u2066-\u2069]")
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_TONES: Mapping[str, str] = {
    **dict.fromkeys(("paid", "fulfilled", "succeeded", "applied", "ok", "yes", "closed_breaker"), "good"),
    **dict.fromkeys(("review", "failed", "down", "no", "declined", "refused", "unknown"), "bad"),
    **dict.fromkeys(
        ("pending", "partially_paid", "partial", "in_progress", "limited", "partly", "half_open", "absent"),
        "busy",
    ),
    **dict.fromkeys(("partially_refunded", "refunded", "returned", "gateway"), "moved"),
}


def amount(units: int, currency: str) -> str:
    """Write minor units with all the currency's decimals: ``1,234.50 USD``."""
    try:
        digits = minor_unit_digits(currency)
    except UnknownCurrencyError:
        return f"{units} minor units of {currency}"
    return f"{to_decimals(units, digits, separator=',')}\N{NO-BREAK SPACE}{currency}"


def moment(time: datetime) -> str:
    """Write a time to the second: ``2026-03-01 12:00:05 UTC``."""
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def ago(time: datetime, now: datetime) -> str:
    """Write how far a time is from now: ``5 minutes ago``, ``in 2 hours``."""
    seconds = round((now - time).total_seconds())
    distance = abs(seconds)
    if distance < 5:
        return "just now"
    for size, name in ((_DAY, "day"), (_HOUR, "hour"), (_MINUTE, "minute"), (1, "second")):
        if distance >= size:
            number = distance // size
            text = f"{number} {name}{'' if number == 1 else 's'}"
            return f"{text} ago" if seconds > 0 else f"in {text}"
    return "just now"


def words(code: str | Enum) -> str:
    """Write a code as words: ``partially_paid`` as ``partially paid``."""
    return str(code.value if isinstance(code, Enum) else code).replace("_", " ")


def tone(code: str | Enum) -> str:
    """Return the colour of a state; the word beside it has the same meaning."""
    return _TONES.get(str(code.value if isinstance(code, Enum) else code), "plain")


def shown(text: str, length: int) -> str:
    """Return text that others wrote for a page: no longer than that, and with nothing in it that works unseen."""
    text = text if len(text) <= length else text[: length - 1].rstrip() + "…"
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", text)


def isolated(text: str) -> str:
    """Isolate the direction of foreign text, for places without elements."""
    return f"{_ISOLATE}{text}{_END_ISOLATE}"
