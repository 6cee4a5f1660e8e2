"""The configuration files beside the code are true: every key, its default, and files that can be used."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.transport.proxy import PrivateCa

from ordergate.settings.document import load_settings
from ordergate.settings.keys import (
    InboundSettings,
    RecoverySettings,
    ServerSettings,
    StoreSettings,
    WebhookSettings,
    tables,
    values_until_restart,
)

FOLDER = Path(__file__).parents[2] / "config"
DEFAULT = FOLDER / "default.toml"
PRODUCTION = FOLDER / "production.example.toml"


def _keys(path: str, text: str) -> dict[str, Any]:
    """Every key of a table, whether it stands there or in a comment, and its value."""
    found: dict[str, Any] = {}
    inside = False
    for line in text.splitlines():
        plain = re.sub(r"^# ?", "", line)
        if re.match(r"\[+[a-z]", plain):
            inside = plain.split("#")[0].strip().strip("[]") == path
        elif inside and (match := re.match(r"([a-z_]+) = (.+)", plain)):
            found[match[1]] = tomllib.loads(f"value = {match[2]}")["value"]
    return found


@pytest.mark.parametrize(
    ("path", "kind"),
    [(path.replace("NAME", "main"), kind) for path, kind in tables() if "client_cert" not in path],
)
def test_every_key_is_documented_with_its_default(path: str, kind: type[msgspec.Struct]) -> None:
    """The file names each key that a table may have, and shows its default where there is one."""
    documented = _keys(path, DEFAULT.read_text())
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    own = {"api_key", "webhook_secrets"} if path == "accounts.main" else set()
    tables = {"rules", "when", "fees"}

    assert documented.keys() - own == fields.keys() - tables
    for name, field in fields.items():
        if name in documented and field.default not in {msgspec.NODEFAULT, None} and path != "routing":
            assert documented[name] == field.default, name


def test_every_table_of_the_file_is_declared() -> None:
    """The declarations know all tables, those of an account and of a rule among them."""
    assert {path for path, _ in tables() if "client_cert" not in path} == {
        "server",
        "store",
        "recovery",
        "webhooks",
        "inbound",
        "accounts.NAME",
        "accounts.NAME.fees",
        "routing",
        "routing.rules",
        "routing.rules.when",
    }


def test_a_reload_applies_the_keys_that_are_marked() -> None:
    """All other keys of [server] and [store] need a restart."""
    server, store = ServerSettings(), StoreSettings()

    assert set(msgspec.structs.asdict(server)) - values_until_restart(server).keys() == {
        "idempotency_wait",
        "key_requests_per_minute",
    }
    assert set(msgspec.structs.asdict(store)) - values_until_restart(store).keys() == {"retention_days"}


def test_default_file_is_usable() -> None:
    """What is shipped is a configuration that holds."""
    settings = load_settings(DEFAULT, {})

    assert settings.server == ServerSettings()
    assert settings.recovery == RecoverySettings()
    assert settings.webhooks == WebhookSettings()
    assert settings.inbound == InboundSettings()
    assert dict(settings.accounts) == {}


def test_comments_of_the_default_file_are_usable(tmp_path: Path) -> None:
    """With every example taken out of its comment, the file still is a configuration that holds."""
    text = re.sub(r"^# ?(?=[\[a-z_]+[^ ]* ?(=|$)|\[)", "", DEFAULT.read_text(), flags=re.MULTILINE)
    text = text.replace('environment = "sandbox"        # emulator', 'environment = "emulator" # ', 1)
    private = PrivateCa(tmp_path)
    certificate, key = private.client(b"opens")
    text = text.replace("/etc/ssl/internal-ca.pem", str(private.ca_file))
    text = text.replace("/run/secrets/client.key", str(key))
    text = text.replace(
        'cert_file = "/run/secrets/client.pem" }', f'cert_file = "{private.client_with_key()}" }}'
    )
    text = text.replace("/run/secrets/client.pem", str(certificate))
    file = tmp_path / "all.toml"
    file.write_text(text)
    environment = {"REVKEEN_API_KEY": "rk_sandbox_x", "RAPYD_ACCESS_KEY": "a", "RAPYD_SECRET_KEY": "s"}
    environment |= {"REVKEEN_WEBHOOK_SECRET": "w", "KEY_PASSWORD": "opens"}

    settings = load_settings(file, environment)

    assert set(settings.accounts) == {"main", "rapyd-eu"}
    assert [rule.name for rule in settings.routing.rules] == ["euro"]


def test_production_example_is_usable(tmp_path: Path) -> None:
    """With its secrets in place, the example for production is a configuration that holds."""
    secrets = {
        "ordergate_database_url": "postgresql://ordergate:pw@db.internal/ordergate",
        "revkeen_api_key": "rk_live_x",
        "rapyd_access_key": "a",
        "rapyd_secret_key": "s",
    }
    for name, value in secrets.items():
        (tmp_path / name).write_text(value)
    file = tmp_path / "production.toml"
    file.write_text(PRODUCTION.read_text().replace("/run/secrets", str(tmp_path)))

    settings = load_settings(file, {})

    assert {account.environment for account in settings.accounts.values()} == {"production"}
    assert "pw" not in str(settings.document)
