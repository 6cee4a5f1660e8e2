"""Rapyd's request signature: HMAC-SHA256 over the exact bytes sent, in Rapyd's own arrangement.

Docs, Request Signatures, and the provider's samples: the secret is the key *and* a part of the message. The base64
encoding is that of the digest's hexadecimal text, not of its bytes.
"""

from base64 import b64encode
from hashlib import sha256
from hmac import new as hmac

from ordergate.spi.wire import Headers

CLOCK_MARGIN = 10
"""Seconds to sign in the past: Rapyd accepts the last 60 seconds and nothing of the future."""


def signature(
    *, method: str, path: str, salt: str, timestamp: str, access_key: str, secret_key: str, body: bytes
) -> str:
    """Return the value of the ``signature`` header.

    Args:
        method: The HTTP method; it is signed in lower case.
        path: Everything after the host, with the query, as sent.
        salt: The value of the ``salt`` header.
        timestamp: The value of the ``timestamp`` header: Unix seconds.
        access_key: The value of the ``access_key`` header.
        secret_key: Key and part of the message.
        body: The bytes as sent; ``{}`` is signed as nothing.
    """
    signed = b"" if body == b"{}" else body
    message = f"{method.lower()}{path}{salt}{timestamp}{access_key}{secret_key}".encode() + signed
    return encoded_digest(secret_key, message)


def encoded_digest(secret_key: str, message: bytes) -> str:
    """Return Rapyd's notation of a message's digest: the base64 of its hexadecimal text."""
    return b64encode(hmac(secret_key.encode(), message, sha256).hexdigest().encode()).decode()


def authentication_headers(
    *, method: str, path: str, body: bytes, access_key: str, secret_key: str, now: int, salt: str
) -> Headers:
    """Return the four headers that authenticate one request; `now` is Unix time in seconds."""
    timestamp = str(now - CLOCK_MARGIN)
    return (
        ("access_key", access_key),
        ("salt", salt),
        ("timestamp", timestamp),
        (
            "signature",
            signature(
                method=method,
                path=path,
                salt=salt,
                timestamp=timestamp,
                access_key=access_key,
                secret_key=secret_key,
                body=body,
            ),
        ),
    )
