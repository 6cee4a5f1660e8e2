"""Logs: one line per request and per provider attempt, JSON unless a person reads along; never a secret."""

import contextlib
import io
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal, ParamSpec, Protocol, TextIO, TypeVar

import msgspec
import structlog

from ordergate.printable import printable
from ordergate.redaction import redact_event

LogFormat = Literal["auto", "json", "console"]

P = ParamSpec("P")
T = TypeVar("T")


class JournalSpans(Protocol):
    """Takes note of each time that the journal was waited for, where requests are traced."""

    def journal(self, work: str, seconds: float) -> None:
        """Note what has just ended: ``read`` or ``write``, and how long it took."""
        ...


@dataclass(slots=True)
class CallFacts:
    """What is learned while one request is served, for its headers and its log line.

    Attributes:
        configuration: Hash of the configuration that serves it; the next one may come into force meanwhile.
        account: The account that was chosen.
        provider_seconds: Time spent waiting for providers.
        quiet: Anybody can send such a request, as often as he likes: its line is for who looks closely.
        journal_seconds: Time spent waiting for the journal.
        operation: The write that the request is, once it is durable.
        order: The order that it is about.
        spans: Where the request is traced.
    """

    request_id: str
    configuration: str
    account: str | None = None
    provider_seconds: float = 0.0
    quiet: bool = False
    journal_seconds: float = 0.0
    operation: str | None = None
    order: str | None = None
    spans: JournalSpans | None = None


current_call: ContextVar[CallFacts | None] = ContextVar("ordergate_call", default=None)


def note_account(name: str) -> None:
    """Say which account was chosen, for the headers and the log line."""
    facts = current_call.get()
    if facts is not None:
        facts.account = name


def note_quiet() -> None:
    """Say that the log line is for debugging alone."""
    facts = current_call.get()
    if facts is not None:
        facts.quiet = True


def note_configuration(content_hash: str) -> None:
    """Say which configuration chose the account, for the headers and the log line."""
    facts = current_call.get()
    if facts is not None:
        facts.configuration = content_hash


def note_operation(operation: str, order: str) -> None:
    """Say which write the request is, and of which order, for its trace."""
    facts = current_call.get()
    if facts is not None:
        facts.operation, facts.order = operation, order


def journal_time(
    work: Literal["read", "write"],
) -> Callable[[Callable[P, Coroutine[Any, Any, T]]], Callable[P, Coroutine[Any, Any, T]]]:
    """Note the time that each call of a function takes as waiting for the journal."""

    def decorate(function: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
        @wraps(function)
        async def timed(*args: P.args, **kwargs: P.kwargs) -> T:
            facts = current_call.get()
            if facts is None:
                return await function(*args, **kwargs)
            started = time.perf_counter()
            try:
                return await function(*args, **kwargs)
            finally:
                seconds = time.perf_counter() - started
                facts.journal_seconds += seconds
                if facts.spans is not None:
                    facts.spans.journal(work, seconds)

        return timed

    return decorate


def configure_logging(
    log_format: LogFormat, level: str, stream: TextIO = sys.stderr, *, lasting: bool = False
) -> None:
    """Send every log line to the stream: JSON where no terminal is, colours where one is.

    Args:
        log_format: How lines are written.
        level: The least grave that are.
        stream: Where to.
        lasting: Nobody configures it again in this process, so that each logger may keep what it finds.
    """
    pretty = log_format == "console" or (log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *_renderers(pretty=pretty),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=lasting,
    )


def _renderers(*, pretty: bool) -> list[Any]:
    if pretty:
        plain = structlog.dev.ConsoleRenderer(exception_formatter=_printable_traceback)
        return [redact_event, _printable_event, plain]
    # A traceback shows where, never what: its frames hold signed requests and people's data.
    where = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
    return [
        structlog.processors.ExceptionRenderer(where),
        redact_event,
        structlog.processors.JSONRenderer(serializer=_json),
    ]


def _printable_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Keep what others wrote from acting on the terminal; of values that are no text their repr is shown."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = printable(value)
    return event


def _printable_traceback(stream: TextIO, error: Any) -> None:
    """Write a traceback, indented: a line of an exception's text looks like no line of the log."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write("\n".join(f"  {printable(line)}" for line in text.getvalue().split("\n")))


def _json(event: Any, default: Callable[[Any], Any]) -> str:
    """Return an event in ASCII: what a reader may take for a line's end, or a terminal for a command, is escaped."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):  # what only the slower one can write
        line = msgspec.json.encode(event, enc_hook=default)
        if line.isascii():
            return line.decode("ascii")
    return json.dumps(event, default=default)
