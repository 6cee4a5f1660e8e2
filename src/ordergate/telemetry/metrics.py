"""The metrics of the running gateway, in the format of Prometheus.

No label contains a value that a caller may choose: routes are templates, methods are HTTP's own, and a provider's error
codes are limited to `MOST_CODES`. Metrics that are read only for a scrape are in
:mod:`ordergate.gateway.operating.gauges`.

Litestar's own plugin counts inside the application. It does not see requests that end before or after the application,
nor the provider's part of the time.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.metrics_core import Metric

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MOST_CODES = 100
"""Maximum of distinct codes of one account; further ones are counted as ``other``."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""The methods with a label of their own; any other is a caller's invention."""

AttemptOutcome = Literal[
    "applied", "not_applied", "unknown", "not_sent", "absent", "read", "refused", "unanswered"
]
"""The result of one attempt: of a write, of a probe, which may be ``absent``, or of a read (the last three).

``not_sent`` was kept back here, or found no connection; for a read it is no more than unanswered.
"""

# Without it each counter would have a second series: when it began.
disable_created_metrics()  # type: ignore[no-untyped-call]

_LONGEST_CODE = 64
_NO_ROUTE = "(no such address)"
NO_ACCOUNT = "(none)"
"""The account label of a write without a chosen account."""

_NOTICED = 0.001
"""Seconds of waiting beyond the cost of the wait itself."""

# From half a millisecond, the gateway's own time, to a minute, which no provider may take.
_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
# Each bucket is a series for each route, and for each account, of which there may be hundreds.
_BUCKETS_OF_ROUTES = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 10, 30)
_BUCKETS_OF_ACCOUNTS = (0.1, 0.25, 1, 2.5, 10, 30)


class _Route(NamedTuple):
    """The metrics of one kind of request: looked up once, not for each request."""

    requests: Counter
    duration: Histogram


class Times(NamedTuple):
    """Seconds of one request.

    Attributes:
        total: All in all.
        waited: Spent waiting for others: a provider, a turn at an account, a lost answer, the rest of the body.
        provider: Spent exchanging something with providers.
        journal: Spent waiting for the journal.
    """

    total: float
    waited: float
    provider: float
    journal: float

    @property
    def gateway(self) -> float:
        """Seconds of the gateway itself."""
        return max(self.total - max(self.waited, self.provider), 0.0)

    @property
    def waiting(self) -> float:
        """Seconds of waits for others without an exchange."""
        return max(self.waited - self.provider, 0.0)


