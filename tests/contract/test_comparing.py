"""Receipts, comparisons and shadow counts, on every store there is."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
from tests.contract.conftest import (
    NODE,
    NOW,
    SINCE,
    Store,
    claimed,
    ended,
    intent,
    keep,
    operation,
    order,
    retried,
)

from ordergate.domain.erasure import redacted
from ordergate.domain.identifiers import new_id
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.comparisons import Comparison, ComparisonQuery, ShadowCount, comparison_key
from ordergate.journal.records.exchanges import EXCHANGES_KEPT, Exchange, OperationWithExchanges
from ordergate.journal.records.operations import Busy
from ordergate.journal.records.orders import OrderQuery


def exchange(number: int = 1, **changes: Any) -> Exchange:
    """One request and its answer, with bytes that a store could spoil."""
    made = Exchange(
        attempt=number,
        account="rapyd",
        adapter="rapyd",
        configuration="c0ffee",
        adapter_version="0.1.0",
        method="POST",
        path="/v1/orders",
        headers={"idempotency": "op_1"},
        body=b'{"amount": 200.0, "text": "\xc3\xa4\\n"}',
        acts=True,
        started_at=NOW,
        milliseconds=12.5,
        status=200,
        answer_headers={"content-type": "application/json"},
        answer=b"\x00\xff\n{}",
    )
    return msgspec.structs.replace(made, **changes)


def comparison(**changes: Any) -> Comparison:
    """A comparison that was just asked for."""
    made = Comparison(
        id=new_id("cmp"), merchant="acme", world="test", key=None, content_hash="c0ffee", created_at=NOW
    )
    return msgspec.structs.replace(made, **changes)


async def test_what_was_said_is_kept_with_how_it_ended(journal: Journal) -> None:
    """Bytes come back as they were; what was said of a later attempt stands behind the earlier ones'."""
    begun = await claimed(journal)
    lost = exchange(status=None, answer=b"", error="no answer")
    await journal.write(
        tx.operations.leave_unknown(
            ended(begun, "unknown"), NODE, settles_in=None, probe_in=None, exchanges=[lost]
        )
    )
    (told,) = await journal.read(tx.operations.find_with_exchanges(begun.order))
    assert (told.exchanges, told.request) == ((lost,), intent(begun).request)
    again = retried(begun)
    assert await journal.write(tx.operations.start_attempt(again, NODE, 55.0))

    assert (
        await journal.write(
            tx.operations.settle(ended(again, "succeeded"), None, None, exchanges=[exchange(2), exchange(2)])
        )
        is True
    )

    assert await journal.read(tx.operations.find_with_exchanges(begun.order)) == [
        OperationWithExchanges(
            operation=ended(again, "succeeded"),
            work=None,
            request=None,
            exchanges=(lost, exchange(2), exchange(2)),
        )
    ]
    assert await journal.read(tx.operations.find_with_exchanges("ord_none")) == []


async def test_an_end_that_counts_for_nothing_adds_nothing(journal: Journal) -> None:
    """What somebody else has settled keeps what was said there."""
    begun = await claimed(journal)
    assert (
        await journal.write(
            tx.operations.settle(ended(begun, "succeeded"), None, None, exchanges=[exchange()])
        )
        is True
    )

    assert (
        await journal.write(tx.operations.settle(ended(begun, "failed"), None, None, exchanges=[exchange()]))
        is False
    )

    (told,) = await journal.read(tx.operations.find_with_exchanges(begun.order))
    assert told.exchanges == (exchange(),)


async def test_what_was_said_goes_with_the_rest(journal: Journal) -> None:
    """Pruned, an operation without a key forgets it too; younger ones keep it."""
    old = operation(key=None, updated_at=SINCE - timedelta(days=1))
    young = operation()
    for each in (old, young):
        await journal.write(tx.operations.claim(intent(each)))
        await journal.write(
            tx.operations.settle(ended(each, "succeeded"), None, None, exchanges=[exchange()])
        )

    assert await journal.write(tx.operations.prune(SINCE, 10)) == 1

    assert [told.exchanges for told in await journal.read(tx.operations.find_with_exchanges(old.order))] == [
        ()
    ]
    assert [
        told.exchanges for told in await journal.read(tx.operations.find_with_exchanges(young.order))
    ] == [(exchange(),)]
    assert await journal.write(tx.operations.prune(SINCE, 10)) == 0


