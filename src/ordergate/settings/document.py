"""Loads one TOML file into `Settings`, or reports all its errors at once, each with its line.

The environment can override the keys of ``[server]`` and ``[store]``. The file contains references to secrets, never
the secrets of a provider.
"""

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Any, get_args
from urllib.parse import unquote_plus

import msgspec

from ordergate.domain.account import Environment
from ordergate.domain.errors import FieldError
from ordergate.domain.fees import Fees
from ordergate.domain.special_networks import Network
from ordergate.domain.validation import explain, pointer_to
from ordergate.gateway.accounts.account import Account, Trips, is_account_name
from ordergate.gateway.accounts.configuration import ConfigurationError, Rule
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
from ordergate.settings.egress import ignored_variables, read_egress, with_egress_secrets
from ordergate.settings.keys import (
    PROCESS_TABLES,
    AccountSettings,
    Document,
    InboundSettings,
    RecoverySettings,
    RoutingSettings,
    ServerSettings,
    StoreSettings,
    WebhookSettings,
)
from ordergate.settings.secrets import References, holds_secret, resolve_secrets
from ordergate.settings.source import Files, read_source
from ordergate.spi.adapter import Adapter
from ordergate.telemetry.redaction import MASK

ENVIRONMENT_PREFIX = "ORDERGATE_"
DEFAULT_FILE = Path("config/default.toml")

_SERVICE_LINK = (
    "Kubernetes sets this variable, and others like it, in every pod beside a Service named ordergate-{}. Set "
    "enableServiceLinks: false in the pod's spec, or give the Service another name."
)

_PASSWORDS = frozenset({"password", "sslpassword"})
"""Parameters of a database URL that contain a secret."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that passed all checks.

    Attributes:
        file: Path of the file that was read.
        hash: Short hash of the content. It covers references to secrets, but not the secrets.
        document: The content for display: references are kept, literal secrets are replaced by stars.
        webhooks_egress: Proxy and TLS settings for webhooks to merchants.
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
    """Return the file to read: `given`, else ``ORDERGATE_CONFIG``, the default, or the shipped file."""
    named = given or (Path(environment["ORDERGATE_CONFIG"]) if environment.get("ORDERGATE_CONFIG") else None)
    if named is not None:
        return named
    return DEFAULT_FILE if DEFAULT_FILE.exists() else shipped_file()


def shipped_file() -> Path:
    """Return the path of the shipped default configuration, in a wheel or in a checkout."""
    package = Path(__file__).parents[1]
    candidates = (package / DEFAULT_FILE, package.parents[1] / DEFAULT_FILE)
    return next((candidate for candidate in candidates if candidate.exists()), DEFAULT_FILE)


def load_settings(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read and check a configuration.

    Raises:
        ConfigurationError: The file has errors; the exception contains a line for each of them.
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
        ),  # they contain secrets
        webhooks_egress=egress,
        inbound=document.inbound,
        accounts=accounts,
        routing=document.routing,
    )


def environment_warnings(settings: Settings, environment: Mapping[str, str] = os.environ) -> list[str]:
    """Return a warning for each environment variable that ordergate ignores although other programs use it."""
    return ignored_variables(environment, set(_references(settings.document)))


def _with_overrides(
    content: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str], list[FieldError]]:
    """Override keys of the file with ``ORDERGATE_SERVER_…`` and ``ORDERGATE_STORE_…``, converted to the keys' types.

    Returns:
        The merged document, the name of the variable by the pointer of its key, and an error for each unknown variable.
    """
    merged, overrides, errors = dict(content), dict[str, str](), list[FieldError]()
    unknown = set(environment) - set(_references(content))
    for section, kind in PROCESS_TABLES.items():
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
    """Yield the environment variables that a document refers to, at any depth."""
    if isinstance(value, dict):
        if isinstance(name := value.get("env"), str):
            yield name
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def _typed(value: str, kind: Any) -> Any:
    """Convert text to the type of its field; the check of the whole document covers the field's limits."""
    try:
        return msgspec.convert(
            value, get_args(kind)[0] if hasattr(kind, "__metadata__") else kind, strict=False
        )
    except msgspec.ValidationError:
        return value


def _with_store_url(
    content: dict[str, Any], references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    """Replace a reference by the URL of the store, and check the URL."""
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
        return None, []  # the check of the whole document reports the type
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
        errors.append(
            _error("", "invalid_value", "The name of an account may contain letters, digits, - and _.")
        )
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
    """Read the keys that the adapter declares; `environment` is the raw value from the file."""
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
    """Return the content without secrets: literal secrets of emulators, and the password in a database URL."""
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
    """Replace a password in the URL by stars. It may contain ``@``, or be a parameter of the query."""
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
    """Return the networks that webhooks may use although they are not public."""
    return tuple(ip_network(text) for text in webhooks.allow_networks)


def rules_of(routing: RoutingSettings) -> tuple[Rule, ...]:
    """Return the routing rules in order; a rule without a name gets its number as name."""
    return tuple(
        Rule(name=rule.name or rule_name(index), when=rule.when, use=tuple(rule.use))
        for index, rule in enumerate(routing.rules)
    )


def _error(pointer: str, code: str, detail: str) -> FieldError:
    return FieldError(pointer=pointer, code=code, detail=detail)
