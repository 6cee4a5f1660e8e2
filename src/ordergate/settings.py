"""The configuration file as types, and everything that is wrong with one, each with its line.

One TOML file. ``[server]`` and ``[store]`` keys can be overridden by the environment; secrets stand in it by
reference only.
"""

import os
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta

from ordergate.domain.errors import FieldError
from ordergate.domain.money import is_currency
from ordergate.domain.validation import explain, pointer_to
from ordergate.domain.webhooks import Network
from ordergate.gateway.account import Accept, Account, Trips
from ordergate.gateway.configuration import ConfigurationError, Rule, Webhooks, When
from ordergate.gateway.registry import AdapterMissingError, installed_adapter
from ordergate.observability import LogFormat
from ordergate.redaction import MASK
from ordergate.spi.adapter import Adapter, Environment
from ordergate.spi.secret import Secret

ENVIRONMENT_PREFIX = "ORDERGATE_"
DEFAULT_FILE = Path("config/default.toml")

Seconds = Annotated[float, Meta(gt=0, le=3600)]

_PASSWORD = re.compile(r"(://[^/@]*?:)[^@]*(@)|((?<=[?&])password=)[^&]*()")
_KEY_PART = re.compile(r"""\"([^"]*)\"|'([^']*)'|([^.\s"'\[\]]+)""")


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[server]``: where it listens, what it takes, how it logs."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    max_body_bytes: Annotated[int, Meta(ge=1024, le=64 * 2**20)] = 2**20
    idempotency_wait: Annotated[float, Meta(ge=0, le=60)] = 5.0
    key_requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    shutdown_timeout: Seconds = 30.0
    log_format: LogFormat = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[store]``: where the journal is, and how long it remembers keys."""

    url: str = "sqlite:///ordergate.db"
    connections: Annotated[int, Meta(ge=2, le=200)] = 10
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 7


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[recovery]``: when an operation whose answer was lost counts as not applied, and when a person is needed."""

    closed_settling: Annotated[float, Meta(ge=0, le=600)] = 10.0
    person_after_hours: Annotated[float, Meta(gt=0, le=720)] = 24.0
    late_look_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[webhooks]``: how merchants are told of events, and where such messages may go."""

    allow_networks: list[str] = []
    retries: Annotated[list[Annotated[float, Meta(ge=0, le=604_800)]], Meta(max_length=20)] = msgspec.field(
        default_factory=lambda: list(Webhooks().retries)
    )
    max_in_flight: Annotated[int, Meta(ge=1, le=1_000)] = Webhooks().at_once


class AccountSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``[accounts.NAME]``: what every account has; the other keys are its adapter's."""

    adapter: str
    environment: Environment
    base_url: Annotated[str, Meta(pattern="^https?://[^\\s]+(?!\\n)$")] | None = None
    accept: Accept = "all"
    merchants: list[str] | None = None
    connect_timeout: Seconds = 5.0
    read_timeout: Seconds = 30.0
    total_timeout: Seconds = 45.0
    settling_time: Seconds | None = None
    max_in_flight: Annotated[int, Meta(ge=1, le=10_000)] = 50
    requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    breaker_failures: Annotated[int, Meta(ge=1, le=100_000)] = 5
    breaker_seconds: Seconds = 10.0


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[routing.rules]]``: which accounts get the orders for which all of `when` holds."""

    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    when: When = When()
    use: Annotated[list[str], Meta(min_length=1)]


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[routing]``: which accounts get new orders, in order of preference; the first rule that holds decides."""

    default: list[str] = []
    rules: list[RuleSettings] = []


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file, its accounts still unread."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    recovery: RecoverySettings = RecoverySettings()
    webhooks: WebhookSettings = WebhookSettings()
    accounts: dict[str, dict[str, Any]] = {}
    routing: RoutingSettings = RoutingSettings()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is right as a whole.

    Attributes:
        file: Where it was read from.
        hash: Short hash of its content; references count, not the secrets behind them.
        document: The content to show: references stay, secrets that stand in it are starred.
    """

    file: Path
    hash: str
    document: Mapping[str, Any]
    server: ServerSettings
    store: StoreSettings
    recovery: RecoverySettings
    webhooks: WebhookSettings
    accounts: Mapping[str, Account]
    routing: RoutingSettings


def find_file(given: Path | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file to read: the one given, ``ORDERGATE_CONFIG``, the default, or the one that is shipped."""
    named = given or (Path(environment["ORDERGATE_CONFIG"]) if environment.get("ORDERGATE_CONFIG") else None)
    if named is not None:
        return named
    return DEFAULT_FILE if DEFAULT_FILE.exists() else shipped_file()