async def test_a_comparison_is_kept_once_for_its_key(journal: Journal) -> None:
    """Whoever asks with the same key gets the first one, until it has expired."""
    first, second = comparison(key="k"), comparison(key="k", content_hash="other")
    assert await journal.write(tx.comparisons.add(first, SINCE)) == first
    assert await journal.write(tx.comparisons.add(second, SINCE)) == first
    other = comparison(key="k", merchant="bolt")
    assert await journal.write(tx.comparisons.add(other, SINCE)) == other

    assert await journal.write(tx.comparisons.add(second, NOW + timedelta(days=8))) == second
    assert await journal.read(tx.comparisons.find(first.id)) == first


async def test_many_at_once_with_one_key_are_one(journal: Journal) -> None:
    """Of several that come at the same time one is kept."""
    asked = [comparison(key="k") for _ in range(5)]

    kept = await asyncio.gather(*(journal.write(tx.comparisons.add(each, SINCE)) for each in asked))

    assert len({each.id for each in kept}) == 1


async def test_a_comparison_ends_once(journal: Journal) -> None:
    """Until it has ended it may come to something else; from then on it stays."""
    begun = await journal.write(tx.comparisons.add(comparison(), SINCE))
    open_ = msgspec.structs.replace(begun, body=b'{"a": 1}')
    assert await journal.write(tx.comparisons.finish(open_)) == open_
    done = msgspec.structs.replace(begun, body=b'{"a": 2}', ended=True)
    assert await journal.write(tx.comparisons.finish(done)) == done

    assert await journal.write(tx.comparisons.finish(open_)) == done

    assert await journal.read(tx.comparisons.find(begun.id)) == done
    assert await journal.read(tx.comparisons.find("cmp_none")) is None


async def test_comparisons_are_listed_by_page(journal: Journal) -> None:
    """Newest first, one merchant's and one world's; those that came to nothing yet are left out."""
    kept = [comparison(body=b"{}") for _ in range(3)]
    for each in (*kept, comparison(), comparison(merchant="bolt", body=b"{}")):
        await journal.write(tx.comparisons.add(each, SINCE))
    query = ComparisonQuery(world="test", merchant="acme", limit=1)

    assert await journal.read(tx.comparisons.search(query)) == [kept[2], kept[1]]
    after = msgspec.structs.replace(query, starting_after=kept[2].id)
    assert await journal.read(tx.comparisons.search(after)) == [kept[1], kept[0]]
    before = msgspec.structs.replace(query, ending_before=kept[0].id)
    assert await journal.read(tx.comparisons.search(before)) == [kept[2], kept[1]]
    assert len(await journal.read(tx.comparisons.search(ComparisonQuery(world="test")))) == 4
    assert await journal.read(tx.comparisons.search(ComparisonQuery(world="live"))) == []


async def test_comparisons_and_counts_expire(journal: Journal) -> None:
    """Pruning takes those that are older."""
    old, young = comparison(created_at=SINCE - timedelta(days=1), body=b"{}"), comparison(body=b"{}")
    for each in (old, young):
        await journal.write(tx.comparisons.add(each, SINCE))
    counts = [
        ShadowCount(world="test", merchant="acme", account=name, kind="accepted", last_at=each.created_at)
        for name, each in (("a", old), ("b", young))
    ]
    await journal.write(tx.shadows.add_counts(counts))

    await journal.write(tx.operations.prune(SINCE, 10))

    assert await journal.read(tx.comparisons.find(old.id)) is None
    assert await journal.read(tx.comparisons.find(young.id)) == young
    assert await journal.read(tx.shadows.counts("test", None)) == [counts[1]]


async def test_shadow_counts_add_up(journal: Journal) -> None:
    """The same thing counted again is more of it, with the latest example; others' stays theirs."""
    one = ShadowCount(
        world="test", merchant="acme", account="a", kind="refused", code="x", pointer="/p", last_at=NOW
    )
    later = msgspec.structs.replace(
        one, orders=2, example="A-2", detail="why", last_at=NOW + timedelta(hours=1)
    )
    theirs = msgspec.structs.replace(one, merchant="bolt")
    await journal.write(tx.shadows.add_counts([one, theirs]))
    await journal.write(tx.shadows.add_counts([later]))

    assert await journal.read(tx.shadows.counts("test", "acme")) == [msgspec.structs.replace(later, orders=3)]
    assert len(await journal.read(tx.shadows.counts("test", None))) == 2
    assert await journal.read(tx.shadows.counts("live", None)) == []


