"""What becomes of intents that two processes claim at once, on every store there is."""

import asyncio
from datetime import timedelta

import msgspec
from tests.contract.conftest import (
    SINCE,
    Store,
    claimed,
    ended,
    intent,
    keep,
    operation,
    order,
    provider_order,
    retried,
)

from ordergate.domain.lifecycle import OperationKind
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import (
    Busy,
    Claim,
    Claimed,
    Duplicate,
    Existing,
    Intent,
    Operation,
    Stale,
    StoredResponse,
)
from ordergate.journal.records.orders import OrderQuery, StoredOrder

MINUTE = timedelta(minutes=1)
ANSWER = StoredResponse(status=201, body=b"{}")


async def _all(journals: list[Journal], intents: list[Intent]) -> list[Claim]:
    """Claim all at once, by turns through each journal."""
    return await asyncio.gather(
        *(journals[n % len(journals)].write(tx.operations.claim(each)) for n, each in enumerate(intents))
    )


def _winner(claims: list[Claim]) -> Operation:
    (winner,) = [claim.operation for claim in claims if isinstance(claim, Claimed)]
    return winner


async def _expired(journal: Journal, key: str, **changes: object) -> Operation:
    """An operation whose key has expired."""
    begun = await claimed(
        journal,
        operation(key=key, created_at=SINCE - MINUTE, updated_at=SINCE - MINUTE, **changes),
        since=SINCE - 2 * MINUTE,
    )
    old = ended(begun, "succeeded")
    assert await journal.write(tx.operations.settle(old, ANSWER, None))
    return old


async def test_an_accepted_intent_is_nobodys(journal: Journal, store: Store) -> None:
    """A write that waits for a process is durable, has its key, and keeps its order busy like any other."""
    accepted = operation(attempts=(), reference="A-1")

    assert await journal.write(tx.operations.claim(intent(accepted, owner=None))) == Claimed(accepted)

    assert await store.column(accepted, "owner") is None
    assert await journal.write(tx.operations.claim(intent(operation(key=accepted.key)))) == Existing(
        accepted, None
    )
    assert await journal.write(tx.operations.claim(intent(operation(reference="A-1")))) == Duplicate(accepted)
    assert await journal.write(tx.operations.claim(intent(operation(order=accepted.order)))) == Busy(accepted)
    assert await journal.read(tx.operations.find_unsettled(accepted.order)) == accepted


async def test_of_two_claims_of_one_key_one_acts(journals: list[Journal]) -> None:
    """Of two processes that get one key at once, one claims it and the other is told who did: each time."""
    for n in range(20):
        claims = await _all(journals, [intent(operation(key=f"key-{n}")) for _ in range(2)])

        assert Existing(_winner(claims), None) in claims


async def test_of_two_claims_of_one_order_one_acts(journals: list[Journal]) -> None:
    """Of two processes that write to one order at once, one does and the other finds it busy: each time."""
    for _ in range(20):
        record = await keep(journals[0], order())
        claims = await _all(
            journals,
            [intent(operation(order=record.id, kind=OperationKind.PAY), revision=1) for _ in range(2)],
        )

        assert Busy(_winner(claims)) in claims


async def test_of_thirty_creates_of_one_reference_one_acts(journals: list[Journal]) -> None:
    """However many processes create one reference at once under keys of their own, one does."""
    claims = await _all(journals, [intent(operation(reference="A-1")) for _ in range(30)])

    assert claims.count(Duplicate(_winner(claims))) == 29


async def test_of_thirty_claims_of_an_expired_key_one_acts(journals: list[Journal]) -> None:
    """However many claim an expired key at once, one gets it and the others are told who did."""
    old = await _expired(journals[0], "key-1")

    claims = await _all(journals, [intent(operation(key="key-1")) for _ in range(30)])

    assert claims.count(Existing(_winner(claims), None)) == 29
    assert await journals[0].read(tx.operations.find(old.id)) == old


async def test_of_thirty_next_attempts_one_acts(journals: list[Journal]) -> None:
    """However many processes repeat a key whose first attempt was not applied, one sends again."""
    begun = await claimed(journals[0], operation(reference="A-1"))
    await journals[0].write(tx.operations.settle(ended(begun, "failed"), None, None))

    claims = await _all(journals, [intent(retried(begun)) for _ in range(30)])

    assert _winner(claims) == retried(begun)
    assert sum(isinstance(claim, Existing | Duplicate) for claim in claims) == 29


