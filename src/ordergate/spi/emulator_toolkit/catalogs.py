"""Catalogs: the objects that exist at the provider before the first order, as one msgspec struct."""

from typing import Any, TypeVar

import msgspec

from ordergate.spi.emulator import InvalidControlError

Catalog = TypeVar("Catalog", bound=msgspec.Struct)


def decode_catalog(document: bytes, model: type[Catalog]) -> Catalog:
    """Decode a catalog from JSON. The emulator checks that its entries fit together.

    Raises:
        InvalidControlError: The document is not JSON, or does not match the model.
    """
    try:
        return msgspec.json.decode(document, type=model)
    except (ValueError, RecursionError) as error:
        raise InvalidControlError(f"This is not a catalog: {error}.") from None


def catalog_values(catalog: msgspec.Struct) -> dict[str, Any]:
    """Return a catalog as plain JSON values, in the form that `decode_catalog` accepts."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(catalog))
    return values
