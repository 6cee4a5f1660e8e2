"""What the API answers besides orders and problems."""

from datetime import datetime
from typing import Any, Literal

import msgspec

from ordergate.domain.comparison import Difference
from ordergate.domain.draft import Draft
from ordergate.domain.errors import OutcomeWord
from ordergate.domain.fees import Fee
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Notice, Order, Return
from ordergate.gateway.account import Accept, Account
from ordergate.gateway.compared import AnswerDocument, Compared, RequestDocument, Result
from ordergate.gateway.configuration import Configuration
from ordergate.gateway.health import BreakerState, Health
from ordergate.gateway.inbound_records import InboundUse
from ordergate.gateway.records import Attempt, Operation, OperationState, Probe, Resolution
from ordergate.gateway.routing import Route
from ordergate.gateway.translate import Translation
from ordergate.spi.adapter import Environment
from ordergate.spi.capabilities import Support
from ordergate.web.problems import ProblemDocument, document


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


def translation_document(translation: Translation) -> TranslationDocument:
    """Return what a caller reads of a translation."""
    problem = translation.problem
    return TranslationDocument(
        account=translation.account,
        requests=list(translation.requests),
        notices=list(translation.notices),
        problem=document(problem, instance="", reads=False) if problem is not None else None,
    )


def comparison_document(compared: Compared) -> ComparisonDocument:
    """Return what a caller reads of a comparison."""
    return ComparisonDocument(
        id=compared.id,
        mode=compared.mode,
        created_at=compared.created_at,
        order=given(compared.draft),
        results=[_result_document(result) for result in compared.results],
        differences=list(compared.differences),
    )


def given(draft: Draft) -> dict[str, Any]:
    """Return a draft as JSON, without what it leaves out."""
    document: dict[str, Any] = msgspec.to_builtins(draft)
    return {name: value for name, value in document.items() if value is not None}


def _result_document(result: Result) -> ResultDocument:
    order, problem = result.order, result.problem
    return ResultDocument(
        account=result.account,
        adapter=result.adapter,
        request=result.request,
        notices=list(result.notices),
        answer=result.answer,
        order=msgspec.json.decode(order.body, type=Order) if order is not None else None,
        problem=msgspec.json.decode(problem.body, type=ProblemDocument) if problem is not None else None,
        latency_ms=result.latency_ms,
        calls=result.calls,
        fee=result.fee,
        operation=result.operation,
    )


def operation_document(operation: Operation) -> OperationDocument:
    """Return what a caller reads of an operation."""
    return OperationDocument(
        id=operation.id,
        kind=operation.kind,
        state=operation.state,
        performed_by=operation.performed_by,
        outcome=operation.outcome,
        problem=operation.problem,
        order=operation.order,
        account=operation.account,
        reference=operation.reference,
        idempotency_key=operation.key,
        attempts=list(operation.attempts),
        probes=list(operation.probes),
        needs_person=operation.needs_person,
        resolution=operation.resolution,
        created_at=operation.created_at,
        updated_at=operation.updated_at,
    )


def configuration_document(configuration: Configuration) -> ConfigurationDocument:
    """Return what an operator reads of a configuration."""
    return ConfigurationDocument(
        hash=configuration.hash,
        source=configuration.source,
        loaded_at=configuration.loaded_at,
        document=dict(configuration.document),
    )


def route_document(route: Route, *, operator: bool) -> RouteDocument:
    """Return what a caller reads of a route; only an operator reads of accounts that are other merchants'."""
    names = [account.name for account in route.accounts]
    return RouteDocument(
        rule=route.rule,
        why=route.why,
        account=names[0] if names else None,
        accounts=names,
        skipped=[
            SkippedDocument(account=each.account, reason=each.reason)
            for each in route.skipped
            if operator or not each.foreign
        ],
    )


def account_document(account: Account, health: Health, inbound: InboundUse | None = None) -> AccountDocument:
    """Return what a caller reads of an account: never its credentials."""
    capabilities = account.adapter.capabilities
    return AccountDocument(
        name=account.name,
        adapter=account.adapter.name,
        environment=account.environment,
        accept=account.accept,
        capabilities=CapabilitiesDocument(
            operations={kind: capabilities.support(kind) for kind in OperationKind},
            list_filters=sorted(capabilities.list_filters),
            partial_pay=capabilities.partial_pay,
            fulfill_lines=capabilities.fulfill_lines,
            links_required=sorted(capabilities.links_required),
        ),
        limits=LimitsDocument(
            connect_timeout=account.connect_timeout,
            read_timeout=account.read_timeout,
            total_timeout=account.total_timeout,
            settling_time=account.settling,
            max_in_flight=account.max_in_flight,
            rates=[RateDocument(requests=rate.requests, seconds=rate.seconds) for rate in account.limits],
        ),
        health=_health(account, health, inbound or InboundUse()),
    )


def _health(account: Account, health: Health, inbound: InboundUse) -> HealthDocument:
    closed = account.accept == "none"
    limited = health.paused_for > 0 or health.rate_left == 0
    status: Literal["ok", "limited", "down", "closed"] = "limited" if limited else "ok"
    if closed or health.breaker != "closed":
        status = "closed" if closed else "down"
    return HealthDocument(
        status=status,
        breaker=health.breaker,
        in_flight=health.in_flight,
        rate_left=health.rate_left,
        paused_for=health.paused_for,
        webhooks=WebhooksDocument(
            last_received_at=inbound.last_webhook_at, waiting=inbound.waiting, parked=inbound.parked
        ),
        reasons=[*(["accept = none"] if closed else []), *health.reasons],
    )
