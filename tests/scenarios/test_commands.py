"""The commands as a shell sees them: exit codes, and stdout that is one JSON document or for people."""

import asyncio
import json
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import click
import httpx
import pytest
from click.testing import CliRunner
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    CUSTOMER,
    PATIENCE,
    Emulator,
    chairs,
    free_port,
    prepare_store,
    product,
    run,
    write_config,
)

from ordergate.cli import main
from ordergate.gateway.accounts.registry import installed_adapters
from ordergate.gateway.runtime.known_keys import KEPT

STAGE_MEMBERS = {"gateway", "key", "operator_key", "accounts", "customer", "skus", "store"}
ACCOUNT_MEMBERS = {"adapter", "base_url", "credentials", "webhook_secret", "customer", "products"}


def only_json(done: CompletedProcess[str], code: int = 0) -> Any:
    """The one JSON document that a command printed, if it ended so."""
    assert done.returncode == code, done.stderr + done.stdout
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A folder for a command's temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


@pytest.fixture
async def config(tmp_path: Path, emulators: Mapping[str, Emulator]) -> Path:
    """A configuration with every emulator, and a store with the merchant's links and keys."""
    file = write_config(tmp_path, emulators)
    await prepare_store(file, emulators)
    return file


def test_demo(temporary: Path, tmp_path: Path) -> None:
    """The demonstration ends by itself, shows every provider, and leaves nothing behind."""
    done = run("demo", TMPDIR=str(temporary), HOME=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert list(temporary.iterdir()) == []
    assert all(name in done.stdout for name in installed_adapters())
    assert "\x1b[" not in done.stdout
    assert "Side by side" in done.stdout


def test_demo_that_is_kept(temporary: Path, start: Start) -> None:
    """A kept demonstration prints one line that is enough to use it, and ends with SIGTERM, leaving nothing."""
    demo = start("demo", "--keep", "--json", TMPDIR=str(temporary))
    stage = json.loads(demo.line())

    assert stage.keys() == STAGE_MEMBERS
    assert stage["accounts"].keys() == set(installed_adapters())
    for name, facts in stage["accounts"].items():
        assert facts.keys() >= ACCOUNT_MEMBERS
        assert facts["adapter"] == name
    assert stage["store"].startswith("sqlite:///")
    with httpx.Client(base_url=stage["gateway"], timeout=30, verify=False) as client:
        for name in stage["accounts"]:
            line = product(sku=stage["skus"][-1])
            draft = {**chairs(), "account": name, "customer": {"id": stage["customer"]}, "line_items": [line]}
            headers = {"Authorization": f"Bearer {stage['key']}", "Idempotency-Key": name}
            answer = client.post("/v1/orders", json=draft, headers=headers)
            assert answer.status_code == 201, answer.text
        read = client.get("/v1/orders", headers={"Authorization": f"Bearer {stage['operator_key']}"})
        assert len(read.json()["data"]) == len(stage["accounts"])
    demo.process.send_signal(signal.SIGTERM)
    assert demo.process.wait(60) == 0
    assert demo.process.stdout is not None
    assert demo.process.stdout.read() == b""
    assert list(temporary.iterdir()) == []
    for url in (stage["gateway"], *(facts["base_url"] for facts in stage["accounts"].values())):
        with pytest.raises(httpx.ConnectError):
            httpx.get(url, verify=False)


def test_demo_json_without_keep() -> None:
    """--json has nothing to print unless the demonstration stays."""
    assert CliRunner().invoke(main, ["demo", "--json"]).exit_code == 2


async def test_keys_while_serving(config: Path, start: Start) -> None:
    """A key made beside a running server works at once, and no longer once it is revoked."""
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin").line()

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{gateway}/v1/orders", headers=headers, verify=False).status_code

    made = only_json(run("keys", "create", "--merchant", "bolt", "--json", "--config", str(config)))
    assert made["key"].startswith("og_test_")
    assert made["merchant"] == "bolt"
    assert status(made["key"]) == 200
    listed = run("keys", "list", "--json", "--config", str(config))
    rows = {row["id"]: row for row in only_json(listed)["data"]}
    assert rows[made["id"]]["state"] == "active"
    assert made["key"] not in listed.stdout
    revoked = only_json(run("keys", "revoke", made["id"], "--json", "--config", str(config)))
    assert revoked == {"id": made["id"], "revoked": True}
    await asyncio.sleep(KEPT)
    assert status(made["key"]) == 401
    live = only_json(
        run(
            *("keys", "create", "--merchant", "bolt", "--env", "live", "--scope", "orders:read"),
            *("--expires-in", "24h", "--json", "--config", str(config)),
        )
    )
    assert live["key"].startswith("og_live_")
    assert live["scopes"] == ["orders:read"]
    assert live["expires_at"].endswith("Z")
    nobody = run("keys", "revoke", "key_nobody", "--json", "--config", str(config))
    assert only_json(nobody, 1)["code"] == "not_found"


async def test_rotating_a_key_while_serving(config: Path, start: Start) -> None:
    """The successor works at once, the old key until the overlap ends, and the list tells when they were used."""
    server = start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin")
    gateway = server.line()

    def keys(*arguments: str, code: int = 0) -> Any:
        return only_json(run("keys", *arguments, "--json", "--config", str(config)), code)

    def status(key: str) -> int:
        headers = {"Authorization": f"Bearer {key}"}
        return httpx.get(f"{gateway}/v1/orders", headers=headers, verify=False).status_code

    old = keys("create", "--merchant", "bolt", "--scope", "orders:read", "--expires-in", "90d")
    new = keys("rotate", old["id"], "--overlap", "30m")
    assert (new["merchant"], new["env"], new["scopes"]) == ("bolt", "test", ["orders:read"])
    assert new["replaces"]["id"] == old["id"]
    assert [status(old["key"]), status(new["key"])] == [200, 200]
    last = keys("rotate", new["id"], "--overlap", "0m")
    await asyncio.sleep(KEPT)
    assert [status(new["key"]), status(last["key"])] == [401, 200]
    assert keys("rotate", old["id"], code=1)["code"] == "invalid_state"

    assert server.end() == 0
    rows = {row["id"]: row for row in keys("list")["data"]}
    assert (rows[old["id"]]["state"], rows[old["id"]]["replaced_by"]) == ("active", new["id"])
    assert rows[old["id"]]["expires_at"] == new["replaces"]["expires_at"]
    assert rows[new["id"]]["state"] == "expired"
    assert all(rows[key["id"]]["last_used_at"].endswith("Z") for key in (old, new, last))
    table = run("keys", "list", "--config", str(config)).stdout
    assert all(word in table for word in ("last used", "expires", last["id"], "never"))
    plain = run("keys", "rotate", last["id"], "--config", str(config))
    assert plain.stdout.startswith("og_test_")
    assert "works until" in plain.stderr


def test_orders_from_the_command_line(
    config: Path, emulator: Emulator, provider: str, tmp_path: Path
) -> None:
    """An order lives its whole life from the shell, each step one JSON document."""
    draft = tmp_path / "order.json"
    draft.write_text(json.dumps({**chairs(), "account": provider, "reference": "order-1001"}))

    def orders(*arguments: str, code: int = 0) -> Any:
        return only_json(run("orders", *arguments, "--json", "--config", str(config)), code)

    create = ("create", str(draft), "--idempotency-key", "once")
    order = orders(*create)
    assert (order["status"], order["total"], order["customer"]["id"]) == ("open", 41000, CUSTOMER)
    assert orders(*create) == order
    assert len(emulator.orders) == 1
    assert orders("get", order["id"]) == order
    twice = orders("create", str(draft), code=1)
    assert (twice["code"], twice["order"]) == ("possible_duplicate", order["id"])
    early = orders("fulfill", order["id"], code=1)
    assert early["code"] == "invalid_state"
    paid = orders("pay", order["id"], "--expected-total", "41000")
    assert paid["payment_status"] in {"pending", "paid"}
    deadline = time.monotonic() + PATIENCE
    while paid["payment_status"] != "paid" and time.monotonic() < deadline:
        paid = orders("get", order["id"], "--refresh")
    late = orders("cancel", order["id"], code=1)
    assert late["code"] == "invalid_state"
    done = orders("fulfill", order["id"], "--tracking-number", "1Z999", "--carrier", "UPS")
    assert (done["status"], done["fulfillments"][0]["tracking_number"]) == ("fulfilled", "1Z999")
    second = orders("create", str(draft), "--allow-duplicate")
    assert orders("cancel", second["id"], "--reason", "Changed her mind")["status"] == "canceled"
    listed = orders("list", "--status", "canceled")
    assert [row["id"] for row in listed["data"]] == [second["id"]]
    assert listed["has_more"] is False


def test_orders_for_people(config: Path, provider: str, tmp_path: Path) -> None:
    """Without --json the order is shown to a person, plainly when piped, and a refusal goes to stderr."""
    draft = tmp_path / "order.json"
    draft.write_text(json.dumps({**chairs(), "account": provider}))

    made = run("orders", "create", str(draft), "--config", str(config))
    assert made.returncode == 0, made.stderr
    assert "410.00 USD" in made.stdout
    assert "\x1b[" not in made.stdout + made.stderr
    assert "idempotency key" in made.stderr
    draft.write_text(json.dumps({**chairs(), "account": "nowhere", "currency": "usd"}))
    refused = run("orders", "create", str(draft), "--config", str(config))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "invalid_request" in refused.stderr
    assert "/currency" in refused.stderr


def test_check(config: Path, emulators: Mapping[str, Emulator]) -> None:
    """A right configuration is said to be right, and every account answers."""
    checked = only_json(run("check", "--connect", "--json", "--config", str(config)))

    assert checked["file"] == str(config)
    assert checked["accounts"] == sorted(emulators)
    assert checked["unreachable"] == {}


def test_check_of_a_broken_file(config: Path, provider: str) -> None:
    """Everything that is wrong is said at once, each with file and line, and nothing on stdout."""
    text = config.read_text()
    broken = text.replace("[server]", "[server]\nport = 70000").replace(
        f"[accounts.{provider}]", f"[accounts.{provider}]\ncolour = 1"
    )
    config.write_text(broken + '\n[accounts.else]\nadapter = "nobody"\nenvironment = "sandbox"\n')
    lines = config.read_text().splitlines()

    checked = run("check", "--config", str(config))

    assert (checked.returncode, checked.stdout) == (1, "")
    said = checked.stderr.splitlines()
    for text in ("port = 70000", "colour = 1", 'adapter = "nobody"'):
        place = f"{config}:{lines.index(text) + 1}:"
        assert any(line.startswith(place) for line in said), (place, said)
    assert len(said) == 3


def test_check_with_a_wrong_key(
    tmp_path: Path, emulator: Emulator, emulators: Mapping[str, Emulator], provider: str
) -> None:
    """Credentials that the provider refuses, and an address where nobody is, are found by --connect only."""
    wrong = {name: value[:-4] + "0000" for name, value in emulator.credentials.items()}
    account = {"adapter": provider, "environment": "emulator", **emulator.credentials}
    config = write_config(
        tmp_path,
        emulators,
        more_accounts={
            "wrong": {**account, **wrong, "base_url": emulator.base_url},
            "nowhere": {**account, "base_url": f"http://127.0.0.1:{free_port()}"},
        },
    )

    connected = only_json(run("check", "--connect", "--json", "--config", str(config)), 1)

    assert connected["unreachable"].keys() == {"wrong", "nowhere"}
    assert connected["unreachable"]["wrong"].startswith("provider_unauthenticated")
    assert connected["unreachable"]["nowhere"].startswith("provider_unavailable")
    assert not any(secret in str(connected) for secret in (*wrong.values(), *emulator.credentials.values()))
    assert only_json(run("check", "--json", "--config", str(config)))["unreachable"] == {}


def test_accounts(config: Path, emulators: Mapping[str, Emulator]) -> None:
    """The configured accounts are listed, without their credentials."""
    listed = run("accounts", "--json", "--config", str(config))

    rows = only_json(listed)["data"]
    assert [row["name"] for row in rows] == sorted(emulators)
    assert not any(secret in listed.stdout for e in emulators.values() for secret in e.credentials.values())


def test_two_servers_on_one_file(config: Path, start: Start) -> None:
    """One SQLite file has one server: a second one refuses to start, and says why."""
    start("serve", "--config", str(config), "--port", "0", "--announce", "--stop-with-stdin").line()

    second = run("serve", "--config", str(config), "--port", "0")

    assert second.returncode == 1
    assert "Another process serves" in second.stderr


def test_port_that_is_taken(config: Path, start: Start) -> None:
    """A port that is taken is said, with exit code 1."""
    url = start("emulate", min(installed_adapters()), "--stop-with-stdin", "--json").line()
    port = str(httpx.URL(json.loads(url)["base_url"]).port)

    served = run("serve", "--config", str(config), "--port", port)

    assert served.returncode == 1
    assert "cannot listen" in served.stderr


def test_webhooks_of_an_emulator_from_the_start(start: Start) -> None:
    """The URL of the command line holds until the control plane names another."""
    hooks = "http://127.0.0.1:9/hooks"
    line = start("emulate", "revkeen", "--webhook-url", hooks, "--stop-with-stdin", "--json").line()
    announced = json.loads(line)

    shown = httpx.get(httpx.URL(announced["base_url"]).join("/_emulator/webhooks")).json()

    assert shown["url"] == hooks
    assert announced["webhook_secret"].startswith("whsec_")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing"],
        ["serve", "--port", "seventy"],
        ["serve", "--port", "70000"],
        ["emulate"],
        ["emulate", "nobody"],
        ["emulate", "{adapter}", "--switch", "colour=red"],
        ["emulate", "{adapter}", "--switch", "colour"],
        ["emulate", "{adapter}", "--webhook-url", "hooks"],
        ["keys", "create"],
        ["keys", "create", "--merchant", "acme", "--operator"],
        ["keys", "create", "--merchant", "acme", "--scope", "everything"],
        ["keys", "create", "--operator", "--scope", "orders:read"],
        ["keys", "create", "--merchant", "acme", "--env", "staging"],
        ["keys", "create", "--merchant", "acme", "--expires-in", "0d"],
        ["keys", "create", "--merchant", "acme", "--expires-in", "9999d"],
        ["keys", "revoke"],
        ["keys", "rotate"],
        ["keys", "rotate", "key_1", "--overlap", "soon"],
        ["orders", "create"],
        ["orders", "create", "/no/such/file.json"],
        ["orders", "get"],
        ["orders", "list", "--status", "done"],
        ["orders", "list", "--limit", "0"],
        ["orders", "pay", "ord_1", "--amount", "4.10"],
        ["links", "import", "--merchant", "acme"],
        ["links", "import", "/no/such/file.csv", "--merchant", "acme"],
        ["links", "import", "-"],
        ["links", "export", "--kind", "colours"],
        ["links", "list", "--cursor", "nonsense"],
        ["links", "list", "--limit", "0"],
        ["links", "missing"],
        ["links", "missing", "--to", "x", "--days", "0"],
        ["check", "--colour"],
        ["demo", "--port", "x"],
    ],
)
def test_wrong_usage(arguments: list[str]) -> None:
    """Wrong usage is exit code 2 and a sentence on stderr, with nothing on stdout."""
    given = [argument.format(adapter=min(installed_adapters())) for argument in arguments]

    done = CliRunner().invoke(main, given)

    assert (done.exit_code, done.stdout) == (2, "")
    assert "Error:" in done.stderr


