"""HTTP/1.1 connections of which none can keep the gateway from the others: a protocol over uvicorn's.

A request must arrive completely in time, with a head of limited size. Incomplete requests take a bounded amount of
memory, and the number of connections is bounded: the oldest idle or slow one is closed first.

uvicorn has none of these limits with httptools; with h11 it has one, and every request costs 170 µs more. Servers with
more limits (hypercorn, granian) have none for the time of a body and do not close the oldest connection, have their own
form of refusals, and do not let several processes accept connections by need.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any, NamedTuple, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

REFUSED_BODY = "ordergate_refused_body"
"""Key in a request's scope for the code and the detail of an aborted body."""

LEAST_UNFINISHED = 32 * 2**20
"""Bytes that requests which are not whole yet may take together, at least."""

_BODIES = 4
"""So many of the largest bodies may be unfinished at the same time, at least."""

_PIPELINED = 32
"""Requests that wait on one connection for the answer to the one before, at most."""

_LINGER = 2.0
"""Seconds in which a refused client may still send, so that it reads the answer."""

_MALFORMED = ("invalid_request", "This is not HTTP/1.1, or not as the standard writes it.", 400)
_OVERLOADED = ("overloaded", "The gateway has reached its limit of connections; repeat later.", None)

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""A status, headers and a body."""
Refuse = Callable[[str, str, int | None], Answer]
"""Makes the answer to an incomplete request, from a problem's code, a detail, and the status if it is not the code's
own.
"""


class Limits(NamedTuple):
    """Limits of connections.

    Attributes:
        head_bytes: Of one request's head.
        headers: In one head.
        head_seconds: Until a head is whole, from its first byte; on a new connection from its beginning.
        body_seconds: Until a body is whole, from the end of its head.
        body_bytes: Of the largest body that is taken.
        connections: At the same time.
    """

    head_bytes: int
    headers: int
    head_seconds: float
    body_seconds: float
    body_bytes: int
    connections: int


class Connections:
    """The connections of a process: the idle ones, and those with an incomplete request."""

    def __init__(self, limits: Limits, refuse: Refuse) -> None:
        """Have none."""
        self.limits = limits
        self.refuse = refuse
        self._room = max(LEAST_UNFINISHED, _BODIES * limits.body_bytes)
        self._idle: dict[BoundedProtocol, None] = {}
        self._unfinished: dict[BoundedProtocol, int] = {}
        self._bytes = 0

    def protocol(self, **options: Any) -> "BoundedProtocol":
        """Return the protocol of a new connection; `options` are uvicorn's."""
        return BoundedProtocol(self, **options)

    def make_room(self, number: int) -> bool:
        """Close one connection if there are too many; return False if each of them has a request in progress."""
        if number <= self.limits.connections:
            return True
        if self._idle:
            oldest = next(iter(self._idle))
            self.works(oldest)
            oldest.transport.close()
        elif self._unfinished:
            self._give_up_oldest("There are more connections than the gateway's limit")
        else:
            return False
        return True

    def idles(self, connection: "BoundedProtocol") -> None:
        """Note that a connection does nothing from now on."""
        self._idle[connection] = None

    def works(self, connection: "BoundedProtocol") -> None:
        """Note that it does something."""
        self._idle.pop(connection, None)

    def holds(self, connection: "BoundedProtocol", size: int) -> None:
        """Record the bytes of a connection's incomplete request; if the sum is too large, close the oldest ones."""
        self._bytes += size - self._unfinished.get(connection, 0)
        self._unfinished[connection] = size
        while self._bytes > self._room:
            self._give_up_oldest("Unfinished requests took more memory than they may")

    def finishes(self, connection: "BoundedProtocol") -> None:
        """Record that the connection has no incomplete request any more."""
        self._bytes -= self._unfinished.pop(connection, 0)

    def _give_up_oldest(self, why: str) -> None:
        oldest = next(iter(self._unfinished))
        self.finishes(oldest)
        oldest.give_up(
            f"{why}, and this one had been incomplete for the longest time; send the request without pauses."
        )


