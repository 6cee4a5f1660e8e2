"""What a receipt tells, as data."""

from datetime import datetime

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import OperationState
from ordergate.domain.order import Notice, Record


class ExchangeDocument(Record, frozen=True, kw_only=True):
    """One request and its answer.

    Attributes:
        answer: Null where none came, or none is recorded; `error` says why.
        milliseconds: From its sending to its answer, or to the end of the wait for it; 0 where neither is recorded.
        provider_request_id: The provider's own id of the call.
    """

    request: RequestDocument
    answer: AnswerDocument | None
    error: str | None
    started_at: datetime
    milliseconds: float
    provider_request_id: str | None


class AttemptReceipt(Record, frozen=True, kw_only=True):
    """One attempt.

    Attributes:
        configuration: Short hash of the configuration in force; null where nothing is kept of what was said.
        adapter_version: Of the adapter's distribution.
        exchanges: The request that acts, and what was asked after it.
        notices: What the merchant is told of how the order was put into the request.
        field_map: By canonical pointer, where that stands in the request.
        answer_map: By canonical pointer, where that stands in the answer.
    """

    number: int
    account: str | None
    started_at: datetime
    finished_at: datetime | None
    sent: str
    http_status: int | None
    provider_request_id: str | None
    detail: str | None
    configuration: str | None
    adapter_version: str | None
    exchanges: list[ExchangeDocument]
    notices: list[Notice]
    field_map: dict[str, str]
    answer_map: dict[str, str]


class OperationReceipt(Record, frozen=True, kw_only=True):
    """One write of the order."""

    operation: str
    kind: OperationKind
    state: OperationState
    attempts: list[AttemptReceipt]


class Receipt(Record, frozen=True, kw_only=True):
    """All that was said to providers about an order and is still kept, oldest first."""

    order: str
    operations: list[OperationReceipt]
