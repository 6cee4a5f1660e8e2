"""What the journal keeps to be shown: what was said to providers, comparisons, and what shadows were counted."""

from datetime import datetime

import msgspec

from ordergate.domain.order import Notice
from ordergate.journal.records.operations import Operation, Work

EXCHANGES_KEPT = 20
"""Of one operation, the last: a key may be repeated without end."""

ANSWER_KEPT = 1024 * 1024
"""Bytes of an answer: a comparison reads what it judges from here, so the longest that it takes has room."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a provider and its answer, as a receipt keeps them: without what authenticates.

    Attributes:
        attempt: Number of the operation's attempt that it belongs to.
        configuration: Short hash of the configuration in force.
        adapter_version: Of the adapter's distribution.
        path: What follows the account's base URL.
        body: The exact bytes; stars where they held a one-time token, nothing where they never left.
        acts: It may have changed something at the provider; others only read.
        milliseconds: From its sending to its answer, or to the end of the wait for it.
        status: What was answered; None for no answer.
        answer: The exact bytes; of more than :data:`ANSWER_KEPT` the beginning, and a mark that says so.
        error: Why there is no answer.
    """

    attempt: int
    account: str
    adapter: str
    configuration: str
    adapter_version: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    acts: bool
    notices: tuple[Notice, ...] = ()
    started_at: datetime
    milliseconds: float
    status: int | None = None
    answer_headers: dict[str, str] = {}
    answer: bytes = b""
    error: str | None = None


class OperationWithExchanges(msgspec.Struct, frozen=True, kw_only=True):
    """An operation, and all that was said to its provider about it and is still kept.

    Attributes:
        work: What another process needs to carry on, as long as it is unsettled.
        request: The exact bytes that an unsettled operation has sent, or will send.
    """

    operation: Operation
    work: Work | None = None
    request: bytes | None
    exchanges: tuple[Exchange, ...]
