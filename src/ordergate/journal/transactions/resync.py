"""Events of providers, resync jobs, and polls."""

from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ordergate.domain.provider_event import ProviderEvent
from ordergate.journal import codec
from ordergate.journal.records.provider_events import (
    Debounce,
    InboundCounts,
    Poll,
    ReceivedEvent,
    RecordedEvents,
    ResyncJob,
    operation_job_name,
    order_job_name,
)
from ordergate.journal.transaction import Query, Rows, Steps, transaction

_EVENTS_OF_A_LOOK = 50
"""Events that a job reads at most, for the operations and the merchant that they name."""


@transaction()
def record_events(account: str, told: Sequence[ReceivedEvent], pace: Debounce) -> Steps[RecordedEvents]:
    """Record events of a provider, each once, and queue resync jobs for their orders.

    Operations with an unknown outcome that the events name are probed now.
    """
    new: list[ProviderEvent] = []
    named: list[str] = []
    for each in told:
        subject = yield from _subject(account, each.event)
        if not (yield Query("insert_provider_event", _columns(account, each, subject))):
            continue
        new.append(each.event)
        if subject is not None:
            yield _queue(account, subject, pace)
        for operation in each.event.operations:
            rows = yield Query("probe_named_operation", {"id": operation, "account": account})
            named += [row[0] for row in rows]
    return RecordedEvents(new=tuple(new), named=tuple(named))


@transaction(inline=True)
def accounts_due(accounts: Collection[str]) -> Steps[list[str]]:
    """Return those of the accounts of which something is due."""
    rows = yield Query("accounts_with_due_jobs", {"accounts": codec.encode(list(accounts)).decode()})
    return [str(row[0]) for row in rows]


@transaction()
def acquire_due(
    owner: str, room: Mapping[str, int], held: Collection[tuple[str, str]] = ()
) -> Steps[list[ResyncJob]]:
    """Acquire due jobs that no living process has, the longest waiting first.

    Args:
        owner: This process.
        room: By account, how much at most; of others nothing.
        held: Account and name of each job of this process. Other jobs in its name were lost in a failure of the
            journal.
    """
    taken = []
    for account, limit in room.items():
        mine = sum(held_account == account for held_account, _ in held)
        rows = yield Query("due_resync_jobs", {"account": account, "limit": limit + mine, "holder": owner})
        free = [row for row in rows if (account, row[0]) not in held]
        for name, notified, tries, parked in free[:limit]:
            place = {"account": account, "subject": name}
            yield Query("acquire_resync_job", {**place, "holder": owner})
            events = yield Query("open_events_of_job", {**place, "limit": _EVENTS_OF_A_LOOK})
            subject = ResyncJob(
                account=account,
                name=name,
                notified=notified,
                tries=tries,
                parked=bool(parked),
                age=events[0][1] / 1000 if events else 0.0,
                events=tuple(codec.decode_event(row[0]) for row in events),
            )
            taken.append(subject)
    return taken


@transaction()
def finish(
    subject: ResyncJob, owner: str, pace: Debounce, *, parked: bool = False, erase: bool = False
) -> Steps[bool]:
    """Finish a job: its events are processed.

    Args:
        subject: As it was taken.
        owner: This process.
        pace: Sets the time of the next read, if further events arrived meanwhile.
        parked: No merchant has the order. Its events stay, and are processed after the next event if a merchant has it
            then.
        erase: Erase the bytes of the events.

    Returns:
        False if further events arrived, so that the job is due again, or if another process has the job.
    """
    place = {"account": subject.account, "subject": subject.name}
    rows = yield Query(
        "finish_resync_job",
        {
            **place,
            "holder": owner,
            "notified": subject.notified,
            "parked": int(parked),
            "every": codec.duration(pace.every),
        },
    )
    ended = bool(rows) and rows[0][0] is None
    if ended:
        state = "parked" if parked else "processed"
        yield Query("close_events_of_job", {**place, "state": state, "erase": int(erase)})
    return ended


@transaction()
def postpone(subject: ResyncJob, owner: str, seconds: float) -> Steps[None]:
    """Run the job again after so many seconds, or after the next event."""
    place = {"account": subject.account, "subject": subject.name, "holder": owner}
    yield Query("postpone_resync_job", {**place, "pause": codec.duration(seconds)})


