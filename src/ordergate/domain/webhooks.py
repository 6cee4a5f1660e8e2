"""Outgoing webhooks: the body, the retries, and the allowed addresses.

Nothing here reads a clock, a name server or a source of chance; all three are given.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address, ip_network
from urllib.parse import urlsplit

import msgspec

from ordergate.domain.errors import FieldError
from ordergate.domain.special_networks import Address, Network, cloud_service, is_public
from ordergate.domain.webhook_bodies import MAX_URL

_TRANSLATED = ip_network("64:ff9b::/96")
"""NAT64: the last 32 bits are an IPv4 address."""

_LONGEST_WAIT = 86_400.0
_JITTER = 0.2


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook; `data` is the subject of the event at that time."""

    type: str
    timestamp: datetime
    data: msgspec.Raw


def next_try_in(tries: int, plan: Sequence[float], chance: float, asked: float | None) -> float | None:
    """Return the seconds until the next try; None after the last.

    Args:
        tries: How many failed, 1 or more.
        plan: Seconds before each further try.
        chance: A random number from 0 to 1, so that retries of the same moment spread.
        asked: Seconds of the receiver's Retry-After; up to a day is honored.
    """
    if tries > len(plan):
        return None
    planned = plan[tries - 1] * (1 - _JITTER + 2 * _JITTER * chance)
    return max(planned, min(asked or 0.0, _LONGEST_WAIT))


def url_errors(url: str, *, live: bool, allowed: Sequence[Network]) -> list[FieldError]:
    """Return why webhooks must not be sent to a URL, as far as that is known without a name server.

    Args:
        url: The endpoint.
        live: The events concern real money: https is required.
        allowed: Networks that are allowed although they are private.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return [_url_error(f"This is no URL: {error}.")]
    rules = (
        (
            len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url,
            f"A URL has up to {MAX_URL} ASCII characters; write others in percent-encoding, a host in Punycode.",
        ),
        (
            parts.scheme not in {"http", "https"} or not host,
            "Give an absolute URL: https://example.com/webhooks.",
        ),
        (live and parts.scheme != "https", "With a live key the URL must begin with https://."),
        (
            "@" in parts.netloc,
            "A URL with a user name or a password is not taken; the signature proves who sends.",
        ),
        ("#" in url, "A URL with a fragment is not taken: it would not be sent."),
        (
            (literal := _literal(host)) is not None and not may_be_reached(literal, allowed),
            f"{host} is not a public address; private, loopback and link-local ones are refused.",
        ),
    )
    return [_url_error(detail) for wrong, detail in rules if wrong][:1]


def may_be_reached(address: Address, allowed: Iterable[Network]) -> bool:
    """Return whether webhooks may be sent to an address: a public one, or one in an allowed network.

    An address that leads on to others is judged by them, too. A cloud's own service is reached only if its very
    network was allowed, not a larger one.
    """
    allowed = tuple(allowed)
    return all(_is_open(each, allowed) for each in _leads_to(address))


def _is_open(address: Address, allowed: Sequence[Network]) -> bool:
    holding = [network for network in allowed if address in network]
    service = cloud_service(address)
    if service is not None:
        return any(network.prefixlen >= service.prefixlen for network in holding)
    return bool(holding) or is_public(address)


def _leads_to(address: Address) -> Iterator[Address]:
    """Yield the addresses that an address reaches; an IPv4-mapped IPv6 address is its IPv4 address."""
    if isinstance(address, IPv4Address):
        yield address
    elif address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address in _TRANSLATED:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        # A tunnel's end is reached as itself, and sends on to the addresses in it.
        yield address
        yield from address.teredo or ()
        if address.sixtofour is not None:
            yield address.sixtofour


def _literal(host: str | None) -> Address | None:
    try:
        return None if host is None else ip_address(host)
    except ValueError:
        return None


def _url_error(detail: str) -> FieldError:
    return FieldError(pointer="/url", code="invalid_value", detail=detail)


def seconds_until(retry_after: str | None, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header; None if it is unreadable."""
    if retry_after is None:
        return None
    text = retry_after.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = datetime.strptime(text, "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    except ValueError:
        return None
    return max((at - now).total_seconds(), 0.0)