async def test_orders_of_comparisons_are_listed_when_asked_for(journal: Journal) -> None:
    """A list holds one kind or the other."""
    plain = await keep(journal, order())
    compared = await keep(journal, order(purpose="comparison", comparison="cmp_1"))

    assert await journal.read(tx.orders.search(OrderQuery(world="test"))) == [plain]
    assert await journal.read(tx.orders.search(OrderQuery(world="test", purpose="comparison"))) == [compared]


async def test_redaction_erases_what_was_said_and_compared(journal: Journal, store: Store) -> None:
    """Of a redacted order nothing that was said is left, and neither is the comparison that it was made for."""
    compared = await journal.write(tx.comparisons.add(comparison(body=b"{}", ended=True), SINCE))
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    record = order(begun.order, purpose="comparison", comparison=compared.id)
    await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, record, exchanges=[exchange()]))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    assert await store.column(begun, "exchanges") is not None

    await journal.write(tx.orders.redact(redacted(record, NOW), stored.revision))

    assert await store.column(begun, "exchanges") is None
    assert [told.exchanges for told in await journal.read(tx.operations.find_with_exchanges(record.id))] == [
        ()
    ]
    erased = msgspec.structs.replace(compared, body=None, ended=True)
    assert await journal.read(tx.comparisons.find(compared.id)) == erased
    assert await journal.write(tx.comparisons.finish(compared)) == erased


async def test_the_last_that_was_said_is_kept(journal: Journal) -> None:
    """A key that is repeated without end keeps so many exchanges and no more."""
    begun = await claimed(journal)
    await journal.write(
        tx.operations.leave_unknown(
            ended(begun, "unknown"), NODE, settles_in=None, probe_in=None, exchanges=[exchange()]
        )
    )
    again = retried(begun)
    assert await journal.write(tx.operations.start_attempt(again, NODE, 55.0))

    said = [exchange(2, milliseconds=float(number)) for number in range(EXCHANGES_KEPT)]
    await journal.write(tx.operations.settle(ended(again, "failed"), None, None, exchanges=said))

    (told,) = await journal.read(tx.operations.find_with_exchanges(begun.order))
    assert told.exchanges == tuple(said)


async def test_a_refused_create_is_redacted(journal: Journal, store: Store) -> None:
    """Of an order that was never made, and of the others of its comparison, nothing that was said is left."""
    compared = await journal.write(tx.comparisons.add(comparison(body=b"{}", ended=True), SINCE))
    refused, sibling, other = (
        operation(path="/v1/comparisons", key=key)
        for key in (comparison_key(compared.id, "a"), comparison_key(compared.id, "b"), "cmp_other.a")
    )
    for each in (refused, other):
        await journal.write(tx.operations.claim(intent(each)))
        await journal.write(tx.operations.settle(ended(each, "failed"), None, None, exchanges=[exchange()]))
    await journal.write(tx.operations.claim(intent(sibling)))
    assert await journal.write(tx.orders.redact_unmade(refused, compared.id)) == Busy(sibling)
    assert await store.column(refused, "exchanges") is not None
    await journal.write(tx.operations.settle(ended(sibling, "succeeded"), None, None, exchanges=[exchange()]))

    assert await journal.write(tx.orders.redact_unmade(refused, compared.id)) is None

    for each in (refused, sibling):
        assert [await store.column(each, name) for name in ("exchanges", "request", "work")] == [None] * 3
    assert await store.column(other, "exchanges") is not None
    erased = await journal.read(tx.comparisons.find(compared.id))
    assert erased is not None
    assert (erased.body, erased.ended) == (None, True)


async def test_redaction_erases_comparisons_of_the_reference(journal: Journal) -> None:
    """What was only translated for an order goes with it; another merchant's stays."""
    kept = [
        comparison(reference="1001", body=b"{}"),
        comparison(reference="1001", body=b"{}", merchant="bolt"),
        comparison(reference="1002", body=b"{}"),
        comparison(body=b"{}"),
    ]
    for each in kept:
        await journal.write(tx.comparisons.add(each, SINCE))
    record = await keep(journal, order(reference="1001"))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None

    await journal.write(tx.orders.redact(redacted(record, NOW), stored.revision))

    found = [await journal.read(tx.comparisons.find(each.id)) for each in kept]
    assert [each is not None and each.body is not None for each in found] == [False, True, True, True]
