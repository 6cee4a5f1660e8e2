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
        account: Where it was sent; a create may go to another one when nothing can have happened at the first.
        started_at: Durable before the first byte may leave.
        finished_at: Null while it runs, or when the process died.
        sent: Whether the provider may have got it.
        closed: The provider's side ended the exchange, so nothing of it is still under way.
        http_status: What it answered.
        provider_request_id: Its own id of the call, for a support ticket.
        detail: What went wrong, for a human.
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
    """One look at the provider for what became of a write whose answer was lost."""

    at: datetime
    found: Literal["applied", "not_applied", "absent", "unclear"]
    detail: str | None = None


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """What a person found out about an operation that could not settle itself.

    Attributes:
        key: Id of the API key that said so.
        evidence: How the person knows.
        unseen: The provider could not show it: a retry looks there before it sends.
    """

    at: datetime
    key: str
    outcome: Literal["applied", "not_applied"]
    evidence: str
    unseen: bool = False
