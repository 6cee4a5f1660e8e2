"""How workers of one parent ask each other: a Unix socket for each, in a folder that is theirs alone."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import structlog

Answers = Mapping[str, Callable[[], Awaitable[bytes]]]
"""A worker's answer to a question; empty is no answer."""

_log = structlog.get_logger("ordergate.listener.siblings")


class UnixSiblings:
    """The other workers, as one of them sees them."""

    def __init__(self, folder: Path, number: int, count: int, on_reload: Callable[[], None]) -> None:
        """Know them.

        Args:
            folder: The folder of the workers' sockets, which is private.
            number: Of this worker, from 1.
            count: How many there are, this one included.
            on_reload: Called when this worker has taken a new configuration into force.
        """
        self.number = number
        self._folder = folder
        self._others = [other for other in range(1, count + 1) if other != number]
        self._on_reload = on_reload

    def reloaded(self) -> None:
        """Announce that this worker has loaded a new configuration."""
        self._on_reload()

    @contextlib.asynccontextmanager
    async def answering(self, answers: Answers) -> AsyncIterator[None]:
        """Answer the questions of other workers."""

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                question = (await reader.readline()).decode().strip()
                writer.write(await answers[question]())
                await writer.drain()
            except Exception:  # noqa: BLE001 - who asked sees that there is no answer
                _log.exception("sibling.failed")
            finally:
                writer.close()

        path = self._path(self.number)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        server = await asyncio.start_unix_server(answer, path)
        try:
            yield
        finally:
            server.close()
            # The last one to end removes the folder, because the parent may be gone.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                self._folder.rmdir()

    async def ask(self, question: str, *, seconds: float) -> dict[int, bytes | None]:
        """Ask all others that are there, for so long at most; None is the answer of one that gives none."""
        answers = await asyncio.gather(*(self._ask(other, question, seconds) for other in self._others))
        return {
            other: answer or None
            for other, answer in zip(self._others, answers, strict=True)
            if answer is not None
        }

    async def _ask(self, other: int, question: str, seconds: float) -> bytes | None:
        """Return one worker's answer: empty if it gives none, None if the worker does not exist."""
        try:
            reader, writer = await asyncio.open_unix_connection(self._path(other))
        except OSError:
            return None
        try:
            async with asyncio.timeout(seconds):
                writer.write(f"{question}\n".encode())
                return await reader.read()
        except (OSError, TimeoutError):
            return b""
        finally:
            writer.close()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number}.sock"
