"""The gateway's own marks in an order's metadata at a provider."""

from typing import Any

from ordergate.domain.provider_order import MARK_PREFIX


def split_marks(metadata: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the gateway's own entries, and the merchant's."""
    marks = {key: value for key, value in metadata.items() if key.startswith(MARK_PREFIX)}
    return marks, {key: value for key, value in metadata.items() if key not in marks}
