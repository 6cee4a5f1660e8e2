"""The cost of the metrics of one write, one read and one probe: ``uv run python -m campaigns.bench.metrics``."""

from collections.abc import Callable
from time import perf_counter_ns

from ordergate.telemetry.metrics import Metrics, Times

ROUNDS = 100_000


def main() -> None:
    """Print microseconds for each."""
    metrics = Metrics()

    def read() -> None:
        metrics.in_flight += 1
        metrics.in_flight -= 1
        metrics.request_served("GET", "/v1/orders/{order_id}", 200, Times(0.0011, 0.0, 0.0, 0.0004))

    def write() -> None:
        metrics.in_flight += 1
        metrics.provider_call("main", 0.0021)
        metrics.attempt("main", "create", "applied")
        metrics.in_flight -= 1
        metrics.request_served("POST", "/v1/orders", 201, Times(0.0042, 0.0021, 0.0021, 0.0012))

    for name, work, rounds in (
        ("a read", read, ROUNDS),
        ("a write", write, ROUNDS),
        ("a look at /metrics, without the journal", metrics.exposition, 200),
    ):
        print(f"{name}: {_microseconds(work, rounds):.1f} µs")  # noqa: T201 - it is a command


def _microseconds(work: Callable[[], object], rounds: int) -> float:
    """The best of five, since others use the machine, too."""
    best = 0.0
    for _ in range(5):
        began = perf_counter_ns()
        for _ in range(rounds):
            work()
        took = (perf_counter_ns() - began) / rounds / 1000
        best = min(best, took) if best else took
    return best


if __name__ == "__main__":
    main()
