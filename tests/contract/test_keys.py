"""Keys that are rotated, revoked and used at the same time; on every store."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from tests.contract.conftest import NOW, Store, claimed, ended, intent, operation, retried

from ordergate.domain.identifiers import new_id
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.records.operations import Claimed, Revoked

HOUR = timedelta(hours=1)
ROUNDS = 25


def _key(**changes: Any) -> ApiKey:
    key = ApiKey(
        id=new_id("key"),
        merchant="acme",
        world="test",
        operator=False,
        scopes=("orders:read",),
        created_at=NOW,
    )
    return msgspec.structs.replace(key, **changes)


def _hash(key: ApiKey) -> bytes:
    return key.id.encode()


async def _kept(journal: Journal) -> ApiKey:
    key = _key()
    await journal.write(tx.keys.add(key, _hash(key)))
    return key


async def test_a_rotated_key_ends_and_names_its_successor(journal: Journal) -> None:
    """The old key gets its end and its successor's id, in the step that makes the new one known."""
    old, new = await _kept(journal), _key()

    assert await journal.write(tx.keys.rotate(old.id, new, _hash(new), NOW + HOUR)) is True

    ending = msgspec.structs.replace(old, expires_at=NOW + HOUR, replaced_by=new.id)
    assert await journal.read(tx.keys.find(_hash(old))) == ending
    assert await journal.read(tx.keys.find(_hash(new))) == new
    assert await journal.read(tx.keys.list_all()) == [ending, new]


async def test_unknown_revoked_and_replaced_keys_are_not_rotated(journal: Journal) -> None:
    """Then no new key is made, and the old one is left as it was."""
    revoked, replaced, new = await _kept(journal), await _kept(journal), _key()
    await journal.write(tx.keys.revoke(revoked.id, NOW))
    await journal.write(tx.keys.rotate(replaced.id, new, _hash(new), NOW + HOUR))
    before = await journal.read(tx.keys.list_all())

    for key_id in (new_id("key"), revoked.id, replaced.id):
        another = _key()
        assert await journal.write(tx.keys.rotate(key_id, another, _hash(another), NOW + 2 * HOUR)) is False
        assert await journal.read(tx.keys.find(_hash(another))) is None
    assert await journal.read(tx.keys.list_all()) == before


async def test_a_rotated_key_can_still_be_revoked(journal: Journal) -> None:
    """Revoking ends the overlap, and revoking again keeps the first time."""
    old, new = await _kept(journal), _key()
    await journal.write(tx.keys.rotate(old.id, new, _hash(new), NOW + HOUR))

    assert await journal.write(tx.keys.revoke(old.id, NOW)) is True
    assert await journal.write(tx.keys.revoke(old.id, NOW + HOUR)) is True

    revoked = await journal.read(tx.keys.find(_hash(old)))
    assert revoked is not None
    assert (revoked.revoked_at, revoked.replaced_by) == (NOW, new.id)


async def test_the_last_use_is_listed(journal: Journal) -> None:
    """The latest time stays, whoever tells it last; a key that is not kept is passed over."""
    used, idle = await _kept(journal), await _kept(journal)

    await journal.write(tx.keys.record_use({used.id: NOW + HOUR, new_id("key"): NOW}))
    await journal.write(tx.keys.record_use({used.id: NOW}))
    await journal.write(tx.keys.record_use({}))

    assert await journal.read(tx.keys.list_all()) == [
        msgspec.structs.replace(used, last_used_at=NOW + HOUR),
        idle,
    ]


async def test_use_never_undoes_a_revocation(store: Store) -> None:
    """However often two processes record a key's use while it is revoked, it stays revoked, and used."""
    one, other = await store.open(), await store.open()
    keys = [await _kept(one) for _ in range(ROUNDS)]
    times = [NOW + timedelta(seconds=n) for n in range(4)]
    uses = [{key.id: time for key in order} for time in times for order in (keys, keys[::-1])]

    await asyncio.gather(
        *(journal.write(tx.keys.record_use(use)) for use in uses for journal in (one, other)),
        *(other.write(tx.keys.revoke(key.id, NOW)) for key in keys),
    )

    expected = [msgspec.structs.replace(key, revoked_at=NOW, last_used_at=times[-1]) for key in keys]
    assert await one.read(tx.keys.list_all()) == expected