def shipped_file() -> Path:
    """Return the default configuration that is shipped: in a wheel, or in the checkout."""
    package = Path(__file__).parent
    candidates = (package / DEFAULT_FILE, package.parents[1] / DEFAULT_FILE)
    return next((candidate for candidate in candidates if candidate.exists()), DEFAULT_FILE)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a configuration.

    Raises:
        ConfigurationError: Everything that is wrong with it.
    """
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError([f"{file}: cannot be read: {error}"]) from error
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationError([f"{file}: not valid TOML: {error}"]) from error
    password_errors = _password_errors(content)
    content = _with_overrides(content, environment)
    resolved, errors = _with_store_url(content, environment)
    errors += password_errors + explain(resolved, Document)
    document = Document() if errors else msgspec.convert(resolved, Document)
    accounts, account_errors = _read_accounts(content.get("accounts", {}), environment)
    errors += account_errors + _routing_errors(content) + _network_errors(content)
    if errors:
        raise ConfigurationError([_sentence(file, text, error) for error in errors])
    return Settings(
        file=file,
        hash=sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:12],
        document=_shown(content, accounts),
        server=document.server,
        store=document.store,
        recovery=document.recovery,
        webhooks=document.webhooks,
        accounts=accounts,
        routing=document.routing,
    )


def _with_overrides(content: dict[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """Lay ``ORDERGATE_SERVER_…`` and ``ORDERGATE_STORE_…`` over the file, as their fields' types."""
    merged = dict(content)
    for section, kind in (("server", ServerSettings), ("store", StoreSettings)):
        for field in msgspec.structs.fields(kind):
            value = environment.get(f"{ENVIRONMENT_PREFIX}{section}_{field.name}".upper())
            if value is not None and isinstance(merged.get(section, {}), dict):
                merged[section] = {**merged.get(section, {}), field.name: _typed(value, field.type)}
    return merged


def _typed(value: str, kind: Any) -> Any:
    """The text as its field's type; the field's limits are judged with everything else."""
    try:
        return msgspec.convert(
            value, get_args(kind)[0] if hasattr(kind, "__metadata__") else kind, strict=False
        )
    except msgspec.ValidationError:
        return value


def _with_store_url(
    content: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], list[FieldError]]:
    store = content.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    if not isinstance(store, dict) or not isinstance(url, dict):
        return content, []
    try:
        return {**content, "store": {**store, "url": _dereference(url, environment)}}, []
    except ValueError as error:
        store = {**store, "url": ""}
        return {**content, "store": store}, [_error("/store/url", "unresolved", str(error))]


def _password_errors(content: dict[str, Any]) -> list[FieldError]:
    """A database's password is a secret like any other."""
    store = content.get("store")
    url = store.get("url") if isinstance(store, dict) else None
    if not isinstance(url, str) or url.startswith("sqlite:"):
        return []
    try:
        parts = urlsplit(url)
        literal = bool(parts.password) or "password" in parse_qs(parts.query)
    except ValueError:
        literal = False
    if not literal:
        return []
    detail = 'A password does not stand in the file; refer to the whole URL: url = { env = "…" }.'
    return [_error("/store/url", "secret", detail)]


def _read_accounts(
    tables: Any, environment: Mapping[str, str]
) -> tuple[dict[str, Account], list[FieldError]]:
    accounts: dict[str, Account] = {}
    errors: list[FieldError] = []
    for name, table in tables.items() if isinstance(tables, dict) else ():
        account, found = _read_account(name, table, environment)
        place = pointer_to("/accounts", name)
        errors += [msgspec.structs.replace(error, pointer=place + error.pointer) for error in found]
        if account is not None:
            accounts[name] = account
    return accounts, errors


def _read_account(
    name: str, table: Any, variables: Mapping[str, str]
) -> tuple[Account | None, list[FieldError]]:
    if not isinstance(table, dict):
        return None, []  # the document as a whole has said so
    own = {field.name for field in msgspec.structs.fields(AccountSettings)}
    common = {key: value for key, value in table.items() if key in own}
    errors = explain(common, AccountSettings)
    if not name.replace("-", "").replace("_", "").isalnum() or not name.isascii():
        errors.append(_error("", "invalid_value", "An account's name has letters, digits, - and _."))
    adapter_name = table.get("adapter")
    try:
        adapter = installed_adapter(adapter_name) if isinstance(adapter_name, str) else None
    except AdapterMissingError as error:
        adapter = None
        errors.append(_error("/adapter", "unknown_adapter", str(error)))
    if adapter is None:
        return None, errors
    rest = {key: value for key, value in table.items() if key not in own}
    settings, found = _own_settings(adapter, rest, table.get("environment"), variables)
    errors += found + _base_url_errors(table)
    if errors:
        return None, errors
    return _account(name, msgspec.convert(common, AccountSettings), adapter, settings), []


