"""How often a key, and whoever guesses keys, may come, and when a key was used."""

import asyncio
from datetime import datetime, timedelta

import pytest
from tests import journals
from tests.builders import NOON
from tests.journals import Run
from tests.unit.gateway.conftest import gateway_of

from ordergate.domain.errors import Problem
from ordergate.gateway.access.authentication import UNKNOWN_KEYS_PER_MINUTE, count_request, identify
from ordergate.gateway.access.caller import hash_key, make_key
from ordergate.gateway.runtime.key_use import KeyUse, recording_key_use
from ordergate.gateway.runtime.known_keys import KEPT
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.runtime.throttle import Throttle
from ordergate.journal import transactions as tx
from ordergate.journal.errors import JournalUnavailableError
from ordergate.journal.journal import Journal
from ordergate.journal.transaction import Transaction

ADDRESS = "192.0.2.1"


async def _key(journal: Journal, *, hours: int | None = None) -> tuple[str, str]:
    expires_at = None if hours is None else NOON + timedelta(hours=hours)
    key, token = make_key(merchant="acme", world="test", scopes=(), now=NOON, expires_at=expires_at)
    await journal.write(tx.keys.add(key, hash_key(token)))
    return key.id, token


def _nobodys() -> str:
    return make_key(merchant="acme", world="test", scopes=(), now=NOON)[1]


async def _knock(gateway: Runtime, token: str, address: str = ADDRESS) -> str:
    """What a key gets: its id, or the code of the problem."""
    try:
        return (await identify(gateway, f"Bearer {token}", address)).key
    except Problem as problem:
        return problem.code


async def _guess_until_refused(gateway: Runtime, address: str = ADDRESS) -> int:
    for guesses in range(UNKNOWN_KEYS_PER_MINUTE + 5):
        if await _knock(gateway, _nobodys(), address) == "rate_limited":
            return guesses
    raise AssertionError


async def test_guessing_keys_is_slowed_down(journal: Journal) -> None:
    """After twenty unknown keys from an address further ones get a 429 and nothing else; another address does not."""
    gateway = gateway_of(journal)

    assert await _guess_until_refused(gateway) == UNKNOWN_KEYS_PER_MINUTE
    assert await _knock(gateway, _nobodys(), "192.0.2.2") == "unauthenticated"
    with pytest.raises(Problem, match="rate_limited") as refused:
        await identify(gateway, f"Bearer {_nobodys()}", ADDRESS)
    assert refused.value.retry_after == 3


async def test_a_good_key_is_let_in_whatever_its_neighbours_guess(journal: Journal) -> None:
    """Behind one proxy, guesses keep no good key out, not even one that this process has never seen."""
    gateway = gateway_of(journal)
    identifier, token = await _key(journal)
    await _guess_until_refused(gateway)

    assert await _knock(gateway, token) == identifier
    await journal.write(tx.keys.revoke(identifier, NOON))
    await asyncio.sleep(KEPT)
    assert await _knock(gateway, token) == "unauthenticated"


async def test_ended_keys_and_what_is_no_key_do_not_count(journal: Journal) -> None:
    """Whoever holds a key that has ended does not guess, and what cannot be a key costs nothing to refuse."""
    gateway = gateway_of(journal)
    _, ended = await _key(journal, hours=-1)

    for _ in range(UNKNOWN_KEYS_PER_MINUTE + 1):
        assert await _knock(gateway, ended) == "unauthenticated"
        assert await _knock(gateway, "og_test_short") == "unauthenticated"
    assert await _guess_until_refused(gateway) == UNKNOWN_KEYS_PER_MINUTE


async def test_many_addresses_take_no_more_memory_than_few() -> None:
    """Names beyond the limit push out those that were idle longest, which begin anew."""
    throttle = Throttle(names=2)
    for name in ("a", "b", "c"):
        await throttle.count(name, 1)

    with pytest.raises(Problem):
        throttle.require_room("c", 1, "")
    throttle.require_room("a", 1, "")


async def test_a_key_may_make_so_many_requests_a_minute(journal: Journal) -> None:
    """Beyond its limit a key waits, for as long as the refusal says; other keys do not."""
    gateway = gateway_of(journal, key_requests_per_minute=120)
    first, second = [await identify(gateway, f"Bearer {(await _key(journal))[1]}", ADDRESS) for _ in range(2)]
    for _ in range(120):
        await count_request(gateway, first)

    with pytest.raises(Problem, match="rate_limited") as refused:
        await count_request(gateway, first)
    await count_request(gateway, second)

    assert (refused.value.retry_after, refused.value.outcome, refused.value.retry) == (
        1,
        "not_applied",
        "same_key",
    )
    await asyncio.sleep(1)
    await count_request(gateway, first)


async def test_requests_are_not_counted_unless_configured(journal: Journal) -> None:
    """Without a limit nothing is counted."""
    gateway = gateway_of(journal)
    caller = await identify(gateway, f"Bearer {(await _key(journal))[1]}", ADDRESS)

    for _ in range(2000):
        await count_request(gateway, caller)


async def _last_used(journal: Journal) -> list[datetime | None]:
    return [key.last_used_at for key in await journal.read(tx.keys.list_all())]


async def test_use_is_written_down_in_the_end(journal: Journal) -> None:
    """Nothing is written while a key is used; in the end its last use is, and only that of keys that were."""
    gateway = gateway_of(journal)
    _, token = await _key(journal)
    await _key(journal)

    async with recording_key_use(gateway.workers, gateway.access.key_use, gateway.journal):
        for _ in range(3):
            await _knock(gateway, token)
        await _knock(gateway, _nobodys())
        assert await _last_used(journal) == [None, None]

    assert await _last_used(journal) == [NOON, None]


async def test_use_is_written_down_by_the_way(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs, the record is brought up to date every now and then."""
    monkeypatch.setattr("ordergate.gateway.runtime.key_use._PAUSE", 0.01)
    gateway = gateway_of(journal)
    _, token = await _key(journal)

    written = asyncio.Event()

    async def record(run: Run, transaction: Transaction[None]) -> None:
        await run(transaction)
        written.set()

    journals.replace(monkeypatch, journal, "keys.record_use", record)

    async with (
        recording_key_use(gateway.workers, gateway.access.key_use, gateway.journal),
        asyncio.timeout(60),
    ):
        await _knock(gateway, token)
        await written.wait()
        assert await _last_used(journal) == [NOON]


async def test_use_that_could_not_be_written_down_is_not_lost(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal that does not answer gets it the next time, unless something newer has come since."""
    use = KeyUse()
    old, new = (await _key(journal))[0], (await _key(journal))[0]
    use.note(old, NOON)
    use.note(new, NOON)
    with monkeypatch.context() as broken:
        journals.replace(broken, journal, "keys.record_use", journals.unavailable)
        with pytest.raises(JournalUnavailableError):
            await use.write_down(journal)
    use.note(new, NOON + timedelta(minutes=1))

    await use.write_down(journal)

    assert await _last_used(journal) == [NOON, NOON + timedelta(minutes=1)]


async def test_a_journal_that_is_down_does_not_stop_the_end(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record of use is worth a warning and no more."""
    gateway = gateway_of(journal)
    _, token = await _key(journal)
    journals.replace(monkeypatch, journal, "keys.record_use", journals.unavailable)

    async with recording_key_use(gateway.workers, gateway.access.key_use, gateway.journal):
        await _knock(gateway, token)
