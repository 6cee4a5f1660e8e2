"""Metrics of the present state: they are read for each scrape, and not stored."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.telemetry.log import lost_log_lines
from ordergate.telemetry.metrics import merged, text_of

BREAKER_STATES = ("closed", "half_open", "open")
"""By the number that the metrics show."""

_PATIENCE = 2.0
"""Seconds that siblings have to return their metrics. A slower one is left out."""


async def exposition(runtime: Runtime) -> bytes:
    """Return every metric as Prometheus reads them, whether or not the journal answers.

    The metrics of the siblings are included, so that a scrape of any process returns the same. Values of a single
    process have the label ``worker``; shared values appear once.
    """
    of_all = [*await _of_journal(runtime), _of_release()]
    runtime.metrics.know(runtime.configuration.accounts)
    if runtime.siblings is None:
        return runtime.metrics.exposition([*of_all, *_of_accounts(runtime), *_of_process(runtime)])
    others = await runtime.siblings.ask("metrics", seconds=_PATIENCE)
    return merged([text_of(of_all), await own_exposition(runtime), *filter(None, others.values())])


async def own_exposition(runtime: Runtime) -> bytes:
    """Return the metrics of this process, with its label."""
    runtime.metrics.know(runtime.configuration.accounts)
    labels = {"worker": str(runtime.siblings.number)} if runtime.siblings is not None else {}
    return runtime.metrics.exposition([*_of_accounts(runtime), *_of_process(runtime)], labels)


async def _of_journal(runtime: Runtime) -> list[Metric]:
    up = _gauge("ordergate_journal_up", "1 while the journal answers, and takes writes.")
    try:
        await runtime.store_check.require_writable(runtime.journal)
        unknown = await runtime.journal.read(tx.operations.count_unknown())
        outgoing = await runtime.journal.read(tx.deliveries.outgoing_webhooks())
    except JournalUnavailableError:
        up.add_metric((), 0)
        return [up]
    up.add_metric((), 1)
    number = _gauge("ordergate_unknown_operations", "Operations of unknown outcome.")
    number.add_metric((), unknown.number)
    oldest = _gauge(
        "ordergate_oldest_unknown_operation_seconds", "Age of the oldest of them; 0 if there is none."
    )
    oldest.add_metric((), unknown.oldest)
    person = _gauge("ordergate_operations_needing_person", "Those of them that an operator must resolve.")
    person.add_metric((), unknown.need_person)
    waiting = _gauge("ordergate_waiting_deliveries", "Webhooks to merchants that are not delivered yet.")
    waiting.add_metric((), outgoing.waiting)
    age = _gauge(
        "ordergate_oldest_waiting_delivery_seconds", "Age of the oldest of them; 0 if there is none."
    )
    age.add_metric((), outgoing.oldest)
    disabled = _gauge(
        "ordergate_disabled_webhook_endpoints", "Endpoints of merchants that nothing is sent to."
    )
    disabled.add_metric((), outgoing.disabled)
    return [up, number, oldest, person, waiting, age, disabled]


def _of_release() -> Metric:
    return _info(
        "ordergate_build",
        "The running release.",
        version=version("ordergate"),
        python=platform.python_version(),
    )


def _of_accounts(runtime: Runtime) -> Iterator[Metric]:
    breaker = _gauge(
        "ordergate_breaker_state",
        "0: closed, calls are sent. 1: it was open, and no call has succeeded since. 2: open, no call is sent.",
        "account",
    )
    in_flight = _gauge(
        "ordergate_provider_calls_in_flight",
        "Calls on their way now, those that wait for their turn included.",
        "account",
    )
    paused = _gauge(
        "ordergate_provider_paused_seconds",
        "Seconds until the pause that the provider asked for ends.",
        "account",
    )
    for name, account in runtime.configuration.accounts.items():
        health = runtime.transport.health(account)
        breaker.add_metric((name,), BREAKER_STATES.index(health.breaker))
        in_flight.add_metric((name,), health.in_flight)
        paused.add_metric((name,), health.paused_for)
    yield from (breaker, in_flight, paused)


def _of_process(runtime: Runtime) -> Iterator[Metric]:
    figures = {
        "ordergate_journal_waiting_writes": (
            runtime.journal.waiting_writes(),
            "Writes that wait for the journal in this process.",
        ),
        "ordergate_requests_in_flight": (runtime.metrics.in_flight, "Requests that are being served now."),
        "ordergate_requests_competing": (
            runtime.concurrency.competing,
            "Of these, those that do not wait for a provider.",
        ),
        "ordergate_requests_limit": (
            runtime.concurrency.limit,
            "Number of such requests above which the gateway refuses more; it adapts to the load.",
        ),
        "ordergate_clock_ahead_seconds": (
            runtime.steady.ahead.total_seconds() if runtime.steady is not None else 0.0,
            "By how much the host's clock was set since this process started; keys expire as if it had not been.",
        ),
        "ordergate_running_writes": (len(runtime.work.running), "Writes and probes in progress."),
        "ordergate_waiting_shadows": (
            len(runtime.shadows.waiting),
            "New orders that wait to be translated for the accounts of [routing] shadow.",
        ),
    }
    for name, (figure, meaning) in figures.items():
        gauge = _gauge(name, meaning)
        gauge.add_metric((), figure)
        yield gauge
    lost = "Log lines that were lost because the log could not be written, and no more would fit into memory."
    yield CounterMetricFamily("ordergate_log_lines_lost", lost, value=lost_log_lines())
    loaded = _gauge("ordergate_configuration_loaded_timestamp_seconds", "When the one in force was loaded.")
    if runtime.configuration.loaded_at is not None:
        loaded.add_metric((), runtime.configuration.loaded_at.timestamp())
    yield loaded
    yield _info("ordergate_configuration", "The one in force.", hash=runtime.configuration.hash)


def _gauge(name: str, meaning: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, meaning, labels=labels)


def _info(name: str, meaning: str, **values: str) -> InfoMetricFamily:
    return InfoMetricFamily(name, meaning, value=values)
