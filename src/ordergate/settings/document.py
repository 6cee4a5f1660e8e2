"""The configuration file as types, and everything that is wrong with one, each with its line.

One TOML file. The environment can override ``[server]`` and ``[store]`` keys; secrets are only references.
"""

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote_plus

import msgspec
from msgspec import Meta

from ordergate.domain.account import Accept, Environment
from ordergate.domain.draft import Amount, CurrencyCode, TaxPercent
from ordergate.domain.errors import FieldError
from ordergate.domain.fees import Fees
from ordergate.domain.special_networks import Network
from ordergate.domain.validation import explain, pointer_to
from ordergate.gateway.accounts.account import Account, Trips, is_account_name
from ordergate.gateway.accounts.configuration import ConfigurationError, Rule, Webhooks, When
from ordergate.gateway.accounts.egress import Egress
from ordergate.gateway.accounts.registry import AdapterMissingError, installed_adapter
from ordergate.journal.stores.conninfo import as_url, is_postgresql
from ordergate.settings.checks import (
    base_url_errors,
    network_errors,
    password_errors,
    recovery_errors,
    routing_errors,
    rule_name,
    server_errors,
    service_links,
    settling_errors,
    store_errors,
)
from ordergate.settings.egress import EgressSettings, ignored_variables, read_egress, with_egress_secrets
from ordergate.settings.secrets import References, holds_secret, resolve_secrets
from ordergate.settings.source import Files, read_source
from ordergate.spi.adapter import Adapter
from ordergate.telemetry.log import LogFormat
from ordergate.telemetry.redaction import MASK

ENVIRONMENT_PREFIX = "ORDERGATE_"
DEFAULT_FILE = Path("config/default.toml")

Seconds = Annotated[float, Meta(gt=0, le=3600)]

_SERVICE_LINK = (
    "Kubernetes sets this variable, and others like it, in every pod beside a Service named ordergate-{}. Set "
    "enableServiceLinks: false in the pod's spec, or give the Service another name."
)

_PASSWORDS = frozenset({"password", "sslpassword"})
"""Parameters of a database's URL that are secret."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[server]``: addresses, limits and logs."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    root_path: Annotated[
        str,
        Meta(
            max_length=255,
            pattern="^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?!\\n)$",
            description="A path as /shop, without a slash at its end; empty for none.",
        ),
    ] = ""
    workers: Annotated[int, Meta(ge=1)] = 1
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    max_head_bytes: Annotated[int, Meta(ge=1024, le=2**20)] = 32 * 2**10
    max_headers: Annotated[int, Meta(ge=10, le=10_000)] = 100
    max_body_bytes: Annotated[int, Meta(ge=1024, le=64 * 2**20)] = 2**20
    head_timeout: Seconds = 10.0
    body_timeout: Seconds = 30.0
    idempotency_wait: Annotated[float, Meta(ge=0, le=60)] = 5.0
    key_requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] = 0
    overload_target: Annotated[float, Meta(ge=0, le=60)] = 0.5
    console: bool = True
    tracing: bool = False
    shutdown_timeout: Seconds = 30.0
    log_format: LogFormat = "auto"
    log_level: Literal["debug", "info", "warning", "error"] = "info"


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[store]``: the place of the journal, and the retention of keys."""

    url: str = "sqlite:///ordergate.db"
    connections: Annotated[int, Meta(ge=2, le=200)] = 10
    retention_days: Annotated[int, Meta(ge=1, le=3650)] = 7


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[recovery]``: when an operation without a response counts as not applied, and when it needs a person."""

    closed_settling: Annotated[float, Meta(ge=0, le=600)] = 10.0
    person_after_hours: Annotated[float, Meta(gt=0, le=720)] = 24.0
    late_look_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0


class FeeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[accounts.NAME.fees]``: the provider's fees, for comparisons."""

    percent: TaxPercent = "0"
    fixed: dict[CurrencyCode, Amount] = {}


