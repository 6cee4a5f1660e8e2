"""Checks that need more than the type of one key. Each takes the raw document and returns errors with pointers.

The checks read the raw document, not the typed one, so that one report contains these errors and wrong types.
"""

import re
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from ipaddress import AddressValueError, IPv6Address, ip_network
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import parse_qs, urlsplit

from iso3166 import countries_by_alpha2

from ordergate.domain.errors import FieldError
from ordergate.domain.money import is_currency
from ordergate.domain.validation import pointer_to
from ordergate.journal.stores.conninfo import ConninfoError, as_url, is_postgresql, target_of
from ordergate.spi.adapter import Adapter

MOST_WORKERS = 64
SQLITE = "sqlite:///"

SAFE_CLOSED_SETTLING = 10.0
"""Seconds for which a provider may still process a request after its connection broke."""

_REAL = ("sandbox", "production")
_LINKED_PORT = re.compile(r"(tcp|udp|sctp)://")
_LINKED = re.compile(
    r"SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?"
)
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")


_OWN_STEPS = frozenset({"v1", "hooks", "health", "metrics", "schema", "problems", "console"})
"""First path segments of the gateway's own routes."""


def server_errors(content: Mapping[str, Any]) -> list[FieldError]:
    """Return the errors of ``[server]``."""
    server = _table(content, "server")
    return [
        *_host_errors(server.get("host")),
        *_root_path_errors(server.get("root_path")),
        *_tracing_errors(server.get("tracing")),
        *_workers_errors(server.get("workers"), _table(content, "store").get("url")),
    ]


def _root_path_errors(root_path: Any) -> list[FieldError]:
    """Refuse a path like ``/v1``. If a proxy strips it, a route of the gateway looks like a path that still has it."""
    first = root_path.split("/")[1] if isinstance(root_path, str) and root_path.startswith("/") else ""
    if first not in _OWN_STEPS:
        return []
    detail = f"/{first} is the beginning of the gateway's own routes; choose another path."
    return [_error("/server/root_path", "invalid_value", detail)]


def service_links(prefix: str, environment: Mapping[str, str]) -> list[str]:
    """Return the variables with this prefix that Kubernetes sets for a Service, the one for its port first."""
    port = f"{prefix}PORT"
    if not _LINKED_PORT.match(environment.get(port, "")):
        return []
    others = (name for name in environment if name.startswith(prefix) and name != port)
    return [port, *sorted(name for name in others if _LINKED.fullmatch(name.removeprefix(prefix)))]


def workers_refusal(workers: int, url: str) -> str | None:
    """Return the reason why this number of workers cannot share the store; None if it can."""
    if workers > MOST_WORKERS:
        return (
            f"At most {MOST_WORKERS} workers serve together; start a second server beside this one for more."
        )
    if workers == 1 or not url.startswith(SQLITE):
        return None
    return "One SQLite file has one server: move the store to PostgreSQL, or leave the workers at 1."


def _workers_errors(workers: Any, url: Any) -> list[FieldError]:
    if not isinstance(workers, int) or workers < 1 or not isinstance(url, str | None):
        return []  # the check of types reports it
    refusal = workers_refusal(workers, SQLITE if url is None else url)
    return [_error("/server/workers", "invalid_value", refusal)] if refusal else []


def _tracing_errors(wanted: Any) -> list[FieldError]:
    if wanted is not True or all(find_spec(name) for name in ("opentelemetry", "opentelemetry.sdk")):
        return []
    detail = "Tracing needs OpenTelemetry: pip install 'ordergate[tracing]'."
    return [_error("/server/tracing", "missing_package", detail)]


def _host_errors(host: Any) -> list[FieldError]:
    if not isinstance(host, str) or _is_host(host):
        return []
    detail = f"{host!r} is not an address or a host name; server.port has the port."
    return [_error("/server/host", "invalid_value", detail)]


def _is_host(host: str) -> bool:
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        IPv6Address(host)
    except AddressValueError:
        return False
    return True


