"""What a repeated key gets: the first answer again, patience, or the truth that nothing is known yet."""

import asyncio
import re

from ordergate.domain.errors import Problem, ProviderError
from ordergate.gateway.context import Answer, Gateway
from ordergate.gateway.records import Existing, Operation

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_POLL_SECONDS = 0.05


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


async def answer_again(gateway: Gateway, existing: Existing, wanted: Operation) -> Answer | None:
    """Answer a repeat of a key; None if it may be sent, as the next attempt of the same operation.

    Raises:
        Problem: The key was used for another body, or its operation is in progress or of unknown outcome.
    """
    if existing.operation.content_hash != wanted.content_hash:
        raise Problem(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another body; use a new key for a new request.",
            operation=existing.operation.id,
        )
    settled = await _wait(gateway, existing)
    operation = settled.operation
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
    if settled.response is None:
        return None
    return Answer(settled.response, operation.account, replayed=True)


def order_busy(operation: Operation) -> Problem:
    """Return the refusal of a second write while one is unsettled."""
    return Problem(
        "order_busy",
        f"The {operation.kind} of this order is unsettled; wait for it, or read GET /v1/operations/{operation.id}.",
        operation=operation.id,
        order=operation.order,
        retry_after=1,
    )


def outcome_unknown(operation: Operation, reason: str, provider: ProviderError | None = None) -> Problem:
    """Return the problem of a write that may have been applied."""
    return Problem(
        "outcome_unknown",
        f"{reason} It may have been applied. Repeat the same Idempotency-Key, or read "
        f"GET /v1/operations/{operation.id}; do not send it under another key.",
        operation=operation.id,
        order=operation.order,
        provider=provider,
        retry_after=5,
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


async def _wait(gateway: Gateway, existing: Existing) -> Existing:
    """Wait until the operation is no longer in progress, or patience ends."""
    deadline = asyncio.get_running_loop().time() + gateway.configuration.idempotency_wait
    while existing.operation.state == "in_progress" and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL_SECONDS)
        existing = await gateway.journal.by_key(existing.operation) or existing
    return existing