class WebhookSettings(EgressSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[webhooks]``: the delivery of events to merchants, and the allowed addresses."""

    allow_networks: list[str] = msgspec.field(default_factory=list)
    retries: Annotated[list[Annotated[float, Meta(ge=0, le=604_800)]], Meta(max_length=20)] = msgspec.field(
        default_factory=lambda: list(Webhooks().retries)
    )
    max_in_flight: Annotated[int, Meta(ge=1, le=1_000)] = Webhooks().at_once


class InboundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[inbound]``: how soon an order is read again after a webhook, and how polls replace lost webhooks."""

    settle_seconds: Annotated[float, Meta(ge=0, le=60)] = 0.5
    reread_seconds: Annotated[float, Meta(ge=0, le=3600)] = 2.0
    poll_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    poll_orders: Annotated[int, Meta(ge=1, le=1000)] = 20


class AccountSettings(EgressSettings, frozen=True, kw_only=True):
    """``[accounts.NAME]``: the keys of every account; the other keys are its adapter's."""

    adapter: str
    environment: Environment
    base_url: Annotated[str, Meta(pattern="^https?://[^\\s]+(?!\\n)$")] | None = None
    accept: Accept = "all"
    merchants: (
        Annotated[
            list[Annotated[str, Meta(min_length=1)]],
            Meta(min_length=1, description='Leave it out for everybody; accept = "none" closes an account.'),
        ]
        | None
    ) = None
    connect_timeout: Seconds = 5.0
    read_timeout: Seconds = 30.0
    total_timeout: Seconds = 45.0
    settling_time: Seconds | None = None
    max_in_flight: Annotated[int, Meta(ge=1, le=10_000)] = 50
    requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    poll_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    breaker_failures: Annotated[int, Meta(ge=1, le=100_000)] = 5
    breaker_seconds: Seconds = 10.0
    trace_context: bool = False
    fees: FeeSettings | None = None


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[routing.rules]]``: the accounts for orders that match all of `when`."""

    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    when: When = When()
    use: Annotated[list[str], Meta(min_length=1)]


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[routing]``: the accounts for new orders, in order of preference; the first matching rule decides.

    Each new order is also translated for the accounts of `shadow`, which get nothing.
    """

    default: list[str] = []
    shadow: list[str] = []
    rules: list[RuleSettings] = []


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file, its accounts still unread."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    recovery: RecoverySettings = RecoverySettings()
    webhooks: WebhookSettings = WebhookSettings()
    inbound: InboundSettings = InboundSettings()
    accounts: dict[str, dict[str, Any]] = {}
    routing: RoutingSettings = RoutingSettings()


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that is right as a whole.

    Attributes:
        file: The path of the file.
        hash: Short hash of its content; references count, not the secrets behind them.
        document: The content for display: references stay, secrets are masked.
        webhooks_egress: How webhooks to merchants leave this host.
    """

    file: Path
    hash: str
    document: Mapping[str, Any]
    server: ServerSettings
    store: StoreSettings
    recovery: RecoverySettings
    webhooks: WebhookSettings
    webhooks_egress: Egress
    inbound: InboundSettings
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
    package = Path(__file__).parents[1]
    candidates = (package / DEFAULT_FILE, package.parents[1] / DEFAULT_FILE)
    return next((candidate for candidate in candidates if candidate.exists()), DEFAULT_FILE)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a configuration.

    Raises:
        ConfigurationError: Everything that is wrong with it.
    """
    files = Files()
    references = References(environment, files)
    source = read_source(file, files)
    content, overrides, errors = _with_overrides(source.content, environment)
    errors += password_errors(source.content)
    resolved, found = _with_store_url(content, references)
    resolved, more = _with_webhook_secrets(resolved, references)
    errors += found + more + explain(resolved, Document) + server_errors(resolved)
    document = Document() if errors else msgspec.convert(resolved, Document)
    egress, found = read_egress(document.webhooks, references)
    errors += _below("/webhooks", found)
    accounts, found = _read_accounts(content.get("accounts", {}), references)
    errors += found + routing_errors(content) + network_errors(content)
    errors += recovery_errors(content, {name: account.settling for name, account in accounts.items()})
    if errors:
        raise ConfigurationError([source.sentence(error, overrides) for error in errors])
    return Settings(
        file=file,
        hash=sha256(msgspec.json.encode(content, order="deterministic")).hexdigest()[:12],
        document=_shown(content, accounts),
        server=document.server,
        store=document.store,
        recovery=document.recovery,
        webhooks=msgspec.structs.replace(
            document.webhooks, proxy=None, client_cert=None
        ),  # they hold secrets
        webhooks_egress=egress,
        inbound=document.inbound,
        accounts=accounts,
        routing=document.routing,
    )


