"""The history of an order, from its operations and the provider's snapshot. Pure."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from ordergate.console.formats import words
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.order import Order
from ordergate.journal.records.operations import Operation

_NAMES = {
    OperationKind.CREATE: "Create",
    OperationKind.PAY: "Pay",
    OperationKind.CANCEL: "Cancel",
    OperationKind.FULFILL: "Fulfill",
    OperationKind.UPDATE: "Change",
    OperationKind.RETURN: "Return",
}


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One step of an operation."""

    at: datetime
    text: str
    detail: str = ""
    tone: str = "plain"


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of an order's history; `operation` is its operation, if it has one."""

    at: datetime
    title: str
    tone: str = "plain"
    note: str = ""
    operation: Operation | None = None
    steps: tuple[Step, ...] = ()


def events(order: Order, operations: Iterable[Operation]) -> list[HistoryEntry]:
    """Return the history of an order, the latest first."""
    happened = [*map(of_operation, operations), *_milestones(order)]
    return sorted(happened, key=_place, reverse=True)


def of_operation(operation: Operation) -> HistoryEntry:
    """Return a write as an event."""
    return HistoryEntry(
        at=operation.created_at,
        title=_NAMES.get(operation.kind, words(operation.kind).capitalize()),
        tone=_tone(operation),
        operation=operation,
        steps=tuple(sorted(steps(operation), key=lambda step: step.at)),
    )


def steps(operation: Operation) -> Iterator[Step]:
    """Yield every attempt, every probe and a person's resolution, each with its time."""
    for attempt in operation.attempts:
        where = f" at {attempt.account}" if attempt.account else ""
        answer = "no answer" if attempt.finished_at else "under way"
        if attempt.http_status is not None:
            answer = f"HTTP {attempt.http_status}"
        good = attempt.http_status is not None and attempt.http_status < 400
        yield Step(
            at=attempt.started_at,
            text=f"Attempt {attempt.number}{where}: {answer}",
            detail=attempt.detail or "",
            tone="good" if good else "bad" if attempt.finished_at else "busy",
        )
    for probe in operation.probes:
        yield Step(
            at=probe.at,
            text=f"Looked at the provider: {words(probe.found)}",
            detail=probe.detail or "",
            tone="good" if probe.found == "applied" else "busy",
        )
    if operation.resolution is not None:
        said = operation.resolution
        yield Step(
            at=said.at,
            text=f"Resolved by a person ({said.key}) as {words(said.outcome)}",
            detail=said.evidence,
            tone="good",
        )


def _milestones(order: Order) -> Iterator[HistoryEntry]:
    """The provider's own events; its clock may differ."""
    named = (
        (order.paid_at, "Paid", "good"),
        (order.fulfilled_at, "Fulfilled", "good"),
        (order.canceled_at, "Canceled", "plain"),
        (order.refunded_at, "Refunded", "moved"),
    )
    for at, title, tone in named:
        if at is not None:
            yield HistoryEntry(at=at, title=title, tone=tone, note="as in the order")
    for payment in order.payments:
        if payment.created_at is not None:
            failed = payment.decline is not None
            yield HistoryEntry(
                at=payment.created_at,
                title=f"Payment {words(payment.status)}",
                tone="bad" if failed else "plain",
                note=payment.provider_payment_id,
            )


def _place(event: HistoryEntry) -> datetime:
    """A provider's times may be whole seconds: within one second, they follow the write that caused them."""
    whole = event.operation is None and event.at.microsecond == 0
    return event.at.replace(microsecond=999_999) if whole else event.at


def _tone(operation: Operation) -> str:
    return {"succeeded": "good", "failed": "bad", "unknown": "bad", "in_progress": "busy"}[operation.state]
