"""Holds an adapter's conversation with its provider: one request, one answer, until it knows what came of it."""

import asyncio
from typing import TypeVar

import msgspec
import structlog

from ordergate.domain.commands import CreateOrder, ListEvents, Read, RetrieveOrder, Write
from ordergate.domain.errors import Problem, ProviderError
from ordergate.domain.operation import Attempt
from ordergate.domain.outcome import Absent, Applied, EventPage, NotApplied, OrderPage, Outcome, Unknown
from ordergate.domain.provider_order import OPERATION_MARK, ProviderOrder
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Gateway
from ordergate.gateway.writes.recording import Recorded
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.operations import Operation
from ordergate.spi.adapter import Baseline, Plan
from ordergate.spi.wire import NoAnswer, WireRequest, WireResponse
from ordergate.telemetry.metrics import AttemptOutcome

T = TypeVar("T", bound=Outcome)

SEND_WITHIN = 2.0
"""Seconds after it was recorded within which an attempt is sent, or not at all: settling times count from there."""

_LEFT_WITHIN = 3.0
"""Seconds in which a request that is let through has left: the limits of its account may hold it back for a while."""

FOUND: dict[type[object], AttemptOutcome] = {
    Applied: "applied",
    NotApplied: "not_applied",
    Absent: "absent",
    Unknown: "unknown",
}
"""What an outcome is called where attempts are counted."""

_log = structlog.get_logger("ordergate.gateway")


async def say(
    gateway: Gateway,
    account: Account,
    plan: Plan,
    request: WireRequest,
    operation: Operation,
    *,
    before: ProviderOrder | None,
    recorded: float,
) -> tuple[Outcome, Attempt, tuple[Exchange, ...]]:
    """Send a write's effectful request, and whatever the plan asks afterwards.

    Args:
        gateway: What to send with.
        account: Where to.
        plan: The conversation, stopped at the request.
        request: The effectful request.
        operation: Its last attempt is this one.
        before: The order that it changes; None for a create.
        recorded: The event loop's time just before the attempt was made durable.

    Returns:
        What came of it, the operation's last attempt completed with what was seen, and all that was said.
    """
    attempt = operation.attempts[-1]
    line = Recorded(gateway, account, attempt.number)
    response: WireResponse | None = None
    closed = False
    try:
        _refuse_stalled(gateway, recorded)
        response = await line.send(request)
        outcome = await _go_on(line, plan, _resume(plan, response))
        outcome = _doubted(
            outcome, account, operation.id, None if before is None else before.provider_order_id
        )
    except TransportError as error:
        outcome, closed = _unanswered(error), error.closed
    except Exception:  # noqa: BLE001 - the reason stands below
        # An adapter that fails on an answer must not leave the write without an outcome.
        _log.exception("adapter.failed", adapter=account.adapter.name, operation_id=operation.id)
        outcome = Unknown(reason=f"The adapter for {account.adapter.title} failed on the answer.")
    attempt = _finished(gateway, attempt, response, outcome, closed=closed or _answered(response, outcome))
    return outcome, attempt, tuple(line.exchanges)


def _answered(response: WireResponse | None, outcome: Outcome) -> bool:
    """Whether the provider itself has ended the exchange: behind a proxy's 502 or 504 it may still be under way."""
    if response is None:
        return False
    if response.status < 500:
        return True
    return isinstance(outcome, Unknown) and outcome.provider is not None and outcome.provider.code is not None


def _refuse_stalled(gateway: Gateway, recorded: float) -> None:
    """A process that stood still after it recorded an attempt may have been given up: it must not send any more.

    Nor must one whose lease is over, or may be before the request has left: others take its writes for theirs.
    """
    now = asyncio.get_running_loop().time()
    if now - recorded > SEND_WITHIN:
        raise TransportError("no", "The gateway stood still before it could send; nothing was sent.")
    if now + _LEFT_WITHIN > gateway.lease.until:
        raise TransportError("no", "The journal does not know this gateway as alive; nothing was sent.")


async def _go_on(line: Recorded, plan: Plan, step: WireRequest | Outcome) -> Outcome:
    """Ask what the plan asks after its effectful request; where no answer comes, the plan is told so."""
    while isinstance(step, WireRequest):
        try:
            answer = await line.send(step)
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


async def probe(
    gateway: Gateway, account: Account, command: Write, baseline: Baseline
) -> Applied | NotApplied | Absent | Unknown:
    """Look for what became of a write; whatever keeps that from being seen is unknown."""
    found = await _look(gateway, account, command, baseline)
    gateway.metrics.attempt(account.name, "probe", FOUND[type(found)])
    return found


