"""Compares the answers to callers, the journal and the providers."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from campaigns.chaos.ledger import UNREADABLE, Answer, Ledger, Write
from campaigns.chaos.providers import Provider, Seen

Document = Mapping[str, Any]

CLASSES = (
    "order made twice",
    "paid twice",
    "returned twice",
    "charged more than its total",
    "applied, but absent at the provider",
    "not applied, but there at the provider",
    "at the provider, unknown to the journal",
    "never settled",
    "waits for a person",
    "in review",
    "told otherwise than the journal says",
    "two answers for one key",
    "not replayed",
    "never answered",
    "refused without a reason",
    "error that is no problem",
    "both rivals won, or neither",
    "order differs from the provider",
)


@dataclass
class Evidence:
    """The evidence of a verdict.

    Attributes:
        again: For each write that was repeated at the end, the answer to the repeat.
        orders: The journal's orders; settled ones were read again at the end.
    """

    ledger: Ledger
    operations: Sequence[Document]
    orders: Sequence[Document]
    providers: Mapping[str, Provider]
    again: Mapping[Write, Answer]
    by_key: dict[str, Document] = field(init=False)
    writes: dict[str, Write] = field(init=False)

    def __post_init__(self) -> None:
        """Index operations and writes by key."""
        self.by_key = {one["idempotency_key"]: one for one in self.operations if one["idempotency_key"]}
        self.writes = {write.key: write for write in self.ledger.writes}


Found = Iterator[tuple[str, str]]


def judge(evidence: Evidence) -> dict[str, list[str]]:
    """Return every violation by its class, each with all known details."""
    violations: dict[str, list[str]] = {name: [] for name in CLASSES}
    for check in (_answers, _rivals, _settling, _creates, _changes, _orders):
        for name, what in check(evidence):
            violations[name].append(what)
    return violations


def _answers(evidence: Evidence) -> Found:
    for write in evidence.ledger.writes:
        yield from _answers_of(evidence, write)


def _answers_of(evidence: Evidence, write: Write) -> Found:
    operation = evidence.by_key.get(write.key)
    known = f"{told(operation)}\n{write}"
    final = write.final
    if final is None and not write.gave_up:
        yield "never answered", known
    if final is not None and not final.applied and final.code not in write.explainable:
        yield "refused without a reason", f"{final.body.decode()}\n{known}"
    stored = [answer for answer in write.answers if answer.stored]
    again = evidence.again.get(write)
    if again is not None:
        stored.append(again)
        if not again.replayed or not again.final:
            yield "not replayed", f"asked again: {again} {again.body.decode()[:600]}\n{known}"
    for one, other in pairwise(stored):
        if (one.status, one.body) != (other.status, other.body):
            yield "two answers for one key", f"{_difference(one, other)}\n{known}"
    for answer in write.answers:
        if answer.code == UNREADABLE:
            yield "error that is no problem", f"{answer} {answer.body[:200]!r}\n{known}"
    denies = write.tries == 1 and any(one.document.get("outcome") == "not_applied" for one in write.answers)
    if denies and operation is not None and operation["state"] == "succeeded":
        yield "told otherwise than the journal says", f"its only try was not applied, but succeeded\n{known}"
    said = any(answer.applied for answer in write.answers)
    if said and (operation is None or operation["state"] != "succeeded"):
        yield "told otherwise than the journal says", f"2xx, but not succeeded\n{known}"
    denied = any(answer.stored and not answer.applied for answer in write.answers)
    if denied and operation is not None and operation["state"] == "succeeded":
        yield "told otherwise than the journal says", f"refused for good, but succeeded\n{known}"


def _difference(one: Answer, other: Answer) -> str:
    if one.status != other.status or not (one.applied and other.applied):
        return f"{one} {one.body.decode()[:400]}\n    {other} {other.body.decode()[:400]}"
    first, second = one.document, other.document
    fields = [name for name in first if first.get(name) != second.get(name)]
    return "\n".join(f"{name}: {first.get(name)!r} / {second.get(name)!r}" for name in fields)


def _rivals(evidence: Evidence) -> Found:
    for writes in evidence.ledger.rivals:
        won = sum(1 for write in writes if write.final is not None and write.final.applied)
        if won != 1:
            yield (
                "both rivals won, or neither",
                "\n".join(f"{told(evidence.by_key.get(write.key))}\n{write}" for write in writes),
            )


def _settling(evidence: Evidence) -> Found:
    for operation in evidence.operations:
        if operation["needs_person"]:
            yield "waits for a person", _known(evidence, operation)
        if operation["state"] not in {"succeeded", "failed"}:
            yield "never settled", _known(evidence, operation)


def _creates(evidence: Evidence) -> Found:
    creates = {one["id"]: one for one in evidence.operations if one["kind"] == "create"}
    for provider in evidence.providers.values():
        made = Counter(order.mark for order in provider.orders)
        for mark, count in made.items():
            operation = creates.get(mark or "")
            if operation is None:
                yield "at the provider, unknown to the journal", f"an order with the mark {mark}"
            elif count > 1:
                yield "order made twice", f"{count} orders\n{_known(evidence, operation)}"
            elif operation["state"] == "failed":
                yield "not applied, but there at the provider", _known(evidence, operation)
        for operation in creates.values():
            at_home = operation["account"] == provider.name
            if at_home and operation["state"] == "succeeded" and not made[operation["id"]]:
                yield "applied, but absent at the provider", _known(evidence, operation)


def _changes(evidence: Evidence) -> Found:
    """Compare the changes of each order with the provider's order."""
    of_order: dict[str, list[Document]] = defaultdict(list)
    for operation in evidence.operations:
        of_order[operation["order"]].append(operation)
    ours = {order["id"]: order for order in evidence.orders}
    for name, operations in of_order.items():
        order = ours.get(name)
        provider = evidence.providers.get(order["account"]) if order else None
        seen = provider.by_id().get(order["provider_order_id"]) if provider and order else None
        if seen is None:
            continue
        known = "\n".join(_known(evidence, one) for one in operations)
        for violation, what in (*_moneys(seen, operations), *_effects(evidence, seen, operations)):
            yield violation, f"{what}; {name} is {seen.id}, {seen.status}\n{known}"
    for provider in evidence.providers.values():
        marks = Counter(mark for _, mark in provider.payments)
        known_pays = {one["id"] for one in evidence.operations if one["kind"] == "pay"}
        for mark, count in marks.items():
            if count > 1:
                yield "paid twice", f"{count} payments at {provider.name} by {mark}"
            if mark not in known_pays:
                yield "at the provider, unknown to the journal", f"a payment with the mark {mark}"


