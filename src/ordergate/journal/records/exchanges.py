"""Records of the exchanges with providers, for receipts and the console."""

from datetime import datetime

import msgspec

from ordergate.domain.order import Notice
from ordergate.journal.records.operations import Operation, Work

EXCHANGES_KEPT = 20
"""Of one operation, the last: a key may be repeated without end."""

ANSWER_KEPT = 1024 * 1024
"""Bytes of a response that are stored. A comparison reads the response here, so the limit is that of a response."""


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a provider and its response, without credentials.

    Attributes:
        attempt: Number of the operation's attempt that it belongs to.
        configuration: Short hash of the configuration in force.
        adapter_version: Of the adapter's distribution.
        path: The path after the account's base URL.
        body: The exact bytes; asterisks if they contained a one-time token, empty if nothing was sent.
        acts: It may have changed something at the provider; others only read.
        milliseconds: From its sending to its answer, or to the end of the wait for it.
        status: Status of the response; None without a response.
        answer: The exact bytes. After :data:`ANSWER_KEPT` bytes they are cut off, and a note says so.
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
    """An operation, and those of its exchanges that are still stored.

    Attributes:
        work: The data that another process needs to finish the operation; None after it is settled.
        request: The exact bytes that an unsettled operation has sent, or will send.
    """

    operation: Operation
    work: Work | None = None
    request: bytes | None
    exchanges: tuple[Exchange, ...]
