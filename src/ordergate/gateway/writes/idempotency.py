"""Checks idempotency keys, and answers repeated ones."""

import re

from ordergate.domain.errors import Problem
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.problems import outcome_unknown, still_running
from ordergate.gateway.writes.retry import AfterRepeatedKey, after_repeated_key
from ordergate.gateway.writes.settle import answer_of, wait_until_settled
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
    """Refuse a key that was used with another body.

    Raises:
        Problem: ``idempotency_key_reused``.
    """
    if existing.operation.content_hash != wanted.content_hash:
        raise Problem(
            "idempotency_key_reused",
            "This Idempotency-Key was used for another body; use a new key for a new request.",
            operation=existing.operation.id,
        )


async def answer_again(runtime: Runtime, existing: Existing) -> Answer | None:
    """Wait until the operation of a repeated key is settled, and return its answer; None if it may be sent again.

    Raises:
        Problem: The operation is still in progress, or its outcome is still unknown.
    """
    existing = await wait_until_settled(runtime, existing)
    operation = existing.operation
    match after_repeated_key(existing):
        case AfterRepeatedKey.WAIT:
            raise still_running(operation)
        case AfterRepeatedKey.FIND_OUT:
            raise outcome_unknown(operation, "The provider's answer was lost.")
        case _:
            answer = await answer_of(runtime, existing)
            return answer and Answer(answer.response, answer.account, replayed=True)
