"""Sessions of people at the console: opened with an API key, kept in the journal, over when the key is.

The browser has only a random token of the session. The journal has the hash of the token, with the id of the key. So a
session works on every process with the same journal and survives a restart, no secret has to be configured, and a
revoked or expired key ends its sessions with the next request.
"""

import secrets
from hashlib import sha256

import msgspec

from ordergate.domain.errors import Problem
from ordergate.gateway.access.authentication import caller_with, count_request, identify
from ordergate.gateway.access.caller import Caller, is_key
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx

SESSION_SECONDS = 8 * 3600
"""Lifetime of a session, independent of its use."""

SCOPE = "orders:read"
"""The scope that a key needs to open a session."""

_SESSIONS_PER_KEY = 50
_TOKEN_BYTES = 32


def new_token() -> str:
    """Return a random token of 256 bits."""
    return secrets.token_urlsafe(_TOKEN_BYTES)


async def open_session(runtime: Runtime, key: str, address: str) -> str:
    """Return the token of a new session.

    Args:
        runtime: This process.
        key: The API key itself; it is not kept.
        address: Address of the connection. Wrong keys are counted by address, as in the API.

    Raises:
        Problem: ``unauthenticated``, ``rate_limited``, or ``forbidden`` for a key that may not read orders.
    """
    if not is_key(key):
        raise Problem("unauthenticated", "An API key begins with og_test_ or og_live_; give the whole key.")
    caller = await identify(runtime, f"Bearer {key}", address)
    caller.require(SCOPE)
    token = new_token()
    await runtime.journal.write(
        tx.sessions.add(caller.key, _hash(token), seconds=SESSION_SECONDS, kept=_SESSIONS_PER_KEY)
    )
    return token


async def caller_in_session(runtime: Runtime, token: str) -> Caller:
    """Return the caller of a session, and count the request. Requests of pages do not use the limit of the key.

    Raises:
        Problem: ``unauthenticated`` without a session or with an invalid key, or ``rate_limited``.
    """
    caller = await confirm_session(runtime, token)
    await count_request(runtime, msgspec.structs.replace(caller, key=f"{caller.key} at the console"))
    return caller


async def confirm_session(runtime: Runtime, token: str) -> Caller:
    """Return the caller of a session.

    Raises:
        Problem: ``unauthenticated``: there is none, or its key is not good any more.
    """
    key = await runtime.journal.read(tx.sessions.find_key(_hash(token)))
    if key is None:
        raise Problem("unauthenticated", "There is no session, or it has ended; sign in again.")
    return caller_with(key, runtime.clock())


async def close_session(runtime: Runtime, token: str) -> None:
    """End a session, everywhere and at once."""
    await runtime.journal.write(tx.sessions.delete(_hash(token)))


def _hash(token: str) -> bytes:
    return sha256(token.encode()).digest()
