"""``translate``, ``compare`` and ``shadow report`` as a shell sees them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.scenarios.conftest import Start
from tests.scenarios.shop import Emulator, chairs, prepare_store, run, write_config

ACCOUNTS = ("--accounts", "revkeen,rapyd")


@pytest.fixture
async def served(tmp_path: Path, emulators: Mapping[str, Emulator]) -> tuple[Path, str]:
    """A configuration with a shadow, and the merchant's key."""
    file = write_config(tmp_path, emulators, routing={"shadow": ["rapyd"]})
    key, _ = await prepare_store(file, emulators)
    return file, key


@pytest.fixture
def draft(tmp_path: Path) -> str:
    """The order of the documentation, as a file."""
    file = tmp_path / "order.json"
    _write(str(file), reference="1001")
    return str(file)


def _write(file: str, **changes: Any) -> None:
    Path(file).write_text(json.dumps({**chairs(), **changes}))


def _json(*arguments: str, code: int = 0) -> Any:
    done = run(*arguments, "--json")
    assert done.returncode == code, done.stderr + done.stdout
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


async def test_translate(served: tuple[Path, str], draft: str, emulators: Mapping[str, Emulator]) -> None:
    """For people and for machines; an account that refuses ends it with 1, and nothing is sent."""
    config = ("--config", str(served[0]))

    shown = run("translate", draft, *ACCOUNTS, *config)
    results = _json("translate", draft, *ACCOUNTS, *config)["results"]
    unknown = _json("translate", draft, "--accounts", "revkeen,nowhere", *config, code=1)["results"]

    assert shown.returncode == 0, shown.stderr
    assert "POST /v2/orders" in shown.stdout
    assert '"amount":200,' in shown.stdout
    assert [result["account"] for result in results] == ["revkeen", "rapyd"]
    assert unknown[1]["problem"]["code"] == "no_route"
    assert [emulator.requests for emulator in emulators.values()] == [0, 0]


async def test_compare(served: tuple[Path, str], draft: str, emulators: Mapping[str, Emulator]) -> None:
    """A table for people, the API's document for machines, and 1 where anything is different."""
    config = ("--config", str(served[0]))

    table = run("compare", draft, *ACCOUNTS, *config, "--execute")
    compared = _json("compare", draft, *ACCOUNTS, *config)

    assert table.returncode == 0, table.stderr + table.stdout
    assert "idempotency key" in table.stderr
    row = next(line.split() for line in table.stdout.splitlines() if line.startswith("/total"))
    assert row[:4] == ["/total", "41000", "410", "equivalent"]
    assert compared["mode"] == "translate"
    assert [len(emulator.orders) for emulator in emulators.values()] == [1, 1]
    _write(draft, tax_percent="10")
    differs = _json("compare", draft, *ACCOUNTS, *config, code=1)
    assert [each["pointer"] for each in differs["differences"] if each["kind"] == "different"] == [
        "/tax_percent"
    ]


async def test_shadow_report(served: tuple[Path, str], start: Start) -> None:
    """A gateway that serves counts what the shadow would have made of its orders, and the report shows it."""
    config, key = served
    serve = start("serve", "--config", str(config), "--port", "0", "--announce")
    url = serve.line()
    headers = {"Authorization": f"Bearer {key}"}
    for number, fields in enumerate(({}, {"expires_at": "2030-05-01T12:30:00Z"})):
        body = {**chairs(), "account": "revkeen", "reference": f"A-{number}", **fields}
        keyed = {**headers, "Idempotency-Key": f"key-{number}"}
        async with httpx.AsyncClient(verify=False) as client:
            assert (await client.post(f"{url}/v1/orders", json=body, headers=keyed)).status_code == 201

    serve.end()
    (account,) = _json("shadow", "report", "--config", str(config))["accounts"]
    shown = run("shadow", "report", "--config", str(config))

    assert (account["accepted"], account["refused"]) == (1, 1)
    (refusal,) = account["refusals"]
    assert (refusal["pointer"], refusal["example"]) == ("/expires_at", "A-1")
    assert "1 of 2 orders would have been sent" in shown.stdout