def password_errors(content: Mapping[str, Any]) -> list[FieldError]:
    """Return an error if the file contains the password of the database."""
    url = _table(content, "store").get("url")
    if not isinstance(url, str) or url.startswith("sqlite:"):
        return []
    try:
        parts = urlsplit(as_url(url) if is_postgresql(url) else url)
        literal = bool(parts.password) or not {"password", "sslpassword"}.isdisjoint(parse_qs(parts.query))
    except ValueError:
        literal = False
    if not literal:
        return []
    detail = 'The file must not contain a password; refer to the whole URL: url = { env = "…" }.'
    return [_error("/store/url", "secret", detail)]


def store_errors(url: Any) -> list[FieldError]:
    """Return the errors of a store's URL. No message contains the URL, because it may contain a password."""
    if not isinstance(url, str):
        return []  # the check of types reports it
    if url.startswith(SQLITE):
        detail = _sqlite_error(url.removeprefix(SQLITE))
    elif is_postgresql(url):
        detail = _postgresql_error(url)
    else:
        detail = "A store is sqlite:///FILE (sqlite:////FILE for an absolute path) or postgresql://…"
    return [_error("/store/url", "invalid_value", detail)] if detail else []


def _sqlite_error(path: str) -> str | None:
    if path in {"", ":memory:"}:
        return "A journal must be a file, for example sqlite:////var/lib/ordergate/journal.db."
    if path.endswith("/") or Path(path).is_dir():
        return f"{path} is a directory; name a file in it."
    return None


def _postgresql_error(url: str) -> str | None:
    """Return the error of a PostgreSQL URL. It may name several hosts, separated by commas; their ports are checked."""
    try:
        hosts = urlsplit(as_url(url)).netloc.rpartition("@")[2].split(",")
    except ConninfoError as error:
        return f"The URL of the database is invalid: {error}."
    except ValueError:
        return "The URL of the database is invalid: its host cannot be parsed."
    for host in hosts:
        port = host.rpartition("]")[2].rpartition(":")[2] if ":" in host.rpartition("]")[2] else ""
        if port and not (port.isdecimal() and 0 < int(port) <= 65535):
            return "The URL of the database has a port outside 1 to 65535."
    try:
        target_of(url)
    except ConninfoError as error:
        return f"The URL of the database is invalid: {error}."
    except ValueError:
        return "The parameters of the database's URL are invalid: write name=value after ?, separated by &."
    return None


def base_url_errors(table: Mapping[str, Any], adapter: Adapter) -> list[FieldError]:
    """Return the errors of ``base_url``: an emulator needs one that is not a provider's, other accounts have none."""
    environment, given = table.get("environment"), "base_url" in table
    if environment == "emulator" and not given:
        return [_error("/base_url", "required", "An emulator has no fixed address: set base_url.")]
    if environment in _REAL and given:
        detail = f"environment = {environment!r} determines the address; remove base_url."
        return [_error("/base_url", "invalid_value", detail)]
    url = table.get("base_url")
    wrong = _address_error(url, adapter) if isinstance(url, str) and url.startswith("http") else None
    return [_error("/base_url", "invalid_value", wrong)] if wrong else []


def _address_error(url: str, adapter: Adapter) -> str | None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        return f"The URL is invalid: {error}."
    if not host:
        return "The URL has no host."
    if parts.username is not None or parts.query or parts.fragment:
        return "The URL may have a host, a port and a path, but no user, password, query or fragment."
    for environment, real in adapter.base_urls.items():
        if urlsplit(real).hostname == host:
            return f"{host} is no emulator, but {adapter.title} itself: set environment = {environment!r}."
    return None


def settling_errors(table: Mapping[str, Any], adapter: Adapter) -> list[FieldError]:
    """Return an error if the settling time is so short that a write could still be applied after it."""
    given, safe = table.get("settling_time"), adapter.capabilities.settling_seconds
    if table.get("environment") not in _REAL or not _is_number(given) or given >= safe:
        return []
    detail = (
        f"{adapter.title} may accept a request up to {safe:g} s after it was sent; with less than that an order "
        "could be made twice. Only an emulator account may have less."
    )
    return [_error("/settling_time", "unsafe", detail)]


