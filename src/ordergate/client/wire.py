"""Turns calls into requests of httpx, and responses back into results, for both clients."""

import random
import time
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from typing import Any, TypeVar

import httpx

from ordergate.client.building import is_token
from ordergate.client.conversation import Answer, Call, Conversation, NoAnswer, Sending, Times, converse

T = TypeVar("T")

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Exceptions of httpx before a connection exists; after any other one the request may have arrived."""

_MAX_CONNECT = 5.0


@dataclass(frozen=True, slots=True)
class Access:
    """The gateway's URL, the key, and the timeouts.

    Attributes:
        base_url: Without a slash at the end.
        times: Of a call that names no timeout of its own.
    """

    base_url: str
    api_key: str = field(repr=False)
    times: Times

    def begin(self, call: Call[T]) -> Conversation[T]:
        """Return a call's conversation, which starts now.

        Raises:
            ValueError: It is given no time.
        """
        total = self.times.total if call.timeout is None else call.timeout
        if total <= 0:
            raise ValueError("timeout is seconds, above zero")
        times = Times(total=total, attempt=self.times.attempt)
        return converse(call, times, started=time.monotonic(), chance=random.random)

    def request(self, sending: Sending) -> dict[str, Any]:
        """Return the arguments of httpx for a request."""
        call = sending.call
        headers = {
            "Authorization": f"Bearer {self.api_key}",
            "Accept": "application/json",
            "User-Agent": _user_agent(),
            **({"Content-Type": "application/json"} if call.body is not None else {}),
            **({"Idempotency-Key": call.key} if call.key is not None else {}),
            **call.headers,
        }
        return {
            "method": call.method,
            "url": self.base_url + call.path,
            "params": dict(call.parameters) or None,
            "headers": headers,
            "content": call.body,
            "timeout": httpx.Timeout(sending.timeout, connect=min(_MAX_CONNECT, sending.timeout)),
            "follow_redirects": False,
            "auth": None,
        }


def access_to(base_url: str, api_key: str, *, timeout: float, attempt_timeout: float) -> Access:
    """Return the way to a gateway as its caller names it.

    Raises:
        ValueError: The URL, the key or a time cannot be one.
    """
    try:
        url = httpx.URL(base_url)
    except httpx.InvalidURL as error:
        raise ValueError(f"base_url: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment or url.userinfo:
        raise ValueError("base_url is the gateway's alone, such as https://orders.example.com")
    if not is_token(api_key):
        raise ValueError("api_key is og_test_… or og_live_…, without spaces or line ends around it")
    if not (timeout > 0 and attempt_timeout > 0):
        raise ValueError("timeout and attempt_timeout are seconds, above zero")
    return Access(base_url.rstrip("/"), api_key, Times(total=timeout, attempt=attempt_timeout))


@cache
def _user_agent() -> str:
    return f"ordergate-python/{version('ordergate')}"


def answer_of(response: httpx.Response) -> Answer:
    """Return the response."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(time.monotonic(), response.status_code, headers, response.content)


def no_answer(error: httpx.RequestError) -> NoAnswer:
    """Return the facts of a missing response."""
    return NoAnswer(time.monotonic(), error, arrived=not isinstance(error, _NEVER_SENT))