@transaction()
def queue_stale_orders(account: str, before: datetime, limit: int, pace: Debounce) -> Steps[int]:
    """Queue resync jobs for unfinished orders that have not been read for long; return how many.

    Args:
        account: The account.
        before: Only those that were read before, the longest ago first.
        limit: How many at most; those that are due anyway do not count.
        pace: How soon.
    """
    rows = yield Query(
        "stale_orders", {"account": account, "before": codec.milliseconds(before), "limit": limit}
    )
    for (native,) in rows:
        yield _queue(account, order_job_name(native), pace)
    return len(rows)


@transaction()
def queue_order(account: str, provider_order_id: str, pace: Debounce) -> Steps[None]:
    """Queue a resync job for one order."""
    yield _queue(account, order_job_name(provider_order_id), pace)


@transaction()
def acquire_poll(account: str, owner: str, every: float) -> Steps[Poll | None]:
    """Acquire the poll of an account, if it is due and no living process has it.

    The first poll is due `every` seconds after the first call. A process does not call this during its own poll.
    """
    yield Query("add_poll", {"account": account, "every": codec.duration(every)})
    columns = {"account": account, "every": codec.duration(every), "holder": owner}
    rows = yield Query("due_poll", columns)
    if not rows:
        return None
    yield Query("acquire_poll", {"account": account, "holder": owner})
    walked_at, now = rows[0]
    return Poll(walked_at=codec.moment(walked_at), now=codec.moment(now))


@transaction()
def release_poll(account: str, owner: str, every: float, walked_at: datetime | None = None) -> Steps[None]:
    """Schedule the next poll; `walked_at` is the start of a complete poll, None after an incomplete one."""
    columns = {
        "account": account,
        "holder": owner,
        "every": codec.duration(every),
        "walked_at": None if walked_at is None else codec.milliseconds(walked_at),
    }
    yield Query("release_poll", columns)


@transaction()
def usage(accounts: Collection[str]) -> Steps[dict[str, InboundCounts]]:
    """Return counts of the events of providers, by account."""
    found = {}
    for account in accounts:
        ((last,),) = yield Query("last_webhook", {"account": account})
        counts: dict[str, int] = dict((yield Query("open_events", {"account": account})))  # type: ignore[arg-type]
        found[account] = InboundCounts(
            last_webhook_at=None if last is None else codec.moment(last),
            waiting=counts.get("waiting", 0),
            parked=counts.get("parked", 0),
        )
    return found


@transaction()
def prune(since: datetime, limit: int) -> Steps[int]:
    """Delete old events that wait for nothing, parked ones included; return how many, at most `limit`."""
    columns = {"since": codec.milliseconds(since), "limit": limit}
    rows = yield Query("prune_provider_events", columns)
    yield Query("prune_resync_jobs", columns)
    return len(rows)


def _subject(account: str, event: ProviderEvent) -> Generator[Query, Rows, str | None]:
    """Return the name of the job for an event: of its order, or of its operation if the order is unknown."""
    if event.provider_order_id is not None:
        return order_job_name(event.provider_order_id)
    for operation in event.operations:
        rows = yield Query("order_of_operation", {"id": operation, "account": account})
        if rows:
            return order_job_name(rows[0][0])
    if event.provider_payment_id is not None:
        columns = {"account": account, "payment_id": event.provider_payment_id}
        rows = yield Query("order_of_payment", columns)
        if rows:
            return order_job_name(rows[0][0])
    return operation_job_name(event.operations[0]) if event.operations else None


def _queue(account: str, subject: str, pace: Debounce) -> Query:
    times = {"settle": codec.duration(pace.settle), "every": codec.duration(pace.every)}
    return Query("queue_resync_job", {"account": account, "subject": subject, **times})


def _columns(account: str, told: ReceivedEvent, subject: str | None) -> dict[str, Any]:
    return {
        "account": account,
        "event_id": told.event.id,
        "type": told.event.type,
        "subject": subject,
        "webhook": int(told.body is not None),
        "record": codec.encode(told.event),
        "body": told.body,
    }