def _done(operations: Sequence[Document], kind: str, state: str = "succeeded") -> list[Document]:
    return [one for one in operations if one["kind"] == kind and one["state"] == state]


def _moneys(seen: Seen, operations: Sequence[Document]) -> Found:
    pays, returns = len(_done(operations, "pay")), len(_done(operations, "return"))
    if seen.taken > seen.total:
        yield "charged more than its total", f"{seen.taken} of {seen.total}"
    for name, wanted, found in (("paid", pays, len(seen.payments)), ("returned", returns, len(seen.returns))):
        if found > max(wanted, 1):
            yield f"{name} twice", f"{name} {found} times for {wanted} operations"
        elif found > wanted:
            yield "not applied, but there at the provider", f"{name} {found} times for {wanted} operations"
        elif found < wanted:
            yield "applied, but absent at the provider", f"{name} {found} times for {wanted} operations"


def _effects(evidence: Evidence, seen: Seen, operations: Sequence[Document]) -> Found:
    chaos = seen.metadata.get("chaos") is not None
    for kind, there in (("fulfill", seen.fulfilled), ("cancel", seen.canceled), ("update", chaos)):
        of_kind = [one for one in operations if one["kind"] == kind and _by_caller(evidence, one)]
        done = [one for one in of_kind if one["state"] == "succeeded"]
        if not there and any(one["performed_by"] == "provider" for one in done):
            yield "applied, but absent at the provider", f"{kind} succeeded"
        if there and of_kind and not done:
            yield "not applied, but there at the provider", f"{kind} failed"


