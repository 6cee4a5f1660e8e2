"""What the API answers besides orders: the types that the server writes and the client reads. Nothing here acts."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.account import Accept, BreakerState
from ordergate.domain.comparison import Difference
from ordergate.domain.errors import Fault, FieldError, OutcomeWord, ProviderError, Retry, Sent
from ordergate.domain.fees import Fee
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt, OperationState, Probe, Resolution
from ordergate.domain.order import Notice, Order, Record, Return
from ordergate.spi.adapter import Environment
from ordergate.spi.capabilities import Support


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What every error answers (RFC 9457).

    Attributes:
        type: A page about the code.
        fault: Whose fault it is.
        sent: Whether the provider may have got something.
        outcome: What became of the write; null for reads.
        retry: Whether to try again, and with which Idempotency-Key.
        retry_after: Seconds to wait.
        errors: What is wrong with the body, each with a JSON Pointer into it.
        provider: What the provider said.
        operation: The write that this is about: GET /v1/operations/{id}.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    fault: Fault
    sent: Sent
    outcome: OutcomeWord | None
    retry: Retry
    retry_after: int | None
    errors: list[FieldError]
    provider: ProviderError | None
    operation: str | None
    order: str | None
    request_id: str


class OperationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One write, from its intent to its outcome.

    Attributes:
        performed_by: `gateway` where the provider cannot and the gateway does it itself.
        outcome: Null while it is in progress.
        problem: The code that the caller was answered, where one was.
        probes: The latest looks at the provider for what became of it, oldest first.
        needs_person: It cannot settle by itself: somebody has to find out, and resolve it.
        resolution: What a person said became of it.
    """

    id: str
    kind: OperationKind
    state: OperationState
    performed_by: Literal["provider", "gateway"]
    outcome: OutcomeWord | None
    problem: str | None
    order: str
    account: str
    reference: str | None
    idempotency_key: str | None
    attempts: list[Attempt]
    probes: list[Probe]
    needs_person: bool
    resolution: Resolution | None
    created_at: datetime
    updated_at: datetime


class OperationList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of operations, newest first."""

    data: list[OperationDocument]
    has_more: bool


class ReturnList(msgspec.Struct, frozen=True, kw_only=True):
    """An order's returns, oldest first."""

    data: list[Return]


class CapabilitiesDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What can be done with an account's orders, and which filters its own list has."""

    operations: dict[OperationKind, Support]
    list_filters: list[str]
    partial_pay: bool
    fulfill_lines: bool
    links_required: list[str]


class RateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """So many requests in so many seconds, from all processes together."""

    requests: int
    seconds: int


class LimitsDocument(msgspec.Struct, frozen=True, kw_only=True):
    """How long the gateway waits for the provider, in seconds, and how much it asks of it."""

    connect_timeout: float
    read_timeout: float
    total_timeout: float
    settling_time: float
    max_in_flight: int
    rates: list[RateDocument]


class WebhooksDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider tells unasked.

    Attributes:
        last_received_at: When a verified webhook came last; null for none that is still kept.
        waiting: Events whose order is yet to be read again.
        parked: Events of orders that nobody here knows.
    """

    last_received_at: datetime | None
    waiting: int
    parked: int


class HealthDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the account takes work, as this process sees it, and why not.

    Attributes:
        status: `closed` by configuration; `down` or `limited` for now; else `ok`.
        breaker: `open` lets nothing through, `half_open` one call that finds out.
        in_flight: Calls on their way now, those that wait for their turn included.
        rate_left: Calls that the rate limit still lets through now; null where there is no limit.
        paused_for: Seconds for which the provider has asked to be left alone.
    """

    status: Literal["ok", "limited", "down", "closed"]
    breaker: BreakerState
    in_flight: int
    rate_left: int | None
    paused_for: float
    webhooks: WebhooksDocument
    reasons: list[str]


class AccountDocument(msgspec.Struct, frozen=True, kw_only=True):
    """One configured account at a provider."""

    name: str
    adapter: str
    environment: Environment
    accept: Accept
    capabilities: CapabilitiesDocument
    limits: LimitsDocument
    health: HealthDocument


class SkippedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """An account that was passed over, and why."""

    account: str
    reason: str


class RouteDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Where a new order would go.

    Attributes:
        rule: The rule that holds; `default` where none does, `draft` where the draft names the account.
        why: What made it hold.
        account: The first of `accounts`; null where none may take the order.
        accounts: In order of preference: the next one is tried only when nothing can have happened at the one before.
        skipped: Accounts that the rule names and that may not take the order.
    """

    rule: str
    why: str
    account: str | None
    accounts: list[str]
    skipped: list[SkippedDocument]


class AccountList(msgspec.Struct, frozen=True, kw_only=True):
    """The accounts that the key reaches."""

    data: list[AccountDocument]


class ConfigurationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration in force.

    Attributes:
        hash: Of its content: the same content has the same hash on every node.
        source: The file that it was read from.
        document: The file's content, with references in place of secrets.
    """

    hash: str
    source: str
    loaded_at: datetime | None
    document: dict[str, Any]


class ReloadDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reload; `restart_needed` are keys whose new values hold only after a restart."""

    configuration: ConfigurationDocument
    changed: bool
    restart_needed: list[str]


class TranslationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one account would be sent for a draft, or why nothing.

    Attributes:
        requests: As they would be sent, byte for byte; what authenticates is starred.
    """

    account: str
    requests: list[RequestDocument]
    notices: list[Notice]
    problem: ProblemDocument | None


class TranslationList(msgspec.Struct, frozen=True, kw_only=True):
    """What each account would be sent, in the order in which they were asked for."""

    results: list[TranslationDocument]


class ResultDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What one account made of the draft.

    Attributes:
        request: Byte for byte, but for what authenticates; null where nothing is sent.
        answer: The provider's own.
        order: The canonical order, as a create answers it.
        problem: The problem, as a create answers it.
        latency_ms: From sending to the answer, all calls together; null where nothing was sent.
        calls: How many requests were sent.
        fee: What the provider charges for the order, where `[accounts.NAME.fees]` says it: the percentage of the total,
            rounded half up to the minor unit, and the fixed part.
    """

    account: str
    adapter: str | None
    request: RequestDocument | None
    notices: list[Notice]
    answer: AnswerDocument | None
    order: Order | None
    problem: ProblemDocument | None
    latency_ms: float | None
    calls: int
    fee: Fee | None
    operation: str | None


class ComparisonDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What accounts make of one draft, side by side."""

    id: str
    mode: Literal["translate", "execute"]
    created_at: datetime
    order: dict[str, Any]
    results: list[ResultDocument]
    differences: list[Difference]


class ComparisonList(msgspec.Struct, frozen=True, kw_only=True):
    """One page of comparisons, newest first."""

    data: list[ComparisonDocument]
    has_more: bool


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The gateway answers."""

    status: Literal["live", "ready"]


class Imported(Record, frozen=True, kw_only=True):
    """How many links are set."""

    imported: int
