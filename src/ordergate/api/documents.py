"""The documents of the API besides orders: plain types that the server writes and the client reads."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.account import Accept, BreakerState, Environment, Support
from ordergate.domain.difference import Difference
from ordergate.domain.errors import Fault, FieldError, OutcomeWord, ProviderError, Retry, Sent
from ordergate.domain.fees import Fee
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt, OperationState, Probe, Resolution
from ordergate.domain.order import Notice, Order, Record, Return


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error (RFC 9457).

    Attributes:
        type: A page about the code.
        fault: Who caused it.
        sent: Whether the provider may have got something.
        outcome: The outcome of the write; null for reads.
        retry: Whether to try again, and with which Idempotency-Key.
        retry_after: Seconds to wait.
        errors: The errors in the body, each with a JSON Pointer.
        provider: The provider's error.
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
        performed_by: `gateway` if the provider cannot do it and the gateway does it itself.
        outcome: Null while it is in progress.
        problem: The problem code that the caller got, if any.
        probes: The latest probes of the provider, oldest first.
        needs_person: It cannot settle by itself: a person has to find out the outcome, and resolve it.
        resolution: A person's resolution.
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
    """The possible operations of an account's orders, and the filters of its own list."""

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
    """Counts of the provider's events.

    Attributes:
        last_received_at: Time of the last verified webhook in the journal; null without one.
        waiting: Events whose order will be read again.
        parked: Events of orders that no merchant has (dead letters).
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
        rate_left: Calls that the rate limit allows now; null without a limit.
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
    """The route of a new order.

    Attributes:
        rule: The matching rule; `default` without one, `draft` if the draft names the account.
        why: Why the rule matches.
        account: The first of `accounts`; null if no account may take the order.
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
    """The result of a reload; `restart_needed` are keys whose new values take effect only after a restart."""

    configuration: ConfigurationDocument
    changed: bool
    restart_needed: list[str]


class TranslationDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The requests for one account, or the reason why there are none.

    Attributes:
        requests: The requests as they would be sent, byte for byte; credentials are masked.
    """

    account: str
    requests: list[RequestDocument]
    notices: list[Notice]
    problem: ProblemDocument | None


class TranslationList(msgspec.Struct, frozen=True, kw_only=True):
    """The requests for each account, in the requested order."""

    results: list[TranslationDocument]


class ResultDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one account.

    Attributes:
        request: Byte for byte, with masked credentials; null if nothing is sent.
        answer: The provider's own.
        order: The canonical order, as a create answers it.
        problem: The problem, as a create answers it.
        latency_ms: Milliseconds of all calls together; null if nothing was sent.
        calls: How many requests were sent.
        fee: The provider's fee for the order, if `[accounts.NAME.fees]` is configured: the percentage of the total,
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
    """The results of several accounts for one draft, side by side."""

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
