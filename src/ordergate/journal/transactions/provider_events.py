"""What the journal does with what providers tell: recorded once, looked at by one process at a time."""

from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ordergate.domain.provider_event import ProviderEvent
from ordergate.journal import codec
from ordergate.journal.records.provider_events import (
    Arrived,
    InboundUse,
    Pace,
    Recorded,
    Subject,
    Turn,
    operation_subject,
    order_subject,
)
from ordergate.journal.transaction import Query, Rows, Transaction

_EVENTS_OF_A_LOOK = 50
"""Events that a look takes along: they only tell which operations and merchant they name."""


def record(account: str, told: Sequence[Arrived], pace: Pace) -> Transaction[Recorded]:
    """Keep events that are not known yet, and let what they concern be looked at."""
    new: list[ProviderEvent] = []
    named: list[str] = []
    for each in told:
        subject = yield from _subject(account, each.event)
        if not (yield Query("insert_provider_event", _columns(account, each, subject))):
            continue
        new.append(each.event)
        if subject is not None:
            yield _tell(account, subject, pace)
        for operation in each.event.operations:
            rows = yield Query("look_at_named", {"id": operation, "account": account})
            named += [row[0] for row in rows]
    return Recorded(new=tuple(new), named=tuple(named))


def accounts_due(accounts: Iterable[str]) -> Transaction[list[str]]:
    """Return those of the accounts of which something is due."""
    rows = yield Query("accounts_with_due_subjects", {"accounts": codec.encode(list(accounts)).decode()})
    return [str(row[0]) for row in rows]


def take(
    owner: str, room: Mapping[str, int], held: Collection[tuple[str, str]]
) -> Transaction[list[Subject]]:
    """Take what is due of each account, as far as there is room for it.

    What this process has taken and does not hold was lost by it, when the store failed.
    """
    taken = []
    for account, limit in room.items():
        mine = sum(held_account == account for held_account, _ in held)
        rows = yield Query("due_subjects", {"account": account, "limit": limit + mine, "holder": owner})
        free = [row for row in rows if (account, row[0]) not in held]
        for name, told, tries, parked in free[:limit]:
            place = {"account": account, "subject": name}
            yield Query("take_subject", {**place, "holder": owner})
            events = yield Query("open_events_of_subject", {**place, "limit": _EVENTS_OF_A_LOOK})
            subject = Subject(
                account=account,
                name=name,
                told=told,
                tries=tries,
                parked=bool(parked),
                age=events[0][1] / 1000 if events else 0.0,
                events=tuple(codec.decode_event(row[0]) for row in events),
            )
            taken.append(subject)
    return taken


def finish(subject: Subject, owner: str, pace: Pace, *, parked: bool, erase: bool) -> Transaction[bool]:
    """End a look: its events are processed, or parked, unless it was told of meanwhile."""
    place = {"account": subject.account, "subject": subject.name}
    rows = yield Query(
        "finish_subject",
        {
            **place,
            "holder": owner,
            "told": subject.told,
            "parked": int(parked),
            "every": _milliseconds(pace.every),
        },
    )
    ended = bool(rows) and rows[0][0] is None
    if ended:
        state = "parked" if parked else "processed"
        yield Query("close_events_of_subject", {**place, "state": state, "erase": int(erase)})
    return ended


def postpone(subject: Subject, owner: str, seconds: float) -> Transaction[None]:
    """Look again later."""
    place = {"account": subject.account, "subject": subject.name, "holder": owner}
    yield Query("postpone_subject", {**place, "pause": _milliseconds(seconds)})


def read_again(account: str, before: datetime, limit: int, pace: Pace) -> Transaction[int]:
    """Let those orders be looked at that are not over and were read before, the longest ago first."""
    rows = yield Query(
        "orders_to_read_again", {"account": account, "before": codec.milliseconds(before), "limit": limit}
    )
    for (native,) in rows:
        yield _tell(account, order_subject(native), pace)
    return len(rows)


def look_at_order(account: str, provider_order_id: str, pace: Pace) -> Transaction[None]:
    """Let one order be looked at, as if told of."""
    yield _tell(account, order_subject(provider_order_id), pace)


def take_turn(account: str, owner: str, every: float) -> Transaction[Turn | None]:
    """Take the turn to look through an account, if its time has come."""
    yield Query("begin_polling", {"account": account, "every": _milliseconds(every)})
    columns = {"account": account, "every": _milliseconds(every), "holder": owner}
    rows = yield Query("due_poll", columns)
    if not rows:
        return None
    yield Query("take_poll", {"account": account, "holder": owner})
    walked_at, now = rows[0]
    return Turn(walked_at=_time(walked_at), now=_time(now))


def end_turn(account: str, owner: str, every: float, walked_at: datetime | None) -> Transaction[None]:
    """Let the next turn come."""
    columns = {
        "account": account,
        "holder": owner,
        "every": _milliseconds(every),
        "walked_at": None if walked_at is None else codec.milliseconds(walked_at),
    }
    yield Query("end_poll", columns)


def use(accounts: Iterable[str]) -> Transaction[dict[str, InboundUse]]:
    """Count what waits and what is parked."""
    found = {}
    for account in accounts:
        ((last,),) = yield Query("last_webhook", {"account": account})
        counts: dict[str, int] = dict((yield Query("open_events", {"account": account})))  # type: ignore[arg-type]
        found[account] = InboundUse(
            last_webhook_at=None if last is None else _time(last),
            waiting=counts.get("waiting", 0),
            parked=counts.get("parked", 0),
        )
    return found


def prune(since: datetime, limit: int) -> Transaction[int]:
    """Forget events that came before and wait for nothing."""
    columns = {"since": codec.milliseconds(since), "limit": limit}
    rows = yield Query("prune_provider_events", columns)
    yield Query("prune_event_subjects", columns)
    return len(rows)


def _subject(account: str, event: ProviderEvent) -> Generator[Query, Rows, str | None]:
    """The order, so that all its events meet; its operation's name where the order is not known yet."""
    if event.provider_order_id is not None:
        return order_subject(event.provider_order_id)
    for operation in event.operations:
        rows = yield Query("order_of_operation", {"id": operation, "account": account})
        if rows:
            return order_subject(rows[0][0])
    if event.provider_payment_id is not None:
        columns = {"account": account, "payment_id": event.provider_payment_id}
        rows = yield Query("order_of_payment", columns)
        if rows:
            return order_subject(rows[0][0])
    return operation_subject(event.operations[0]) if event.operations else None


def _tell(account: str, subject: str, pace: Pace) -> Query:
    times = {"settle": _milliseconds(pace.settle), "every": _milliseconds(pace.every)}
    return Query("tell_of_subject", {"account": account, "subject": subject, **times})


def _columns(account: str, told: Arrived, subject: str | None) -> dict[str, Any]:
    return {
        "account": account,
        "event_id": told.event.id,
        "type": told.event.type,
        "subject": subject,
        "webhook": int(told.body is not None),
        "record": codec.encode(told.event),
        "body": told.body,
    }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
