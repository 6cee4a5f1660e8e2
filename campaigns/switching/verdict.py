"""Compares the responses to callers with the orders in the journal and at the providers."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from tests.scenarios.shop import Emulator

from campaigns.chaos import providers
from campaigns.switching.load import Answer

Document = Mapping[str, Any]


def orders_once(
    emulators: Mapping[str, Emulator],
    operations: Iterable[Document],
    answers: Sequence[Answer],
    earlier: Collection[str] = (),
) -> list[str]:
    """Return every order that is not, exactly once, at the account that its caller was given.

    Args:
        emulators: The providers, by account.
        operations: All of the journal's but the earlier ones.
        answers: One for each key.
        earlier: Operations whose orders are left out.
    """
    order_of = {operation["id"]: operation["order"] for operation in operations}
    there = Counter[tuple[str, str, str | None]]()
    marks = Counter[str | None]()
    for name, emulator in emulators.items():
        for seen in providers.read(name, emulator.state()).orders:
            if seen.mark in earlier:
                continue
            there[name, seen.id, order_of.get(seen.mark or "")] += 1
            marks[seen.mark] += 1
    told = Counter(
        (answer.body["account"], answer.body["provider_order_id"], answer.body["id"])
        for answer in answers
        if answer.status == 201
    )
    return [
        *(f"answered, and not there: {' '.join(map(str, order))}" for order in told - there),
        *(f"there, and not answered: {' '.join(map(str, order))}" for order in there - told),
        *(f"{count} orders of {mark}" for mark, count in marks.items() if count > 1),
    ]


def sent_on_blindly(operations: Iterable[Document]) -> list[str]:
    """Return every operation that failed over before the earlier account was proven to have done nothing."""
    return [
        f"{operation['id']}: from {before['account']} ({before['sent']}) to {after['account']}"
        for operation in operations
        for before, after in zip(operation["attempts"], operation["attempts"][1:], strict=False)
        if before["account"] != after["account"] and before["sent"] != "no"
        if not _disproved(operation, before["started_at"], after["started_at"])
    ]


def _disproved(operation: Document, since: str, until: str) -> bool:
    return any(
        since < probe["at"] <= until and probe["found"] in {"absent", "not_applied"}
        for probe in operation["probes"]
    )
