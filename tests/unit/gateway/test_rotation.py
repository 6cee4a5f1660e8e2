"""Keys that are replaced while they go on working."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests import journals
from tests.builders import NOON
from tests.journals import Run
from tests.unit.gateway.conftest import gateway_of

from ordergate.domain.errors import Problem
from ordergate.gateway.access.authentication import identify
from ordergate.gateway.access.caller import hash_key, make_key
from ordergate.gateway.access.rotation import rotate_key
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.transaction import Transaction

DAY = timedelta(days=1)


async def _kept(journal: Journal, **options: Any) -> ApiKey:
    given = {"merchant": "acme", "world": "live", "scopes": ("orders:read",), "now": NOON} | options
    key, token = make_key(**given)
    await journal.write(tx.keys.add(key, hash_key(token)))
    return key


@pytest.mark.parametrize("merchant", ["acme", None])
async def test_the_new_key_has_the_old_ones_rights(journal: Journal, merchant: str | None) -> None:
    """Merchant, world and scopes are the same; the new key works at once, the old one until the overlap ends."""
    old = await _kept(journal, merchant=merchant)
    gateway = gateway_of(journal)

    made = await rotate_key(gateway, old.id, overlap=DAY)

    caller = await identify(gateway, f"Bearer {made.token}", "192.0.2.1")
    assert (caller.key, caller.merchant, caller.world) == (made.key.id, merchant, "live")
    assert (caller.operator, caller.scopes) == (merchant is None, frozenset({"orders:read"}))
    assert made.key.expires_at is None
    assert made.previous_ends_at == NOON + DAY
    assert await journal.read(tx.keys.list_all()) == [
        msgspec.structs.replace(old, expires_at=NOON + DAY, replaced_by=made.key.id),
        made.key,
    ]


async def test_an_end_is_not_put_off(journal: Journal) -> None:
    """A key that would end within the overlap still does; its successor lives as long as it was made to live."""
    old = await _kept(journal, now=NOON - 89 * DAY, expires_at=NOON + DAY)
    gateway = gateway_of(journal)

    made = await rotate_key(gateway, old.id, overlap=2 * DAY)
    short = await rotate_key(gateway, made.key.id, overlap=timedelta(0), lifetime=DAY)

    assert made.previous_ends_at == NOON + DAY
    assert made.key.expires_at == NOON + 90 * DAY
    assert short.previous_ends_at == NOON
    assert short.key.expires_at == NOON + DAY


async def test_keys_that_cannot_be_rotated(journal: Journal) -> None:
    """A key that does not work is not revived, and one that was rotated names its successor."""
    gateway = gateway_of(journal)
    revoked, replaced = await _kept(journal), await _kept(journal)
    ended = await _kept(journal, expires_at=NOON)
    await journal.write(tx.keys.revoke(revoked.id, NOON))
    made = await rotate_key(gateway, replaced.id, overlap=DAY)
    before = await journal.read(tx.keys.list_all())

    for key_id, code, word in (
        ("key_nobody", "not_found", "key_nobody"),
        (revoked.id, "invalid_state", "revoked"),
        (ended.id, "invalid_state", "expired"),
        (replaced.id, "invalid_state", made.key.id),
    ):
        with pytest.raises(Problem, match=word) as refused:
            await rotate_key(gateway, key_id, overlap=DAY)
        assert refused.value.code == code
    assert await journal.read(tx.keys.list_all()) == before


async def test_a_key_that_is_revoked_meanwhile_has_no_successor(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between looking and rotating, a revocation wins."""
    gateway = gateway_of(journal)
    key = await _kept(journal)
    await journal.write(tx.keys.revoke(key.id, NOON))

    async def before(_run: Run, _transaction: Transaction[list[ApiKey]]) -> list[ApiKey]:
        return [key]

    with monkeypatch.context() as stale:
        journals.replace(stale, journal, "keys.list_all", before)
        with pytest.raises(Problem, match="just now"):
            await rotate_key(gateway, key.id, overlap=DAY)
    assert len(await journal.read(tx.keys.list_all())) == 1