def test_wrong_usage_of_a_process() -> None:
    """The process ends so too."""
    done = run("orders", "get")

    assert (done.returncode, done.stdout) == (2, "")
    assert "ORDER_ID" in done.stderr


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every command and group, by the words that call it."""
    yield path
    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from commands(child, (*path, name))


@pytest.mark.parametrize("path", tuple(commands(main)), ids=" ".join)
def test_help(path: tuple[str, ...]) -> None:
    """Every command explains itself."""
    done = CliRunner().invoke(main, [*path, "--help"])

    assert (done.exit_code, done.stderr) == (0, "")
    assert "Usage:" in done.stdout
    command: click.Command = main
    for name in path:
        assert isinstance(command, click.Group)
        command = command.commands[name]
    assert command.help


@pytest.mark.parametrize("path", [path for path in commands(main) if len(path) == 1], ids=" ".join)
def test_config_is_taken_by_every_command(path: tuple[str, ...]) -> None:
    """Every command takes --config; a group's commands do."""
    command = main.commands[path[0]]
    members = command.commands.values() if isinstance(command, click.Group) else [command]

    for member in members:
        assert any("--config" in option.opts for option in member.params), member.name


@pytest.mark.parametrize("missing", ["/no/such/file.toml", "/"])
def test_configuration_that_is_not_there(missing: str) -> None:
    """A configuration that cannot be read is said, with its name, and is no traceback."""
    done = run("check", "--config", missing)

    assert done.returncode in {1, 2}
    assert missing in done.stderr
    assert "Traceback" not in done.stderr
