"""PostgreSQL connection strings in the forms that psql accepts, and the parameters that the driver does not know.

The driver parses URLs itself. It would send an unknown parameter to the server as a session setting, and the server
would refuse it. So this module removes those parameters and leaves the rest to the driver.
"""

import os
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

URLS = ("postgresql://", "postgres://")

_PAIR = re.compile(r"\s*([A-Za-z_]+)\s*=\s*('(?:[^'\\]|\\.)*'|(?:[^\s'\\]|\\.)*)(?=\s|$)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PORT = re.compile(r":\d*$|$")
_KEYWORDS = frozenset(
    {
        "host",
        "hostaddr",
        "port",
        "dbname",
        "user",
        "password",
        "passfile",
        "service",
        "sslmode",
        "application_name",
    }
    | {"connect_timeout", "options", "target_session_attrs", "fallback_application_name", "sslrootcert"}
)
"""With one of these a string of ``key=value`` pairs begins."""

_SESSION_ATTRIBUTES = frozenset({"any", "primary", "standby", "prefer-standby", "read-write", "read-only"})

_NOTHING_TO_DO = frozenset(
    {"channel_binding", "client_encoding", "gssdelegation", "gssencmode", "load_balance_hosts"}
    | {
        "max_protocol_version",
        "min_protocol_version",
        "requiressl",
        "sslcertmode",
        "sslcompression",
        "sslsni",
    }
)
"""Parameters that change nothing here: the driver has one way, which each of their other values allows."""

_CANNOT = {
    ("gssencmode", "require"): "the driver does not encrypt with GSSAPI; use sslmode=verify-full",
    ("sslcertmode", "require"): "the driver cannot demand that the server asks for a certificate",
    (
        "require_auth",
        None,
    ): "the driver cannot restrict how the server authenticates; use sslmode=verify-full",
    ("requirepeer", None): "the driver cannot check the owner of a socket's process",
    ("replication", None): "a journal is no replication connection",
}
"""A parameter, or a value of it, that the driver does not support and must not ignore."""

_UNBOUND = (
    "channel_binding=require is not kept: the driver cannot bind to the channel. Have the server's certificate "
    "checked instead: sslmode=verify-full, with sslrootcert=system for a public certificate authority."
)
_FILES = ("sslrootcert", "sslcrl", "sslcert", "sslkey")

_KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""By default a server's host that is gone is noticed within 20 s, and within 10 s if something was sent to it."""
_SOCKET_OPTIONS = {
    "keepalives_idle": "TCP_KEEPIDLE",
    "keepalives_interval": "TCP_KEEPINTVL",
    "keepalives_count": "TCP_KEEPCNT",
    "tcp_user_timeout": "TCP_USER_TIMEOUT",
}

_CONNECT_SECONDS = 5.0
_LEAST_CONNECT_SECONDS = 2.0
_NAME = "ordergate"


class ConninfoError(ValueError):
    """The connection string cannot be used. The message gives the reason, without a password."""


class Target(NamedTuple):
    """The address of a database.

    Attributes:
        url: The URL for the driver.
        options: The driver's own arguments.
        connect_seconds: Seconds that a connection may take to be made.
        socket_options: Level, option and value for each TCP connection.
        warnings: Parameters that cannot be honored, in a sentence each.
    """

    url: str
    options: Mapping[str, Any]
    connect_seconds: float
    socket_options: tuple[tuple[int, int, int], ...]
    warnings: tuple[str, ...]


def is_postgresql(text: str) -> bool:
    """Return whether a store's URL is for PostgreSQL: a URL, or pairs like ``host=db dbname=orders``."""
    pair = _PAIR.match(text)
    return text.startswith(URLS) or (pair is not None and pair[1] in _KEYWORDS)


def as_url(text: str) -> str:
    """Return a string of ``key=value`` pairs as a URL, and a URL as it is.

    Raises:
        ConninfoError: The pairs cannot be read.
    """
    if text.startswith(URLS):
        return text
    pairs, at = [], 0
    rest = text.rstrip()
    while at < len(rest):
        pair = _PAIR.match(rest, at)
        if pair is None:
            raise ConninfoError(
                "the text after the first pairs is no key=value; put values with spaces in quotes"
            )
        value = pair[2][1:-1] if pair[2].startswith("'") else pair[2]
        pairs.append((pair[1], _ESCAPED.sub(r"\1", value)))
        at = pair.end()
    return f"postgresql://?{urlencode(pairs, quote_via=quote)}"


def target_of(text: str, environment: Mapping[str, str] = os.environ) -> Target:
    """Return the address in a connection string.

    Raises:
        ConninfoError: A parameter is not supported by the driver, or has an invalid value.
        ValueError: Its URL cannot be read.
    """
    url = as_url(text)
    address, _, query = url.partition("?")
    given = dict(parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
    if urlsplit(address).path == "/":
        address = address.removesuffix("/")  # the driver would take it for a database without a name
    for (name, value), why in _CANNOT.items():
        if name in given and value in {None, given[name]}:
            raise ConninfoError(f"{name}={given[name]} cannot be kept: {why}")
    warnings = _weaker(given)
    connect_seconds = _connect_seconds(given.pop("connect_timeout", None))
    socket_options = _socket_options(given)
    fallback = given.pop("fallback_application_name", None) or _NAME
    given.setdefault("application_name", environment.get("PGAPPNAME") or fallback)
    options: dict[str, Any] = {}
    _use_system_roots(given, options)
    address = _with_host_address(address, given)
    attributes = given.setdefault("target_session_attrs", "") or environment.get("PGTARGETSESSIONATTRS", "")
    if not attributes:
        # Of several hosts one can be written to; which one changes.
        attributes = "read-write" if _hosts(address, given, environment) > 1 else "any"
    if attributes not in _SESSION_ATTRIBUTES:
        raise ConninfoError(f"target_session_attrs is one of {', '.join(sorted(_SESSION_ATTRIBUTES))}")
    given["target_session_attrs"] = attributes
    kept = {name: value for name, value in given.items() if name not in _NOTHING_TO_DO and value}
    return Target(
        url=f"{address}?{urlencode(kept, quote_via=quote)}",
        options=options,
        connect_seconds=connect_seconds,
        socket_options=socket_options,
        warnings=warnings,
    )


def file_error(text: str) -> str | None:
    """Return which certificate, list or key of a connection string cannot be read, and why; None if all can be."""
    given = dict(parse_qsl(as_url(text).partition("?")[2]))
    for name in _FILES:
        file = given.get(name) or os.environ.get(f"PG{name.upper()}")
        if not file or (name == "sslrootcert" and file == "system"):
            continue
        try:
            if name in {"sslrootcert", "sslcrl"}:
                ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=file)
            else:
                with open(file, "rb"):  # noqa: PTH123 - read by the driver
                    pass
        except OSError as error:
            reason = "holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
            return f"{name} {file}: {reason}"
    return None


def _weaker(given: Mapping[str, str]) -> tuple[str, ...]:
    if given.get("channel_binding") != "require" or given.get("sslmode", "").startswith("verify-"):
        return ()
    return (_UNBOUND,)


def _connect_seconds(text: str | None) -> float:
    """As libpq: 0 and less mean no limit, which here is the default, and 1 means 2."""
    if not text:
        return _CONNECT_SECONDS
    seconds = _number("connect_timeout", text)
    return max(float(seconds), _LEAST_CONNECT_SECONDS) if seconds > 0 else _CONNECT_SECONDS


def _socket_options(given: dict[str, str]) -> tuple[tuple[int, int, int], ...]:
    """Take the parameters of TCP out of those given; the platform has not all of them."""
    wanted = _KEEPALIVE | {name: _number(name, given.pop(name)) for name in _KEEPALIVE if given.get(name)}
    alive = _number("keepalives", given.pop("keepalives", "") or "1") != 0
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(alive))]
    for name, value in wanted.items():
        option = getattr(socket, _SOCKET_OPTIONS[name], None)
        if option is not None and value > 0 and (alive or name == "tcp_user_timeout"):
            options.append((socket.IPPROTO_TCP, option, value))
    return tuple(options)


