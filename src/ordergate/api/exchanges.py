"""A request to a provider and its answer, as the API shows them."""

from ordergate.domain.order import Record


class RequestDocument(Record, frozen=True, kw_only=True):
    """One request as it is sent.

    Attributes:
        path: With the query; what follows the host.
        headers: What authenticates is starred.
        body: The exact text; stars where it holds a one-time token.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str


class AnswerDocument(Record, frozen=True, kw_only=True):
    """One answer as it came; what authenticates is starred."""

    status: int
    headers: dict[str, str]
    body: str
