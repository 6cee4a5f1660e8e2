"""Runs the plans of adapters: sends each request that a plan yields, and returns the plan's outcome."""

import asyncio
from typing import TypeVar

import msgspec
import structlog

from ordergate.domain.commands import CreateOrder, ListEvents, Read, RetrieveOrder, Write
from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.operation import Attempt
from ordergate.domain.outcome import Applied, EventPage, NotApplied, NotFound, OrderPage, Outcome, Unknown
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.recording_transport import RecordingTransport
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Operation
from ordergate.spi.adapter import Baseline, Plan
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate.telemetry.metrics import AttemptOutcome

T = TypeVar("T", bound=Outcome)

SEND_WITHIN = 2.0
"""An attempt is sent within so many seconds after it was recorded, or not at all: settling times start there."""

_LEFT_WITHIN = 3.0
"""Seconds that the limits of an account may delay a request before it is sent."""

OUTCOME_NAMES: dict[type[object], AttemptOutcome] = {
    Applied: "applied",
    NotApplied: "not_applied",
    NotFound: "absent",
    Unknown: "unknown",
}
"""The names of the outcomes in the metrics of attempts."""

_log = structlog.get_logger("ordergate.gateway")


async def send_plan(
    runtime: Runtime,
    account: Account,
    plan: Plan,
    request: WireRequest,
    operation: Operation,
    *,
    before: ProviderOrder | None,
    started_at: float,
) -> tuple[Outcome, Attempt, tuple[Exchange, ...]]:
    """Send a write's effectful request, and the requests of the plan that follow it.

    Args:
        runtime: This process.
        account: The account.
        plan: The adapter's plan, up to the effectful request.
        request: The effectful request.
        operation: The operation. Its last attempt is this one.
        before: The order that the write changes; None for a create.
        started_at: The event loop's time just before the attempt was made durable.

    Returns:
        The outcome, the attempt with its end, and the exchanges.
    """
    attempt = operation.attempts[-1]
    transport = RecordingTransport(runtime, account, attempt.number)
    response: WireResponse | None = None
    closed = False
    try:
        _refuse_if_stalled(runtime, started_at)
        response = await transport.send(request)
        outcome = await _finish_plan(transport, plan, _resume(plan, response))
        outcome = _checked(
            outcome, account, operation.id, None if before is None else before.provider_order_id
        )
    except TransportError as error:
        outcome, closed = _outcome_of(error), error.closed
    except Exception:  # noqa: BLE001 - an adapter that fails on a response must not leave the write without an outcome
        _log.exception("adapter.failed", adapter=account.adapter.name, operation_id=operation.id)
        outcome = Unknown(reason=f"The adapter for {account.adapter.title} failed on the answer.")
    attempt = _finished(
        runtime, attempt, response, outcome, closed=closed or _closed_by_provider(response, outcome)
    )
    return outcome, attempt, tuple(transport.exchanges)


def _closed_by_provider(response: WireResponse | None, outcome: Outcome) -> bool:
    """Return whether the provider itself ended the exchange. Behind a proxy's 502 or 504 it may still be running."""
    if response is None:
        return False
    if response.status < 500:
        return True
    return isinstance(outcome, Unknown) and outcome.provider is not None and outcome.provider.code is not None


def _refuse_if_stalled(runtime: Runtime, started_at: float) -> None:
    """Send nothing after a stall, or if the lease may end before the request is sent.

    Other processes may have acquired the operation by then.
    """
    now = asyncio.get_running_loop().time()
    if now - started_at > SEND_WITHIN:
        raise TransportError("no", "The gateway was suspended before it could send; nothing was sent.")
    if now + _LEFT_WITHIN > runtime.work.lease.until:
        raise TransportError("no", "The journal does not know this gateway as alive; nothing was sent.")


async def _finish_plan(transport: RecordingTransport, plan: Plan, step: WireRequest | Outcome) -> Outcome:
    """Send the requests after the effectful one. If a response is lost, the plan gets :class:`NoAnswer`."""
    while isinstance(step, WireRequest):
        try:
            answer = await transport.send(step)
        except TransportError as error:
            step = _throw_no_answer(plan, error)
        else:
            step = _resume(plan, answer)
    return step


def _throw_no_answer(plan: Plan, error: TransportError) -> WireRequest | Outcome:
    try:
        return plan.throw(NoAnswer(error.reason))
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome
    except NoAnswer:
        return Unknown(reason=error.reason)


async def probe(
    runtime: Runtime, account: Account, command: Write, baseline: Baseline
) -> Applied | NotApplied | NotFound | Unknown:
    """Find out at the provider whether a write was applied. If the probe fails, the outcome stays unknown."""
    found = await _run_probe(runtime, account, command, baseline)
    runtime.metrics.attempt(account.name, "probe", OUTCOME_NAMES[type(found)])
    return found


async def _run_probe(
    runtime: Runtime, account: Account, command: Write, baseline: Baseline
) -> Applied | NotApplied | NotFound | Unknown:
    try:
        plan = account.adapter.probe(command, baseline, account.settings)
        step: WireRequest | Outcome = next(plan)
        while isinstance(step, WireRequest):
            step = _resume(plan, await runtime.transport.send(account, _read_only(step)))
    except TransportError as error:
        return Unknown(reason=error.reason)
    except StopIteration as end:
        step = end.value
    except Exception:  # noqa: BLE001 - recovery must continue with other operations
        _log.exception("adapter.failed", adapter=account.adapter.name, operation_id=command.operation)
        return Unknown(reason=f"The probe of the adapter for {account.adapter.title} failed.")
    if not isinstance(step, Applied | NotApplied | NotFound | Unknown):
        return Unknown(reason="The probe found a result that belongs to no probe.")
    asked = None if isinstance(command, CreateOrder) else command.order.provider_order_id
    return _checked(step, account, command.operation, asked)


