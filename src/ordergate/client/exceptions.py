"""Everything that a call can end with, besides its answer.

    OrdergateError
    ├── ProblemError                  the gateway refused; if it was a write, nothing was applied
    │   ├── AuthenticationError       no valid key, or one that may not do this
    │   ├── NotFoundError
    │   ├── InvalidStateError
    │   ├── PaymentDeclinedError
    │   ├── PossibleDuplicateError    `problem.order` is the first order with this reference
    │   └── UnavailableError          the same key may be sent again, and the time for doing so was up
    ├── OutcomeUnknown                a write that may have been applied
    ├── NoAnswerError                 there was no response; nothing was applied
    ├── UnreadableAnswerError         the response is not a gateway's
    └── WebhookVerificationError      the gateway did not send the webhook, or not now

A write that may have been applied raises :class:`OutcomeUnknown` and nothing else, whatever the cause.
"""

from collections.abc import Mapping
from types import MappingProxyType

from ordergate.api.documents import ProblemDocument


class OrdergateError(Exception):
    """Base of all that this package raises."""


class ProblemError(OrdergateError):
    """The gateway refused; if it was a write, nothing was applied.

    Attributes:
        problem: The gateway's problem: `code`, `fault`, `retry`, `errors` and more.
        idempotency_key: The key that the call was sent under; None for one without.
    """

    def __init__(self, problem: ProblemDocument, idempotency_key: str | None = None) -> None:
        """Keep the problem."""
        fields = "".join(f"; {error.pointer}: {error.detail}" for error in problem.errors)
        super().__init__(f"{problem.status} {problem.code}: {problem.detail}{fields}")
        self.problem = problem
        self.idempotency_key = idempotency_key

    @property
    def code(self) -> str:
        """The code of the problem."""
        return self.problem.code


class AuthenticationError(ProblemError):
    """There is no valid API key, or it may not do this."""


class NotFoundError(ProblemError):
    """There is no such thing; or not yet, and then `problem.operation` is the write that makes it."""


class InvalidStateError(ProblemError):
    """The order's state does not allow this."""


class PaymentDeclinedError(ProblemError):
    """The payment was declined; another one takes a new key."""


class PossibleDuplicateError(ProblemError):
    """An order with this reference exists: `problem.order`."""


class UnavailableError(ProblemError):
    """The gateway or the provider is busy or down, and was so until the time was up; the same key may be sent again."""


class OutcomeUnknown(OrdergateError):  # noqa: N818 - the gateway's own word
    """A write may have been applied: repeat it with the same key, or read its operation; never use another key.

    Attributes:
        idempotency_key: The key that it was sent under; None for a write without one, such as an import.
        operation: Id of the operation, if it is known: `client.operations.get(operation)`.
        order: Id of the order, if it is known.
        problem: The gateway's last problem, if there is one.
    """

    def __init__(
        self,
        *,
        idempotency_key: str | None,
        operation: str | None = None,
        order: str | None = None,
        problem: ProblemDocument | None = None,
    ) -> None:
        """Store the facts of the write."""
        advice = (
            "read the order or the operation before you send it again"
            if idempotency_key is None
            else f"repeat it with the Idempotency-Key {idempotency_key}, never with another"
        )
        named = f"; its operation is {operation}" if operation else ""
        super().__init__(f"The write may have been applied: {advice}{named}.")
        self.idempotency_key = idempotency_key
        self.operation = operation
        self.order = order
        self.problem = problem


class NoAnswerError(OrdergateError):
    """There was no response: the connection was not made, or it was a read. Nothing was applied."""


class UnreadableAnswerError(OrdergateError):
    """The response is not a gateway's. Perhaps the base URL is wrong, or a proxy answered.

    Attributes:
        status: The HTTP status.
        body: The body of the response.
    """

    def __init__(self, status: int, body: bytes, reason: str) -> None:
        """Keep the answer; its body may be personal, so the message has none of it."""
        super().__init__(f"The answer with status {status} is not a gateway's: {reason}")
        self.status = status
        self.body = body


class WebhookVerificationError(OrdergateError):
    """A webhook that the gateway did not send to this endpoint, or that is too old to be believed."""


_CLASSES: Mapping[str, type[ProblemError]] = MappingProxyType(
    {
        "unauthenticated": AuthenticationError,
        "forbidden": AuthenticationError,
        "not_found": NotFoundError,
        "invalid_state": InvalidStateError,
        "payment_declined": PaymentDeclinedError,
        "possible_duplicate": PossibleDuplicateError,
    }
)


def error_of(problem: ProblemDocument, idempotency_key: str | None) -> ProblemError:
    """Return the exception for a problem."""
    default = UnavailableError if problem.retry == "same_key" else ProblemError
    return _CLASSES.get(problem.code, default)(problem, idempotency_key)
