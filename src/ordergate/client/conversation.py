"""How one call runs, from its first attempt to its answer: repeats, pauses and doubts, without a socket or a clock.

A call is a generator without I/O: it yields requests and waits, gets their results, and returns the answer or raises.
:class:`ordergate.client.Client` and :class:`ordergate.client.AsyncClient` both run the same one.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import msgspec

from ordergate.api.documents import ProblemDocument
from ordergate.client.exceptions import (
    NoAnswerError,
    OrdergateError,
    OutcomeUnknown,
    UnreadableAnswerError,
    error_of,
)

T = TypeVar("T")

_FIRST_PAUSE = 0.25
_LONGEST_PAUSE = 8.0
_ACCEPTED = 202
_TEMPORARY = frozenset({408, 429, *range(500, 600)})
"""Statuses of a proxy that cannot reach the gateway."""

_ABOUT_ANOTHER_WRITE = frozenset({"order_busy", "possible_duplicate"})
"""Codes whose `operation` is another one than that of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """One logical call, however often it is sent.

    Attributes:
        path: Encoded, from the slash after the host.
        read: Reads the body of a 2xx. Raises ``msgspec.DecodeError`` for an unreadable one, :class:`UnsettledError` for
            an answer that is not final.
        accepted: Reads the body of a 202, for a caller that does not wait.
        key: The Idempotency-Key of all its attempts.
        writes: It may change something, so its outcome may be in doubt.
        timeout: Seconds for all attempts together; None for the client's default.
    """

    method: str
    path: str
    read: Callable[[bytes], T]
    accepted: Callable[[bytes], T] | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    key: str | None = None
    writes: bool = False
    timeout: float | None = None

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again although it may have arrived."""
        return self.key is not None or not self.writes


class UnsettledError(Exception):
    """The answer is not final, so the call is repeated.

    Attributes:
        error: The error of the call if no final answer arrives in time.
    """

    def __init__(self, error: OrdergateError, *, final: bool) -> None:
        """Store the error."""
        super().__init__(str(error))
        self.error = error
        self.final = final


class Sending(NamedTuple):
    """Send one attempt; `timeout` in seconds for each phase of it."""

    call: Call[Any]
    timeout: float


class Waiting(NamedTuple):
    """Wait so many seconds, then continue."""

    seconds: float


class Answer(NamedTuple):
    """A response; `at` is its time by the call's clock. Header names are in lower case."""

    at: float
    status: int
    headers: Mapping[str, str]
    body: bytes


class NoAnswer(NamedTuple):
    """No response; `arrived` unless the connection was certainly never made."""

    at: float
    error: Exception
    arrived: bool


Conversation = Generator[Sending | Waiting, Answer | NoAnswer | None, T]


class Times(NamedTuple):
    """Seconds for all attempts of a call together, and for one of them."""

    total: float
    attempt: float


class _Failure(NamedTuple):
    """The result of one attempt without an answer.

    Attributes:
        doubtful: Whether the write may have been applied; None if this attempt proves nothing about earlier ones.
        repeat: Whether another attempt may be made.
        pause: Seconds that were asked for.
    """

    error: OrdergateError
    doubtful: bool | None
    repeat: bool
    pause: float | None = None
    problem: ProblemDocument | None = None


def converse(call: Call[T], times: Times, *, started: float, chance: Callable[[], float]) -> Conversation[T]:
    """Run a call until it is answered for good, or its time is up.

    Args:
        call: The call.
        times: How long it may take.
        started: The time now, by a monotonic clock.
        chance: From 0 to 1; spreads the repeats of many callers.

    Raises:
        OrdergateError: The error of the call.
    """
    deadline = started + times.total
    now, number, doubtful, named = started, 0, False, None
    while True:
        number += 1
        reply = yield Sending(call, min(times.attempt, deadline - now))
        assert reply is not None
        failure = _failure(call, reply)
        if failure is None:
            assert isinstance(reply, Answer)
            try:
                return _reader(call, reply)(reply.body)
            except UnsettledError as open_still:
                failure = _Failure(open_still.error, None, repeat=not open_still.final)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                failure = _unreadable(call, reply, str(error))
        doubtful = doubtful if failure.doubtful is None else failure.doubtful
        named = failure.problem if failure.doubtful and failure.problem is not None else named
        pause = _pause(failure.pause, number, chance())
        if not failure.repeat or reply.at + pause >= deadline:
            _end(call, failure, named if doubtful else None, doubtful=doubtful)
        yield Waiting(pause)
        now = reply.at + pause


def _reader(call: Call[T], reply: Answer) -> Callable[[bytes], T]:
    return call.accepted if call.accepted is not None and reply.status == _ACCEPTED else call.read


def _end(call: Call[T], failure: _Failure, named: ProblemDocument | None, *, doubtful: bool) -> NoReturn:
    if not doubtful:
        raise failure.error
    raise OutcomeUnknown(
        idempotency_key=call.key,
        operation=named.operation if named else None,
        order=named.order if named else None,
        problem=failure.problem or named,
    ) from failure.error


def _failure(call: Call[T], reply: Answer | NoAnswer) -> _Failure | None:
    if isinstance(reply, NoAnswer):
        return _unanswered(call, reply)
    problem = _problem(reply)
    if problem is not None:
        return _refused(call, problem)
    if 200 <= reply.status < 300:
        return None
    return _unreadable(call, reply, "it is no problem document")


def _unanswered(call: Call[T], reply: NoAnswer) -> _Failure:
    error = NoAnswerError(f"{type(reply.error).__name__}: {reply.error}")
    error.__cause__ = reply.error
    if not reply.arrived:
        return _Failure(error, None, repeat=True)
    return _Failure(error, call.writes or None, repeat=call.repeatable)


def _refused(call: Call[T], problem: ProblemDocument) -> _Failure:
    unknown = call.writes and problem.outcome == "unknown"
    # A refusal before the check of the key proves nothing about earlier attempts with it.
    knows = problem.operation is not None and problem.code not in _ABOUT_ANOTHER_WRITE
    return _Failure(
        error_of(problem, call.key),
        True if unknown else (False if knows else None),
        repeat=problem.retry == "same_key" and (call.repeatable or not unknown),
        pause=problem.retry_after,
        problem=problem,
    )


def _unreadable(call: Call[T], reply: Answer, reason: str) -> _Failure:
    error = UnreadableAnswerError(reply.status, reply.body, reason)
    if reply.status in _TEMPORARY:
        asked = reply.headers.get("retry-after", "").strip()
        pause = float(asked) if asked.isascii() and asked.isdecimal() else None
        return _Failure(error, call.writes or None, repeat=call.repeatable, pause=pause)
    applied = call.writes and 200 <= reply.status < 300
    return _Failure(error, applied or None, repeat=False)


def _problem(reply: Answer) -> ProblemDocument | None:
    if not reply.headers.get("content-type", "").startswith("application/problem+json"):
        return None
    try:
        return msgspec.json.decode(reply.body, type=ProblemDocument)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _pause(asked: float | None, number: int, chance: float) -> float:
    """Return the seconds before the next attempt: never fewer than were asked for, and never quite the same."""
    if asked:
        return asked * (1 + chance / 4)
    longest = min(_FIRST_PAUSE * 2.0 ** min(number - 1, 30), _LONGEST_PAUSE)
    return longest * (1 + chance) / 2
