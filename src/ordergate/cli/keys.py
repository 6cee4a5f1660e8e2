"""``ordergate keys``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import (
    config_option,
    environment_option,
    json_option,
    reports_problems,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.context import Gateway
    from ordergate.gateway.records import ApiKey


@click.group()
def keys() -> None:
    """Make, list and revoke API keys; only their hashes are kept."""


@keys.command()
@config_option
@click.option("--merchant", help="Whose key it is.")
@click.option("--operator", is_flag=True, help="An operator's key: belongs to no merchant, may administrate.")
@environment_option
@click.option("--scope", "scopes", multiple=True, help="May be repeated; default: every merchant scope.")
@click.option("--expires-in-days", type=click.IntRange(1, 3650), help="Default: never.")
@json_option
@reports_problems
def create(
    config: Path | None,
    merchant: str | None,
    world: str,
    scopes: tuple[str, ...],
    expires_in_days: int | None,
    *,
    operator: bool,
    as_json: bool,
) -> None:
    """Make a key and print it, once.

    \b
    ordergate keys create --merchant acme
    ordergate keys create --merchant acme --env live --scope orders:read
    ordergate keys create --operator --json
    """
    from ordergate.gateway.caller import MERCHANT_SCOPES, OPERATOR_SCOPE, hash_key, make_key

    if bool(merchant) == operator:
        raise click.UsageError("give --merchant NAME, or --operator")
    unknown = set(scopes) - set(MERCHANT_SCOPES)
    if unknown or (operator and scopes):
        raise click.UsageError(f"--scope is one of {', '.join(MERCHANT_SCOPES)}, for a merchant's key")
    now = datetime.now(UTC)
    key, token = make_key(
        merchant=merchant,
        world="live" if world == "live" else "test",
        scopes=(OPERATOR_SCOPE,) if operator else scopes or MERCHANT_SCOPES,
        now=now,
        expires_at=now + timedelta(days=expires_in_days) if expires_in_days else None,
    )
    with_gateway(config, lambda gateway: gateway.journal.add_key(key, hash_key(token)))
    if as_json:
        click.echo(json.dumps({"id": key.id, "key": token, **_facts(key)}))
    else:
        click.echo(token)
        click.echo(f"{key.id}: keep it now, it is not shown again", err=True)


@keys.command(name="list")
@config_option
@json_option
@reports_problems
def list_keys(config: Path | None, *, as_json: bool) -> None:
    """List keys, without the keys themselves."""
    from ordergate.terminal import show_rows

    found = with_gateway(config, lambda gateway: gateway.journal.keys())
    if as_json:
        click.echo(json.dumps({"data": [{"id": key.id, **_facts(key)} for key in found]}))
        return
    rows = [
        (
            key.id,
            key.merchant or "operator",
            key.world,
            " ".join(key.scopes),
            f"{key.created_at:%Y-%m-%d}",
            _state(key),
        )
        for key in found
    ]
    show_rows(("key", "merchant", "env", "scopes", "created", "state"), rows, "no keys")


@keys.command()
@click.argument("key_id")
@config_option
@json_option
@reports_problems
def revoke(key_id: str, config: Path | None, *, as_json: bool) -> None:
    """Revoke the key KEY_ID at once."""
    from ordergate.domain.errors import Problem

    async def work(gateway: "Gateway") -> bool:
        return await gateway.journal.revoke_key(key_id, gateway.clock())

    if not with_gateway(config, work):
        raise Problem("not_found", f"There is no key {key_id!r}; see: ordergate keys list")
    click.echo(json.dumps({"id": key_id, "revoked": True}) if as_json else f"{key_id} revoked")


def _facts(key: "ApiKey") -> dict[str, object]:
    return {
        "merchant": key.merchant,
        "env": key.world,
        "operator": key.operator,
        "scopes": list(key.scopes),
        "created_at": key.created_at.isoformat().replace("+00:00", "Z"),
        "expires_at": key.expires_at and key.expires_at.isoformat().replace("+00:00", "Z"),
        "state": _state(key),
    }


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if expired else "active"
