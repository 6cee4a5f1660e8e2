"""Receipts, as data."""

from datetime import datetime

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import OperationState
from ordergate.domain.order import Notice, Record


class ExchangeDocument(Record, frozen=True, kw_only=True):
    """One request and its answer.

    Attributes:
        answer: Null without a recorded response; `error` gives the reason.
        milliseconds: From the send to the response, or to the end of the wait; 0 without a record.
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
        configuration: Short hash of the configuration; null without a recorded exchange.
        adapter_version: Of the adapter's distribution.
        exchanges: The effectful request, and the requests after it.
        notices: Notices for the merchant about the translation into the request.
        field_map: Pointers into the request, by canonical pointer.
        answer_map: Pointers into the response, by canonical pointer.
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
    """All stored exchanges of an order with its provider, oldest first."""

    order: str
    operations: list[OperationReceipt]
