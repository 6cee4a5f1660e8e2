"""What a repeated key gets: the first answer again, patience, or the truth that nothing is known yet."""

import re

from ordergate.domain.errors import Problem
from ordergate.gateway.runtime.runtime import Answer, Gateway
from ordergate.gateway.writes.outcomes import answer_of, outcome_unknown, wait_until_settled
from ordergate.journal.records.operations import Existing, Operation

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def check_key(key: str | None) -> None:
    """Refuse a malformed key.

    Raises:
        Problem: ``idempotency_key_invalid``.
    """
    if key is not None and not _KEY.fullmatch(key):
        raise Problem(
            "idempotency_key_invalid",
            "An Idempotency-Key has 1 to 255 visible ASCII characters, without spaces.",
        )


def check_body(existing: Existing, wanted: Operation) -> None:
    """Refuse a key that was used for another body.

    Raises:
        Problem: ``idempotency_key_reused``.
    """
    if existing.operation.content_hash != wanted.content_hash:
        raise Problem(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another body; use a new key for a new request.",
            operation=existing.operation.id,
        )


async def answer_again(gateway: Gateway, existing: Existing) -> Answer | None:
    """Answer a repeat of a key once it is settled; None if it may be sent, as the operation's next attempt.

    Raises:
        Problem: Its operation is still in progress, or of unknown outcome.
    """
    existing = await wait_until_settled(gateway, existing)
    operation = existing.operation
    if operation.state == "in_progress":
        raise Problem(
            "idempotency_in_progress",
            "The first request with this Idempotency-Key is still running; repeat it later.",
            operation=operation.id,
            order=operation.order,
            retry_after=2,
        )
    if operation.state == "unknown":
        raise outcome_unknown(operation, "The provider's answer was lost.")
    answer = await answer_of(gateway, existing)
    return answer and Answer(answer.response, answer.account, replayed=True)


def order_busy(operation: Operation) -> Problem:
    """Return the refusal of a second write while one is unsettled."""
    return Problem(
        "order_busy",
        f"The {operation.kind} of this order is unsettled; wait for it, or read GET /v1/operations/{operation.id}.",
        operation=operation.id,
        order=operation.order,
        retry_after=1,
    )


def possible_duplicate(first: Operation) -> Problem:
    """Return the refusal of a second create with one reference."""
    unsettled = " Its outcome is not known yet, so it must settle first." if first.state == "unknown" else ""
    return Problem(
        "possible_duplicate",
        f"An order with the reference {first.reference!r} was created before, as {first.order}.{unsettled} "
        "If a second one is meant, send the header Ordergate-Duplicate: allow.",
        operation=first.id,
        order=first.order,
    )
