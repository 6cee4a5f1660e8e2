"""The journal against the provider's own list: what agrees, and each way in which it may not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.shop import Shop, problem_of, run

from ordergate.gateway.operating import reconcile as reconciliation
from ordergate.gateway.operating.reconcile import Reconciliation
from ordergate.journal import transactions as tx


async def _reconcile(shop: Shop, **ago: float) -> Reconciliation:
    assert shop.gateway is not None
    account = shop.gateway.configuration.accounts[shop.account]
    since = datetime.now(UTC) - timedelta(**(ago or {"days": 1}))
    return await reconciliation.reconcile(shop.gateway, account, since, lambda _read: None)


async def test_what_agrees(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Orders that are the same on both sides, over several pages, are no findings; nothing is written."""
    monkeypatch.setattr(reconciliation, "PAGE_SIZE", 2)
    made = [await shop.order(reference=f"A-{number}") for number in range(5)]
    before = [(await shop.journal.read(tx.orders.find(order["id"]))) for order in made]

    result = await _reconcile(shop)

    assert (result.in_journal, result.in_list, result.same, result.findings) == (5, 5, 5, ())
    assert result.agrees
    assert [(await shop.journal.read(tx.orders.find(order["id"]))) for order in made] == before
    future = await _reconcile(shop, days=-1)
    assert (future.in_journal, future.in_list, future.agrees) == (0, 0, True)


async def test_what_changed_at_the_provider(shop: Shop) -> None:
    """An order that was canceled in the provider's dashboard differs in its status, until it is read again."""
    order = await shop.order()
    await shop.order()
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")

    result = await _reconcile(shop)

    (finding,) = result.findings
    assert (finding.found, finding.order, result.same) == ("different", order["id"], 1)
    (difference,) = finding.differences
    assert (difference.field, difference.journal, difference.provider) == ("status", "open", "canceled")
    assert (await shop.read(order))["status"] == "open"
    await shop.read(order, refresh=True)
    assert (await _reconcile(shop)).agrees


async def test_a_stray_write_of_ours(shop: Shop) -> None:
    """An order whose create is unknown here is found at the provider by its mark."""
    shop.emulator.faults({"match": {"method": "POST", "path": "*/orders"}, "at": "after", "do": "drop"})
    problem = problem_of(await shop.create(), 504, "outcome_unknown")
    shop.emulator.faults()

    result = await _reconcile(shop)

    (finding,) = result.findings
    assert (finding.found, finding.order) == ("stray", None)
    assert (finding.operation, finding.operation_state) == (problem["operation"], "unknown")
    assert finding.merchant == "acme"
    assert (result.in_journal, result.in_list, result.same) == (0, 1, 0)


async def test_what_is_gone(shop: Shop) -> None:
    """An order that is in no list is read alone; if it is not there either, it is gone."""
    order = await shop.order()
    shop.emulator.reset()

    result = await _reconcile(shop)

    (finding,) = result.findings
    assert (finding.found, finding.order) == ("gone", order["id"])
    assert "has it no more" in finding.detail


async def test_a_list_that_cannot_be_read(shop: Shop) -> None:
    """A provider that does not answer is a failure, and no order is called gone for it."""
    await shop.order()
    shop.emulator.faults({"match": {"method": "GET"}, "at": "before", "do": "status", "status": 503})

    result = await _reconcile(shop)
    shop.emulator.faults()

    assert result.failure is not None
    assert (result.agrees, result.complete, result.findings) == (False, False, ())


async def test_the_command(shop: Shop, provider: str) -> None:
    """The command prints one document, or a table for people; its exit code says whether anything differs."""

    def said(*arguments: str, code: int) -> Any:
        done = run("reconcile", *arguments, "--config", str(shop.config), "--json")
        assert done.returncode == code, done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)

    order = await shop.order(reference="[b]1[/b]")
    same = said("--account", provider, "--since", "1", code=0)
    shop.emulator.act(order["provider_order_id"], "dashboard_cancel")
    differs = said("--account", provider, "--since", "2026-01-01", code=1)
    table = run("reconcile", "--account", provider, "--since", "1", "--config", str(shop.config))
    nobody = said("--account", "nobody", "--since", "1", code=1)

    assert (same["agrees"], same["same"], same["findings"]) == (True, 1, [])
    assert differs["findings"][0]["differences"] == [
        {"field": "status", "journal": "open", "provider": "canceled"}
    ]
    assert table.returncode == 1
    assert "\x1b[" not in table.stdout
    for words in (order["id"], "status: open here, canceled there", "[b]1[/b]", "the same: 0"):
        assert words in table.stdout, words
    assert nobody["code"] == "not_found"


@pytest.mark.parametrize(
    "arguments", [[], ["--account", "a"], ["--since", "1"], ["--account", "a", "--since", "yesterday"]]
)
def test_wrong_usage(arguments: list[str], tmp_path: Path) -> None:
    """Without an account or a time there is nothing to compare: exit code 2."""
    done = run("reconcile", *arguments)

    assert (done.returncode, done.stdout) == (2, "")
