"""Makes the API's documents from the results of the use cases."""

from datetime import UTC
from typing import Any, Literal

import msgspec

from ordergate.api.documents import (
    AccountDocument,
    CapabilitiesDocument,
    ComparisonDocument,
    ConfigurationDocument,
    HealthDocument,
    LimitsDocument,
    OperationDocument,
    ProblemDocument,
    RateDocument,
    ResultDocument,
    RouteDocument,
    SkippedDocument,
    TranslationDocument,
    WebhooksDocument,
)
from ordergate.domain.draft import Draft
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Order
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.accounts.health import Health
from ordergate.gateway.accounts.routing import Route
from ordergate.gateway.comparing.translate import Translation
from ordergate.gateway.runtime.comparison import ComparisonResult, Result
from ordergate.journal.records.operations import Operation
from ordergate.journal.records.provider_events import InboundCounts
from ordergate.web.problems import document


def translation_document(translation: Translation) -> TranslationDocument:
    """Return the document of a translation."""
    problem = translation.problem
    return TranslationDocument(
        account=translation.account,
        requests=list(translation.requests),
        notices=list(translation.notices),
        problem=document(problem, instance="", reads=False) if problem is not None else None,
    )


def comparison_document(compared: ComparisonResult) -> ComparisonDocument:
    """Return the document of a comparison."""
    return ComparisonDocument(
        id=compared.id,
        mode=compared.mode,
        created_at=compared.created_at,
        order=given(compared.draft),
        results=[_result_document(result) for result in compared.results],
        differences=list(compared.differences),
    )


def given(draft: Draft) -> dict[str, Any]:
    """Return a draft as JSON, without absent fields."""
    if draft.expires_at is not None:
        draft = msgspec.structs.replace(draft, expires_at=draft.expires_at.astimezone(UTC))
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
    """Return the document of an operation."""
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
    """Return the document of a configuration, for operators."""
    return ConfigurationDocument(
        hash=configuration.hash,
        source=configuration.source,
        loaded_at=configuration.loaded_at,
        document=dict(configuration.document),
    )


def route_document(route: Route, *, operator: bool) -> RouteDocument:
    """Return the document of a route; only an operator gets the accounts of other merchants."""
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


def account_document(
    account: Account, health: Health, inbound: InboundCounts | None = None
) -> AccountDocument:
    """Return the document of an account, without its credentials."""
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
        health=_health(account, health, inbound or InboundCounts()),
    )


def _health(account: Account, health: Health, inbound: InboundCounts) -> HealthDocument:
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
