"""Files that cannot be read, or never end, keep the gateway neither from serving nor from ending."""

import os
import signal
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import tomli_w
from tests.scenarios.conftest import Start
from tests.scenarios.shop import (
    Emulator,
    Shop,
    body_of,
    eventually,
    free_port,
    plain_client,
    prepare_store,
    run,
    write_config,
)


@pytest.fixture
def provider() -> str:
    """The account that orders go to."""
    return "revkeen"


def _with_secret_in(config: Path, file: Path) -> None:
    document = tomllib.loads(config.read_text())
    account = document["accounts"]["revkeen"]
    file.write_text(account["api_key"])
    account["api_key"] = {"file": str(file)}
    config.write_text(tomli_w.dumps(document))


async def test_a_reload_with_a_secret_that_blocks(
    emulators: Mapping[str, Emulator], tmp_path: Path, start: Start
) -> None:
    """The gateway serves while a secret's file hangs; the reload is refused with file and key, and SIGTERM ends it."""
    config, secret = write_config(tmp_path, emulators), tmp_path / "api_key"
    _with_secret_in(config, secret)
    key, _ = await prepare_store(config, emulators)
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce")
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, "revkeen", emulators["revkeen"], client, config)
        body_of(await shop.create(), 201)
        secret.unlink()
        os.mkfifo(secret)

        os.kill(gateway.process.pid, signal.SIGHUP)
        served = 0
        while "configuration.refused" not in gateway.log.read_text():
            body_of(await shop.create(), 201)
            served += 1
        told = gateway.log.read_text()

        os.kill(gateway.process.pid, signal.SIGHUP)
        body_of(await shop.create(), 201)

    assert gateway.end() == 0
    assert served > 1
    assert f"accounts.revkeen.api_key: The file {secret} cannot be read: no data was read within" in told


async def test_a_start_and_a_check_with_a_secret_that_blocks(
    emulators: Mapping[str, Emulator], tmp_path: Path, start: Start
) -> None:
    """Both end with the sentence that names file and key."""
    config, secret = write_config(tmp_path, emulators), tmp_path / "api_key"
    _with_secret_in(config, secret)
    secret.unlink()
    os.mkfifo(secret)

    checked = run("check", "--config", str(config))
    gateway = start("serve", "--config", str(config), "--port", "0")
    await eventually(lambda: gateway.process.poll() is not None)

    assert (checked.returncode, gateway.process.returncode) == (1, 1)
    for told in (checked.stderr, gateway.log.read_text()):
        assert f"accounts.revkeen.api_key: The file {secret} cannot be read" in told


@pytest.mark.parametrize("kind", ["missing", "pipe"])
def test_a_check_names_wrong_authorities(
    emulators: Mapping[str, Emulator], tmp_path: Path, kind: str
) -> None:
    """With certificate authorities that cannot be read no provider is reached: the check fails, and says which."""
    file = tmp_path / "authorities.pem"
    if kind == "pipe":
        os.mkfifo(file)
    config = write_config(tmp_path, emulators)

    checked = run("check", "--config", str(config), SSL_CERT_FILE=str(file))

    assert checked.returncode == 1
    assert "SSL_CERT_FILE" in checked.stderr


def test_a_check_names_what_of_the_environment_is_not_looked_at(
    emulators: Mapping[str, Emulator], tmp_path: Path
) -> None:
    """Who sets a proxy in the environment is told how to set one."""
    config = write_config(tmp_path, emulators)

    checked = run("check", "--config", str(config), HTTPS_PROXY="http://user:hidden@127.0.0.1:1")

    assert checked.returncode == 0
    assert (
        'warning: the environment variable HTTPS_PROXY has no effect; set proxy = { env = "HTTPS_PROXY" }'
        in (checked.stderr)
    )
    assert "hidden" not in checked.stderr


async def test_an_order_goes_on_where_tls_cannot_begin(
    emulators: Mapping[str, Emulator], tmp_path: Path, start: Start
) -> None:
    """With wrong certificate authorities nothing was sent: the order goes to the next account, at once."""
    config = write_config(tmp_path, emulators, routing={"default": ["secure", "revkeen"]})
    document = tomllib.loads(config.read_text())
    document["accounts"]["secure"] = {
        **document["accounts"]["revkeen"],
        "base_url": f"https://127.0.0.1:{free_port()}/v2",
    }
    config.write_text(tomli_w.dumps(document))
    key, _ = await prepare_store(config, {**emulators, "secure": emulators["revkeen"]})
    wrong = str(tmp_path / "gone.pem")
    gateway = start("serve", "--config", str(config), "--port", "0", "--announce", SSL_CERT_FILE=wrong)
    async with plain_client() as client:
        shop = Shop(gateway.line(), key, "revkeen", emulators["revkeen"], client, config)
        draft = {name: value for name, value in shop.draft().items() if name != "account"}
        created = await shop.create(draft)

    assert body_of(created, 201)["account"] == "revkeen"
    assert wrong in gateway.log.read_text()
