"""Every alert fires for what it is for, and for nothing else, on the series that a gateway really exposes.

Needs ``promtool``, of the package ``prometheus`` (apt, dnf) or of Prometheus's own archive.
"""

import asyncio
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, problem_of
from tests.scenarios.test_metrics import scrape, value

ALERTS = Path(__file__).parents[2] / "config" / "alerts.yaml"
PAY = {"method": "POST", "path": "*/pay"}
SERVER = {"instance": "10.0.0.1:8080", "job": "ordergate"}
EVALUATED = "30m"
BACKLOG = 100
"""The bound of OrdergateJournalBacklog."""

Series = tuple[str, tuple[tuple[str, str], ...]]


class Set(NamedTuple):
    """What a series does in a test, in promtool's notation: `start+step x times`, a minute apart.

    Attributes:
        name: The series' name.
        values: What it does.
        labels: Those by which it is chosen among all that are exposed.
        anew: Labels of one that another server has, too, with other values.
    """

    name: str
    values: str
    labels: Mapping[str, str] = {}
    anew: Mapping[str, str] = {}


class Case(NamedTuple):
    """How an alert is provoked, and what is seen then."""

    sets: Sequence[Set]
    summary: str
    labels: Mapping[str, str] = {}


def buckets(name: str, labels: Mapping[str, str], slow: Sequence[str], each: int = 10) -> list[Set]:
    """So many observations a minute, all of them as slow as the first of the bounds that hold them."""
    return [Set(f"{name}_bucket", f"0+{each}x60", {**labels, "le": bound}) for bound in slow]


