"""Operations from a shell: listed, shown with their evidence, settled by a person."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.shop import Emulator, chairs, prepare_store, run, write_config


@pytest.fixture
async def config(tmp_path: Path, emulators: Mapping[str, Emulator]) -> Path:
    """A configuration with every emulator, and a store with the merchant's links and keys."""
    file = write_config(tmp_path, emulators, recovery={"closed_settling": 0.0})
    await prepare_store(file, emulators)
    return file


def said(config: Path, *arguments: str, code: int = 0) -> Any:
    """The one JSON document that a command printed."""
    done = run(*arguments, "--json", "--config", str(config))
    assert done.returncode == code, done.stderr + done.stdout
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def lose_a_create(
    config: Path, emulator: Emulator, provider: str, tmp_path: Path, at: str = "after"
) -> dict[str, Any]:
    """Create an order whose answer is lost, after the provider has made it or before; return the problem."""
    draft = tmp_path / "order.json"
    draft.write_text(json.dumps({**chairs(), "account": provider, "reference": "[b]1001[/b]"}))
    emulator.faults({"match": {"method": "POST", "path": "*/orders"}, "at": at, "do": "drop"})
    lost = said(config, "orders", "create", str(draft), "--idempotency-key", "once", code=1)
    emulator.faults()
    assert lost["code"] == "outcome_unknown"
    return lost


def test_a_lost_create_is_found_and_resolved(
    config: Path, emulator: Emulator, provider: str, tmp_path: Path
) -> None:
    """An unknown create is listed and shown; resolved as applied it is the order that the provider has."""
    lost = lose_a_create(config, emulator, provider, tmp_path)

    listed = said(config, "operations", "list", "--state", "unknown", "--merchant", "acme")
    shown = said(config, "operations", "show", lost["operation"])
    (made,) = emulator.orders
    resolve = ("operations", "resolve", lost["operation"], "--as", "applied", "--evidence", "Seen [there].")
    without = said(config, *resolve, code=1)
    resolved = said(config, *resolve, "--provider-order-id", made["id"])

    assert [row["id"] for row in listed["data"]] == [lost["operation"]]
    assert (shown["state"], shown["resolution"], shown["idempotency_key"]) == ("unknown", None, "once")
    assert without["errors"][0]["pointer"] == "/provider_order_id"
    assert (resolved["state"], resolved["outcome"]) == ("succeeded", "applied")
    assert resolved["resolution"]["evidence"] == "Seen [there]."
    assert resolved["resolution"]["key"] == "cli"
    assert said(config, "orders", "get", lost["order"])["provider_order_id"] == made["id"]
    assert said(config, "operations", "list", "--state", "unknown")["data"] == []
    assert said(config, *resolve, code=1)["code"] == "invalid_state"
    assert len(emulator.orders) == 1


def test_operations_for_people(config: Path, emulator: Emulator, provider: str, tmp_path: Path) -> None:
    """People read every fact and what happens next, in plain text, and brackets stay brackets."""
    lost = lose_a_create(config, emulator, provider, tmp_path, at="before")
    operation = lost["operation"]

    listed = run("operations", "list", "--config", str(config))
    shown = run("operations", "show", operation, "--config", str(config))
    resolved = run(
        *("operations", "resolve", operation, "--as", "not-applied", "--evidence", "Canceled [there]."),
        *("--config", str(config)),
    )

    for done in (listed, shown, resolved):
        assert done.returncode == 0, done.stderr
        assert "\x1b[" not in done.stdout
        assert operation in done.stdout
        assert "[b]1001[/b]" in done.stdout
    for fact in (
        "unknown",
        lost["order"],
        provider,
        "acme (test)",
        "once",
        "outcome_unknown",
        "none, closed",
    ):
        assert fact in shown.stdout, fact
    assert "probes it again without your help" in shown.stdout
    assert "resolved as not applied by cli" in resolved.stdout
    assert "Canceled [there]." in resolved.stdout
    assert "A repeat of its key sends it again" in resolved.stdout


def test_a_lost_create_is_looked_for_again(
    config: Path, emulator: Emulator, provider: str, tmp_path: Path
) -> None:
    """What the provider does not show stays as it is, unless a person says so; once it shows it, recheck settles it."""
    lost = lose_a_create(config, emulator, provider, tmp_path)
    emulator.faults({"match": {"method": "GET"}, "do": "status", "status": 500})
    verdict = ("operations", "resolve", lost["operation"], "--as", "not-applied", "--evidence", "Not there.")

    nameless = run(*verdict[:4], "applied", "--evidence", "x", "--config", str(config))
    unclear = said(config, "operations", "recheck", lost["operation"])
    refused = said(config, *verdict, code=1)
    emulator.faults()
    settled = said(config, "operations", "recheck", lost["operation"])

    assert nameless.stderr.count("Give the id of the order") == 1
    assert (unclear["state"], unclear["probes"][-1]["found"]) == ("unknown", "unclear")
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("invalid_state", "/unseen")
    assert (settled["state"], settled["outcome"]) == ("succeeded", "applied")
    assert said(config, *verdict, "--unseen", code=1)["code"] == "invalid_state"


def test_an_operation_that_is_not_there(config: Path) -> None:
    """An unknown id is refused with exit code 1, in words or as a problem."""
    asked = ("op_nobody", "--as", "applied", "--evidence", "x")

    assert said(config, "operations", "show", "op_nobody", code=1)["code"] == "not_found"
    assert said(config, "operations", "resolve", *asked, code=1)["code"] == "not_found"
    assert said(config, "operations", "show", "op_nobody", "--env", "live", code=1)["code"] == "not_found"


@pytest.mark.parametrize(
    "arguments",
    [
        ["list", "--state", "lost"],
        ["list", "--limit", "0"],
        ["show"],
        ["recheck"],
        ["resolve", "op_1", "--as", "applied"],
        ["resolve", "op_1", "--evidence", "x"],
        ["resolve", "op_1", "--as", "maybe", "--evidence", "x"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    """Wrong usage is exit code 2, with nothing on stdout."""
    from click.testing import CliRunner

    from ordergate.cli import main

    done = CliRunner().invoke(main, ["operations", *arguments])

    assert (done.exit_code, done.stdout) == (2, "")
