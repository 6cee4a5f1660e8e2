"""Switches: one msgspec struct whose fields are the points that the provider's documentation leaves open."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ordergate.spi.emulator import InvalidControlError

Switches = TypeVar("Switches", bound=msgspec.Struct)


def switch_values(switches: msgspec.Struct) -> dict[str, Any]:
    """Return every switch with its value, as plain JSON values."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(switches))
    return values


def change_switches(switches: Switches, changes: Mapping[str, Any]) -> Switches:
    """Return the switches with the named ones changed.

    Raises:
        InvalidControlError: A name is unknown, or a value is not allowed.
    """
    try:
        return msgspec.convert({**switch_values(switches), **changes}, type(switches))
    except msgspec.ValidationError as error:
        raise InvalidControlError(f"These switches cannot be set: {error}.") from None
