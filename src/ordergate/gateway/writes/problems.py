"""The problems that a write can end with, apart from a refusal of the provider."""

from ordergate.domain.errors import Problem, ProviderError
from ordergate.gateway.writes.retry import NO_TRACE
from ordergate.journal.records.operations import Operation


def outcome_unknown(operation: Operation, reason: str, provider: ProviderError | None = None) -> Problem:
    """Return the problem of a write that may have been applied."""
    person = " It cannot settle by itself: a person has to resolve it." if operation.needs_person else ""
    return Problem(
        "outcome_unknown",
        f"{reason} It may have been applied.{person} Repeat the same Idempotency-Key, or read "
        f"GET /v1/operations/{operation.id}; do not send it under another key.",
        operation=operation.id,
        order=operation.order,
        provider=provider,
        retry_after=5,
    )


def no_trace(operation: Operation) -> Problem:
    """Return the problem of a write that was sent, had no answer, and is proven not applied."""
    return Problem(
        NO_TRACE,
        "The provider did not answer, and has no trace of it: it was not applied. Repeat the same Idempotency-Key "
        "to send it again.",
        sent="maybe",
        operation=operation.id,
        retry_after=1,
    )


def not_sent_again(operation: Operation, reason: str) -> Problem:
    """Return the problem of a retry that is not sent, because no probe can show whether the first was applied."""
    return Problem(
        NO_TRACE,
        f"{reason} So the gateway cannot see whether the first request was applied, and nothing was sent. Repeat the "
        "same Idempotency-Key later.",
        sent="maybe",
        operation=operation.id,
        retry_after=5,
    )


def probe_in_progress(operation: Operation) -> Problem:
    """Return the problem of a retry that arrives while another process probes the provider for the first request."""
    return Problem(
        "idempotency_in_progress",
        "The gateway is probing the outcome of the first request at the provider; repeat it later.",
        operation=operation.id,
        order=operation.order,
        retry_after=2,
    )


def still_running(operation: Operation) -> Problem:
    """Return the problem of a repeated key whose first call still runs."""
    return Problem(
        "idempotency_in_progress",
        "The first request with this Idempotency-Key is still running; repeat it later.",
        operation=operation.id,
        order=operation.order,
        retry_after=2,
    )


def order_busy(operation: Operation) -> Problem:
    """Return the problem of a second write to an order whose first write is unsettled."""
    return Problem(
        "order_busy",
        f"The {operation.kind} of this order is unsettled; wait for it, or read GET /v1/operations/{operation.id}.",
        operation=operation.id,
        order=operation.order,
        retry_after=1,
    )


def possible_duplicate(first: Operation) -> Problem:
    """Return the problem of a second create with the same reference."""
    unsettled = " Its outcome is not known yet, so it must settle first." if first.state == "unknown" else ""
    return Problem(
        "possible_duplicate",
        f"An order with the reference {first.reference!r} was created before, as {first.order}.{unsettled} "
        "If a second one is meant, send the header Ordergate-Duplicate: allow.",
        operation=first.id,
        order=first.order,
    )
