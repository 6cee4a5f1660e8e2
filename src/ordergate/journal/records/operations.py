"""What the journal keeps, and what it is asked."""

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
from ordergate.spi.adapter import Baseline

_KEPT_BY_NOBODY = frozenset({None, 401, 403, 408, 429})
"""Answers that come before a provider looks at the key, so that it goes on meaning the same; None for no answer."""


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One write, from its intent to its outcome.

    Attributes:
        id: Also the mark at the provider.
        method: With `path` and `key` the scope of idempotency.
        content_hash: Of the parsed body; the same key with another is refused.
        order: The order that it creates or changes.
        reference: The merchant's order number, for a create.
        performed_by: ``gateway`` where the provider cannot and the gateway does it itself.
        outcome: Null while it is in progress.
        problem: The code that the caller was answered, where one was.
        probes: The latest looks at the provider, oldest first.
        needs_person: It is looked after no more: somebody has to find out and say so.
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
        """Whether it is known what became of it."""
        return self.state in {"succeeded", "failed"}

    @property
    def taken_unseen(self) -> bool:
        """Whether a person said that it was not applied though the provider could not show it."""
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
    """All that a process needs to carry on with another's write: to find out what became of it, and to end it.

    Attributes:
        command: What the provider was asked; a one-time token is taken out. None where nothing is sent.
        change: What it changes in the gateway's own record.
        notices: What the merchant is to know about how the order was put into the request.
        confidential: The request holds a one-time token: it can be made once, and by this process only.
    """

    command: Write | None
    change: Change
    notices: tuple[Notice, ...] = ()
    confidential: bool = False


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What is about to be done: durable before the first byte leaves.

    Attributes:
        owner: The process that carries it out; None while it waits for one.
        request: The exact bytes to send; stars where they hold a one-time token, None where nothing is sent.
        revision: Of the order's row when the baseline was read; another since then makes the intent stale.
        settling: Seconds after which nothing of this attempt can still arrive, should nobody hear of it again.
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
    """The intent is durable and nobody else has it; `operation` counts its attempts."""

    operation: Operation


class AcquiredOperation(msgspec.Struct, frozen=True, kw_only=True):
    """An unsettled operation that this process alone looks after now.

    Attributes:
        work: None after retention or a redaction has removed it.
        request: The exact bytes that were sent; stars where they held a one-time token.
        baseline: Where a probe begins.
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


class Revoked(msgspec.Struct, frozen=True):
    """The API key that asks for a write has been revoked."""


Claim = Claimed | Existing | Duplicate | Busy | Stale | Revoked


class UnknownOperations(msgspec.Struct, frozen=True, kw_only=True):
    """How many operations there are of which it is not known what became, on all processes together.

    Attributes:
        oldest: Seconds since the oldest of them was called for; 0 where there is none.
        need_person: How many of them nobody looks after but a person.
    """

    number: int
    oldest: float
    need_person: int


class OperationQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which operations to list; newest first by id.

    Attributes:
        unattended: Only those that nobody looks after, and nobody will.
    """

    world: World
    merchant: str | None = None
    state: OperationState | None = None
    order: str | None = None
    unattended: bool = False
    limit: int = 20
    starting_after: str | None = None
    ending_before: str | None = None
