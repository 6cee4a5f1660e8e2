"""The keys of the configuration file, each declared once: type, limits, default, meaning, and how a change applies.

The rest is derived from these declarations: the check of types and limits, the variables ``ORDERGATE_SERVER_…`` and
``ORDERGATE_STORE_…``, and the keys that a reload cannot apply. A test compares ``config/default.toml`` with them.
A new key needs its declaration here, its line in that file, and the code that uses the value.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from ordergate.domain.account import Accept, Environment
from ordergate.domain.draft import Amount, CurrencyCode, TaxPercent
from ordergate.gateway.accounts.configuration import Webhooks, When
from ordergate.settings.egress import EgressSettings
from ordergate.telemetry.log import LogFormat

Seconds = Annotated[float, Meta(gt=0, le=3600)]

APPLIED_BY_RELOAD = Meta(extra={"applied_by_reload": True})
"""Marks a key of ``[server]`` or ``[store]`` that a reload applies; the others there need a restart."""


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[server]``: the address, the limits of connections and requests, and the log."""

    host: str = "127.0.0.1"
    """IP address or host name to listen on."""
    port: Annotated[int, Meta(ge=0, le=65535)] = 8080
    """TCP port; 0 selects a free one."""
    root_path: Annotated[
        str,
        Meta(
            max_length=255,
            pattern="^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*(?!\\n)$",
            description="A path as /shop, without a slash at its end; empty for none.",
        ),
    ] = ""
    """Path under which a proxy serves the gateway."""
    workers: Annotated[int, Meta(ge=1)] = 1
    """Number of processes that share the port."""
    max_connections: Annotated[int, Meta(ge=1, le=1_000_000)] = 10_000
    """Open connections of each process."""
    max_head_bytes: Annotated[int, Meta(ge=1024, le=2**20)] = 32 * 2**10
    """Bytes of a request line with its headers; a larger head gets 431."""
    max_headers: Annotated[int, Meta(ge=10, le=10_000)] = 100
    """Headers of one request; more get 431."""
    max_body_bytes: Annotated[int, Meta(ge=1024, le=64 * 2**20)] = 2**20
    """Bytes of a request body; a larger body gets 413."""
    head_timeout: Seconds = 10.0
    """Seconds until a request head is complete; then 408."""
    body_timeout: Seconds = 30.0
    """Seconds until a request body is complete; then 408."""
    idempotency_wait: Annotated[float, Meta(ge=0, le=60), APPLIED_BY_RELOAD] = 5.0
    """Seconds that a call waits for the result of an earlier call with its idempotency key, or for a probe."""
    key_requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000), APPLIED_BY_RELOAD] = 0
    """Requests of one API key per minute and process; 0 means no limit."""
    overload_target: Annotated[float, Meta(ge=0, le=60)] = 0.5
    """Seconds that most requests may spend in the gateway before it sheds load with 503; 0 disables shedding."""
    console: bool = True
    """Serve the web console at ``/console``."""
    tracing: bool = False
    """Export OpenTelemetry spans."""
    shutdown_timeout: Seconds = 30.0
    """Seconds that requests in flight get after SIGTERM."""
    log_format: LogFormat = "auto"
    """Format of log lines; ``auto`` means JSON unless the log goes to a terminal."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe level that is logged."""


class StoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[store]``: the database of the journal, and the retention of its records."""

    url: str = "sqlite:///ordergate.db"
    """``sqlite:///FILE``, a ``postgresql://`` URL, or libpq's ``name=value`` pairs; or a reference to one of them."""
    connections: Annotated[int, Meta(ge=2, le=200)] = 10
    """Connections of each process to PostgreSQL."""
    retention_days: Annotated[int, Meta(ge=1, le=3650), APPLIED_BY_RELOAD] = 7
    """Days for which idempotency keys, references, receipts and comparisons are kept."""


class RecoverySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[recovery]``: how the outcome of a write is decided when the provider's response was lost."""

    closed_settling: Annotated[float, Meta(ge=0, le=600)] = 10.0
    """Seconds after a broken connection before a probe that finds nothing proves that the write was not applied."""
    person_after_hours: Annotated[float, Meta(gt=0, le=720)] = 24.0
    """Hours after which an operation with unknown outcome is left to an operator."""
    late_look_minutes: Annotated[float, Meta(gt=0, le=1440)] = 15.0
    """Minutes for which delayed probes continue after an operation was recorded as not applied."""


class FeeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[accounts.NAME.fees]``: the provider's fee for an order, shown by comparisons."""

    percent: TaxPercent = "0"
    """Percentage of the order's total, as a decimal string."""
    fixed: dict[CurrencyCode, Amount] = {}
    """Fixed fee of each order by currency, in minor units."""