def _own_settings(
    adapter: Adapter, table: dict[str, Any], environment: Any, variables: Mapping[str, str]
) -> tuple[Any, list[FieldError]]:
    """Read the keys that are the adapter's; `environment` is as it stands in the file."""
    resolved, errors = _resolve_secrets(table, adapter, environment, variables)
    errors += [error for error in explain(resolved, adapter.settings_type) if not _reported(error, errors)]
    if errors or environment not in get_args(Environment):
        return None, errors
    settings = msgspec.convert(resolved, adapter.settings_type)
    return settings, adapter.check_settings(settings, environment)


def _account(name: str, settings: AccountSettings, adapter: Adapter, own: Any) -> Account:
    base_url = settings.base_url or adapter.base_urls[settings.environment]
    return Account(
        name=name,
        adapter=adapter,
        environment=settings.environment,
        base_url=base_url.rstrip("/"),
        settings=own,
        accept=settings.accept,
        merchants=None if settings.merchants is None else frozenset(settings.merchants),
        connect_timeout=settings.connect_timeout,
        read_timeout=settings.read_timeout,
        total_timeout=settings.total_timeout,
        settling_time=settings.settling_time,
        max_in_flight=settings.max_in_flight,
        requests_per_minute=settings.requests_per_minute,
        trips=Trips(after=settings.breaker_failures, seconds=settings.breaker_seconds),
    )


def _base_url_errors(table: Mapping[str, Any]) -> list[FieldError]:
    environment, given = table.get("environment"), "base_url" in table
    if environment == "emulator" and not given:
        return [_error("/base_url", "required", "An emulator has no fixed address: set base_url.")]
    if environment in ("sandbox", "production") and given:
        detail = f"The address comes from environment = {environment!r}; remove base_url."
        return [_error("/base_url", "invalid_value", detail)]
    return []


def _resolve_secrets(
    table: dict[str, Any], adapter: Adapter, environment: Any, variables: Mapping[str, str]
) -> tuple[dict[str, Any], list[FieldError]]:
    resolved = dict(table)
    errors = []
    for field in msgspec.structs.fields(adapter.settings_type):
        if field.name not in table or not _holds_secret(field.type):
            continue
        try:
            resolved[field.name] = _secrets(table[field.name], environment, variables)
        except ValueError as error:
            errors.append(_error(f"/{field.name}", "secret", str(error)))
    return resolved, errors


