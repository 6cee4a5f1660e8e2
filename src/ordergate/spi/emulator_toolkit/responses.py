"""Responses of an emulator."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ordergate.spi.emulator import EmulatedResponse


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> EmulatedResponse:
    """Return a response with a JSON body. `headers` are added to ``Content-Type``."""
    return EmulatedResponse(
        status=status,
        headers={"Content-Type": "application/json", **(headers or {})},
        body=msgspec.json.encode(body),
    )


def with_default_headers(response: EmulatedResponse, headers: Mapping[str, str]) -> EmulatedResponse:
    """Return the response with these headers added. Headers that it already has keep their values."""
    return msgspec.structs.replace(response, headers={**headers, **response.headers})
