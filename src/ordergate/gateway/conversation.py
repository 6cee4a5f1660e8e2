"""Holds an adapter's conversation with its provider: one request, one answer, until it knows what came of it."""

import msgspec
import structlog

from ordergate.domain.commands import ListOrders, Read
from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.outcome import Applied, NotApplied, OrderPage, Outcome, Unknown
from ordergate.domain.provider_order import ProviderOrder
from ordergate.gateway.account import Account
from ordergate.gateway.context import Gateway
from ordergate.gateway.ports import TransportError
from ordergate.gateway.records import Attempt, Operation
from ordergate.spi.adapter import Plan
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse

_log = structlog.get_logger("ordergate.gateway")


async def say(
    gateway: Gateway, account: Account, plan: Plan, request: WireRequest, operation: Operation
) -> tuple[Outcome, Attempt]:
    """Send a write's effectful request, and whatever the plan asks afterwards.

    Returns:
        What came of it, and the operation's last attempt completed with what was seen.
    """
    attempt = operation.attempts[-1]
    response: WireResponse | None = None
    outcome: Outcome | None = None
    try:
        response = await gateway.transport.send(account, request)
        outcome = await _go_on(gateway, account, plan, _resume(plan, response))
    except TransportError as error:
        outcome = _unanswered(error)
    except Exception:  # noqa: BLE001 - the reason stands below
        # An adapter that fails on an answer must not leave the write without an outcome.
        _log.exception("adapter.failed", adapter=account.adapter.name, operation=operation.id)
        outcome = Unknown(reason=f"The adapter for {account.adapter.title} failed on the answer.")
    return outcome, _finished(gateway, attempt, response, outcome)


async def _go_on(gateway: Gateway, account: Account, plan: Plan, step: WireRequest | Outcome) -> Outcome:
    """Ask what the plan asks after its effectful request; where no answer comes, the plan is told so."""
    while isinstance(step, WireRequest):
        try:
            answer = await gateway.transport.send(account, step)
        except TransportError as error:
            step = _tell_unanswered(plan, error)
        else:
            step = _resume(plan, answer)
    return step


def _tell_unanswered(plan: Plan, error: TransportError) -> WireRequest | Outcome:
    try:
        return plan.throw(NoAnswer(error.reason))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except NoAnswer:
        return Unknown(reason=error.reason)


async def read_order(gateway: Gateway, account: Account, command: Read) -> ProviderOrder:
    """Read one order at the provider.

    Raises:
        Problem: It could not be read.
    """
    outcome = await _ask(gateway, account, command)
    if not isinstance(outcome, Applied):
        raise TypeError(f"reading an order came to {type(outcome).__name__}")
    return outcome.order


async def read_page(gateway: Gateway, account: Account, command: Read) -> OrderPage:
    """Read one page of the provider's list.

    Raises:
        Problem: It could not be read.
    """
    outcome = await _ask(gateway, account, command)
    if not isinstance(outcome, OrderPage):
        raise TypeError(f"reading a page came to {type(outcome).__name__}")
    return outcome


async def _ask(gateway: Gateway, account: Account, command: Read) -> Outcome:
    plan = account.adapter.plan(command, account.settings)
    step: WireRequest | Outcome = next(plan)
    try:
        while isinstance(step, WireRequest):
            step = _resume(plan, await gateway.transport.send(account, step))
    except TransportError as error:
        raise Problem("provider_unavailable", error.reason, sent=error.sent, retry_after=5) from error
    if isinstance(step, NotApplied):
        if not step.mapped:
            kind = "list" if isinstance(command, ListOrders) else "retrieve"
            gateway.metrics.unmapped_error(account.name, kind, step.provider.code)
        raise Problem(
            step.code,
            step.detail,
            errors=step.errors,
            provider=named(step.provider, account),
            retry_after=step.retry_after,
        )
    return step


def named(provider: ProviderError, account: Account) -> ProviderError:
    """Return what the provider said, with the account where it said so."""
    return msgspec.structs.replace(provider, account=account.name, adapter=account.adapter.name)


def _resume(plan: Plan, answer: WireResponse) -> WireRequest | Outcome:
    try:
        return plan.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def _unanswered(error: TransportError) -> Outcome:
    """The effectful request was not answered. Only one that never left was certainly not applied."""
    if error.sent == "no":
        return NotApplied(
            code="provider_unavailable", detail=error.reason, provider=ProviderError(), retry_after=5
        )
    return Unknown(reason=error.reason)


def _finished(gateway: Gateway, attempt: Attempt, response: WireResponse | None, outcome: Outcome) -> Attempt:
    provider = outcome.provider if isinstance(outcome, NotApplied | Unknown) else None
    unsent = response is None and isinstance(outcome, NotApplied)
    return msgspec.structs.replace(
        attempt,
        finished_at=gateway.clock(),
        sent="yes" if response is not None else "no" if unsent else "maybe",
        http_status=response.status if response is not None else None,
        provider_request_id=provider.request_id if provider is not None else None,
        detail=_detail(outcome),
    )


def _detail(outcome: Outcome) -> str | None:
    if isinstance(outcome, NotApplied):
        return outcome.detail
    return outcome.reason if isinstance(outcome, Unknown) else None