async def _look(
    gateway: Gateway, account: Account, command: Write, baseline: Baseline
) -> Applied | NotApplied | Absent | Unknown:
    try:
        plan = account.adapter.probe(command, baseline, account.settings)
        step: WireRequest | Outcome = next(plan)
        while isinstance(step, WireRequest):
            step = _resume(plan, await gateway.transport.send(account, _reading(step)))
    except TransportError as error:
        return Unknown(reason=error.reason)
    except StopIteration as end:
        step = end.value
    except Exception:  # noqa: BLE001 - recovery must go on with others
        _log.exception("adapter.failed", adapter=account.adapter.name, operation_id=command.operation)
        return Unknown(reason=f"The adapter for {account.adapter.title} failed to look for it.")
    if not isinstance(step, Applied | NotApplied | Absent | Unknown):
        return Unknown(reason="The probe found what no probe looks for.")
    asked = None if isinstance(command, CreateOrder) else command.order.provider_order_id
    return _doubted(step, account, command.operation, asked)


def _doubted(outcome: T, account: Account, operation: str, asked: str | None) -> T | Unknown:
    """Return what an answer about a write is worth: nothing if it is not about its order, `asked`, or a new one."""
    order = outcome.order if isinstance(outcome, Applied | Absent) else None
    if order is None:
        return outcome
    why = _mistaken(order, asked)
    if why is None and asked is None and order.marks.get(OPERATION_MARK, operation) != operation:
        why = f"has answered with {order.provider_order_id!r}, which another operation has made"
    return outcome if why is None else Unknown(reason=f"{account.adapter.title} {why}.")


def _mistaken(order: ProviderOrder, asked: str | None) -> str | None:
    """Return how an answer is not about the order that was asked for; ids are the same in either case of letters."""
    told = order.provider_order_id
    if told in {"", ".", ".."} or "\0" in told:
        return f"has answered with an order whose id is {told!r}"
    if asked is not None and told.casefold() != asked.casefold():
        return f"was asked for {asked!r} and has answered with {told!r}"
    return None


def _reading(request: WireRequest) -> WireRequest:
    if request.acts:
        raise TypeError("a probe only reads")
    return request


async def read_order(gateway: Gateway, account: Account, command: Read) -> ProviderOrder:
    """Read one order at the provider.

    Raises:
        Problem: It could not be read.
    """
    outcome = await _ask(gateway, account, command)
    if not isinstance(outcome, Applied):
        raise TypeError(f"reading an order came to {type(outcome).__name__}")
    asked = command.provider_order_id if isinstance(command, RetrieveOrder) else None
    why = _mistaken(outcome.order, asked)
    if why is not None:
        raise Problem("provider_protocol_error", f"{account.adapter.title} {why}.")
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


async def read_events(gateway: Gateway, account: Account, command: ListEvents) -> EventPage:
    """Read one page of what happened at the provider.

    Raises:
        Problem: It could not be read.
    """
    outcome = await _ask(gateway, account, command)
    if not isinstance(outcome, EventPage):
        raise TypeError(f"reading events came to {type(outcome).__name__}")
    return outcome


async def _ask(gateway: Gateway, account: Account, command: Read) -> Outcome:
    plan = account.adapter.plan(command, account.settings)
    step: WireRequest | Outcome = next(plan)
    kind = "retrieve" if isinstance(command, RetrieveOrder) else "list"
    try:
        while isinstance(step, WireRequest):
            step = _resume(plan, await gateway.transport.send(account, step))
    except TransportError as error:
        gateway.metrics.attempt(account.name, kind, "not_sent" if error.sent == "no" else "unanswered")
        raise Problem(error.code, error.reason, sent=error.sent, retry_after=error.retry_after) from error
    gateway.metrics.attempt(account.name, kind, "refused" if isinstance(step, NotApplied) else "read")
    if isinstance(step, NotApplied):
        if not step.mapped:
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
            code=error.code, detail=error.reason, provider=ProviderError(), retry_after=error.retry_after
        )
    return Unknown(reason=error.reason)


def _finished(
    gateway: Gateway, attempt: Attempt, response: WireResponse | None, outcome: Outcome, *, closed: bool
) -> Attempt:
    provider = outcome.provider if isinstance(outcome, NotApplied | Unknown) else None
    unsent = response is None and isinstance(outcome, NotApplied)
    return msgspec.structs.replace(
        attempt,
        finished_at=gateway.steady_time(),
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
