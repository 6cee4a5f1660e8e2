"""Sessions at the console: found by their hash, over after their time; on every store."""

import msgspec
from tests.contract.conftest import NOW, Store

from ordergate.domain.identifiers import new_id
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey


async def _key(journal: Journal) -> ApiKey:
    key = ApiKey(
        id=new_id("key"),
        merchant="acme",
        world="test",
        operator=False,
        scopes=("orders:read",),
        created_at=NOW,
    )
    await journal.write(tx.keys.add(key, key.id.encode()))
    return key


async def test_a_session_leads_to_its_key(journal: Journal) -> None:
    """The key is found by the session's hash, as it is now; once the session has ended, no more."""
    key, other = await _key(journal), await _key(journal)
    await journal.write(tx.sessions.add(key.id, b"mine", seconds=60, kept=5))
    await journal.write(tx.sessions.add(other.id, b"other", seconds=60, kept=5))

    assert await journal.read(tx.sessions.find_key(b"mine")) == key
    assert await journal.read(tx.sessions.find_key(b"nobody's")) is None
    await journal.write(tx.keys.revoke(key.id, NOW))
    assert await journal.read(tx.sessions.find_key(b"mine")) == msgspec.structs.replace(key, revoked_at=NOW)
    await journal.write(tx.sessions.delete(b"mine"))
    await journal.write(tx.sessions.delete(b"mine"))
    assert await journal.read(tx.sessions.find_key(b"mine")) is None
    assert await journal.read(tx.sessions.find_key(b"other")) == other


async def test_a_session_holds_at_every_process(journals: list[Journal]) -> None:
    """What one process has opened another one knows, and may end."""
    here, there = journals
    key = await _key(here)
    await here.write(tx.sessions.add(key.id, b"mine", seconds=60, kept=5))

    assert await there.read(tx.sessions.find_key(b"mine")) == key
    await there.write(tx.sessions.delete(b"mine"))
    assert await here.read(tx.sessions.find_key(b"mine")) is None


async def test_sessions_end_by_the_stores_clock(store: Store, journal: Journal) -> None:
    """When its time is over a session is not found any more, by any process."""
    key = await _key(journal)
    await journal.write(tx.sessions.add(key.id, b"short", seconds=30, kept=5))
    await journal.write(tx.sessions.add(key.id, b"long", seconds=90, kept=5))

    await store.pass_time(60)

    assert await journal.read(tx.sessions.find_key(b"short")) is None
    assert await journal.read(tx.sessions.find_key(b"long")) == key


async def test_a_key_has_only_so_many_sessions(store: Store, journal: Journal) -> None:
    """Beyond what is kept the oldest go; those of another key stay."""
    key, other = await _key(journal), await _key(journal)
    await journal.write(tx.sessions.add(other.id, b"other", seconds=600, kept=3))
    for number in range(5):
        await journal.write(tx.sessions.add(key.id, b"session %d" % number, seconds=60, kept=3))
        await store.pass_time(1)

    found = [await journal.read(tx.sessions.find_key(b"session %d" % number)) for number in range(5)]

    assert found == [None, None, key, key, key]
    assert await journal.read(tx.sessions.find_key(b"other")) == other
