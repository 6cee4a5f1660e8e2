"""The gateway's own ids: a prefix for the kind, and a UUIDv7, so that ids sort by time."""

import re
from typing import Final, Literal

import uuid_utils

Prefix = Literal["ord", "op", "li", "ret", "evt", "wh", "dlv", "key", "req", "cmp"]

_DIGITS: Final = re.compile("[0-9a-f]{32}")


def new_id(prefix: Prefix) -> str:
    """Return a fresh id, larger than every one made before it in this process."""
    return f"{prefix}_{uuid_utils.uuid7().hex}"


def is_id(text: str, prefix: Prefix) -> bool:
    """Return whether the text has the form of an id with this prefix."""
    head, separator, digits = text.partition("_")
    return head == prefix and separator == "_" and _DIGITS.fullmatch(digits) is not None
