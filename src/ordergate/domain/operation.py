"""A write and its attempts, as the API shows them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.errors import Sent

OperationState = Literal["in_progress", "succeeded", "failed", "unknown"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One try to send an operation's request.

    Attributes:
        number: Counts from 1.
        account: The account; a create may use another one after it has certainly not been applied at the first.
        started_at: Durable before the first byte may leave.
        finished_at: Null while it runs, or when the process died.
        sent: Whether the provider may have got it.
        closed: The provider's side ended the exchange, so nothing of it is still under way.
        http_status: Status of the response.
        provider_request_id: Its own id of the call, for a support ticket.
        detail: The error, for people.
    """

    number: int
    account: str | None = None
    started_at: datetime
    finished_at: datetime | None = None
    sent: Sent = "maybe"
    closed: bool = False
    http_status: int | None = None
    provider_request_id: str | None = None
    detail: str | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One probe of the provider for a write whose response was lost."""

    at: datetime
    found: Literal["applied", "not_applied", "absent", "unclear"]
    detail: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """A person's resolution of an operation that could not settle itself.

    Attributes:
        key: Id of the API key of the resolution.
        evidence: How the person knows.
        unseen: The provider could not show it: a retry probes before it sends.
    """

    at: datetime
    key: str
    outcome: Literal["applied", "not_applied"]
    evidence: str
    unseen: bool = False
