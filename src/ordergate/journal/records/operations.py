"""Records of operations, and the queries for them."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.domain.changes import Change
from ordergate.domain.commands import Write
from ordergate.domain.errors import OutcomeWord
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.mode import World
from ordergate.domain.operation import Attempt, OperationState, Probe, Resolution
from ordergate.domain.order import Notice
from ordergate.journal.records.paging import PageQuery
from ordergate.spi.adapter import Baseline

_KEPT_BY_NOBODY = frozenset({None, 401, 403, 408, 429})
"""Statuses that a provider returns before it stores the key, so that the same key can be sent again; None without a
response.
"""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One write, from its intent to its outcome.

    Attributes:
        id: Also the mark at the provider.
        method: With `path` and `key` the scope of idempotency.
        content_hash: Of the parsed body; the same key with another is refused.
        order: The order that it creates or changes.
        reference: The merchant's order number, for a create.
        performed_by: ``gateway`` if the provider cannot do it and the gateway does it itself.
        outcome: Null while it is in progress.
        problem: The problem code that the caller got; None without one.
        probes: The latest probes, oldest first.
        needs_person: Recovery has stopped: a person has to find out the outcome and resolve the operation.
    """

    id: str
    merchant: str
    world: World
    kind: OperationKind
    method: str
    path: str
    key: str | None
    content_hash: str
    account: str
    adapter: str
    order: str
    reference: str | None
    state: OperationState
    performed_by: Literal["provider", "gateway"]
    attempts: tuple[Attempt, ...]
    outcome: OutcomeWord | None
    problem: str | None
    created_at: datetime
    updated_at: datetime
    probes: tuple[Probe, ...] = ()
    needs_person: bool = False
    resolution: Resolution | None = None

    @property
    def settled(self) -> bool:
        """Whether the outcome is known."""
        return self.state in {"succeeded", "failed"}

    @property
    def taken_unseen(self) -> bool:
        """Whether a person resolved it as not applied although the provider could not show it."""
        return self.resolution is not None and self.resolution.unseen

    @property
    def key_number(self) -> int:
        """Which of its keys at the provider the operation is at: another one after each answer that it may keep."""
        return 1 + sum(attempt.http_status not in _KEPT_BY_NOBODY for attempt in self.attempts)

    def expired(self, since: datetime) -> bool:
        """Whether its key and its reference are free again; those of an unsettled operation never are."""
        return self.settled and self.updated_at < since


class StoredResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to give again, byte for byte."""

    status: int
    body: bytes


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The data that another process needs to finish a write: to find out its outcome, and to settle it.

    Attributes:
        command: The command for the provider, without a one-time token; None if nothing is sent.
        change: The change to the gateway's own record of the order.
        notices: Notices for the merchant about the translation of the order.
        confidential: The request contains a one-time token, so only this process can send it, once.
    """

    command: Write | None
    change: Change
    notices: tuple[Notice, ...] = ()
    confidential: bool = False


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """A write before its claim. The claim makes it durable before the first byte is sent.

    Attributes:
        owner: The process that carries it out; None while it waits for one.
        request: The exact bytes to send; asterisks if they contain a one-time token, None if nothing is sent.
        revision: Of the order's row when the baseline was read; another since then makes the intent stale.
        settling: Seconds in which this attempt can still arrive at the provider, if the process dies.
        allow_duplicate: The caller knows that the reference was used before.
        since: Keys and references of operations made before have expired.
        api_key: The id of the API key that asks for it; a revoked one may begin nothing.
    """

    operation: Operation
    work: Work
    owner: str | None
    request: bytes | None
    revision: int | None
    settling: float
    allow_duplicate: bool
    since: datetime
    api_key: str


class Claimed(msgspec.Struct, frozen=True):
    """The intent is durable, and this process has the operation."""

    operation: Operation


class AcquiredOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An unsettled operation that this process has acquired.

    Attributes:
        work: None after retention or a redaction has removed it.
        request: The exact bytes that were sent; asterisks if they contained a one-time token.
        baseline: The start of a list probe.
        settles_in: Seconds until nothing of it can still arrive at the provider; negative from then on.
        age: Seconds since the operation was recorded.
    """

    operation: Operation
    work: Work | None
    request: bytes | None
    baseline: Baseline
    settles_in: float
    age: float


class Existing(msgspec.Struct, frozen=True):
    """An operation with the key, and its stored answer."""

    operation: Operation
    response: StoredResponse | None

    @property
    def may_be_sent_again(self) -> bool:
        """Whether a repeated key sends the operation again: it was not applied, and no refusal is stored."""
        return self.operation.state == "failed" and self.response is None


class Duplicate(msgspec.Struct, frozen=True):
    """The reference is taken by this create."""

    operation: Operation


class Busy(msgspec.Struct, frozen=True):
    """Another write on the order is unsettled."""

    operation: Operation


class Stale(msgspec.Struct, frozen=True):
    """The order has changed since it was read."""


class OrderKnown(msgspec.Struct, frozen=True):
    """The journal already has the order that a create made, as its provider says."""


class Revoked(msgspec.Struct, frozen=True):
    """The API key that asks for a write has been revoked."""


Claim = Claimed | Existing | Duplicate | Busy | Stale | Revoked


class UnknownOperations(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the operations with an unknown outcome, of all processes.

    Attributes:
        oldest: Seconds since the oldest of them was recorded; 0 without any.
        need_person: How many of them wait for a person.
    """

    number: int
    oldest: float
    need_person: int


class OperationQuery(PageQuery, frozen=True, kw_only=True):
    """Which operations to list.

    Attributes:
        unattended: Only operations that no process works on or will work on.
    """

    state: OperationState | None = None
    order: str | None = None
    unattended: bool = False