async def test_whoever_waits_for_an_order_sees_what_was_done_to_it(journals: list[Journal]) -> None:
    """A write that was planned before another one ended is stale or finds the order busy, and never goes through."""
    for _ in range(20):
        record = await keep(journals[0], order())
        first = await claimed(journals[0], operation(order=record.id, kind=OperationKind.PAY), revision=1)
        paid = msgspec.structs.replace(record, notes="paid")

        _, claim = await asyncio.gather(
            journals[0].write(tx.operations.settle(ended(first, "succeeded"), None, paid)),
            journals[1].write(
                tx.operations.claim(intent(operation(order=record.id, kind=OperationKind.PAY), revision=1))
            ),
        )

        assert claim in (Stale(), Busy(first))


async def test_a_stale_intent_leaves_nothing_behind(journal: Journal) -> None:
    """Neither the intent nor the loss of an expired key remains of a claim that came too late."""
    record = await keep(journal, order())
    await journal.write(tx.orders.update(record, StoredOrder(record, 1)))
    old = await _expired(journal, "key-1")
    pay = operation(key="key-1", order=record.id)

    assert await journal.write(tx.operations.claim(intent(pay, revision=1))) == Stale()

    assert await journal.read(tx.operations.find(pay.id)) is None
    assert await journal.read(tx.operations.find_unsettled(record.id)) is None
    assert await journal.read(tx.operations.find_by_key(pay)) == Existing(old, ANSWER)


async def test_a_stale_next_attempt_leaves_the_first_as_it_was(journal: Journal, store: Store) -> None:
    """A repeat that came too late does not reopen the operation."""
    record = await keep(journal, order())
    pay = await claimed(journal, operation(order=record.id, kind=OperationKind.PAY), revision=1)
    failed = ended(pay, "failed")
    await journal.write(tx.operations.settle(failed, None, None))
    await journal.write(tx.orders.update(record, StoredOrder(record, 1)))

    assert (
        await journal.write(tx.operations.claim(intent(retried(pay), revision=1, request=b"second")))
        == Stale()
    )

    assert await journal.read(tx.operations.find(pay.id)) == failed
    assert await store.column(pay, "request") != b"second"
    assert await journal.write(tx.operations.claim(intent(retried(pay), revision=2))) == Claimed(retried(pay))


async def test_a_refused_intent_does_not_free_an_expired_key(journal: Journal) -> None:
    """A claim that finds the order busy or the reference taken leaves the key as it was."""
    old = await _expired(journal, "key-1")
    first = await claimed(journal, operation(reference="A-1"))

    for refused in (operation(key="key-1", reference="A-1"), operation(key="key-1", order=first.order)):
        assert await journal.write(tx.operations.claim(intent(refused))) in (Duplicate(first), Busy(first))
        assert await journal.read(tx.operations.find_by_key(refused)) == Existing(old, ANSWER)


async def test_an_order_that_two_adopt_at_once_is_kept_once(journals: list[Journal]) -> None:
    """However many processes adopt one of the provider's orders, all get the same record: the one that is kept."""
    for n in range(5):
        seen = provider_order(provider_order_id=f"order_{n}")
        kept = await asyncio.gather(
            *(journals[m % 2].write(tx.orders.add_imported(order(seen=seen))) for m in range(10))
        )

        assert kept == [kept[0]] * 10
        assert await journals[0].read(tx.orders.find_imported("rapyd", [f"order_{n}"])) == {
            f"order_{n}": kept[0]
        }
    assert len(await journals[0].read(tx.orders.search(OrderQuery(world="test")))) == 5


async def test_one_id_at_two_accounts_is_two_orders(journals: list[Journal]) -> None:
    """Providers do not agree about ids: an order of one account is not taken for another's."""
    wanted = [order(account=account) for account in ("rapyd", "rapyd-eu")]

    kept = await asyncio.gather(
        *(journals[n].write(tx.orders.add_imported(each)) for n, each in enumerate(wanted))
    )

    assert kept == wanted
