"""Logs: one line per request and per provider attempt, JSON unless a person reads along; never a secret."""

import contextlib
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial, wraps
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, ParamSpec, Protocol, TextIO, TypeVar

import msgspec
import structlog

from ordergate.telemetry.log_writer import LogWriter
from ordergate.telemetry.printable import printable
from ordergate.telemetry.redaction import redact_event

LogFormat = Literal["auto", "json", "console"]

P = ParamSpec("P")
T = TypeVar("T")


class JournalSpans(Protocol):
    """Receives the times of waits for the journal, if requests are traced."""

    def journal(self, work: str, seconds: float) -> None:
        """Record a finished wait: ``read`` or ``write``, and its duration."""
        ...


@dataclass(slots=True)
class CallFacts:
    """Facts about a served request, for its headers and its log line.

    Attributes:
        configuration: Hash of the configuration that serves the request; a reload may replace it meanwhile.
        account: The account that was chosen.
        provider_seconds: Time spent waiting for providers.
        quiet: Anybody can send such a request in any number, so its log line has the level debug.
        journal_seconds: Time spent waiting for the journal.
        operation: The write that the request is, once it is durable.
        order: The order that it is about.
        code: The problem that it was answered.
        provider_code: The provider's own code behind it.
        spans: The trace of the request.
        root_path: The prefix of every URL, if a proxy serves the gateway under a path.
    """

    request_id: str
    configuration: str
    account: str | None = None
    provider_seconds: float = 0.0
    quiet: bool = False
    journal_seconds: float = 0.0
    operation: str | None = None
    order: str | None = None
    code: str | None = None
    provider_code: str | None = None
    spans: JournalSpans | None = None
    root_path: str = ""


current_call: ContextVar[CallFacts | None] = ContextVar("ordergate_call", default=None)

_bound: ContextVar[Mapping[str, str]] = ContextVar("ordergate_log", default=MappingProxyType({}))
"""The ids in every log line of this task. structlog's own context has a variable for each id, which costs more."""


def bind(**ids: str) -> None:
    """Put ids into all further log lines of this task, and of the tasks that it starts."""
    _bound.set({**_bound.get(), **ids})


@contextlib.contextmanager
def in_call(facts: CallFacts) -> Iterator[None]:
    """Collect the facts of a request or of background work in a block; its log lines have a ``request_id``."""
    token = current_call.set(facts)
    ids = _bound.set({"request_id": facts.request_id})
    try:
        yield
    finally:
        _bound.reset(ids)
        current_call.reset(token)


@contextlib.contextmanager
def bound(**ids: str) -> Iterator[None]:
    """Put ids into the log lines of a block; ids that the block binds end with the block."""
    token = _bound.set({**_bound.get(), **ids})
    try:
        yield
    finally:
        _bound.reset(token)


def root_path() -> str:
    """Return the prefix of every URL for the caller of this request."""
    facts = current_call.get()
    return "" if facts is None else facts.root_path


def note_account(name: str) -> None:
    """Note the chosen account, for the headers and the log line."""
    facts = current_call.get()
    if facts is not None:
        facts.account = name


def note_quiet() -> None:
    """Give the request's log line the level debug."""
    facts = current_call.get()
    if facts is not None:
        facts.quiet = True


def note_configuration(content_hash: str) -> None:
    """Note the configuration that chose the account, for the headers and the log line."""
    facts = current_call.get()
    if facts is not None:
        facts.configuration = content_hash


def note_operation(operation: str, order: str) -> None:
    """Note the operation and its order: further log lines and spans contain both."""
    facts = current_call.get()
    if facts is not None:
        facts.operation, facts.order = operation, order
    bind(operation_id=operation, order_id=order)


def note_order(order: str) -> None:
    """Note the order: further log lines and spans contain it."""
    facts = current_call.get()
    if facts is not None:
        facts.order = order
    bind(order_id=order)


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
    log_format: LogFormat, level: str, stream: TextIO | None = None, *, serving: bool = False
) -> None:
    """Send all log lines to a stream: JSON without a terminal, colours with one.

    Args:
        log_format: How lines are written.
        level: The least grave that are.
        stream: The stream; standard error if None.
        serving: This process serves: its log is configured only once, and includes the logs of libraries.
    """
    stream = stream or _standard_error()
    structlog.configure(
        processors=[_unfailing(_processors(pretty=is_pretty(log_format, stream)))],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(_writing_to(stream)),
        cache_logger_on_first_use=serving,
    )
    if serving:
        _bring_in_libraries()


