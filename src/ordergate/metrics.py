"""What is counted while the gateway runs, in the form that Prometheus reads."""

from prometheus_client import CollectorRegistry, Counter, generate_latest

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_LONGEST_CODE = 64


class Metrics:
    """The counters of one gateway."""

    def __init__(self) -> None:
        """Begin at zero."""
        self._registry = CollectorRegistry()
        self._unmapped = Counter(
            "ordergate_unmapped_provider_errors",
            "Error codes of providers that no adapter maps on purpose.",
            ["account", "operation", "code"],
            registry=self._registry,
        )

        self._shadows_dropped = Counter(
            "ordergate_shadows_dropped",
            "New orders that were not translated for the accounts of [routing] shadow, under load.",
            registry=self._registry,
        )

        self._webhooks = Counter(
            "ordergate_webhooks",
            "Webhooks that came, and what became of them.",
            ["account", "result"],
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
            "Orders that providers told of and that nobody here knows.",
            ["account"],
            registry=self._registry,
        )

    def webhook(self, account: str, result: str) -> None:
        """Count one webhook; `account` is a configured one's name, or says that it is none."""
        self._webhooks.labels(account, result).inc()

    def unknown_event(self, account: str, kind: str) -> None:
        """Count one event of a type that nobody has looked at yet."""
        self._unknown_events.labels(account, kind[:_LONGEST_CODE]).inc()

    def parked_event(self, account: str) -> None:
        """Count one order that nobody here knows."""
        self._parked.labels(account).inc()

    def unmapped_error(self, account: str, operation: str, code: str | None) -> None:
        """Count one error whose code nobody has mapped; `code` is the provider's, None if it gave none."""
        self._unmapped.labels(account, operation, (code or "none")[:_LONGEST_CODE]).inc()

    def shadow_dropped(self) -> None:
        """Count one new order that there was no time to translate for other accounts."""
        self._shadows_dropped.inc()

    def exposition(self) -> bytes:
        """Return every counter as text."""
        return generate_latest(self._registry)