def environment_warnings(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return variables of the environment that look like settings and are none."""
    return ignored_variables(environment, set(_references(settings.document)))


def _with_overrides(
    content: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[FieldError]]:
    """Lay ``ORDERGATE_SERVER_…`` and ``ORDERGATE_STORE_…`` over the file, as their fields' types.

    Returns:
        The document, the overriding variables by pointer, and the variables without a key.
    """
    merged, overrides, errors = dict(content), dict[str, str](), list[FieldError]()
    unknown = set(environment) - set(_references(content))
    for section, kind in (("server", ServerSettings), ("store", StoreSettings)):
        prefix = f"{ENVIRONMENT_PREFIX}{section}_".upper()
        fields = {f"{prefix}{field.name}".upper(): field for field in msgspec.structs.fields(kind)}
        links = service_links(prefix, environment)
        if links:
            overrides[f"/{section}/port"] = links[0]
            errors.append(_error(f"/{section}/port", "service_link", _SERVICE_LINK.format(section)))
        for variable, field in fields.items():
            if (
                variable in environment
                and variable not in links
                and isinstance(merged.get(section, {}), dict)
            ):
                value = _typed(environment[variable], field.type)
                merged[section] = {**merged.get(section, {}), field.name: value}
                overrides[f"/{section}/{field.name}"] = variable
        for variable in sorted(unknown - fields.keys() - set(links)):
            if variable.startswith(prefix):
                pointer = f"/{section}/{variable.removeprefix(prefix).lower()}"
                overrides[pointer] = variable
                errors.append(
                    _error(pointer, "unknown_field", f"There is no such key; known are {', '.join(fields)}.")
                )
    return merged, overrides, errors


def _references(value: Any) -> Iterator[str]:
    """The environment variables that a document refers to, wherever."""
    if isinstance(value, dict):
        if isinstance(name := value.get("env"), str):
            yield name
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _typed(value: str, kind: Any) -> Any:
    """The text as its field's type; the field's limits are judged with everything else."""
    try:
        return msgspec.convert(
            value, get_args(kind)[0] if hasattr(kind, "__metadata__") else kind, strict=False
        )
    except msgspec.ValidationError:
        return value


def _with_store_url(
    content: dict[str, Any], references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    """Put the URL in place of a reference to it, and judge it."""
    store = content.get("store")
    url = store.get("url", StoreSettings().url) if isinstance(store, dict) else None
    if not isinstance(store, dict) or not isinstance(url, dict):
        return content, store_errors(url)
    try:
        url = references.value(url)
    except ValueError as error:
        return {**content, "store": {**store, "url": ""}}, [_error("/store/url", "unresolved", str(error))]
    return {**content, "store": {**store, "url": url}}, store_errors(url)


def _with_webhook_secrets(
    content: dict[str, Any], references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    table = content.get("webhooks")
    if not isinstance(table, dict):
        return content, []
    resolved, errors = with_egress_secrets(table, references)
    return {**content, "webhooks": resolved}, _below("/webhooks", errors)


def _below(place: str, errors: list[FieldError]) -> list[FieldError]:
    return [msgspec.structs.replace(error, pointer=place + error.pointer) for error in errors]


def _read_accounts(tables: Any, references: References) -> tuple[dict[str, Account], list[FieldError]]:
    accounts: dict[str, Account] = {}
    errors: list[FieldError] = []
    for name, table in tables.items() if isinstance(tables, dict) else ():
        account, found = _read_account(name, table, references)
        errors += _below(pointer_to("/accounts", name), found)
        if account is not None:
            accounts[name] = account
    return accounts, errors


def _read_account(name: str, table: Any, references: References) -> tuple[Account | None, list[FieldError]]:
    if not isinstance(table, dict):
        return None, []  # the document as a whole has said so
    own = {field.name for field in msgspec.structs.fields(AccountSettings)}
    common, errors = with_egress_secrets(
        {key: value for key, value in table.items() if key in own}, references
    )
    errors += explain(common, AccountSettings)
    egress, found = Egress(), list[FieldError]()
    if not errors:
        egress, found = read_egress(msgspec.convert(common, AccountSettings), references)
    errors += found
    if not is_account_name(name):
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
    settings, found = _own_settings(adapter, rest, table.get("environment"), references)
    errors += found + base_url_errors(table, adapter) + settling_errors(table, adapter)
    if errors:
        return None, errors
    return _account(name, msgspec.convert(common, AccountSettings), adapter, settings, egress), []


def _own_settings(
    adapter: Adapter, table: dict[str, Any], environment: Any, references: References
) -> tuple[Any, list[FieldError]]:
    """Decode the adapter's own keys; `environment` is the value in the file."""
    resolved, errors = resolve_secrets(table, adapter, environment, references)
    errors += [error for error in explain(resolved, adapter.settings_type) if not _reported(error, errors)]
    if errors or environment not in get_args(Environment):
        return None, errors
    settings = msgspec.convert(resolved, adapter.settings_type)
    return settings, adapter.check_settings(settings, environment)


def _account(name: str, settings: AccountSettings, adapter: Adapter, own: Any, egress: Egress) -> Account:
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
        fees=None
        if settings.fees is None
        else Fees(percent=settings.fees.percent, fixed=settings.fees.fixed),
        poll_seconds=settings.poll_seconds,
        trace_context=settings.trace_context,
        trips=Trips(after=settings.breaker_failures, seconds=settings.breaker_seconds),
        egress=egress,
    )