def cases(account: str) -> dict[str, list[Case]]:
    """By alert."""
    create = {"account": account, "operation": "create"}
    mine = {"account": account}
    instance = {"instance": SERVER["instance"]}
    order = {"method": "GET", "route": "/v1/orders/{order_id}"}
    unmapped = {"account": account, "operation": "pay", "code": "none"}
    return {
        "OrdergateOperationNeedsPerson": [
            Case(
                [Set("ordergate_operations_needing_person", "2x60")],
                "2 operations need an operator: it is unknown whether they were applied",
            )
        ],
        "OrdergateUnknownOperationOld": [
            Case(
                [Set("ordergate_oldest_unknown_operation_seconds", "1000x60")],
                "An operation has been of unknown outcome for 16m 40s",
            )
        ],
        "OrdergateUnknownOutcomes": [
            Case(
                [
                    Set("ordergate_attempts_total", "0+1x60", {**create, "outcome": "unknown"}),
                    Set("ordergate_attempts_total", "0+9x60", {**create, "outcome": "applied"}),
                ],
                f"10% of the writes to {account} go unanswered",
                mine,
            )
        ],
        "OrdergateBreakerOpen": [
            Case(
                [Set("ordergate_breaker_state", values, mine)],
                f"{account} has failed repeatedly, and no call to it has succeeded since",
                mine,
            )
            for values in ("2x60", "2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1 2 1 1")
        ],
        "OrdergateProviderSlow": [
            Case(
                buckets("ordergate_provider_call_duration_seconds", mine, ("30.0", "+Inf")),
                f"{account} answers within 29s (p95)",
                mine,
            )
        ],
        "OrdergateUnmappedProviderError": [
            Case(
                [Set("ordergate_unmapped_provider_errors_total", values, unmapped)],
                f"{account} answered pay with none, which no adapter maps",
                {**unmapped, **SERVER},
            )
            for values in ("1x25 2x35", "_x28 1x30")
        ],
        "OrdergateJournalDown": [
            Case(
                [Set("ordergate_journal_up", "0x60")],
                "The journal does not answer on 10.0.0.1:8080: every write is refused, with nothing sent",
                instance,
            )
        ],
        "OrdergateClockStepped": [
            Case(
                [Set("ordergate_clock_ahead_seconds", "-691200x60")],
                "A host's clock was set by 8d 0h 0m 0s",
                {},
            )
        ],
        "OrdergateJournalBacklog": [
            Case(
                [Set("ordergate_journal_waiting_writes", "150x60")],
                "150 writes wait for the journal on 10.0.0.1:8080: it is blocked or very slow",
                instance,
            )
        ],
        "OrdergateJournalSlow": [
            Case(
                buckets(
                    "ordergate_request_part_seconds",
                    {"part": "journal"},
                    ("0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf"),
                ),
                "Requests on 10.0.0.1:8080 wait 487.5ms for the journal (p95)",
                instance,
            )
        ],
        "OrdergateErrors": [
            Case(
                [
                    Set("ordergate_writes_total", "0+18x60", {**mine, "result": "failed"}),
                    Set("ordergate_writes_total", "0+12x60", {**mine, "result": "answered"}),
                    # What diluted the ratio: a scrape every 15 s, and health checks.
                    Set("ordergate_requests_total", "0+1000x60", {"route": "/metrics"}),
                ],
                f"60% of the writes to {account} end with a 5xx",
                mine,
            )
        ],
        "OrdergateReadErrors": [
            Case(
                [Set("ordergate_requests_total", "0+1x60", {**order, "status": "503"})],
                "100% of the reads of /v1/orders/{order_id} end with a 5xx",
                {"route": "/v1/orders/{order_id}"},
            )
        ],
        "OrdergateOverloaded": [
            Case(
                [Set("ordergate_requests_shed_total", "0+10x60")],
                "100% of the requests are refused: the gateway is overloaded",
            )
        ],
        "OrdergateSlow": [
            Case(
                buckets(
                    "ordergate_request_part_seconds",
                    {"part": "gateway"},
                    ("1.0", "2.5", "5.0", "10.0", "30.0", "60.0", "+Inf"),
                ),
                "The gateway's own part of a request takes 995ms (p99)",
            )
        ],
        "OrdergateConfigurationsDiffer": [
            Case(
                [
                    Set(
                        "ordergate_configuration_info",
                        "1x60",
                        anew={"instance": "10.0.0.2:8080", "hash": "0123456789ab"},
                    )
                ],
                "Servers run with 2 different configurations",
            )
        ],
        "OrdergateWebhooksLate": [
            Case(
                [Set("ordergate_oldest_waiting_delivery_seconds", "3600x60")],
                "A webhook to a merchant has been waiting for 1h 0m 0s",
            )
        ],
        "OrdergateWebhookEndpointDisabled": [
            Case(
                [Set("ordergate_webhook_endpoints_disabled_total", "0x25 1x35")],
                "A merchant's endpoint was disabled: no delivery to it succeeded",
            )
        ],
        "OrdergateLogLost": [
            Case(
                [Set("ordergate_log_lines_lost_total", "0x25 7x35")],
                "10.0.0.1:8080 has lost log lines: its log cannot be written",
                instance,
            )
        ],
        "OrdergateGone": [Case([], "No gateway can be scraped")],
    }


