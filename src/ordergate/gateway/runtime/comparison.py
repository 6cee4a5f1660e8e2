"""What a comparison came to, as data."""

from datetime import datetime
from typing import Literal

import msgspec

from ordergate.api.exchanges import AnswerDocument, RequestDocument
from ordergate.domain.comparison import Difference
from ordergate.domain.draft import Draft
from ordergate.domain.fees import Fee
from ordergate.domain.order import Notice
from ordergate.journal.records.operations import StoredResponse


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What one account made of the draft.

    Attributes:
        answer: The provider's, byte for byte; None where it was not asked or did not answer.
        order: The canonical order, as a create answers it.
        problem: The problem, as a create answers it.
        retryable: The same key may find out more.
        latency_ms: From sending to the answer, all calls together; None where nothing was sent.
        calls: How many requests were sent.
        fee: What the provider charges for it, where that is configured.
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


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """A comparison: each account's result in the order in which they were asked for, and what differs."""

    id: str
    mode: Literal["translate", "execute"]
    created_at: datetime
    draft: Draft
    results: tuple[Result, ...]
    differences: tuple[Difference, ...]
