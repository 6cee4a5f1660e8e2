"""One HTTP request and its response without any decoding, and two ways to close the connection early."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from ordergate.spi.emulator import EmulatedRequest, EmulatedResponse

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

CONNECTION = "ordergate.connection"
"""The name of the ASGI extension that contains the connection's transport."""

MAX_BODY_BYTES = 10_000_000
_BODILESS = frozenset({204, 304})


class ClientGoneError(Exception):
    """The client closed the connection before its request was complete."""


class BodyTooLargeError(Exception):
    """The request's body is longer than :data:`MAX_BODY_BYTES`."""


class HttpExchange:
    """One HTTP request and its response. Call `read` once, then one of `answer`, `truncate` and `drop`."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Wrap the ASGI triple of an HTTP request."""
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read(self) -> EmulatedRequest:
        """Return the request as it was sent, without decoding its path or query.

        Raises:
            ClientGoneError: The client closed the connection before the end of the body.
            BodyTooLargeError: The body is longer than `MAX_BODY_BYTES`.
        """
        headers = self._scope["headers"]
        return EmulatedRequest(
            method=self._scope["method"].upper(),
            path=self._scope["raw_path"].decode("latin-1"),
            query=self._scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in headers},
            body=await self._read_body(),
        )

    async def _read_body(self) -> bytes:
        body = bytearray()
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGoneError
            body += message.get("body", b"")
            if len(body) > MAX_BODY_BYTES:
                raise BodyTooLargeError
            more = message.get("more_body", False)
        return bytes(body)

    async def answer(self, response: EmulatedResponse) -> None:
        """Send the whole response."""
        await self._send_head(response)
        body = b"" if response.status in _BODILESS else response.body
        await self._send({"type": "http.response.body", "body": body})

    async def truncate(self, response: EmulatedResponse) -> None:
        """Send the headers of the whole response and half of its body, then close the connection.

        A response without a body is dropped.
        """
        if not response.body or response.status in _BODILESS or self._scope["method"] == "HEAD":
            await self.drop()
            return
        await self._send_head(response)
        half = response.body[: len(response.body) // 2]
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        self._connection().close()
        await self._until_closed()

    async def drop(self) -> None:
        """Close the connection before the first byte of the response."""
        self._connection().abort()
        await self._until_closed()

    async def _send_head(self, response: EmulatedResponse) -> None:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if response.status not in _BODILESS:
            headers["content-length"] = str(len(response.body))
        encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await self._send({"type": "http.response.start", "status": response.status, "headers": encoded})

    def _connection(self) -> asyncio.Transport:
        try:
            connection: asyncio.Transport = self._scope["extensions"][CONNECTION]
        except KeyError:
            raise RuntimeError("only serve_emulator gives access to its connections") from None
        return connection

    async def _until_closed(self) -> None:
        # If the application returned before the server noticed the close, the server would send a 500.
        while (await self._receive())["type"] != "http.disconnect":
            pass