def recovery_errors(content: Mapping[str, Any], settling: Mapping[str, float]) -> list[FieldError]:
    """Return the values of ``[recovery]`` that are unsafe for sandbox and production accounts.

    Args:
        content: The raw document.
        settling: Settling time of each account, in seconds.
    """
    recovery = _table(content, "recovery")
    real = {
        name: settling.get(name, 0.0)
        for name, table in _table(content, "accounts").items()
        if isinstance(table, dict) and table.get("environment") in _REAL
    }
    if not real:
        return []
    slowest = max(real, key=lambda name: real[name])
    whose = f"[accounts.{slowest}], which is no emulator, settles after {real[slowest]:g} s"
    limits = (
        ("closed_settling", 1, SAFE_CLOSED_SETTLING, "a provider may still finish the request"),
        ("person_after_hours", 3600, real[slowest], f"no person is needed before: {whose}"),
        ("late_look_minutes", 60, real[slowest], f"a later trace would be missed: {whose}"),
    )
    return [
        _error(f"/recovery/{key}", "unsafe", f"At least {least / unit:.3g} is safe: {why}.")
        for key, unit, least, why in limits
        if _is_number(given := recovery.get(key)) and given * unit < least
    ]


def routing_errors(content: Mapping[str, Any]) -> list[FieldError]:
    """Return the errors of ``[routing]``: unknown accounts, conditions that never match, duplicate names."""
    routing, accounts = _table(content, "routing"), _table(content, "accounts")
    listed = routing.get("rules")
    rules = [rule if isinstance(rule, dict) else {} for rule in listed] if isinstance(listed, list) else []
    errors = [
        error
        for key in ("default", "shadow")
        for error in _use_errors(f"/routing/{key}", routing.get(key), accounts)
    ]
    for index, rule in enumerate(rules):
        place = f"/routing/rules/{index}"
        errors += _use_errors(f"{place}/use", rule.get("use"), accounts)
        errors += _when_errors(f"{place}/when", _table(rule, "when"))
    names = [str(rule.get("name", rule_name(index))) for index, rule in enumerate(rules)]
    return errors + [
        _error(f"/routing/rules/{index}/name", "duplicate", f"Another rule is named {name!r} too.")
        for index, name in enumerate(names)
        if name in names[:index] or name in {"default", "draft"}
    ]


def network_errors(content: Mapping[str, Any]) -> list[FieldError]:
    """Return an error for each entry of ``webhooks.allow_networks`` that is not a network."""
    named = _table(content, "webhooks").get("allow_networks")
    errors = []
    for index, text in enumerate(named if isinstance(named, list) else ()):
        try:
            ip_network(text if isinstance(text, str) else "0.0.0.0/0")
        except ValueError as error:
            detail = f"A network has the form 10.0.0.0/8 or fd00::/8: {error}."
            errors.append(_error(f"/webhooks/allow_networks/{index}", "invalid_value", detail))
    return errors


def rule_name(index: int) -> str:
    """Return the name of a rule that has none in the file."""
    return f"rule-{index + 1}"


def _use_errors(place: str, names: Any, accounts: Mapping[str, Any]) -> Iterator[FieldError]:
    names = _strings(names)
    for name in names:
        if name not in accounts:
            yield _error(place, "unknown_account", f"There is no [accounts.{name}].")
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield _error(place, "duplicate", f"{name!r} is listed more than once.")


def _when_errors(place: str, when: Mapping[str, Any]) -> Iterator[FieldError]:
    for code in _strings(when.get("currency")):
        if not is_currency(code):
            yield _error(
                f"{place}/currency", "unknown_currency", f"{code} is not a currency with minor units."
            )
    for code in _strings(when.get("country")):
        if code not in countries_by_alpha2:
            yield _error(f"{place}/country", "unknown_country", f"{code} is not an ISO 3166-1 alpha-2 code.")
    least, most = when.get("total_gte"), when.get("total_lte")
    if isinstance(least, int) and isinstance(most, int) and least > most:
        detail = f"No total is at least {least} and at most {most}: the rule would never match."
        yield _error(f"{place}/total_lte", "never_holds", detail)
    for key in _table(when, "metadata"):
        if key.startswith("ordergate_"):
            detail = "No order has a key that begins with ordergate_: the rule would never match."
            yield _error(pointer_to(f"{place}/metadata", key), "never_holds", detail)


def _table(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a table, or an empty one if the key has another type; the check of types reports that."""
    table = content.get(name)
    return table if isinstance(table, dict) else {}


def _strings(values: Any) -> list[str]:
    return [value for value in values if isinstance(value, str)] if isinstance(values, list) else []


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)
