"""Logs: one line per request and per provider attempt, JSON unless a person reads along; never a secret."""

import contextlib
import io
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Coroutine, MutableMapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from pathlib import Path
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
        code: The problem that it was answered.
        provider_code: The provider's own code behind it.
        spans: Where the request is traced.
        root_path: What stands before every address, where a proxy serves the gateway under a path of its own.
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


def root_path() -> str:
    """Return what stands before every address that is told to the caller of this request."""
    facts = current_call.get()
    return "" if facts is None else facts.root_path


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
    """Say which write is worked on, and of which order: every further log line and span names both."""
    facts = current_call.get()
    if facts is not None:
        facts.operation, facts.order = operation, order
    structlog.contextvars.bind_contextvars(operation_id=operation, order_id=order)


def note_order(order: str) -> None:
    """Say which order is worked on: every further log line and span names it."""
    facts = current_call.get()
    if facts is not None:
        facts.order = order
    structlog.contextvars.bind_contextvars(order_id=order)


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
    """Send every log line to the stream: JSON where no terminal is, colours where one is.

    Args:
        log_format: How lines are written.
        level: The least grave that are.
        stream: Where to; standard error if None.
        serving: This process serves: nobody configures its log again, and what libraries log is brought into it.
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
    """Tell whether lines are written for a person who reads along."""
    return log_format == "console" or (log_format == "auto" and (stream or _standard_error()).isatty())


def finish_log() -> None:
    """Wait a moment for the last lines, where a process ends that Python does not end itself."""
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
    """Return what writes to the stream's file without waiting for it; a stream without a file is memory."""
    try:
        return _writer_to(stream.fileno()).write
    except (OSError, ValueError):
        return partial(print, end="", file=stream, flush=True)


class _Lines:
    """What structlog hands each line to; unlike structlog's own it has no lock that a fork could leave locked."""

    def __init__(self, write: Callable[[str], Any]) -> None:
        self._write = write

    def msg(self, line: str) -> None:
        self._write(line + "\n")

    debug = info = warning = error = critical = msg


@lru_cache
def _writer_to(descriptor: int) -> LogWriter:
    writer = LogWriter(descriptor, on_recovered=_tell_of_lost_lines)
    _writers.append(writer)
    return writer


def _tell_of_lost_lines(lines: int) -> None:
    structlog.get_logger("ordergate.log").warning("log.lines_lost", lines=lines)


Processor = Callable[[Any, str, Any], Any]


def _unfailing(processors: Sequence[Processor]) -> Processor:
    """Make one processor of several: an event that one of them fails on becomes a line that says so."""

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
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        *_renderers(pretty=pretty),
    ]


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


class _Libraries(logging.Handler):
    """Brings what libraries log, asyncio and Python's own warnings among them, into the log, in its form."""

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
