"""What Prometheus reads of a running gateway, and the dashboard and the alerts that are made of it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests import journals
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import Emulator, Shop, plain_client, prepare_store, problem_of, write_config

from ordergate.gateway.orders.create import failover_as_routed
from ordergate.gateway.writes.recovery import run_due
from ordergate.telemetry.metrics import MOST_CODES, NO_ACCOUNT, Metrics

CONFIG = Path(__file__).parents[2] / "config"
PAY = {"method": "POST", "path": "*/pay"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(shop: Shop) -> Samples:
    """Every series, and its value."""
    answer = await shop.client.get(f"{shop.url}/metrics")
    assert answer.status_code == 200
    return samples_of(answer.text)


def samples_of(text: str) -> Samples:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


async def test_requests_are_counted_by_route_and_part(shop: Shop) -> None:
    """A request counts under its template, and its time is the gateway's, the journal's and the provider's."""
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 0.05})
    order = await shop.order()
    await shop.read(order)
    await shop.get("/v1/orders/john@example.com")
    await shop.get("/john@example.com")

    samples = await scrape(shop)

    created = {"method": "POST", "route": "/v1/orders"}
    read = {"method": "GET", "route": "/v1/orders/{order_id}"}
    nothing = {"method": "GET", "route": "(no such address)"}
    assert value(samples, "ordergate_requests_total", status="201", **created) == 1
    assert value(samples, "ordergate_requests_total", status="200", **read) == 1
    assert value(samples, "ordergate_requests_total", status="404", **read) == 1
    assert value(samples, "ordergate_requests_total", status="404", **nothing) == 1
    assert value(samples, "ordergate_request_duration_seconds_count", **created) == 1
    parts = {
        part: value(samples, "ordergate_request_part_seconds_sum", part=part)
        for part in ("gateway", "journal", "provider")
    }
    assert parts["provider"] >= 0.05
    assert 0 < parts["journal"] < parts["gateway"]
    assert value(samples, "ordergate_request_part_seconds_count", part="provider") == 1
    assert value(samples, "ordergate_requests_in_flight") == 1  # this look
    assert value(samples, "ordergate_configuration_info", hash=shop.gateway.configuration.hash) == 1


async def test_no_label_is_of_a_callers_making(shop: Shop) -> None:
    """Ids, names, addresses and methods that a caller makes up make no series."""
    order = await shop.order(reference="ref-of-mine", metadata={"mine": "secret-of-mine"})
    for path in (f"/v1/orders/{order['id']}", "/v1/links/products/sku-of-mine", "/path-of-mine"):
        await shop.get(path)
    await shop.call("PROPFIND", "/v1/orders")

    text = (await shop.client.get(f"{shop.url}/metrics")).text

    assert "of-mine" not in text
    assert order["id"] not in text
    assert order["provider_order_id"] not in text
    assert "acme" not in text
    assert "PROPFIND" not in text
    assert 'method="other"' in text


async def test_attempts_are_counted_by_what_came_of_them(shop: Shop) -> None:
    """Applied, refused, unknown, looked for, read: each is told apart, by account and operation."""
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "do": "html", "status": 400, "times": 1})
    problem_of(await shop.pay(order), 422, "provider_rejected")
    shop.emulator.faults({"match": PAY, "at": "after", "do": "drop"})
    problem_of(await shop.pay(await shop.order()), 504, "outcome_unknown")
    before = await scrape(shop)
    shop.emulator.faults()
    for task in await run_due(shop.gateway, failover_as_routed):
        await task
    await shop.read(order, refresh=True)

    samples = await scrape(shop)

    def attempts(operation: str, outcome: str) -> float | None:
        labels = {"account": shop.account, "operation": operation, "outcome": outcome}
        return value(samples, "ordergate_attempts_total", **labels)

    assert attempts("create", "applied") == 2
    assert attempts("pay", "not_applied") == 1
    assert attempts("pay", "unknown") >= 1
    assert attempts("probe", "applied") == 1
    assert attempts("retrieve", "read") >= 1
    assert value(samples, "ordergate_provider_call_duration_seconds_count", account=shop.account) >= 5
    assert value(before, "ordergate_unknown_operations") == 1
    assert 0 < value(before, "ordergate_oldest_unknown_operation_seconds") < 60
    assert value(samples, "ordergate_unknown_operations") == 0
    assert value(samples, "ordergate_oldest_unknown_operation_seconds") == 0


