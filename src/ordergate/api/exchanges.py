"""A request to a provider and its answer, as the API shows them."""

from ordergate.domain.order import Record


class RequestDocument(Record, frozen=True, kw_only=True):
    """One request as it is sent.

    Attributes:
        path: With the query, after the host.
        headers: Credentials are masked.
        body: The exact text; asterisks if it contains a one-time token.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: str


class AnswerDocument(Record, frozen=True, kw_only=True):
    """One response; credentials are masked."""

    status: int
    headers: dict[str, str]
    body: str
