"""The two ways to drive a conversation: blocking, and with asyncio. Everything else of them is the same."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from typing import TypeVar

import httpx

from ordergate.client.building import Listing
from ordergate.client.conversation import Answer, Call, NoAnswer, Waiting
from ordergate.client.wire import Access, answer_of, no_answer

T = TypeVar("T")
R = TypeVar("R")
P = TypeVar("P")


class Connection:
    """Makes calls, one after the other."""

    def __init__(self, access: Access, http: httpx.Client | None) -> None:
        """Send by a client of httpx that was given, or by one of its own."""
        self._access = access
        self._owned = http is None
        self._http = httpx.Client() if http is None else http

    def send(self, call: Call[T]) -> T:
        """Make one call, with all its repeats.

        Raises:
            OrdergateError: The error of the call.
        """
        conversation = self._access.begin(call)
        step = next(conversation)
        while True:
            reply: Answer | NoAnswer | None = None
            if isinstance(step, Waiting):
                time.sleep(step.seconds)
            else:
                try:
                    reply = answer_of(self._http.request(**self._access.request(step)))
                except httpx.RequestError as error:
                    reply = no_answer(error)
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                answer: T = end.value
                return answer

    def rows(self, listing: Listing[P, R]) -> Iterator[R]:
        """Iterate over a list; each page is one call."""
        following: Listing[P, R] | None = listing
        while following is not None:
            page = self.send(following.call)
            yield from following.rows(page)
            following = following.following(page)

    def close(self) -> None:
        """Close the connections; a client of httpx that was given stays open."""
        if self._owned:
            self._http.close()


class AsyncConnection:
    """Makes calls, each awaited."""

    def __init__(self, access: Access, http: httpx.AsyncClient | None) -> None:
        """Send by a client of httpx that was given, or by one of its own."""
        self._access = access
        self._owned = http is None
        self._http = httpx.AsyncClient() if http is None else http

    async def send(self, call: Call[T]) -> T:
        """Make one call, with all its repeats.

        Raises:
            OrdergateError: The error of the call.
        """
        conversation = self._access.begin(call)
        step = next(conversation)
        while True:
            reply: Answer | NoAnswer | None = None
            if isinstance(step, Waiting):
                await asyncio.sleep(step.seconds)
            else:
                try:
                    reply = answer_of(await self._http.request(**self._access.request(step)))
                except httpx.RequestError as error:
                    reply = no_answer(error)
            try:
                step = conversation.send(reply)
            except StopIteration as end:
                answer: T = end.value
                return answer

    async def rows(self, listing: Listing[P, R]) -> AsyncIterator[R]:
        """Iterate over a list; each page is one call."""
        following: Listing[P, R] | None = listing
        while following is not None:
            page = await self.send(following.call)
            for row in following.rows(page):
                yield row
            following = following.following(page)

    async def aclose(self) -> None:
        """Close the connections; a client of httpx that was given stays open."""
        if self._owned:
            await self._http.aclose()