def _by_caller(evidence: Evidence, operation: Document) -> bool:
    return operation["idempotency_key"] in evidence.writes


def _orders(evidence: Evidence) -> Found:
    seen = {name: provider.by_id() for name, provider in evidence.providers.items()}
    journal = Counter((order["account"], order["provider_order_id"]) for order in evidence.orders)
    for order in evidence.orders:
        what = f"{order['id']}, {order['status']}, at {order['account']} {order['provider_order_id']}"
        story = "\n".join(_known(evidence, one) for one in evidence.operations if one["order"] == order["id"])
        if order["review_reasons"]:
            yield "in review", f"{what}: {order['review_reasons']}\n{story}"
        there = seen[order["account"]].get(order["provider_order_id"])
        difference = "it is not there" if there is None else _deviation(order, there)
        if difference:
            yield "order differs from the provider", f"{what}: {difference}\n{story}"
        if journal[order["account"], order["provider_order_id"]] > 1:
            yield "order differs from the provider", f"{what}: the journal has it twice"


def may_be_behind(order: Document, seen: Seen) -> bool:
    """Whether the journal may lawfully know less than the provider until the order is read again.

    A payment closes by itself; and a return's answer has its figures, but not the order's new status.
    """
    differs = set(_differences(order, seen))
    return bool(differs) and (order["payment_status"] == "pending" or differs == {"status"})


def _deviation(order: Document, seen: Seen) -> str | None:
    return ", ".join(_differences(order, seen).values()) or None


def _differences(order: Document, seen: Seen) -> dict[str, str]:
    journal = {
        "status": order["provider_status"],
        "total": order["total"],
        "paid": order["amount_paid"],
        "refunded": order["amount_refunded"],
        "returns": len(order["returns"]),
    }
    found = {
        "status": seen.status,
        "total": seen.total,
        "paid": seen.taken,
        "refunded": sum(seen.returns),
        "returns": len(seen.returns),
    }
    return {
        name: f"{name} {journal[name]!r}, there {found[name]!r}"
        for name in journal
        if journal[name] != found[name]
    }


def longest_settle(operations: Sequence[Document]) -> float:
    """Return the longest time between a write's last attempt and the moment when its outcome was known."""
    return max((settled_after(one) for one in operations if one["attempts"]), default=0.0)


def settled_after(operation: Document) -> float:
    """Return the seconds between an operation's last attempt and the moment when its outcome was known."""
    began = _time(operation["attempts"][-1]["started_at"])
    return max(_time(operation["updated_at"]) - began, 0.0)


def _time(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _known(evidence: Evidence, operation: Document) -> str:
    write = evidence.writes.get(operation["idempotency_key"] or "")
    return told(operation) + (f"\n{write}" if write else "")


def told(operation: Document | None) -> str:
    """Describe an operation with its attempts and probes."""
    if operation is None:
        return "    no operation"
    attempts = "\n".join(
        f"      attempt {one['number']} {one['started_at']} - {one['finished_at']}: sent {one['sent']}, "
        f"{one['http_status']}, {one['detail']}"
        for one in operation["attempts"]
    )
    probes = "\n".join(
        f"      probe {one['at']}: {one['found']} {one['detail'] or ''}" for one in operation["probes"]
    )
    head = (
        f"    {operation['id']} {operation['kind']} of {operation['order']} at {operation['account']}: "
        f"{operation['state']}, {operation['problem']}, updated {operation['updated_at']}"
    )
    return "\n".join(part for part in (head, attempts, probes) if part)
