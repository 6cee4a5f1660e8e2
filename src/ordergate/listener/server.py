"""Runs an ASGI application under uvicorn: announces readiness, ends in order, exits with 0."""

import asyncio
import contextlib
import gc
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator, MutableSequence
from math import ceil
from mmap import mmap
from typing import Any, NamedTuple, cast

import uvicorn

MOST_OPEN_FILES = 65_536
"""Maximum of open files to use: some systems allow a thousand million, which nobody needs."""

KEEP_ALIVE = 75
"""Seconds that a connection may idle: longer than clients keep theirs, so that no request meets its end."""
EVERYWHERE = "::"
"""All addresses of a machine."""
STDIN = 0
"""Its descriptor."""

_ALLOCATIONS = 50_000
"""Number of new objects that triggers a collection of the youngest generation."""
_PAUSE = 1.0
"""Seconds for which no connection is accepted when there is no room for one."""
_MOMENT = 0.005
"""Seconds for which a connection is left to processes that have fewer."""
_NONE_WANTED = 2**31 - 1


class Share(NamedTuple):
    """The part that a process has in serving from a socket.

    Attributes:
        connections: How many each process has, in memory that they share; at first, that none wants any.
        place: Which of them is this one's.
    """

    connections: MutableSequence[int]
    place: int

    @classmethod
    def of_each(cls, count: int) -> "list[Share]":
        """Return the parts of processes that are yet to be forked."""
        memory = memoryview(mmap(-1, 4 * count)).cast("i")
        shares = [cls(cast("MutableSequence[int]", memory), place) for place in range(count)]
        for share in shares:
            share.unpublish()
        return shares

    def note(self, number: int) -> None:
        """Publish this process's number of connections."""
        self.connections[self.place] = number

    def unpublish(self) -> None:
        """Publish that this process accepts none."""
        self.connections[self.place] = _NONE_WANTED

    def has_more_than_others(self, number: int) -> bool:
        """Return whether another process should accept the next connection, because it has fewer."""
        return number > min(self.connections)


class Server(uvicorn.Server):
    """A server that announces when it accepts connections, and exits without a signal's exit code."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stopping: Callable[[], None] = lambda: None,
    ) -> None:
        """Serve as configured; `on_ready` and `on_stopping` are called once."""
        super().__init__(config)
        self._on_ready = on_ready
        self._on_stopping = on_stopping

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then announce it."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Announce the end, and let the requests in progress finish."""
        self._on_stopping()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT; uvicorn would raise them again, and the exit code would be theirs."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


class SharingServer(Server):
    """A server on a shared socket: the process with the fewest connections accepts the next.

    The event loop's own server accepts all waiting connections at once. Of connections that arrive together and stay,
    one process would get most.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        on_ready: Callable[[], None],
        on_stopping: Callable[[], None],
        share: Share,
    ) -> None:
        """Serve as configured, and share with the others."""
        super().__init__(config, on_ready, on_stopping)
        self._share = share
        self._accepting: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections in turn with the other processes, then announce it."""
        await super().startup([])
        self._share.note(0)
        for listener in sockets or []:
            listener.setblocking(False)
            listener.listen(self.config.backlog)
            asyncio.get_running_loop().add_reader(listener, self._consider, listener)

    async def on_tick(self, counter: int) -> bool:
        """Stop the server, and publish the number of remaining connections."""
        self._share.note(self._connections())
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept no more, then end."""
        self._share.unpublish()
        for listener in sockets or []:
            asyncio.get_running_loop().remove_reader(listener)
        await super().shutdown(sockets)

    def _consider(self, listener: socket.socket) -> None:
        """Take a connection, or leave it to the others for a moment."""
        if self._share.has_more_than_others(self._connections()):
            self._rest(listener, _MOMENT)
        else:
            self._accept(listener)

    def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # another process was faster, or the caller is gone
        except OSError:  # there is no room for one more open file
            self._rest(listener, _PAUSE)
            return
        connection.setblocking(False)
        accepted = loop.create_task(loop.connect_accepted_socket(self._protocol, connection))
        self._accepting.add(accepted)
        accepted.add_done_callback(self._accepting.discard)
        self._share.note(self._connections())

    def _rest(self, listener: socket.socket, seconds: float) -> None:
        """Stop watching the socket, and then accept the connections that still wait."""
        loop = asyncio.get_running_loop()

        def accept_waiting() -> None:
            if listener.fileno() >= 0:  # it is closed when the server ends
                self._accept(listener)
                loop.add_reader(listener, self._consider, listener)

        loop.remove_reader(listener)
        loop.call_later(seconds, accept_waiting)

    def _connections(self) -> int:
        return len(self.server_state.connections) + len(self._accepting)

    def _protocol(self) -> asyncio.Protocol:
        """The protocol options of each connection."""
        protocol: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return protocol


def listen(host: str, port: int) -> socket.socket:
    """Bind a port; 0 for any free one. ``::`` is every address of this machine, those of IPv4 too.

    Raises:
        OSError: The port is taken, or the host is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    dual = host == EVERYWHERE and socket.has_dualstack_ipv6()
    listener = socket.create_server((host, port), family=family, dualstack_ipv6=dual)
    # Connections inherit it. Without it the body of an answer may wait 40 ms for the acknowledgment of its head.
    # asyncio sets it only for a socket with a named protocol, which this one has not.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def allow_open_files() -> int:
    """Let this process have as many connections as the system lets it have; return how many files that is.

    Shells and init systems give a process 1,024 open files unless it asks for more, which `select` alone could not
    bear. Each caller's connection is one, and each to a provider.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        return most
    return soft


def connections_within(files: int) -> int:
    """Return how many connections a process may have that may have so many open files.

    The rest is for the journal, for the connections to providers, and for the log.
    """
    return files - min(max(files // 4, 100), files // 2)


def address(listener: socket.socket) -> str:
    """Return the URL of a bound port."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(
    app: Any,
    on_ready: Callable[[], None],
    *,
    protocol: Callable[..., asyncio.Protocol],
    shutdown_timeout: float,
    on_stopping: Callable[[], None] = lambda: None,
    share: Share | None = None,
) -> Server:
    """Return a server for a gateway.

    Args:
        app: The application.
        on_ready: Called when it accepts connections.
        protocol: Makes the protocol of a connection from uvicorn's options.
        shutdown_timeout: Seconds that requests in flight get in the end.
        on_stopping: Called when these begin.
        share: This process's share of the connections, if others accept from the same socket.
    """
    config = uvicorn.Config(
        cast("Any", app),
        http=cast("type[asyncio.Protocol]", protocol),
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=ceil(shutdown_timeout),
    )
    if share is not None:
        return SharingServer(config, on_ready, on_stopping, share)
    return Server(config, on_ready, on_stopping)


def collect_less() -> None:
    """Let the garbage collector skip everything loaded so far, and run less often.

    Loaded modules live as long as the process. Requests leave few cycles; with Python's default threshold, the youngest
    objects would be searched after every few requests.
    """
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 50, 50)
    gc.enable()


def stop_when_closed(server: uvicorn.Server, descriptor: int) -> None:
    """End the server when its parent is gone: the parent's end of a pipe, or of our standard input, closes then."""

    def wait() -> None:
        # Below Python's own stdin object: a waiting thread would keep its lock at the end of the process.
        while os.read(descriptor, 4096):
            pass
        server.should_exit = True

    threading.Thread(target=wait, name="starter-watch", daemon=True).start()
