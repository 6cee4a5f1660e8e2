"""A delivery of an event to an endpoint, as the API shows it."""

from datetime import datetime
from typing import Literal

import msgspec

DeliveryState = Literal["pending", "delivered", "failed"]


class DeliveryTry(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver.

    Attributes:
        http_status: Status of the response; null without a response.
        detail: The error, for people; null if the event was delivered.
    """

    at: datetime
    milliseconds: int
    http_status: int | None
    detail: str | None