async def exposed_series(shop: Shop) -> dict[Series, float]:
    """What a gateway exposes after a day on which most things went wrong once."""
    order = await shop.order()
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "drop"})
    problem_of(await shop.create(), 504, "outcome_unknown")
    shop.emulator.faults({"match": PAY, "do": "html", "status": 400, "times": 1})
    problem_of(await shop.pay(order), 422, "provider_rejected")
    shop.emulator.faults({"match": {"method": "GET"}, "do": "drop"})
    failed = await shop.get(f"/v1/orders/{order['id']}", refresh="true")
    assert failed.status_code == 503
    await shop.get("/metrics")
    text = (await shop.client.get(f"{shop.url}/metrics")).text
    return {
        (sample.name, tuple(sorted({**sample.labels, **SERVER}.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def input_series(exposed: Mapping[Series, float], sets: Sequence[Set]) -> list[dict[str, str]]:
    """All that is exposed, standing still, but for what a case sets.

    Raises:
        AssertionError: A case is about a series that no gateway exposes.
    """
    moving = {series: f"{number}x60" for series, number in exposed.items()}
    for each in sets:
        wanted = each.labels.items()
        chosen = [s for s in exposed if s[0] == each.name and wanted <= dict(s[1]).items()]
        assert chosen, f"no gateway exposes {each.name} with {dict(each.labels)}"
        for name, labels in chosen:
            assert each.anew.keys() <= dict(labels).keys()
            moving[name, tuple(sorted({**dict(labels), **each.anew}.items()))] = each.values
    return [
        {"series": f"{name}{{{', '.join(f'{k}={_quoted(v)}' for k, v in labels)}}}", "values": values}
        for (name, labels), values in moving.items()
    ]


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def rules() -> dict[str, dict[str, Any]]:
    document = yaml.safe_load(ALERTS.read_text())
    return {rule["alert"]: rule for group in document["groups"] for rule in group["rules"]}


def test_every_alert_is_provoked() -> None:
    """No alert is without a case, and no case is about an alert that is gone."""
    assert cases("main").keys() == rules().keys()
    assert rules()["OrdergateJournalBacklog"]["expr"].endswith(f"> {BACKLOG}")


async def test_alerts_fire_for_what_they_are_for(open_another: OpenShop, tmp_path: Path) -> None:
    """Each with its labels and the sentence that somebody reads at night; none while all stands still."""
    if shutil.which("promtool") is None:
        pytest.skip("there is no promtool: install the package prometheus")
    shop = await open_another(server={"idempotency_wait": 0}, account={"breaker_failures": 100})
    exposed = await exposed_series(shop)
    quiet = {s: 0.0 if s[0].endswith("_seconds") else number for s, number in exposed.items()}
    quiet = {s: 0.0 if s[0] == "ordergate_unknown_operations" else number for s, number in quiet.items()}
    tests: list[dict[str, Any]] = [
        {
            "interval": "1m",
            "name": "all is well",
            "input_series": [
                series
                for series in input_series(quiet, [])
                if not series["series"].startswith("ordergate_unmapped")
            ],
            "alert_rule_test": [{"eval_time": EVALUATED, "alertname": name} for name in rules()],
        }
    ]
    for name, provoked in cases(shop.account).items():
        for case in provoked:
            rule = rules()[name]
            expected = {
                "exp_labels": {**case.labels, **rule["labels"]},
                "exp_annotations": {**rule["annotations"], "summary": case.summary},
            }
            tests.append(
                {
                    "interval": "1m",
                    "name": name,
                    "input_series": input_series(quiet, case.sets) if case.sets else [],
                    "alert_rule_test": [
                        {"eval_time": EVALUATED, "alertname": name, "exp_alerts": [expected]}
                    ],
                }
            )
    file = tmp_path / "alerts.test.yaml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": tests})
    )

    command = ["promtool", "test", "rules", str(file)]
    result = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout + result.stderr


async def test_a_backlog_of_the_journal_shows(open_another: OpenShop) -> None:
    """While another process holds the journal, more writes wait than the alert's bound: it can be reached."""
    shop = await open_another()
    holder = sqlite3.connect(shop.config.parent / "journal.db", isolation_level=None)
    reached = asyncio.Event()

    async def create(client: httpx.AsyncClient) -> None:
        while not reached.is_set():
            await replace(shop, client=client).create()

    async with httpx.AsyncClient(
        timeout=60, verify=False, limits=httpx.Limits(max_connections=None)
    ) as crowd:
        holder.execute("BEGIN IMMEDIATE")
        creating = [asyncio.create_task(create(crowd)) for _ in range(200)]
        try:
            async with asyncio.timeout(60):
                while (value(await scrape(shop), "ordergate_journal_waiting_writes") or 0) <= BACKLOG:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        finally:
            reached.set()
            holder.execute("ROLLBACK")
            holder.close()
            await asyncio.gather(*creating)
