"""Secrets go in by every door there is, and none comes out: not in answers, logs, journals, or lists of processes."""

import asyncio
import os
import signal
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import tomli_w
from click.testing import CliRunner
from tests.scenarios import written
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    Command,
    Emulator,
    Shop,
    body_of,
    eventually,
    free_port,
    plain_client,
    prepare_store,
    problem_of,
    run,
    write_config,
)

from ordergate.cli.check import check
from ordergate.gateway.access.caller import hash_key

WRONG_KEY = "rk_sandbox_planted_wrong_0123456789"
LITERAL = "rk_live_planted_literal_0123456789"
WEBHOOK = "whsec_planted_0123456789"
OLD_WEBHOOK = "whsec_planted_old_0123456789"
TOKEN = "tok_planted_0123456789"
PASSWORD = "plantedpassword0123456789"
PROXY = "plantedproxy0123456789"
PLANTED = (WRONG_KEY, LITERAL, WEBHOOK, OLD_WEBHOOK, TOKEN, PASSWORD, PROXY)


def plant(config: Path, emulators: Mapping[str, Emulator]) -> dict[str, str]:
    """Put secrets into the configuration, each kind of reference among them; return the environment they need."""
    document = tomllib.loads(config.read_text())
    accounts = document["accounts"]
    environment = {
        "PLANTED_KEY": emulators["revkeen"].credentials["api_key"],
        "PLANTED_WRONG": WRONG_KEY,
        "PLANTED_WEBHOOK": WEBHOOK,
        "PLANTED_PROXY": f"http://gate:{PROXY}@127.0.0.1:1",
        "PLANTED_ACCESS": emulators["rapyd"].credentials["access_key"],
    }
    accounts["revkeen"]["api_key"] = {"env": "PLANTED_KEY"}
    accounts["revkeen"]["webhook_secrets"] = [OLD_WEBHOOK, {"env": "PLANTED_WEBHOOK"}]
    accounts["wrong"] = {**accounts["revkeen"], "api_key": {"env": "PLANTED_WRONG"}}
    accounts["behind"] = {**accounts["revkeen"], "proxy": {"env": "PLANTED_PROXY"}}
    document["webhooks"] = {**document.get("webhooks", {}), "proxy": {"env": "PLANTED_PROXY"}}
    secret = config.parent / "secret_key"
    secret.write_text(f"{accounts['rapyd']['secret_key']}\n")
    accounts["rapyd"] |= {"access_key": {"env": "PLANTED_ACCESS"}, "secret_key": {"file": str(secret)}}
    config.write_text(tomli_w.dumps(document))
    return environment


async def busy_day(shop: Shop, operator: Shop) -> list[httpx.Response]:
    """Everything that can go right or wrong at an account, with a token where one fits."""
    token = {"revkeen": {"payment_token": TOKEN}}
    answers = [await shop.create() for _ in range(4)]
    orders = [body_of(answer, 201) for answer in answers]
    for order, fault in zip(orders, (None, *FAULTS), strict=True):
        shop.emulator.faults(*([fault] if fault else []))
        extensions = token if shop.account == "revkeen" else {}
        answers.append(await shop.pay(order, extensions=extensions))
        answers.append(await shop.create())
        shop.emulator.faults()
    answers += [
        await shop.get(f"/v1/orders/{orders[0]['id']}", refresh="true"),
        await shop.get("/v1/operations"),
        await shop.get("/v1/accounts"),
        await shop.get(f"/v1/accounts/{shop.account}"),
        await operator.get("/v1/accounts"),
        await operator.get("/v1/admin/config"),
        await shop.get("/v1/admin/config"),
        await shop.using(f"{shop.key}x").get("/v1/orders"),
        await shop.using(None).get("/v1/orders"),
        await shop.pay(orders[0], extensions={"revkeen": {"payment_token": [TOKEN]}}),
        await shop.pay(orders[0], extensions={"other": {"payment_token": TOKEN}}),
        await shop.call("POST", "/v1/orders", content=f'{{"token": "{TOKEN}"'.encode(), headers=JSON),
        await shop.call("POST", "/v1/routes/explain", json=shop.draft()),
    ]
    return answers


JSON = {"Content-Type": "application/json"}
FAULTS: tuple[dict[str, Any], ...] = (
    {"match": {"method": "POST"}, "do": "delay", "at": "after", "seconds": 0.6},
    {"match": {"method": "POST"}, "do": "status", "status": 500},
    {"match": {"method": "POST"}, "do": "drop", "at": "after"},
)