def _checked(outcome: T, account: Account, operation: str, asked: str | None) -> T | Unknown:
    """Return the outcome, or unknown if it is about another order than `asked`, or than the new one."""
    order = outcome.order if isinstance(outcome, Applied | NotFound) else None
    if order is None:
        return outcome
    why = _mismatch(order, asked)
    if why is None and asked is None and order.marks.get(OPERATION_MARK, operation) != operation:
        why = f"has answered with {order.provider_order_id!r}, which another operation has made"
    return outcome if why is None else Unknown(reason=f"{account.adapter.title} {why}.")


def _mismatch(order: ProviderOrder, asked: str | None) -> str | None:
    """Return why a response is not about the requested order; None if it is. Ids ignore the case of letters."""
    found = order.provider_order_id
    if found in {"", ".", ".."} or "\0" in found:
        return f"has answered with an order whose id is {found!r}"
    if asked is not None and found.casefold() != asked.casefold():
        return f"was asked for {asked!r} and has answered with {found!r}"
    return None


def _read_only(request: WireRequest) -> WireRequest:
    if request.acts:
        raise TypeError("a probe only reads")
    return request


async def read_order(runtime: Runtime, account: Account, command: Read) -> ProviderOrder:
    """Read one order at the provider.

    Raises:
        Problem: The provider could not be read.
    """
    outcome = await _read(runtime, account, command)
    if not isinstance(outcome, Applied):
        raise TypeError(f"reading an order returned {type(outcome).__name__}")
    asked = command.provider_order_id if isinstance(command, RetrieveOrder) else None
    why = _mismatch(outcome.order, asked)
    if why is not None:
        raise Problem("provider_protocol_error", f"{account.adapter.title} {why}.")
    return outcome.order


async def read_page(runtime: Runtime, account: Account, command: Read) -> OrderPage:
    """Read one page of the provider's list.

    Raises:
        Problem: The provider could not be read.
    """
    outcome = await _read(runtime, account, command)
    if not isinstance(outcome, OrderPage):
        raise TypeError(f"reading a page returned {type(outcome).__name__}")
    return outcome


async def read_events(runtime: Runtime, account: Account, command: ListEvents) -> EventPage:
    """Read one page of the provider's events.

    Raises:
        Problem: The provider could not be read.
    """
    outcome = await _read(runtime, account, command)
    if not isinstance(outcome, EventPage):
        raise TypeError(f"reading events returned {type(outcome).__name__}")
    return outcome


async def _read(runtime: Runtime, account: Account, command: Read) -> Outcome:
    plan = account.adapter.plan(command, account.settings)
    step: WireRequest | Outcome = next(plan)
    kind = "retrieve" if isinstance(command, RetrieveOrder) else "list"
    try:
        while isinstance(step, WireRequest):
            step = _resume(plan, await runtime.transport.send(account, step))
    except TransportError as error:
        runtime.metrics.attempt(account.name, kind, "not_sent" if error.sent == "no" else "unanswered")
        raise Problem(error.code, error.reason, sent=error.sent, retry_after=error.retry_after) from error
    runtime.metrics.attempt(account.name, kind, "refused" if isinstance(step, NotApplied) else "read")
    if isinstance(step, NotApplied):
        if not step.mapped:
            runtime.metrics.unmapped_error(account.name, kind, step.provider.code)
        raise Problem(
            step.code,
            step.detail,
            errors=step.errors,
            provider=with_account(step.provider, account),
            retry_after=step.retry_after,
        )
    return step


def with_account(provider: ProviderError, account: Account) -> ProviderError:
    """Return the provider's error with the account that returned it."""
    return msgspec.structs.replace(provider, account=account.name, adapter=account.adapter.name)


def _resume(plan: Plan, answer: WireResponse) -> WireRequest | Outcome:
    try:
        return plan.send(answer)
    except StopIteration as end:
        outcome: Outcome = end.value
        return outcome


def _outcome_of(error: TransportError) -> Outcome:
    """Return the outcome of an effectful request without a response. Only an unsent one is certainly not applied."""
    if error.sent == "no":
        return NotApplied(
            code=error.code, detail=error.reason, provider=ProviderError(), retry_after=error.retry_after
        )
    return Unknown(reason=error.reason)


def _finished(
    runtime: Runtime, attempt: Attempt, response: WireResponse | None, outcome: Outcome, *, closed: bool
) -> Attempt:
    provider = outcome.provider if isinstance(outcome, NotApplied | Unknown) else None
    unsent = response is None and isinstance(outcome, NotApplied)
    return msgspec.structs.replace(
        attempt,
        finished_at=runtime.steady_time(),
        sent="yes" if response is not None else "no" if unsent else "maybe",
        closed=closed,
        http_status=response.status if response is not None else None,
        provider_request_id=provider.request_id if provider is not None else None,
        detail=_detail(outcome),
    )


def _detail(outcome: Outcome) -> str | None:
    if isinstance(outcome, NotApplied):
        return outcome.detail
    return outcome.reason if isinstance(outcome, Unknown) else None
