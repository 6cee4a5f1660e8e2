"""All problems, as one exception with a code. A table defines the codes.

Two questions matter for each failure: who caused it, and whether the provider may have acted. The table answers both
for each code, and names the next step.

    Problem                       one failure, with the code that the caller reads
    ├── fault: caller             the request must change
    ├── fault: gateway            ours; nothing the caller sent is wrong
    └── fault: provider           the provider, or the way to it

Adapters and use cases raise :class:`Problem`. The web layer alone knows which HTTP status a code has.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import msgspec

Fault = Literal["caller", "gateway", "provider"]
Sent = Literal["no", "maybe", "yes"]
OutcomeWord = Literal["not_applied", "applied", "unknown"]
Retry = Literal["never", "same_key", "new_key", "after_fix"]


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One error in a request.

    Attributes:
        pointer: JSON Pointer into the body; for a query or path parameter, its name behind a slash.
        code: The kind of error.
        detail: The same for a human, with the cure.
    """

    pointer: str
    code: str
    detail: str


class ProviderError(msgspec.Struct, frozen=True, kw_only=True):
    """The provider's own error, from a refusal or from an unreadable response."""

    account: str = ""
    adapter: str = ""
    http_status: int | None = None
    code: str | None = None
    message: str | None = None
    request_id: str | None = None


class ProblemKind(msgspec.Struct, frozen=True):
    """The definition of a code: title, cause, next step, and whether the provider may have acted."""

    title: str
    fault: Fault
    retry: Retry
    sent: Sent = "no"
    outcome: OutcomeWord = "not_applied"


PROBLEMS: Mapping[str, ProblemKind] = MappingProxyType(
    {
        "invalid_json": ProblemKind("The body is not valid JSON", "caller", "after_fix"),
        "repeated_header": ProblemKind("A header occurs more than once", "caller", "after_fix"),
        "idempotency_key_missing": ProblemKind("An Idempotency-Key is required", "caller", "after_fix"),
        "idempotency_key_invalid": ProblemKind("The Idempotency-Key is malformed", "caller", "after_fix"),
        "request_timeout": ProblemKind("The request did not arrive in time", "caller", "after_fix"),
        "headers_too_large": ProblemKind("The request's head is too large", "caller", "after_fix"),
        "unauthenticated": ProblemKind("No valid API key", "caller", "after_fix"),
        "bad_signature": ProblemKind("The signature does not match", "caller", "after_fix"),
        "forbidden": ProblemKind("The API key may not do this", "caller", "after_fix"),
        "not_found": ProblemKind("There is no such thing", "caller", "never"),
        "method_not_allowed": ProblemKind("The method is not allowed here", "caller", "never"),
        "payment_declined": ProblemKind("The payment was declined", "caller", "new_key", "yes"),
        "invalid_state": ProblemKind("The order's state does not allow this", "caller", "after_fix"),
        "amount_mismatch": ProblemKind("The amount is not the order's", "caller", "after_fix"),
        "order_busy": ProblemKind("Another write on this order is unsettled", "caller", "same_key"),
        "idempotency_in_progress": ProblemKind(
            "The same request is still being worked on", "caller", "same_key", "maybe", "unknown"
        ),
        "possible_duplicate": ProblemKind("An order with this reference exists", "caller", "never"),
        "payload_too_large": ProblemKind("The body is too large", "caller", "after_fix"),
        "unsupported_media_type": ProblemKind("The body must be JSON", "caller", "after_fix"),
        "invalid_request": ProblemKind("The request is invalid", "caller", "after_fix"),
        "idempotency_key_reused": ProblemKind(
            "The Idempotency-Key was used for another request", "caller", "after_fix"
        ),
        "unsupported_operation": ProblemKind("The provider cannot do this", "caller", "after_fix"),
        "unsupported_field": ProblemKind("The provider cannot honour a field", "caller", "after_fix"),
        "link_missing": ProblemKind("An id is not linked to the account", "caller", "after_fix"),
        "no_route": ProblemKind("No account may take this order", "caller", "after_fix"),
        "provider_rejected": ProblemKind("The provider refused", "caller", "after_fix", "yes"),
        "rate_limited": ProblemKind("Too many requests", "caller", "same_key"),
        "internal_error": ProblemKind("The gateway failed", "gateway", "same_key"),
        "provider_unauthenticated": ProblemKind(
            "The provider refused the account's credentials", "gateway", "same_key", "yes"
        ),
        "provider_protocol_error": ProblemKind(
            "The provider's answer cannot be read", "provider", "same_key", "yes"
        ),
        "overloaded": ProblemKind("The gateway is at its limit", "gateway", "same_key"),
        "store_unavailable": ProblemKind("The journal cannot be written", "gateway", "same_key"),
        "provider_rate_limited": ProblemKind(
            "The provider's rate limit is reached", "provider", "same_key", "yes"
        ),
        "provider_unavailable": ProblemKind("The provider cannot be reached", "provider", "same_key"),
        "outcome_unknown": ProblemKind(
            "Whether the provider acted is not known yet", "provider", "same_key", "maybe", "unknown"
        ),
    }
)
"""The published table: code to meaning."""


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """One failure, as data.

    Attributes:
        code: A key of :data:`PROBLEMS`.
        detail: A sentence for people, with the cure if there is one.
        errors: Which fields are wrong.
        provider: The provider's error, if a request was sent.
        operation: The write that this is about.
        order: The order that this is about.
        retry_after: Seconds to wait before the next try.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        provider: ProviderError | None = None,
        operation: str | None = None,
        order: str | None = None,
        retry_after: int | None = None,
        retry: Retry | None = None,
        sent: Sent | None = None,
        outcome: OutcomeWord | None = None,
    ) -> None:
        """Build one failure; `retry`, `sent` and `outcome` default to the table's."""
        super().__init__(f"{code}: {detail}")
        kind = PROBLEMS[code]
        self.code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.provider = provider
        self.operation = operation
        self.order = order
        self.retry_after = retry_after
        self.fault: Fault = kind.fault
        self.retry: Retry = retry or kind.retry
        self.sent: Sent = sent or ("yes" if provider is not None and kind.sent == "no" else kind.sent)
        self.outcome: OutcomeWord = outcome or kind.outcome


def invalid_request(pointer: str, code: str, detail: str) -> Problem:
    """Return the problem for one wrong field."""
    return Problem("invalid_request", detail, errors=[FieldError(pointer=pointer, code=code, detail=detail)])


def under(prefix: str, errors: Sequence[FieldError]) -> list[FieldError]:
    """Return errors in a part of a body as errors in the whole of it."""
    return [msgspec.structs.replace(error, pointer=prefix + error.pointer) for error in errors]
