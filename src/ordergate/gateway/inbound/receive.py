"""Takes a provider's webhooks in: verified, recorded once, and answered before anything is done because of them.

A forged webhook changes nothing and takes no space in the journal or the log.
"""

import asyncio

import msgspec
import structlog

from ordergate.domain.errors import Problem
from ordergate.domain.provider_event import ProviderEvent
from ordergate.domain.validation import NULL_CHARACTER
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.echoes import Echoes, credentials_of
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.records.provider_events import ReceivedEvent, RecordedEvents
from ordergate.spi.webhooks import FetchFirst, ReceivedWebhook
from ordergate.spi.wire import WireResponse
from ordergate.telemetry.log import note_account

_FETCHES = 3
_FETCHES_A_MINUTE = 10
_KEPT_FETCHES = 100
_LOG_EVERY = 10.0
_UNKNOWN_ACCOUNT = "(unknown)"
_UNVERIFIED = frozenset({"not_found", "bad_signature"})
_RESULTS = {
    "bad_signature": "refused",
    "payload_too_large": "oversized",
    "invalid_json": "unreadable",
    "invalid_request": "unreadable",
    "not_found": "unknown_account",
}

_log = structlog.get_logger("ordergate.webhooks")


async def receive(runtime: Runtime, account_name: str, delivery: ReceivedWebhook) -> bool:
    """Record a webhook; when this returns, it is durable. Return whether it was new.

    Raises:
        Problem: ``bad_signature`` for a forged or stale webhook and for an unknown account; ``invalid_json`` or
            ``invalid_request`` for a body without an event.
        JournalUnavailableError: It could not be recorded; the provider will send it again.
    """
    try:
        account = _account(runtime, account_name)
        await _verify(runtime, account, delivery)
        note_account(account_name)
        event = _event(account, delivery)
        received = ReceivedEvent(event=event, body=Echoes(credentials_of(account)).mask(delivery.body))
        recorded = await record(runtime, account, [received])
    except Problem as problem:
        count_refused(runtime, account_name, problem)
        raise _unverified() if problem.code in _UNVERIFIED else problem from problem
    except JournalUnavailableError:
        runtime.metrics.webhook(account_name, "unavailable")
        raise
    runtime.metrics.webhook(account.name, "accepted" if recorded.new else "duplicate")
    return bool(recorded.new)


def _account(runtime: Runtime, name: str) -> Account:
    account = runtime.configuration.accounts.get(name)
    if account is None:
        raise Problem("not_found", "There is no account of this name.")
    return account


def _unverified() -> Problem:
    """Return the problem of every forged webhook. It does not reveal whether the account exists."""
    return Problem(
        "bad_signature",
        "No account of this name has signed this recently; the gateway's log has the reason.",
    )


def _event(account: Account, delivery: ReceivedWebhook) -> ProviderEvent:
    event = account.adapter.read_event(delivery.body)
    if not storable(event):
        raise Problem("invalid_request", f"An id in the event cannot be kept. {NULL_CHARACTER}")
    return event


def storable(event: ProviderEvent) -> bool:
    """Return whether every store accepts an event's ids; otherwise each delivery would fail again."""
    names = (event.id, event.type, event.merchant, event.provider_order_id, event.provider_payment_id)
    return not any("\0" in name for name in (*names, *event.operations) if name is not None)


async def record(runtime: Runtime, account: Account, told: list[ReceivedEvent]) -> RecordedEvents:
    """Record events of webhooks or feeds, and queue resync jobs for their orders.

    Raises:
        JournalUnavailableError: They could not be recorded.
    """
    pace = runtime.configuration.inbound.pace
    recorded = await runtime.journal.write(tx.resync.record_events(account.name, told, pace))
    for event in recorded.new:
        if not event.known:
            runtime.metrics.unknown_event(account.name, event.type)
    if recorded.new:
        runtime.workers.wake("resync")
    if recorded.named:
        runtime.workers.wake("recovery")
    return recorded


def count_refused(runtime: Runtime, account_name: str, problem: Problem) -> None:
    """Count a refused webhook; the log reports them now and then, in one line."""
    name = account_name if account_name in runtime.configuration.accounts else _UNKNOWN_ACCOUNT
    runtime.metrics.webhook(name, _RESULTS.get(problem.code, "refused"))
    runtime.inbound.refused[name] += 1
    if runtime.inbound.refused[name] > 1:
        return
    # The first refusal is logged at once; the refusals of the next seconds share one line at their end.
    _log.warning("webhook.refused", account=name, code=problem.code, detail=problem.detail)
    asyncio.get_running_loop().call_later(_LOG_EVERY, _log_further_refused, runtime, name)


def _log_further_refused(runtime: Runtime, name: str) -> None:
    further = runtime.inbound.refused.pop(name, 1) - 1
    if further:
        _log.warning("webhooks.refused", account=name, further=further)


async def _verify(runtime: Runtime, account: Account, delivery: ReceivedWebhook) -> None:
    """Verify a webhook. The keys for that are fetched from the provider, and cached.

    Raises:
        Problem: ``bad_signature``, or the failure to fetch the keys.
    """
    now = int(runtime.clock().timestamp())
    for _ in range(_FETCHES):
        try:
            account.adapter.verify(delivery, account.settings, now)
        except FetchFirst as wanted:
            fetched = {**delivery.fetched, wanted.request.path: await _fetch(runtime, account, wanted)}
            delivery = msgspec.structs.replace(delivery, fetched=fetched)
        else:
            return
    raise Problem("bad_signature", "Verifying it needs more keys than the gateway fetches.")


async def _fetch(runtime: Runtime, account: Account, wanted: FetchFirst) -> WireResponse:
    """Fetch the keys for a webhook. Anybody can send webhooks, so the fetches are limited."""
    place = (account.name, wanted.request.path)
    if place in runtime.inbound.fetched:
        return runtime.inbound.fetched[place]
    if wanted.request.acts:
        raise TypeError("verifying a webhook only reads")
    name = f"webhook {account.name}"
    detail = "Verifying it needs a request to the provider, and too many were sent in the last minute."
    runtime.access.unknown_keys.require_room(name, _FETCHES_A_MINUTE, detail)
    await runtime.access.unknown_keys.count(name, _FETCHES_A_MINUTE)
    try:
        answer = await runtime.transport.send(account, wanted.request)
    except TransportError as error:
        raise Problem(error.code, error.reason, retry_after=error.retry_after) from error
    if 200 <= answer.status < 300 and len(runtime.inbound.fetched) < _KEPT_FETCHES:
        runtime.inbound.fetched[place] = answer
    return answer