def _use_system_roots(given: dict[str, str], options: dict[str, Any]) -> None:
    """The roots that the system trusts: the driver's word for them is no file's name."""
    if given.get("sslrootcert") != "system":
        return
    mode = given.pop("sslmode", "verify-full")
    if mode != "verify-full":
        raise ConninfoError(f"sslmode={mode} is too weak for sslrootcert=system: use sslmode=verify-full")
    del given["sslrootcert"]
    options["ssl"] = True


def _with_host_address(address: str, given: dict[str, str]) -> str:
    """Put ``hostaddr`` in place of the host; the name serves to check a certificate, which cannot be done then."""
    host_address = given.pop("hostaddr", None)
    if not host_address:
        return address
    if given.get("sslmode") == "verify-full":
        raise ConninfoError(
            "hostaddr with sslmode=verify-full: the driver cannot check the name then; leave it out"
        )
    addresses = [f"[{one}]" if ":" in one else one for one in host_address.split(",")]
    parts = urlsplit(address)
    login, at, place = parts.netloc.rpartition("@")
    if not place:
        given["host"] = ",".join(addresses)
        return address
    places = place.split(",")
    if len(places) != len(addresses):
        raise ConninfoError(f"hostaddr has {len(addresses)} addresses for {len(places)} hosts")
    ports = [_PORT.findall(one)[0] for one in places]
    hosts = ",".join(one + port for one, port in zip(addresses, ports, strict=True))
    return parts._replace(netloc=f"{login}{at}{hosts}").geturl()


def _hosts(address: str, given: Mapping[str, str], environment: Mapping[str, str]) -> int:
    in_address = urlsplit(address).netloc.rpartition("@")[2]
    return len((in_address or given.get("host") or environment.get("PGHOST", "")).split(","))


def _number(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ConninfoError(f"{name} is no whole number") from None
