"""The way from a client to a PostgreSQL server, which a test can cut in the middle without either side being told."""

import asyncio
import tempfile
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from ordergate.journal.stores.conninfo import as_url


class Wire:
    """A socket that leads to a server's; once it is dead, both sides wait for a word of the other."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(as_url(url))
        server = {name: values[0] for name, values in parse_qs(self._parts.query).items()}
        self._server = f"{server['host']}/.s.PGSQL.{server['port']}"
        self._folder = tempfile.TemporaryDirectory(prefix="ordergate-wire-", dir="/tmp")
        self._tasks: set[asyncio.Task[None]] = set()
        self._passes = asyncio.Event()
        self._passes.set()
        self.sent: list[bytes] = []
        """What clients have said so far."""

    @property
    def url(self) -> str:
        """The server's URL, through this wire."""
        return self._parts._replace(query=f"host={self._folder.name}&port=5432").geturl()

    async def __aenter__(self) -> Self:
        path = f"{self._folder.name}/.s.PGSQL.5432"
        self._listening = await asyncio.start_unix_server(self._connected, path)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listening.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._folder.cleanup()

    def die(self) -> None:
        """Let nothing through any more, in either direction; all connections stay open."""
        self._passes.clear()

    def live(self) -> None:
        """Let everything through again."""
        self._passes.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._server)
        for come, go, said in ((reader, back, self.sent), (there, writer, None)):
            task = asyncio.create_task(self._pass(come, go, said))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _pass(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, said: list[bytes] | None
    ) -> None:
        try:
            while data := await reader.read(65_536):
                await self._passes.wait()
                if said is not None:
                    said.append(data)
                writer.write(data)
                await writer.drain()
            await self._passes.wait()
        except OSError:
            pass
        finally:
            writer.close()