def is_pretty(log_format: LogFormat, stream: TextIO | None = None) -> bool:
    """Return whether lines are written for a person at a terminal."""
    return log_format == "console" or (log_format == "auto" and (stream or _standard_error()).isatty())


def finish_log() -> None:
    """Wait a moment for the last lines, if the process ends without Python's own exit."""
    for writer in _writers:
        writer.finish()


def lost_log_lines() -> int:
    """Return how many lines of this process found no room while the log could not be written."""
    return sum(writer.lost for writer in _writers)


def _standard_error() -> TextIO:
    """Python has none if the process was started with a closed one."""
    return sys.stderr or Path(os.devnull).open("w")


_writers: list[LogWriter] = []


def _writing_to(stream: TextIO) -> Callable[[str], Any]:
    """Return a writer to the stream's file that does not block; a stream without a file is memory."""
    try:
        return _writer_to(stream.fileno()).write
    except (OSError, ValueError):
        return partial(print, end="", file=stream, flush=True)


class _Lines:
    """The logger factory of structlog, without structlog's lock, which a fork could leave locked."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def msg(self, line: str) -> None:
        self._write(line + "\n")

    debug = info = warning = error = critical = msg


@lru_cache
def _writer_to(descriptor: int) -> LogWriter:
    writer = LogWriter(descriptor, on_recovered=_log_lost_lines)
    _writers.append(writer)
    return writer


def _log_lost_lines(lines: int) -> None:
    structlog.get_logger("ordergate.log").warning("log.lines_lost", lines=lines)


Processor = Callable[[Any, str, Any], Any]


def _unfailing(processors: Sequence[Processor]) -> Processor:
    """Combine several processors into one; an event on which one of them fails becomes a line about the failure."""

    def process(logger: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        name = event.get("event")
        try:
            for processor in processors:
                event = processor(logger, method, event)
        except Exception as error:  # noqa: BLE001 - a line is not worth what wrote it
            failed = {
                "event": "log.line_failed",
                "level": method,
                "of": str(name),
                "error": type(error).__name__,
            }
            return json.dumps(failed)
        return event

    return process


def _processors(*, pretty: bool) -> list[Processor]:
    if not pretty:
        return [_json_line]
    plain = structlog.dev.ConsoleRenderer(exception_formatter=_printable_traceback)
    return [_with_context, redact_event, _with_time, _printable_event, plain]


def _json_line(logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
    """Return an event as a line of JSON."""
    if "exc_info" in event:
        event = _tracebacks(logger, method, event)
    event = redact_event(logger, method, _with_context(logger, method, event))
    event["timestamp"] = datetime.now(UTC)  # msgspec writes a time faster than Python does
    return _json(event)


# A traceback shows places, never values: its frames contain signed requests and people's data.
_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def _shown(value: Any) -> Any:
    """Return what a value that JSON has no word for shows of itself."""
    return _time(value) if isinstance(value, datetime) else repr(value)


def _time(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _with_context(_logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the ids of the task, and the level."""
    return {**_bound.get(), **event, "level": "error" if method == "exception" else method}


def _with_time(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event["timestamp"] = _time(datetime.now(UTC))
    return event


def _printable_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Escape foreign text so that it cannot control the terminal; other values are shown as their repr."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = printable(value)
    return event


def _printable_traceback(stream: TextIO, error: Any) -> None:
    """Format a traceback with an indent, so that the text of an exception does not look like a log line."""
    text = io.StringIO()
    structlog.dev.plain_traceback(text, error)
    stream.write("\n".join(f"  {printable(line)}" for line in text.getvalue().split("\n")))


def _json(event: Any) -> str:
    """Return an event in ASCII: line ends and control characters are escaped."""
    try:
        line = msgspec.json.encode(event, enc_hook=_shown)
    except (ValueError, TypeError, OverflowError):  # what only the slower one can write
        return json.dumps(event, default=_shown)
    return line.decode("ascii") if line.isascii() else json.dumps(event, default=_shown)


class _Libraries(logging.Handler):
    """Routes the logs of libraries, of asyncio and of Python's warnings into the log, in its format."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as one line."""
        log = structlog.get_logger("ordergate.libraries")
        grave = log.error if record.levelno >= logging.ERROR else log.warning
        with contextlib.suppress(Exception):  # a message that does not fit its arguments is not worth more
            grave(
                "library.message", logger=record.name, message=record.getMessage(), exc_info=record.exc_info
            )


def _bring_in_libraries() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _Libraries) for handler in root.handlers):
        root.addHandler(_Libraries(logging.WARNING))
    logging.captureWarnings(capture=True)