class _RefusedError(Exception):
    """Ends the parser's work; why is noted already."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, connections: Connections, **options: Any) -> None:
        """Serve as uvicorn does, within limits; `options` are uvicorn's."""
        super().__init__(**options)
        self._all = connections
        self._limits = connections.limits
        # Bytes of the present head from earlier pieces; no head arrives within a body.
        self._head: int | None = 0
        self._begun = False
        # Bytes of the present body, and bytes since its last data: of trailers, or of chunk lines.
        self._body = self._beside = 0
        self._piece = 0
        self._reason: tuple[str, str, int | None] = _MALFORMED
        self._over = False
        self._timer: TimerHandle | None = None
        self._timed_head: bool | None = None

    # Callbacks of uvicorn

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Take the place of another connection if there is none left, and wait for a head."""
        super().connection_made(transport)
        if self.client is not None:
            # On a socket for IPv4 and IPv6, an IPv4 address has the form of a mapped IPv6 address.
            self.client = (self.client[0].removeprefix("::ffff:"), self.client[1])
        if not self._all.make_room(len(self.connections)):
            self._refuse(*_OVERLOADED)
            return
        self._all.idles(self)
        self._wait(head=True)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._over = True
        self._all.works(self)
        self._done()
        super().connection_lost(exc)
        self._unset_keepalive_if_required()

    def data_received(self, data: bytes) -> None:
        """Feed the parser in pieces that keep the head within its limit."""
        if self._over:
            return
        self._all.works(self)
        most = self._limits.head_bytes
        if len(data) <= most:
            self._feed(data)
        else:
            for start in range(0, len(data), most):
                self._feed(data[start : start + most])
        if not self._over:
            self._check_progress()

    def send_400_response(self, _msg: str) -> None:
        """Refuse unreadable input, or input over a limit."""
        self._refuse(*self._reason)

    def on_response_complete(self) -> None:
        """Become idle until the next request, unless it has started."""
        super().on_response_complete()
        if not (self._over or self._unfinished or self.pipeline) and self.cycle.response_complete:
            self._all.idles(self)

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Note that there is more than line breaks."""
        self._begun = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Continue with the body. A client that pipelines requests gets the earlier answers first."""
        if self._is_too_large():
            self._reason = self._too_large()
            raise _RefusedError
        if len(self.pipeline) >= _PIPELINED:
            raise _RefusedError
        self._head, self._body, self._beside = None, 0, -self._piece
        super().on_headers_complete()
        self.headers = []  # trailers are no headers of a request that is being served

    def on_body(self, body: bytes) -> None:
        """Count the stored bytes of a body."""
        super().on_body(body)
        self._beside = -self._piece
        if not self.cycle.response_complete:
            self._body += len(body)

    def on_message_complete(self) -> None:
        """Reset the count: the rest of the piece belongs to another head."""
        super().on_message_complete()
        self._head, self._begun = -self._piece, False
        self._done()

    # Limits

    def give_up(self, why: str) -> None:
        """Wait no longer for the rest of a request."""
        self._done()
        if self._head is not None:
            self._refuse("request_timeout", why, None)
        elif self.cycle.response_complete:
            self.transport.close()
        else:
            self._abort_body("request_timeout", why)

    @property
    def _unfinished(self) -> bool:
        """Whether a request is incomplete."""
        return self._head is None or self._begun or self._head > 0

    def _feed(self, piece: bytes) -> None:
        if self._over or self.transport.is_closing():
            return
        self._piece = len(piece)
        super().data_received(piece)
        if self._head is None:
            self._beside += len(piece)
        else:
            self._head += len(piece)
        if (self._beside if self._head is None else self._head) > self._limits.head_bytes:
            self._refuse(*self._too_large())

    def _is_too_large(self) -> bool:
        """Whether the head is complete; a head in a single piece has at most that many bytes."""
        if len(self.headers) > self._limits.headers:
            return True
        if not self._head:
            return False
        # With each header's colon, space and end of line.
        fields = sum(len(name) + len(value) + 4 for name, value in self.headers)
        return len(self.url) + fields > self._limits.head_bytes

    def _too_large(self) -> tuple[str, str, None]:
        limits = self._limits
        detail = f"A request's head may have {limits.head_bytes} bytes and {limits.headers} headers at most."
        return "headers_too_large", detail, None

    def _check_progress(self) -> None:
        """Check the progress of the incomplete requests."""
        if self._unfinished:
            if self._timed_head is not (self._head is not None):
                self._wait(head=self._head is not None)
            self._all.holds(self, self._body if self._head is None else self._head)
        elif self.cycle is None:
            self._all.idles(self)
        elif self.cycle.response_complete and not self.pipeline:
            # After an answer before the end of its request, nothing else closes the connection.
            self._all.idles(self)
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _wait(self, *, head: bool) -> None:
        """Wait for the end of a head, or of a body, for as long as it may take."""
        self._done()
        self._timed_head = head
        seconds = self._limits.head_seconds if head else self._limits.body_seconds
        self._timer = self.loop.call_later(seconds, self._close_after, seconds)

    def _done(self) -> None:
        """Wait for nothing any more."""
        self._all.finishes(self)
        self._timed_head = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _close_after(self, seconds: float) -> None:
        if self._others_are_answered_first():
            self._timer = self.loop.call_later(seconds, self._close_after, seconds)
        elif self._head is not None and not self._begun:
            self.transport.close()
        else:
            part = "body" if self._head is None else "head"
            self.give_up(
                f"The request's {part} was not complete within {seconds:g} s; send it without pauses."
            )

    def _others_are_answered_first(self) -> bool:
        """Whether a client waits for us, and not we for it: it has sent requests before this one."""
        waits_for_answer = self._head is not None and self.cycle is not None
        return bool(self.pipeline) or (waits_for_answer and not self.cycle.response_complete)

    def _refuse(self, code: str, detail: str, status: int | None) -> None:
        """Answer a problem, and read no more; then close."""
        if self._over or self.transport.is_closing():
            return
        self._over = True
        self._all.works(self)
        self._done()
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            # An answer now would be taken for that of the request which is worked on.
            if self._head is None:
                self._abort_body(code, detail)
            self.cycle.keep_alive = False
            return
        if self._head is None:  # the request, of which this is the rest, has its answer
            self.transport.close()
            return
        answered, headers, body = self._all.refuse(code, detail, status)
        lines = [*self.server_state.default_headers, *headers, (b"connection", b"close")]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.transport.write(STATUS_LINE[answered] + head + b"\r\n" + body)
        self.transport.write_eof()
        self.loop.call_later(_LINGER, self.transport.close)

    def _abort_body(self, code: str, detail: str) -> None:
        """Let the application, which may wait for the rest of the body, answer that it is aborted."""
        self._over = True
        cycle: RequestResponseCycle = self.cycle
        cast("dict[str, Any]", cycle.scope)[REFUSED_BODY] = code, detail
        cycle.keep_alive = False
        cycle.message_event.set()
