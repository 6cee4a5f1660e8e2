"""Asks the system for the addresses of hosts that merchants named, beside everything else that the process asks for.

A name server may take very long, and a thread waits for it meanwhile. These threads are used for nothing else, and each
host has at most one.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address

from ordergate.domain.special_networks import Address

TIMEOUT = 5.0
"""Seconds that a caller waits; a later answer is used by the next caller."""

_THREADS = 16


class SystemNames:
    """The system's resolver."""

    def __init__(self, timeout: float = TIMEOUT) -> None:
        """Ask nothing yet."""
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="webhook-names")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Address]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a host; concurrent callers share one query.

        Raises:
            OSError: There is no such host.
            TimeoutError: It is not known in time.
        """
        key = (host, port)
        asked = self._asked.get(key)
        if asked is None:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host, port)
            self._asked[key] = asked
            asked.add_done_callback(lambda done: self._finished(key, done))
        async with asyncio.timeout(self._timeout):
            return await asyncio.shield(asked)

    def close(self) -> None:
        """Wait for no query, and start no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _finished(self, key: tuple[str, int], done: asyncio.Future[Sequence[Address]]) -> None:
        self._asked.pop(key, None)
        if not done.cancelled():
            done.exception()  # somebody who has stopped waiting may have been the only one


def _addresses(host: str, port: int) -> Sequence[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ip_address(place[4][0]) for place in found]