async def test_rotation_never_undoes_a_revocation(store: Store) -> None:
    """A key that is revoked and rotated at once is revoked in the end, on whichever of two processes."""
    one, other = await store.open(), await store.open()
    keys = [await _kept(one) for _ in range(ROUNDS)]

    async def rotate(key: ApiKey) -> bool:
        new = _key()
        return await one.write(tx.keys.rotate(key.id, new, _hash(new), NOW + HOUR))

    rotated, revoked = await asyncio.gather(
        asyncio.gather(*(rotate(key) for key in keys)),
        asyncio.gather(*(other.write(tx.keys.revoke(key.id, NOW)) for key in keys)),
    )

    assert all(revoked)
    found = {key.id: key for key in await one.read(tx.keys.list_all())}
    assert len(found) == len(keys) + sum(rotated)
    for key, was_rotated in zip(keys, rotated, strict=True):
        assert found[key.id].revoked_at == NOW
        assert (found[key.id].replaced_by is not None) is was_rotated


async def test_of_many_rotations_of_a_key_one_succeeds(store: Store) -> None:
    """However many rotate a key at once, it has one successor."""
    journals = [await store.open(), await store.open()]
    old = await _kept(journals[0])
    news = [_key() for _ in range(20)]

    made = await asyncio.gather(
        *(
            journals[n % 2].write(tx.keys.rotate(old.id, new, _hash(new), NOW + HOUR))
            for n, new in enumerate(news)
        )
    )

    assert sum(made) == 1
    found = await journals[0].read(tx.keys.find(_hash(old)))
    assert found is not None
    assert found.replaced_by == news[made.index(True)].id
    assert len(await journals[0].read(tx.keys.list_all())) == 2


async def test_a_revocation_counts_at_once_on_another_node(store: Store) -> None:
    """What one process revokes, another finds revoked with its next look."""
    one, other = await store.open(), await store.open()
    key = await _kept(one)
    assert await other.read(tx.keys.find(_hash(key))) == key

    await one.write(tx.keys.revoke(key.id, NOW))

    found = await other.read(tx.keys.find(_hash(key)))
    assert found is not None
    assert found.revoked_at == NOW


async def test_a_revoked_key_begins_no_write(journal: Journal) -> None:
    """Its claims are refused and change nothing: a new key, one in use, the next attempt of its own operation."""
    key, other = await _kept(journal), await _kept(journal)
    failed, new = operation(), operation(reference="A-1")
    await claimed(journal, failed, api_key=key.id)
    await journal.write(tx.operations.settle(ended(failed, "failed"), None, None))
    await journal.write(tx.keys.revoke(key.id, NOW))

    for refused in (new, operation(), operation(key=failed.key), retried(ended(failed, "failed"))):
        assert await journal.write(tx.operations.claim(intent(refused, api_key=key.id))) == Revoked()
    assert await journal.read(tx.operations.find(new.id)) is None
    assert await journal.read(tx.operations.find(failed.id)) == ended(failed, "failed")

    await claimed(journal, new, api_key=other.id)
    again = retried(ended(failed, "failed"))
    assert await journal.write(tx.operations.claim(intent(again, api_key=other.id))) == Claimed(again)


async def test_who_has_no_key_there_may_write(journal: Journal) -> None:
    """The gateway itself and the commands have none; a key with an end is judged where it is presented."""
    ending = await _kept(journal)
    await journal.write(tx.keys.rotate(ending.id, _key(), b"new", NOW + HOUR))

    for name in ("gateway", "cli", ending.id):
        await claimed(journal, api_key=name)
