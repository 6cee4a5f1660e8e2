"""When a request may be sent again: the only file that decides it.

A write acts at most once. So its request is sent again only in three cases: it has certainly not been applied; or the
provider answers the same idempotency key without acting again; or a probe has shown that the provider has no trace.

After an attempt (:func:`after_attempt`):

=================  ========================================  =========================================
outcome            further condition                         next step
=================  ========================================  =========================================
applied                                                      settle
not applied        the request was not sent, or the          fail over to the next account, if the
                   provider's rate limit refused it          route has one; otherwise settle
not applied        otherwise                                 settle
unknown            the provider answers the same key again   retry the same bytes
unknown            otherwise                                 probe, later, by recovery
=================  ========================================  =========================================

When a caller repeats an idempotency key (:func:`after_repeated_key`):

=================  ========================================  =========================================
state              further condition                         next step
=================  ========================================  =========================================
in progress                                                  wait for the first call
unknown                                                      find out: retry the same bytes, or probe
succeeded                                                    answer as before
failed             the provider's refusal is stored          answer as before
failed             no trace was found, but the write may     probe once more, then send
                   still arrive
failed             otherwise                                 send, as the next attempt
=================  ========================================  =========================================
"""

from datetime import datetime, timedelta
from enum import StrEnum, auto

from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.outcome import NotApplied, Outcome, Unknown
from ordergate.journal.records.operations import Existing, Operation

STORED_REFUSALS = frozenset({"payment_declined", "provider_rejected", "invalid_state"})
"""Problem codes of the provider's own decisions. They are stored as the answer to the key and are never sent again."""

NO_TRACE = "provider_unavailable"
"""The problem code of an operation that was sent, had no answer, and is proven not applied."""

MARKED = frozenset({OperationKind.CREATE, OperationKind.PAY})
"""The kinds that a probe recognizes by our own mark or key, even after others have changed the order."""

RETRY_PAUSES = (0.1, 0.5, 1.5)
"""Seconds before each retry of the same bytes."""


class AfterAttempt(StrEnum):
    """The next step of the process that made an attempt."""

    SETTLE = auto()
    FAIL_OVER = auto()
    RETRY = auto()
    PROBE = auto()


class AfterRepeatedKey(StrEnum):
    """The next step of a call with a repeated idempotency key."""

    WAIT = auto()
    FIND_OUT = auto()
    ANSWER = auto()
    PROBE_THEN_SEND = auto()
    SEND = auto()


def after_attempt(
    operation: Operation, outcome: Outcome, *, idempotent: bool, has_failover: bool
) -> AfterAttempt:
    """Return the next step after an operation's last attempt.

    Args:
        operation: With the attempt, which says whether the request was sent.
        outcome: The outcome of the attempt.
        idempotent: The provider answers the same request with the same key again, instead of acting on it again.
        has_failover: The operation is a create whose route has a further account.
    """
    if isinstance(outcome, Unknown):
        return AfterAttempt.RETRY if idempotent else AfterAttempt.PROBE
    if has_failover and isinstance(outcome, NotApplied) and _refused_without_effect(operation, outcome):
        return AfterAttempt.FAIL_OVER
    return AfterAttempt.SETTLE


def after_repeated_key(existing: Existing) -> AfterRepeatedKey:
    """Return the next step of a call with this operation's key.

    Args:
        existing: The operation, and its stored answer.
    """
    operation = existing.operation
    if operation.state == "in_progress":
        return AfterRepeatedKey.WAIT
    if operation.state == "unknown":
        return AfterRepeatedKey.FIND_OUT
    if not existing.may_be_sent_again:
        return AfterRepeatedKey.ANSWER
    return AfterRepeatedKey.PROBE_THEN_SEND if may_still_arrive(operation) else AfterRepeatedKey.SEND


def is_idempotent(operation: Operation, window: timedelta, now: datetime, *, same_request: bool) -> bool:
    """Return whether the provider would answer a retry without acting again.

    Args:
        operation: The operation to retry.
        window: How long the provider remembers the operation's idempotency key; zero if it has none.
        now: The time.
        same_request: The retry has the path and the bytes of the first request.
    """
    return same_request and now - operation.created_at < window


def may_still_arrive(operation: Operation) -> bool:
    """Return whether a failed operation may turn out to be applied, in a way that a probe would recognize.

    After other changes of the order, only our own mark is certain. A return has no mark and can be made twice. If its
    absence was never seen, the probe compares the refunded amount.
    """
    if operation.problem != NO_TRACE or all(attempt.sent == "no" for attempt in operation.attempts):
        return False
    return operation.kind in MARKED or (operation.kind is OperationKind.RETURN and operation.taken_unseen)


def needs_probe_before_retry(operation: Operation) -> bool:
    """Return whether a retry could act twice if the probe before it cannot see the provider.

    The order itself prevents a second change. It does not prevent a second create, nor a second payment whose absence
    nobody has seen.
    """
    if operation.kind is OperationKind.CREATE:
        return True
    return operation.kind is OperationKind.PAY and operation.taken_unseen


def all_attempts_over(operation: Operation, settling: float) -> bool:
    """Return whether no attempt can still arrive at the provider.

    The end of the last attempt says nothing about an earlier one: a request whose answer did not come in time may
    arrive after its retry was refused.

    Args:
        operation: With its attempts.
        settling: Seconds after its start in which an attempt can arrive.
    """
    *earlier, last = operation.attempts
    if last.finished_at is None or not last.closed:
        return False
    settled = last.started_at - timedelta(seconds=settling)
    return all(attempt.closed or attempt.sent == "no" or attempt.started_at < settled for attempt in earlier)


def needs_new_key(code: str, kind: OperationKind) -> bool:
    """Return whether a caller must use a new key to try again after this refusal.

    A refused payment may be tried again as it is, but its refusal is stored under its key.
    """
    return code == "provider_rejected" and kind is OperationKind.PAY


def _refused_without_effect(operation: Operation, refusal: NotApplied) -> bool:
    return operation.attempts[-1].sent == "no" or refusal.code == "provider_rate_limited"