class WebhookSettings(EgressSettings, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[webhooks]``: deliveries of events to the endpoints of merchants."""

    allow_networks: list[str] = msgspec.field(default_factory=list)
    """Networks in CIDR notation that endpoints may use although they are not public."""
    retries: Annotated[list[Annotated[float, Meta(ge=0, le=604_800)]], Meta(max_length=20)] = msgspec.field(
        default_factory=lambda: list(Webhooks().retries)
    )
    """Seconds before each further attempt, before jitter."""
    max_in_flight: Annotated[int, Meta(ge=1, le=1_000)] = Webhooks().at_once
    """Concurrent deliveries to one endpoint from one process."""


class InboundSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[inbound]``: reads of orders after a provider's webhooks, and polls for changes without one."""

    settle_seconds: Annotated[float, Meta(ge=0, le=60)] = 0.5
    """Seconds that an order waits after a webhook, so that several webhooks cause one read."""
    reread_seconds: Annotated[float, Meta(ge=0, le=3600)] = 2.0
    """Seconds between two reads of one order that webhooks cause, at least."""
    poll_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 60.0
    """Seconds between two polls of one account; 0 disables polling."""
    poll_orders: Annotated[int, Meta(ge=1, le=1000)] = 20
    """Open orders that one poll reads at a provider without an event feed."""


class AccountSettings(EgressSettings, frozen=True, kw_only=True):
    """``[accounts.NAME]``: the keys of every account; the adapter declares the others."""

    adapter: str
    """Name of an installed adapter."""
    environment: Environment
    """``emulator``, ``sandbox`` or ``production``."""
    base_url: Annotated[str, Meta(pattern="^https?://[^\\s]+(?!\\n)$")] | None = None
    """Address of an emulator; the adapter knows the other addresses."""
    accept: Accept = "all"
    """``all``, ``existing`` (no new orders) or ``none``."""
    merchants: (
        Annotated[
            list[Annotated[str, Meta(min_length=1)]],
            Meta(min_length=1, description='Leave it out for everybody; accept = "none" closes an account.'),
        ]
        | None
    ) = None
    """Merchants that may use the account; None allows all."""
    connect_timeout: Seconds = 5.0
    """Seconds to establish a connection."""
    read_timeout: Seconds = 30.0
    """Seconds without a byte from the provider."""
    total_timeout: Seconds = 45.0
    """Seconds of one attempt."""
    settling_time: Seconds | None = None
    """Seconds after a timeout before a probe that finds nothing proves that the write was not applied."""
    max_in_flight: Annotated[int, Meta(ge=1, le=10_000)] = 50
    """Concurrent calls from one process."""
    requests_per_minute: Annotated[int, Meta(ge=0, le=1_000_000)] | None = None
    """Calls per minute of all processes together; 0 means no limit, None the limit that the provider documents."""
    poll_seconds: Annotated[float, Meta(ge=0, le=86_400)] | None = None
    """Overrides the key of this name in ``[inbound]``."""
    breaker_failures: Annotated[int, Meta(ge=1, le=100_000)] = 5
    """Consecutive failures that open the circuit breaker."""
    breaker_seconds: Seconds = 10.0
    """Seconds that the circuit breaker stays open before one call is tried."""
    trace_context: bool = False
    """Send the header ``traceparent`` to the provider."""
    fees: FeeSettings | None = None
    """The provider's fees."""


class RuleSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[[routing.rules]]``: the accounts for orders that meet all conditions in `when`."""

    name: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    """Name in explanations; weights are drawn by it. The default is ``rule-1``, ``rule-2``, …"""
    when: When = When()
    """Conditions; all of them must be met."""
    use: Annotated[list[str], Meta(min_length=1)]
    """Accounts in order of preference."""


class RoutingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[routing]``: the accounts for new orders; the first rule that matches decides."""

    default: list[str] = []
    """Accounts for orders that no rule matches, in order of preference."""
    shadow: list[str] = []
    """Accounts for which each new order is translated too; nothing is sent to them."""
    rules: list[RuleSettings] = []
    """Rules, tried in this order."""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file. The tables of accounts stay raw, because each adapter declares keys of its own."""

    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    recovery: RecoverySettings = RecoverySettings()
    webhooks: WebhookSettings = WebhookSettings()
    inbound: InboundSettings = InboundSettings()
    accounts: dict[str, dict[str, Any]] = {}
    routing: RoutingSettings = RoutingSettings()


PROCESS_TABLES: Mapping[str, type[msgspec.Struct]] = {"server": ServerSettings, "store": StoreSettings}
"""Tables whose keys the environment can override; most of these keys need a restart."""


def tables() -> Iterator[tuple[str, type[msgspec.Struct]]]:
    """Yield the path of each table with its type, for example ``routing.rules.when`` and ``accounts.NAME``."""
    yield from _tables("", Document)
    yield "accounts.NAME", AccountSettings
    yield from _tables("accounts.NAME.", AccountSettings)


def _tables(prefix: str, table: type[msgspec.Struct]) -> Iterator[tuple[str, type[msgspec.Struct]]]:
    for field in msgspec.structs.fields(table):
        for kind in (field.type, *get_args(field.type)):
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield f"{prefix}{field.name}", kind
                yield from _tables(f"{prefix}{field.name}.", kind)


def values_until_restart(table: msgspec.Struct) -> dict[str, Any]:
    """Return the values of a table that a reload cannot change."""
    return {
        field.name: getattr(table, field.name)
        for field in msgspec.structs.fields(type(table))
        if APPLIED_BY_RELOAD not in get_args(field.type)
    }
