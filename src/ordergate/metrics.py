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

    def unmapped_error(self, account: str, operation: str, code: str | None) -> None:
        """Count one error whose code nobody has mapped; `code` is the provider's, None if it gave none."""
        self._unmapped.labels(account, operation, (code or "none")[:_LONGEST_CODE]).inc()

    def shadow_dropped(self) -> None:
        """Count one new order that there was no time to translate for other accounts."""
        self._shadows_dropped.inc()

    def exposition(self) -> bytes:
        """Return every counter as text."""
        return generate_latest(self._registry)
