"""The result of a comparison, as data."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.difference import Difference
from ordergate.domain.draft import Draft
from ordergate.domain.fees import Fee
from ordergate.domain.order import Notice
from ordergate.journal.records.operations import StoredResponse


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one account.

    Attributes:
        answer: The provider's response, byte for byte; None without a request or a response.
        order: The canonical order, as a create answers it.
        problem: The problem, as a create answers it.
        retryable: The same key may find out more.
        latency_ms: Milliseconds of all calls together; None if nothing was sent.
        calls: How many requests were sent.
        fee: The provider's fee, if it is configured.
    """

    account: str
    adapter: str | None
    request: RequestDocument | None = None
    notices: tuple[Notice, ...] = ()
    answer: AnswerDocument | None = None
    order: StoredResponse | None = None
    problem: StoredResponse | None = None
    retryable: bool = False
    latency_ms: float | None = None
    calls: int = 0
    fee: Fee | None = None
    operation: str | None = None


class ComparisonResult(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison: the result of each account in the requested order, and the differences."""

    id: str
    mode: Literal["translate", "execute"]
    created_at: datetime
    draft: Draft
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]
