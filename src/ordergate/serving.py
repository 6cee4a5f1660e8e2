"""Runs an ASGI application under uvicorn: says when it is up, ends in order, exits with 0."""

import contextlib
import gc
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any, cast

import uvicorn

_ALLOCATIONS = 50_000
"""Objects more than before at which the youngest are looked through."""
MOST_OPEN_FILES = 65_536
"""What is asked of the system at most: some give a thousand million, for which nobody has use."""

KEEP_ALIVE = 75
"""Seconds that a connection may idle: longer than clients keep theirs, so that no request meets its end."""


class Server(uvicorn.Server):
    """A server that says when it accepts connections, and ends without a signal's exit code."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        """Serve as configured; `on_ready` is called once."""
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on SIGTERM and SIGINT; uvicorn would raise them again, and the exit code would be theirs."""
        with super().capture_signals():
            yield
            self._captured_signals.clear()


def listen(host: str, port: int) -> socket.socket:
    """Bind a port; 0 for any free one.

    Raises:
        OSError: The port is taken, or the host is not of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family)
    # Connections inherit it. Without it an answer's body may wait 40 ms for the client to acknowledge its head:
    # asyncio sets it only where a socket names its protocol, which this one does not.
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


def address(listener: socket.socket) -> str:
    """Return the URL of a bound port."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def server_of(app: Any, on_ready: Callable[[], None], *, shutdown_timeout: float) -> Server:
    """Return a server for a gateway; `shutdown_timeout` in seconds is what requests in flight get."""
    config = uvicorn.Config(
        cast("Any", app),
        http="httptools",
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
    return Server(config, on_ready)


def collect_less() -> None:
    """Let the garbage collector look at what requests leave behind only, and not after every few of them.

    What was loaded until now lives as long as the process. Requests leave few cycles, and at Python's own threshold
    each few of them would have everything that is young looked through.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, 50, 50)


def stop_when_stdin_closes(server: uvicorn.Server) -> None:
    """End the server when whoever started it is gone: its end of our standard input closes with it."""

    def wait() -> None:
        # Below Python's own stdin object, whose lock a waiting thread would hold when the process ends.
        while os.read(0, 4096):
            pass
        server.should_exit = True

    threading.Thread(target=wait, name="stdin-watch", daemon=True).start()