class Metrics:
    """The counters of one gateway.

    Attributes:
        in_flight: Requests that are being served now.
    """

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.in_flight = 0
        self._make_request_metrics()
        self._make_provider_metrics()
        self._make_webhook_metrics()
        self._shadows_dropped = Counter(
            "ordergate_shadows_dropped",
            "New orders that were not translated for the accounts of [routing] shadow, under load.",
            registry=self._registry,
        )

    def _make_request_metrics(self) -> None:
        self._requests = Counter(
            "ordergate_requests",
            "Requests that were answered, by the route's template.",
            ["method", "route", "status"],
            registry=self._registry,
        )
        self._durations = Histogram(
            "ordergate_request_duration_seconds",
            "Seconds from a request to the end of its answer.",
            ["method", "route"],
            buckets=_BUCKETS_OF_ROUTES,
            registry=self._registry,
        )
        self._writes = Counter(
            "ordergate_writes",
            "Writes of the API that were answered, by account; failed are those answered with a 5xx.",
            ["account", "result"],
            registry=self._registry,
        )
        self._shed = Counter(
            "ordergate_requests_shed",
            "Requests that were refused at once because the gateway was at its limit; they count nowhere else.",
            registry=self._registry,
        )
        parts = Histogram(
            "ordergate_request_part_seconds",
            "Seconds of each request of the API: gateway, its own; journal, the part of that spent waiting for the "
            "journal; provider, exchanges with one; waiting, for a turn there, for the rest of the body, or for a lost "
            "answer. The last two are observed only if there were any.",
            ["part"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._gateway_part = parts.labels("gateway")
        self._journal_part = parts.labels("journal")
        self._provider_part = parts.labels("provider")
        self._waiting_part = parts.labels("waiting")
        self._routes: dict[tuple[str, str | None, int], _Route] = {}

    def _make_provider_metrics(self) -> None:
        self._attempts = Counter(
            "ordergate_attempts",
            "Attempts at providers by outcome; a probe reads the outcome of a write.",
            ["account", "operation", "outcome"],
            registry=self._registry,
        )
        self._attempts_of: dict[tuple[str, str, AttemptOutcome], Counter] = {}
        self._calls = Histogram(
            "ordergate_provider_call_duration_seconds",
            "Seconds of each exchange with a provider, on the network and there; waiting for a turn is not in it.",
            ["account"],
            buckets=_BUCKETS_OF_ACCOUNTS,
            registry=self._registry,
        )
        self._calls_of: dict[str, Histogram] = {}
        self._unmapped = Counter(
            "ordergate_unmapped_provider_errors",
            "Error codes of providers that no adapter maps on purpose.",
            ["account", "operation", "code"],
            registry=self._registry,
        )
        self._codes: dict[str, set[str]] = {}

    def _make_webhook_metrics(self) -> None:
        self._webhooks = Counter(
            "ordergate_webhooks",
            "Webhooks of providers, by result.",
            ["account", "result"],
            registry=self._registry,
        )
        self._deliveries = Counter(
            "ordergate_webhook_deliveries",
            "Attempts to deliver webhooks to merchants, by result; failed ones are retried, gave_up were the last.",
            ["result"],
            registry=self._registry,
        )
        for result in ("delivered", "failed", "gave_up"):
            self._deliveries.labels(result)
        self._endpoints_disabled = Counter(
            "ordergate_webhook_endpoints_disabled",
            "Endpoints of merchants that the gateway disabled because nothing could be delivered there.",
            registry=self._registry,
        )
        self._unknown_events = Counter(
            "ordergate_unknown_provider_events",
            "Events of types that no adapter knows; their orders are read again all the same.",
            ["account", "type"],
            registry=self._registry,
        )
        self._parked = Counter(
            "ordergate_parked_provider_events",
            "Orders in webhooks of providers that the gateway does not know.",
            ["account"],
            registry=self._registry,
        )

    def webhook(self, account: str, result: str) -> None:
        """Count one webhook; `account` is the name of a configured account, or a label for an unknown one."""
        self._webhooks.labels(account, result).inc()

    def delivery(self, *, delivered: bool, last: bool) -> None:
        """Count one try to deliver; the `last` one is not followed by another."""
        self._deliveries.labels("delivered" if delivered else "gave_up" if last else "failed").inc()

    def endpoint_disabled(self) -> None:
        """Count one endpoint that the gateway disabled."""
        self._endpoints_disabled.inc()

    def unknown_event(self, account: str, kind: str) -> None:
        """Count one event of an undocumented type."""
        self._unknown_events.labels(account, kind[:_LONGEST_CODE]).inc()

    def parked_event(self, account: str) -> None:
        """Count one order that no merchant has."""
        self._parked.labels(account).inc()

    def request_served(self, method: str, route: str | None, status: int, times: Times) -> None:
        """Count one request.

        Args:
            method: As it was sent.
            route: The template that it matched; None for none.
            status: The status of the answer; 0 if the caller disconnected before.
            times: How long it took.
        """
        key = method, route, status
        counted = self._routes.get(key) or self._route(key)
        counted.requests.inc()
        counted.duration.observe(times.total)
        if times.journal:
            self._journal_part.observe(times.journal)
            self._gateway_part.observe(times.gateway)
        if times.provider:
            self._provider_part.observe(times.provider)
        if times.waiting > _NOTICED:
            self._waiting_part.observe(times.waiting)

    def write_answered(self, account: str | None, *, failed: bool) -> None:
        """Count one write of the API by the account that was chosen; it failed if it was answered with a 5xx."""
        self._writes.labels(account or NO_ACCOUNT, "failed" if failed else "answered").inc()

    def know(self, accounts: Iterable[str]) -> None:
        """Let the series of writes exist before the first one: no rate sees an increase of a series that is new."""
        for account in (NO_ACCOUNT, *accounts):
            for result in ("answered", "failed"):
                self._writes.labels(account, result)

    def request_shed(self) -> None:
        """Count one request that was refused at once, beyond capacity."""
        self._shed.inc()

    def attempt(self, account: str, operation: str, outcome: AttemptOutcome) -> None:
        """Count one attempt: `operation` is the write's, ``retrieve``, ``list`` or ``probe``."""
        key = account, operation, outcome
        counted = self._attempts_of.get(key)
        if counted is None:
            counted = self._attempts_of[key] = self._attempts.labels(*key)
        counted.inc()

    def provider_call(self, account: str, seconds: float) -> None:
        """Count one exchange with a provider, answered or not."""
        counted = self._calls_of.get(account)
        if counted is None:
            counted = self._calls_of[account] = self._calls.labels(account)
        counted.observe(seconds)

    def unmapped_error(self, account: str, operation: str, code: str | None) -> None:
        """Count one unmapped error; `code` is the provider's, None without one."""
        shown = (code or "none")[:_LONGEST_CODE]
        known = self._codes.setdefault(account, set())
        if len(known) < MOST_CODES:
            known.add(shown)
        self._unmapped.labels(account, operation, shown if shown in known else "other").inc()

    def shadow_dropped(self) -> None:
        """Count one new order that there was no time to translate for other accounts."""
        self._shadows_dropped.inc()

    def exposition(self, gauges: Iterable[Metric] = (), labels: Mapping[str, str] | None = None) -> bytes:
        """Return all metrics as text: the counters, and the present gauges.

        Args:
            gauges: The present values.
            labels: Additional labels of every series.
        """
        return generate_latest(_Together(self._registry, gauges, labels or {}))

    def _route(self, key: tuple[str, str | None, int]) -> _Route:
        """Cache the metrics of a kind of request; there are as many as routes, methods and statuses."""
        method, route, status = key
        shown = method if method in METHODS else "other"
        template = route or _NO_ROUTE
        counted = _Route(
            self._requests.labels(shown, template, str(status)), self._durations.labels(shown, template)
        )
        if shown == method:  # a method that nobody knows is no key to keep
            self._routes[key] = counted
        return counted


def text_of(gauges: Iterable[Metric]) -> bytes:
    """Return metrics as text that no process counts for itself."""
    return generate_latest(_Together(CollectorRegistry(), gauges, {}))


def merged(texts: Iterable[bytes]) -> bytes:
    """Merge several texts into one, in which all series of a metric are together."""
    families: dict[bytes, list[bytes]] = {}
    for text in texts:
        # Line breaks in label values are escaped, so a line that starts with # is a heading.
        for family in (b"\n" + text.rstrip(b"\n")).split(b"\n# HELP ")[1:]:
            meaning, kind, *series = family.split(b"\n", 2)
            families.setdefault(b"# HELP %s\n%s\n" % (meaning, kind), []).extend(series)
    return b"".join(heading + b"\n".join(series) + b"\n" for heading, series in families.items() if series)


class _Together(CollectorRegistry):
    """A registry, and metrics for this one scrape."""

    def __init__(
        self, registry: CollectorRegistry, gauges: Iterable[Metric], labels: Mapping[str, str]
    ) -> None:
        super().__init__()
        self._counted = registry
        self._gauges = gauges
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        for metric in (*self._counted.collect(), *self._gauges):
            yield _labelled(metric, self._labels) if self._labels else metric


def _labelled(metric: Metric, labels: Mapping[str, str]) -> Metric:
    shown = Metric(metric.name, metric.documentation, metric.type, metric.unit)
    shown.samples = [
        sample._replace(labels={**sample.labels, **labels})  # a named tuple's own way
        for sample in metric.samples
    ]
    return shown