def spoil(config: Path) -> str:
    """Put a file with literal secrets where the right one was; return the right one."""
    right = config.read_text()
    document = tomllib.loads(right)
    document["accounts"]["live"] = {
        "adapter": "revkeen",
        "environment": "production",
        "api_key": LITERAL,
        "webhook_secrets": [LITERAL],
    }
    document["store"]["url"] = f"postgresql://gate:{PASSWORD}@127.0.0.1/gate"
    config.write_text(tomli_w.dumps(document))
    return right


async def invalid_file(operator: Shop, gateway: Command) -> list[httpx.Response]:
    """Have the file that is there refused, by the call and by the signal."""
    answer = await operator.call("POST", "/v1/admin/reload")
    problem_of(answer, 422, "invalid_request")
    os.kill(gateway.process.pid, signal.SIGHUP)
    await eventually(lambda: gateway.log.read_text().count("configuration.refused") == 2)
    return [answer, await operator.get("/v1/admin/config")]


async def commands(config: Path, environment: Mapping[str, str], folder: Path) -> list[str]:
    """What the commands print, while the gateway serves, and where no database answers."""
    database = f"postgresql://gate:{PASSWORD}@127.0.0.1:{free_port()}/gate"
    here = ("--config", str(config))
    calls: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("check", "--connect", "--json", *here), {}),
        (("switch-check", "--to", "rapyd", *here), {}),
        (("orders", "list", "--json", *here), {}),
        (("links", "export", *here), {}),
        (("db", "backup", str(folder / "copy.db"), *here), {}),
        (("init", "--accept-defaults", "--config", str(folder / "made.toml")), {}),
        (("serve", *here), {"ORDERGATE_STORE_URL": database}),
    ]
    printed = []
    for some in (calls[:3], calls[3:]):
        done = await asyncio.gather(
            *(asyncio.to_thread(run, *arguments, **environment, **more) for arguments, more in some)
        )
        printed += [each.stdout + each.stderr for each in done]
    assert "provider_unauthenticated" in printed[0]
    assert "store_unavailable" in printed[-1]
    return printed


def processes() -> Iterator[bytes]:
    """The command lines of all processes, as ``ps`` shows them."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_bytes()


def bytes_of(folder: Path, pattern: str) -> bytes:
    """What stands in all of these files."""
    return b"".join(file.read_bytes() for file in folder.glob(pattern))


async def test_no_secret_comes_out(emulators: Mapping[str, Emulator], tmp_path: Path, start: Start) -> None:
    """A day with every kind of trouble, at both providers: only the keys' hashes are ever written down."""
    config = write_config(
        tmp_path,
        emulators,
        server={"log_level": "debug", "idempotency_wait": 0},
        account={"read_timeout": 0.3, "settling_time": 0.5},
        recovery={"closed_settling": 0.2},
    )
    key, operator_key = await prepare_store(config, emulators)
    environment = plant(config, emulators)
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", **environment)
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, "revkeen", emulators["revkeen"], client, config)
        operator = shop.using(operator_key)
        answers = await busy_day(shop, operator)
        answers += await busy_day(replace(shop, account="rapyd", emulator=emulators["rapyd"]), operator)
        answers.append(await operator.get("/v1/accounts/wrong/orders"))
        problem_of(answers[-1], 502, "provider_unauthenticated")
        answers.append(await operator.get("/v1/accounts/behind/orders"))
        problem_of(answers[-1], 503, "provider_unavailable")
        listed = b"".join(processes())
        right = spoil(config)
        answers += await invalid_file(operator, gateway)
        told = CliRunner().invoke(check, ["--config", str(config)])
        config.write_text(right)
        printed = await commands(config, environment, tmp_path)
    assert gateway.end() == 0

    shown = [f"{answer.headers}{answer.text}" for answer in answers]
    secrets = [*PLANTED, key, operator_key, *written.credentials]
    assert written.secrets_in("".join([*shown, told.output, *printed]).encode(), secrets) == []
    assert written.secrets_in(listed, secrets) == []
    assert list(written.secrets_written(tmp_path, secrets)) == []
    # What is looked through is really there: the serving process, an order's id, the keys' hashes.
    assert str(config).encode() in listed
    journal, copy = bytes_of(tmp_path, "journal.db*"), bytes_of(tmp_path, "copy.db")
    for content in (journal, copy, gateway.log.read_bytes()):
        assert answers[0].json()["id"].encode() in content
    assert hash_key(key) in journal
    assert {answer.status_code for answer in answers} >= {200, 201, 400, 401, 403, 422, 502, 504}
