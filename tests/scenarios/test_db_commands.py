"""The journal's database from a shell: upgraded, and backed up while a gateway serves."""

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.conftest import Start
from tests.scenarios.shop import Emulator, chairs, plain_client, prepare_store, run, write_config

from ordergate.journal.statements import migrations

NEWEST = migrations("sqlite")[-1][0]


def said(*arguments: str, code: int = 0, **environment: str) -> Any:
    """The one JSON document that a command printed."""
    done = run(*arguments, "--json", **environment)
    assert done.returncode == code, done.stderr + done.stdout
    assert done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_migrate(tmp_path: Path) -> None:
    """A schema is made once, and found up to date from then on."""
    file = tmp_path / "journal.db"
    store = {"ORDERGATE_STORE_URL": f"sqlite:///{file}"}

    first = said("db", "migrate", **store)
    again = said("db", "migrate", **store)
    words = run("db", "migrate", **store)

    assert first == {"store": "sqlite", "from": 0, "to": NEWEST}
    assert again == {"store": "sqlite", "from": NEWEST, "to": NEWEST}
    assert (words.returncode, words.stdout) == (0, f"sqlite: schema {NEWEST}, up to date\n")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 999")
    newer = run("db", "migrate", **store)
    assert (newer.returncode, newer.stdout) == (1, "")
    assert "later release" in newer.stderr


def test_migrate_and_backup_on_postgresql(postgresql_url: str, tmp_path: Path) -> None:
    """PostgreSQL's schema is made too; its backup is left to pg_dump, and the URL's password is not printed."""
    store = {"ORDERGATE_STORE_URL": postgresql_url}

    first = said("db", "migrate", **store)
    words = run("db", "migrate", **store)
    refused = run("db", "backup", str(tmp_path / "copy.db"), **store)

    assert first == {"store": "postgresql", "from": 0, "to": migrations("postgresql")[-1][0]}
    assert "up to date" in words.stdout
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "pg_dump" in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [("migrate",), ("backup", "copy.db")])
def test_the_password_of_a_store_is_never_printed(command: tuple[str, ...], tmp_path: Path) -> None:
    """What goes wrong at the database is said without its URL's password."""
    url = "postgresql://gate:s3cret-word@127.0.0.1:1/gate"
    config = tmp_path / "ordergate.toml"
    config.write_text('[store]\nurl = { env = "DATABASE" }\n')

    done = run("db", *command, "--config", str(config), DATABASE=url)

    assert (done.returncode, done.stdout) == (1, "")
    assert "s3cret-word" not in done.stderr
    assert "Traceback" not in done.stderr


async def test_backup_of_a_serving_gateway(
    tmp_path: Path, emulators: Mapping[str, Emulator], start: Start
) -> None:
    """The copy made beside a running server is a journal that another server can serve from."""
    config = write_config(tmp_path, emulators)
    key, _ = await prepare_store(config, emulators)
    serve = ("serve", "--port", "0", "--announce", "--stop-with-stdin", "--config")
    gateway = start(*serve, str(config)).line()
    headers = {"Authorization": f"Bearer {key}"}
    draft = {**chairs(), "account": min(emulators)}
    async with plain_client() as client:
        keyed = {**headers, "Idempotency-Key": "1"}
        made = (await client.post(f"{gateway}/v1/orders", json=draft, headers=keyed)).json()
        copy = tmp_path / "copy.db"

        done = said("db", "backup", str(copy), "--config", str(config))
        twice = run("db", "backup", str(copy), "--config", str(config))
        forced = run("db", "backup", str(copy), "--force", "--config", str(config))
        restored = start(*serve, str(config), ORDERGATE_STORE_URL=f"sqlite:///{copy}").line()

        assert done == {"file": str(copy), "bytes": done["bytes"], "schema": NEWEST}
        assert (twice.returncode, twice.stdout) == (1, "")
        assert "--force" in twice.stderr
        assert (forced.returncode, forced.stderr) == (0, "")
        assert "checked" in forced.stdout
        read = await client.get(f"{restored}/v1/orders/{made['id']}", headers=headers)
        assert read.json() == made