def _reported(error: FieldError, errors: list[FieldError]) -> bool:
    return any(f"{error.pointer}/".startswith(f"{other.pointer}/") for other in errors)


def _shown(content: dict[str, Any], accounts: Mapping[str, Account]) -> dict[str, Any]:
    """The content without secrets: those of emulators, and the password of a database URL, may be in the file."""
    shown = dict(content)
    store = shown.get("store")
    if isinstance(store, dict) and isinstance(store.get("url"), str):
        shown["store"] = {**store, "url": _without_password(store["url"])}
    shown["accounts"] = {
        name: {key: _starred(accounts[name], key, value) for key, value in table.items()}
        for name, table in content.get("accounts", {}).items()
    }
    return shown


def _without_password(url: str) -> str:
    """The URL with stars for a password, however oddly it is written: up to the last ``@``, or as a parameter."""
    if is_postgresql(url):
        url = as_url(url)
    scheme, mark, rest = url.partition("://")
    address, question, query = rest.partition("?")
    login, at, place = address.rpartition("@")
    user, colon, _ = login.partition(":")
    shown = f"{user}{colon}{MASK if colon else ''}{at}{place}"
    parameters = [
        f"{name}={MASK}" if unquote_plus(name) in _PASSWORDS else part
        for part in query.split("&")
        for name in (part.partition("=")[0],)
    ]
    return f"{scheme}{mark}{shown}{question}{'&'.join(parameters)}"


def _starred(account: Account, key: str, value: Any) -> Any:
    own = {field.name: field.type for field in msgspec.structs.fields(account.adapter.settings_type)}
    if key not in own or not holds_secret(own[key]):
        return value
    if isinstance(value, list):
        return [_starred(account, key, item) for item in value]
    return MASK if isinstance(value, str) else value


def networks_of(webhooks: WebhookSettings) -> tuple[Network, ...]:
    """Return the networks to which webhooks may be sent although they are not public."""
    return tuple(ip_network(text) for text in webhooks.allow_networks)


def rules_of(routing: RoutingSettings) -> tuple[Rule, ...]:
    """Return the rules in order; those without a name are numbered."""
    return tuple(
        Rule(name=rule.name or rule_name(index), when=rule.when, use=tuple(rule.use))
        for index, rule in enumerate(routing.rules)
    )


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)
