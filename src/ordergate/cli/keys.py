"""``ordergate keys``."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ordergate.cli.session import (
    Duration,
    config_option,
    environment_option,
    json_option,
    reports_problems,
    tell,
    with_gateway,
)

if TYPE_CHECKING:
    from ordergate.gateway.runtime.runtime import Runtime
    from ordergate.journal.records.keys import ApiKey


@click.group()
def keys() -> None:
    """Make, list, rotate and revoke API keys; only their hashes are kept."""


@keys.command()
@config_option
@click.option("--merchant", help="Whose key it is.")
@click.option("--operator", is_flag=True, help="An operator's key: belongs to no merchant, may administrate.")
@environment_option
@click.option("--scope", "scopes", multiple=True, help="May be repeated; default: every merchant scope.")
@click.option(
    "--expires-in", "lifetime", type=Duration(), help="When it ends: 30m, 24h, 90d. Default: never."
)
@json_option
@reports_problems
def create(
    config: Path | None,
    merchant: str | None,
    world: str,
    scopes: tuple[str, ...],
    lifetime: timedelta | None,
    *,
    operator: bool,
    as_json: bool,
) -> None:
    """Make a key and print it, once.

    \b
    ordergate keys create --merchant acme
    ordergate keys create --merchant acme --env live --scope orders:read --expires-in 90d
    ordergate keys create --operator --json
    """
    from ordergate.gateway.access.caller import MERCHANT_SCOPES, OPERATOR_SCOPE, hash_key, make_key
    from ordergate.journal import transactions as tx

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
        expires_at=now + lifetime if lifetime is not None else None,
    )
    with_gateway(config, lambda runtime: runtime.journal.write(tx.keys.add(key, hash_key(token))))
    _show_once(key, token, as_json=as_json)


@keys.command(name="list")
@config_option
@json_option
@reports_problems
def list_keys(config: Path | None, *, as_json: bool) -> None:
    """List keys, without the keys themselves."""
    from ordergate.journal import transactions as tx
    from ordergate.terminal import show_rows

    found = with_gateway(config, lambda runtime: runtime.journal.read(tx.keys.list_all()))
    if as_json:
        tell(json.dumps({"data": [{"id": key.id, **_facts(key)} for key in found]}))
        return
    rows = [
        (
            key.id,
            key.merchant or "operator",
            key.world,
            " ".join(key.scopes),
            f"{key.created_at:%Y-%m-%d}",
            _minute(key.last_used_at) or "never",
            _minute(key.expires_at) or "never",
            _state(key),
        )
        for key in found
    ]
    show_rows(
        ("key", "merchant", "env", "scopes", "created", "last used", "expires", "state"), rows, "no keys"
    )


@keys.command()
@click.argument("key_id")
@config_option
@click.option(
    "--overlap",
    type=Duration(none_at_all=True),
    default="24h",
    show_default=True,
    help="How long the old key goes on working: 0m, 30m, 24h, 90d.",
)
@click.option(
    "--expires-in",
    "lifetime",
    type=Duration(),
    help="How long the new key works. Default: as long as the old one was made for.",
)
@json_option
@reports_problems
def rotate(
    key_id: str, config: Path | None, overlap: timedelta, lifetime: timedelta | None, *, as_json: bool
) -> None:
    """Replace the key KEY_ID by a new one for the same merchant, environment and scopes; print that, once.

    \b
    ordergate keys rotate key_0199…
    ordergate keys rotate key_0199… --overlap 30m --json
    """
    from ordergate.gateway.access.rotation import rotate_key

    made = with_gateway(
        config, lambda runtime: rotate_key(runtime, key_id, overlap=overlap, lifetime=lifetime)
    )
    previous = {"id": key_id, "expires_at": _time(made.previous_ends_at)}
    _show_once(made.key, made.token, as_json=as_json, replaces=previous)
    if not as_json:
        tell(f"{key_id}: works until {_minute(made.previous_ends_at)} UTC", err=True)


@keys.command()
@click.argument("key_id")
@config_option
@json_option
@reports_problems
def revoke(key_id: str, config: Path | None, *, as_json: bool) -> None:
    """Revoke the key KEY_ID at once."""
    from ordergate.domain.errors import Problem
    from ordergate.journal import transactions as tx

    async def work(runtime: "Runtime") -> bool:
        return await runtime.journal.write(tx.keys.revoke(key_id, runtime.clock()))

    if not with_gateway(config, work):
        raise Problem("not_found", f"There is no key {key_id!r}; see: ordergate keys list")
    tell(json.dumps({"id": key_id, "revoked": True}) if as_json else f"{key_id} revoked")


def _show_once(key: "ApiKey", token: str, *, as_json: bool, **more: object) -> None:
    if as_json:
        tell(json.dumps({"id": key.id, "key": token, **_facts(key), **more}))
    else:
        tell(token)
        tell(f"{key.id}: keep it now, it is not shown again", err=True)


def _facts(key: "ApiKey") -> dict[str, object]:
    return {
        "merchant": key.merchant,
        "env": key.world,
        "operator": key.operator,
        "scopes": list(key.scopes),
        "created_at": _time(key.created_at),
        "last_used_at": _time(key.last_used_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "replaced_by": key.replaced_by,
        "state": _state(key),
    }


def _time(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat().replace("+00:00", "Z")


def _minute(time: datetime | None) -> str | None:
    return None if time is None else f"{time:%Y-%m-%d %H:%M}"


def _state(key: "ApiKey") -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= datetime.now(UTC)
    return "expired" if expired else "active"