def _secrets(value: Any, environment: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return tuple(_secrets(item, environment, variables) for item in value)
    if isinstance(value, dict):
        return Secret(_dereference(value, variables))
    if isinstance(value, str) and environment in ("sandbox", "production"):
        raise ValueError('A secret does not stand in the file; refer to it: { env = "…" } or { file = "…" }.')
    return Secret(value) if isinstance(value, str) else value


def _dereference(reference: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Return what a reference points to; the error never holds the value."""
    match reference:
        case {"env": str(name)} if len(reference) == 1:
            if not variables.get(name):
                raise ValueError(f"The environment variable {name} is not set.")
            return _printable(variables[name], f"The environment variable {name}")
        case {"file": str(path)} if len(reference) == 1:
            try:
                secret = Path(path).read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ValueError(f"The file {path} cannot be read: {error}.") from error
            if not secret:
                raise ValueError(f"The file {path} is empty.")
            return _printable(secret, f"The file {path}")
        case _:
            raise ValueError('A reference is { env = "NAME" } or { file = "PATH" }.')


def _printable(secret: str, place: str) -> str:
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise ValueError(f"{place} holds spaces, line ends or other characters that no secret has.")
    return secret


def _holds_secret(kind: Any) -> bool:
    return kind is Secret or any(_holds_secret(part) for part in get_args(kind))


def _reported(error: FieldError, errors: list[FieldError]) -> bool:
    return any(f"{error.pointer}/".startswith(f"{other.pointer}/") for other in errors)


def _shown(content: dict[str, Any], accounts: Mapping[str, Account]) -> dict[str, Any]:
    """The content without any secret: those of emulators may stand in it, a database's password in its URL."""
    shown = dict(content)
    store = shown.get("store")
    if isinstance(store, dict) and isinstance(store.get("url"), str):
        shown["store"] = {**store, "url": _PASSWORD.sub(_hidden, store["url"])}
    shown["accounts"] = {
        name: {key: _starred(accounts[name], key, value) for key, value in table.items()}
        for name, table in content.get("accounts", {}).items()
    }
    return shown


def _hidden(match: re.Match[str]) -> str:
    return f"{match[1] or match[3]}{MASK}{match[2] or ''}"


def _starred(account: Account, key: str, value: Any) -> Any:
    own = {field.name: field.type for field in msgspec.structs.fields(account.adapter.settings_type)}
    if key not in own or not _holds_secret(own[key]):
        return value
    if isinstance(value, list):
        return [_starred(account, key, item) for item in value]
    return MASK if isinstance(value, str) else value


def _routing_errors(content: dict[str, Any]) -> list[FieldError]:
    """Accounts that no table describes, and rules of one name: weights are drawn by it."""
    routing, accounts = content.get("routing"), content.get("accounts", {})
    if not isinstance(routing, dict) or not isinstance(accounts, dict):
        return []
    rules = routing.get("rules", [])
    rules = [rule if isinstance(rule, dict) else {} for rule in rules] if isinstance(rules, list) else []
    routes = {"/routing/default": routing.get("default", [])}
    routes |= {f"/routing/rules/{index}/use": rule.get("use", []) for index, rule in enumerate(rules)}
    errors = [
        _error(place, "unknown_account", f"There is no [accounts.{name}].")
        for place, names in routes.items()
        for name in (names if isinstance(names, list) else ())
        if isinstance(name, str) and name not in accounts
    ]
    errors += [
        _error(
            f"/routing/rules/{index}/when/currency",
            "unknown_currency",
            f"{code} is no currency with amounts.",
        )
        for index, rule in enumerate(rules)
        for code in _currencies(rule)
        if not is_currency(code)
    ]
    names = [str(rule.get("name", _rule_name(index))) for index, rule in enumerate(rules)]
    errors += [
        _error(f"/routing/rules/{index}/name", "duplicate", f"Another rule is named {name!r} too.")
        for index, name in enumerate(names)
        if name in names[:index] or name in {"default", "draft"}
    ]
    return errors


def _network_errors(content: dict[str, Any]) -> list[FieldError]:
    section = content.get("webhooks")
    named = section.get("allow_networks") if isinstance(section, dict) else None
    errors = []
    for index, text in enumerate(named if isinstance(named, list) else ()):
        try:
            ip_network(text if isinstance(text, str) else "0.0.0.0/0")
        except ValueError as error:
            detail = f"A network is written like 10.0.0.0/8 or fd00::/8: {error}."
            errors.append(_error(f"/webhooks/allow_networks/{index}", "invalid_value", detail))
    return errors


def _currencies(rule: dict[str, Any]) -> list[str]:
    when = rule.get("when")
    codes = when.get("currency") if isinstance(when, dict) else None
    return [code for code in codes if isinstance(code, str)] if isinstance(codes, list) else []


def _rule_name(index: int) -> str:
    return f"rule-{index + 1}"


def networks_of(webhooks: WebhookSettings) -> tuple[Network, ...]:
    """Return the networks that webhooks may go to although they are not public."""
    return tuple(ip_network(text) for text in webhooks.allow_networks)


def rules_of(routing: RoutingSettings) -> tuple[Rule, ...]:
    """Return the rules in order; those without a name are numbered."""
    return tuple(
        Rule(name=rule.name or _rule_name(index), when=rule.when, use=tuple(rule.use))
        for index, rule in enumerate(routing.rules)
    )


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)


def _sentence(file: Path, text: str, error: FieldError) -> str:
    path = [part.replace("~1", "/").replace("~0", "~") for part in error.pointer.split("/")[1:]]
    return f"{file}:{line_of(text, path)}: {'.'.join(path) or 'the file'}: {error.detail}"


def line_of(text: str, path: list[str]) -> int:
    """Return the line where a key stands, or where the table that lacks it begins; 1 if nothing is found."""
    best: tuple[int, int] = (0, 1)
    table: list[str] = []
    seen: Counter[str] = Counter()
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _header(stripped)
            if stripped.startswith("[["):
                name = ".".join(table)
                table = [*table, str(seen[name])]
                seen[name] += 1
            here = table
        elif "=" in stripped and not stripped.startswith("#"):
            here = [*table, *_header(stripped.partition("=")[0].strip())]
        else:
            continue
        depth = len(here) if path[: len(here)] == here else 0
        if depth > best[0]:
            best = (depth, number)
    return best[1]


def _header(text: str) -> list[str]:
    """The parts of a table's header or a key: ``[accounts.main]`` is ``accounts``, ``main``."""
    return ["".join(part) for part in _KEY_PART.findall(text.split("#", maxsplit=1)[0])]