async def test_what_needs_a_person_and_what_is_down_shows(open_another: OpenShop) -> None:
    """An operation that was given up, an open breaker, and a call that was kept back."""
    shop = await open_another(account={"breaker_failures": 1}, recovery={"person_after_hours": 1e-9})
    order = await shop.order()
    shop.emulator.faults({"match": PAY, "at": "after", "do": "drop"})
    problem_of(await shop.pay(order), 504, "outcome_unknown")
    for task in await run_due(shop.gateway, failover_as_routed):
        await task
    problem_of(await shop.create(), 503, "provider_unavailable")

    samples = await scrape(shop)

    assert value(samples, "ordergate_operations_needing_person") == 1
    assert value(samples, "ordergate_unknown_operations") == 1
    assert value(samples, "ordergate_breaker_state", account=shop.account) == 2
    labels = {"account": shop.account, "operation": "create", "outcome": "not_sent"}
    assert value(samples, "ordergate_attempts_total", **labels) == 1


async def test_metrics_are_there_when_the_journal_is_not(shop: Shop, monkeypatch: Any) -> None:
    """A journal that does not answer is told by the metrics; they do not go with it."""
    journals.replace(monkeypatch, shop.gateway.journal, "operations.count_unknown", journals.unavailable)

    samples = await scrape(shop)

    assert value(samples, "ordergate_journal_up") == 0
    assert value(samples, "ordergate_unknown_operations") is None
    assert value(samples, "ordergate_requests_in_flight") == 1


async def test_waiting_for_a_lost_answer_is_not_the_gateways_own_time(open_another: OpenShop) -> None:
    """A write whose answer is lost, and not found while its caller waits, took the gateway itself next to nothing."""
    shop = await open_another(server={"idempotency_wait": 1.0}, recovers=True)
    shop.emulator.faults(
        {"match": {"method": "POST"}, "at": "after", "do": "drop"}, {"match": {"method": "GET"}, "do": "drop"}
    )
    lost = await shop.create()
    problem_of(lost, 504, "outcome_unknown")

    samples = await scrape(shop)

    def part(name: str) -> float:
        return value(samples, "ordergate_request_part_seconds_sum", part=name) or 0.0

    total = value(samples, "ordergate_request_duration_seconds_sum", method="POST", route="/v1/orders")
    assert total is not None
    assert part("waiting") >= 0.5
    assert part("gateway") + part("waiting") + part("provider") == pytest.approx(total, abs=0.01)
    told = re.search(r"gateway;dur=([\d.]+)", lost.headers["server-timing"])
    assert told is not None
    assert float(told[1]) / 1000 == pytest.approx(part("gateway"), abs=0.05)


async def test_a_body_that_comes_slowly_is_not_the_gateways_own_time(shop: Shop) -> None:
    """What its caller is slow with counts as waiting."""

    async def slowly() -> AsyncIterator[bytes]:
        body = json.dumps(shop.draft()).encode()
        yield body[:10]
        await asyncio.sleep(0.6)
        yield body[10:]

    headers = {"Content-Type": "application/json", "Idempotency-Key": "slow-1"}
    answer = await shop.call("POST", "/v1/orders", content=slowly(), headers=headers)
    assert answer.status_code == 201

    samples = await scrape(shop)

    total = value(samples, "ordergate_request_duration_seconds_sum", method="POST", route="/v1/orders")
    gateway = value(samples, "ordergate_request_part_seconds_sum", part="gateway")
    assert total is not None
    assert gateway is not None
    assert total - gateway >= 0.5


async def test_writes_are_counted_by_account_from_the_start(shop: Shop) -> None:
    """Both results exist before the first write; afterwards each counts where it went, reads and health nowhere."""
    await shop.get("/health/ready")
    before = await scrape(shop)
    order = await shop.order()
    await shop.read(order)
    shop.emulator.faults({"match": PAY, "at": "after", "do": "drop"})
    problem_of(await shop.pay(order), 504, "outcome_unknown")
    problem_of(await shop.create({"no": "draft"}), 422, "invalid_request")
    shop.emulator.faults({"match": {"method": "GET"}, "do": "drop"})
    assert (await shop.cancel(await shop.order())).status_code == 503

    samples = await scrape(shop)

    def writes(of: Samples, account: str) -> tuple[float | None, ...]:
        return tuple(
            value(of, "ordergate_writes_total", account=account, result=r) for r in ("answered", "failed")
        )

    assert writes(before, shop.account) == writes(before, NO_ACCOUNT) == (0, 0)
    assert writes(samples, shop.account) == (2, 2)
    assert writes(samples, NO_ACCOUNT) == (1, 0)


async def test_series_of_many_accounts_are_few() -> None:
    """Hundreds of accounts that are all in use make a bounded number of series, each."""
    metrics = Metrics()
    accounts = [f"main-{number}" for number in range(200)]
    metrics.know(accounts)
    for account in accounts:
        metrics.provider_call(account, 0.2)
        for operation, outcome in (("create", "applied"), ("retrieve", "read"), ("list", "read")):
            metrics.attempt(account, operation, outcome)

    of_accounts = [
        labels for _, labels in samples_of(metrics.exposition().decode()) if "account" in dict(labels)
    ]

    assert len(of_accounts) <= 200 * 14 + 2


def test_codes_of_a_provider_are_bounded() -> None:
    """A provider that puts something new into each code fills no memory."""
    metrics = Metrics()
    for number in range(MOST_CODES + 50):
        metrics.unmapped_error("main", "pay", f"CODE_{number}")
    metrics.unmapped_error("main", "pay", "CODE_0")

    samples = samples_of(metrics.exposition().decode())

    name, labels = "ordergate_unmapped_provider_errors_total", {"account": "main", "operation": "pay"}
    assert sum(1 for series, _ in samples if series == name) == MOST_CODES + 1
    assert value(samples, name, code="CODE_0", **labels) == 2
    assert value(samples, name, code="other", **labels) == 50


async def test_dashboard_and_alerts_name_what_there_is(
    start: Start, emulators: Mapping[str, Emulator], tmp_path: Path
) -> None:
    """Every metric, and every label, of the dashboard and the alerts is one that ``serve`` exposes."""
    config = write_config(tmp_path, emulators)
    key, _ = await prepare_store(config, emulators)
    server = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    adapter = min(emulators)
    async with plain_client() as client:
        shop = Shop(server.line(), key, adapter, emulators[adapter], client, config)
        shop.emulator.faults({"match": PAY, "do": "html", "status": 400, "times": 1})
        problem_of(await shop.pay(await shop.order()), 422, "provider_rejected")
        samples = await scrape(shop)
    exposed = {name for name, _ in samples}
    labels: dict[str, set[str]] = {}
    for name, pairs in samples:
        labels.setdefault(name, {"instance", "job"}).update(label for label, _ in pairs)

    expressions = [*_alert_expressions(), *_dashboard_expressions()]

    assert len(expressions) > 30
    used = {name for expression in expressions for name in _metrics_in(expression)}
    assert used - exposed == set()
    ours = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed if name.startswith("ordergate_")}
    shown = {re.sub(r"_(bucket|count|sum)$", "", name) for name in used}
    assert ours - shown == set(), "nobody would see these"
    for expression in expressions:
        names = _metrics_in(expression)
        known = set().union(*(labels[name] for name in names))
        assert _labels_in(expression) - known == set(), expression


def test_alerts_say_where_to_read_on() -> None:
    """Every alert has a severity, a summary, and a place in OPERATIONS.md that exists."""
    headings = re.findall(r"^## (.+)$", (CONFIG / "OPERATIONS.md").read_text(), flags=re.MULTILINE)
    anchors = {re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-") for heading in headings}

    for rule in _rules():
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule["alert"]
        assert rule["annotations"]["summary"]
        place, sentence = rule["annotations"]["runbook"].split(": ", 1)
        file, anchor = place.split("#")
        assert file == "config/OPERATIONS.md"
        assert anchor in anchors, rule["alert"]
        assert sentence


def test_dashboard_points_to_headings_that_exist() -> None:
    """A panel that names a part of OPERATIONS.md names one that is there; ids and places are unique."""
    text = (CONFIG / "OPERATIONS.md").read_text()
    panels = json.loads((CONFIG / "grafana-dashboard.json").read_text())["panels"]

    for panel in panels:
        for heading in re.findall(r"OPERATIONS\.md, ([^:.]+)", panel.get("description", "")):
            assert f"## {heading}\n" in text, panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)


def _rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((CONFIG / "alerts.yaml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def _alert_expressions() -> list[str]:
    return [rule["expr"] for rule in _rules()]


def _dashboard_expressions() -> list[str]:
    dashboard = json.loads((CONFIG / "grafana-dashboard.json").read_text())
    return [
        *(target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])),
        *(note["expr"] for note in dashboard["annotations"]["list"]),
        *(variable["definition"] for variable in dashboard["templating"]["list"] if "definition" in variable),
    ]


def _metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:ordergate|process)_\w+", expression))


def _labels_in(expression: str) -> set[str]:
    """Labels that are matched or grouped by, apart from a bucket's."""
    matched = re.findall(r"(\w+)(?:=~|!~|!=|=)\"", expression)
    grouped = re.findall(r"(?:by|on) \(([^)]*)\)", expression)
    return {*matched, *(label.strip() for group in grouped for label in group.split(","))} - {"le"}
