"""What every journal promises, on every store there is."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
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
    provider_order,
    retried,
)

from ordergate.domain.identifiers import new_id
from ordergate.domain.lifecycle import OperationKind, OrderStatus
from ordergate.domain.operation import Attempt
from ordergate.domain.order import Customer
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.records.links import LinkKey
from ordergate.journal.records.operations import (
    Busy,
    Claimed,
    Duplicate,
    Existing,
    OperationQuery,
    Stale,
    StoredResponse,
)
from ordergate.journal.records.orders import OrderQuery, StoredOrder

MINUTE = timedelta(minutes=1)
ANSWER = StoredResponse(status=201, body=b'{"id": "ord_1",  "total":20000, "note":"\xc3\xa4\xff\x00"}\n')


# Keys


async def test_a_new_intent_is_claimed_and_can_be_read(journal: Journal) -> None:
    """A claim that nothing stands against is the caller's, and the operation is there, in every field."""
    begun = operation(
        reference="A-1", attempts=(Attempt(number=1, started_at=NOW, sent="maybe", detail="ä"),)
    )

    assert await journal.write(tx.operations.claim(intent(begun))) == Claimed(begun)
    assert await journal.read(tx.operations.find(begun.id)) == begun
    assert await journal.read(tx.operations.find_by_key(begun)) == Existing(begun, None)
    assert await journal.read(tx.operations.find_unsettled(begun.order)) == begun


async def test_what_was_never_claimed_is_not_there(journal: Journal) -> None:
    """An empty journal knows nothing, and says so."""
    begun = operation()

    assert await journal.read(tx.operations.find(begun.id)) is None
    assert await journal.read(tx.operations.find_by_key(begun)) is None
    assert await journal.read(tx.operations.find_unsettled(begun.order)) is None
    assert await journal.read(tx.orders.find(begun.order)) is None


async def test_a_taken_key_names_who_has_it(journal: Journal) -> None:
    """A second claim of a key gets the first operation, whatever its own content is, and changes nothing."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))

    for repeat in (operation(key=begun.key), operation(key=begun.key, content_hash="other")):
        assert await journal.write(tx.operations.claim(intent(repeat))) == Existing(begun, None)
        assert await journal.read(tx.operations.find(repeat.id)) is None
    assert await journal.read(tx.operations.find(begun.id)) == begun


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_a_kept_answer_comes_back_byte_for_byte(journal: Journal, state: str) -> None:
    """After the end a repeat of the key gets the stored status and exactly the stored bytes."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.settle(ended(begun, state), ANSWER, None))

    claim = await journal.write(tx.operations.claim(intent(operation(key=begun.key))))

    assert claim == Existing(ended(begun, state), ANSWER)
    assert await journal.read(tx.operations.find_by_key(operation(key=begun.key))) == claim


@pytest.mark.parametrize(
    ("state", "response", "reopens"),
    [
        ("failed", None, True),
        ("failed", ANSWER, False),
        ("succeeded", None, False),
        ("succeeded", ANSWER, False),
        ("unknown", None, False),
        ("in_progress", None, False),
    ],
)
async def test_what_may_be_sent_again(
    journal: Journal, store: Store, state: str, response: StoredResponse | None, reopens: bool
) -> None:
    """The next attempt is let through only after one that was not applied and whose answer is not kept."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    if state != "in_progress":
        await journal.write(tx.operations.settle(ended(begun, state), response, None))
    again = retried(begun)

    claim = await journal.write(tx.operations.claim(intent(again, request=b"second")))

    if reopens:
        assert claim == Claimed(again)
        assert await journal.read(tx.operations.find(begun.id)) == again
        assert await store.column(again, "request") == b"second"
    else:
        assert claim == Existing(ended(begun, state), response)
        assert await journal.read(tx.operations.find(begun.id)) == ended(begun, state)


async def test_a_reopened_operation_can_end_again(journal: Journal) -> None:
    """A next attempt is in progress like a first one, and its end is kept like a first one's."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))
    again = retried(begun)
    await journal.write(tx.operations.claim(intent(again)))

    assert await journal.write(tx.operations.claim(intent(retried(begun)))) == Existing(again, None)
    await journal.write(tx.operations.settle(ended(again, "succeeded"), ANSWER, None))

    assert await journal.read(tx.operations.find_by_key(begun)) == Existing(ended(again, "succeeded"), ANSWER)
    assert len(await journal.read(tx.operations.search(OperationQuery(world="test")))) == 1


async def test_only_the_very_next_attempt_reopens(journal: Journal) -> None:
    """Another operation with the key, and an attempt that skips one or repeats one, are not the next."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    failed = ended(begun, "failed")
    await journal.write(tx.operations.settle(failed, None, None))

    for wrong in (operation(key=begun.key), begun, retried(retried(begun))):
        assert await journal.write(tx.operations.claim(intent(wrong))) == Existing(failed, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"merchant": "other"},
        {"world": "live"},
        {"method": "PATCH"},
        {"path": "/v1/orders/ord_1/pay"},
        {"key": "KEY-1"},
        {"key": "key-1 "},
        {"key": None},
    ],
)
async def test_keys_of_other_scopes_do_not_meet(journal: Journal, changes: dict[str, Any]) -> None:
    """The same key of another merchant, world, method or path, and another key, are others' business."""
    begun = operation(key="key-1")
    other = operation(**{"key": "key-1", **changes})
    await journal.write(tx.operations.claim(intent(begun)))

    assert await journal.read(tx.operations.find_by_key(other)) is None
    assert await journal.write(tx.operations.claim(intent(other))) == Claimed(other)
    assert await journal.read(tx.operations.find_by_key(begun)) == Existing(begun, None)


async def test_without_a_key_nothing_is_a_repeat(journal: Journal) -> None:
    """Operations without a key never meet."""
    first, second = operation(key=None), operation(key=None)

    assert await journal.write(tx.operations.claim(intent(first))) == Claimed(first)
    assert await journal.write(tx.operations.claim(intent(second))) == Claimed(second)
    assert await journal.read(tx.operations.find_by_key(first)) is None


async def test_a_late_write_is_one_that_was_taken_for_not_applied(journal: Journal) -> None:
    """Whoever settles late settles nothing that is unsettled: that is no late write, and another's to settle."""
    first = operation()
    await journal.write(tx.operations.claim(intent(first)))

    assert not await journal.write(tx.operations.settle(ended(first, "succeeded"), ANSWER, None, late=True))
    assert await journal.write(tx.operations.settle(ended(first, "failed"), None, None))
    assert await journal.write(tx.operations.settle(ended(first, "succeeded"), ANSWER, None, late=True))


async def test_an_expired_key_is_free(journal: Journal) -> None:
    """A key older than the retention is claimed anew; the old operation stays readable by its id."""
    old = operation(key="key-1", created_at=SINCE - MINUTE)
    await journal.write(tx.operations.claim(intent(old, since=SINCE - 2 * MINUTE)))
    settled = msgspec.structs.replace(ended(old, "succeeded"), updated_at=SINCE - MINUTE)
    await journal.write(tx.operations.settle(settled, ANSWER, None))
    new = operation(key="key-1")

    assert await journal.write(tx.operations.claim(intent(new))) == Claimed(new)
    assert await journal.read(tx.operations.find_by_key(new)) == Existing(new, None)
    assert await journal.read(tx.operations.find(old.id)) == settled


@pytest.mark.parametrize("state", ["in_progress", "unknown"])
async def test_the_key_and_the_reference_of_an_unsettled_operation_never_expire(
    journal: Journal, state: str
) -> None:
    """However old, an operation whose outcome is not known keeps its key and blocks its reference."""
    old = operation(key="key-1", reference="A-1", created_at=SINCE - MINUTE, updated_at=SINCE - MINUTE)
    await journal.write(tx.operations.claim(intent(old, since=SINCE - 2 * MINUTE)))
    if state == "unknown":
        await journal.write(tx.operations.settle(ended(old, "unknown"), None, None))
    expected = ended(old, "unknown") if state == "unknown" else old

    assert await journal.write(tx.operations.claim(intent(operation(key="key-1")))) == Existing(
        expected, None
    )
    assert await journal.write(tx.operations.claim(intent(operation(reference="A-1")))) == Duplicate(expected)


async def test_a_key_counts_until_its_last_moment(journal: Journal) -> None:
    """A key exactly as old as the retention is still taken."""
    old = operation(key="key-1", created_at=SINCE)
    await journal.write(tx.operations.claim(intent(old)))

    assert await journal.write(tx.operations.claim(intent(operation(key="key-1")))) == Existing(old, None)


# References


@pytest.mark.parametrize(
    ("state", "allow", "blocked"),
    [
        ("in_progress", False, True),
        ("succeeded", False, True),
        ("unknown", False, True),
        ("failed", False, False),
        ("succeeded", True, False),
        ("failed", True, False),
        ("unknown", True, True),
    ],
)
async def test_a_reference_is_used_once(journal: Journal, state: str, allow: bool, blocked: bool) -> None:
    """A reference blocks a second create unless the first was not applied, or one is allowed and none unknown."""
    first = operation(reference="A-1")
    await journal.write(tx.operations.claim(intent(first)))
    if state != "in_progress":
        await journal.write(tx.operations.settle(ended(first, state), None, None))
    second = operation(reference="A-1")

    claim = await journal.write(tx.operations.claim(intent(second, allow_duplicate=allow)))

    assert claim == (Duplicate(ended(first, state)) if blocked else Claimed(second))
    assert (await journal.read(tx.operations.find(second.id)) is None) is blocked


async def test_an_unknown_create_blocks_behind_one_that_succeeded(journal: Journal) -> None:
    """Where one create of a reference succeeded and another is unknown, allowing a further one waits for it."""
    first, second = operation(reference="A-1"), operation(reference="A-1")
    await journal.write(tx.operations.claim(intent(first)))
    await journal.write(tx.operations.settle(ended(first, "succeeded"), None, None))
    await journal.write(tx.operations.claim(intent(second, allow_duplicate=True)))
    await journal.write(tx.operations.settle(ended(second, "unknown"), None, None))

    claim = await journal.write(tx.operations.claim(intent(operation(reference="A-1"), allow_duplicate=True)))

    assert claim == Duplicate(ended(second, "unknown"))


@pytest.mark.parametrize(("age", "blocked"), [(timedelta(0), True), (MINUTE, False)])
async def test_a_reference_is_remembered_as_long_as_a_key(
    journal: Journal, age: timedelta, blocked: bool
) -> None:
    """A reference blocks to the last moment of the retention, and not after it."""
    first = operation(reference="A-1", created_at=SINCE - age)
    await journal.write(tx.operations.claim(intent(first, since=first.created_at)))
    settled = ended(first, "succeeded")
    await journal.write(tx.operations.settle(settled, None, None))
    second = operation(reference="A-1")

    assert await journal.write(tx.operations.claim(intent(second))) == (
        Duplicate(settled) if blocked else Claimed(second)
    )


@pytest.mark.parametrize(
    "changes", [{"merchant": "other"}, {"world": "live"}, {"reference": "a-1"}, {"reference": None}]
)
async def test_references_of_others_do_not_meet(journal: Journal, changes: dict[str, Any]) -> None:
    """Another merchant's, another world's and another reference are not duplicates."""
    await journal.write(tx.operations.claim(intent(operation(reference="A-1"))))
    other = operation(**{"reference": "A-1", **changes})

    assert await journal.write(tx.operations.claim(intent(other))) == Claimed(other)


async def test_a_reference_does_not_block_its_own_next_attempt(journal: Journal) -> None:
    """A create that is sent again is not its own duplicate; one that another create overtook is."""
    begun = operation(reference="A-1")
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))
    assert isinstance(await journal.write(tx.operations.claim(intent(retried(begun)))), Claimed)
    await journal.write(tx.operations.settle(ended(retried(begun), "failed"), None, None))
    overtook = operation(reference="A-1")
    await journal.write(tx.operations.claim(intent(overtook)))

    assert await journal.write(tx.operations.claim(intent(retried(retried(begun))))) == Duplicate(overtook)


# One write at a time


@pytest.mark.parametrize("state", ["in_progress", "unknown"])
async def test_an_unsettled_write_keeps_its_order_busy(journal: Journal, state: str) -> None:
    """While one write on an order is unsettled another is told which; other orders go on."""
    record = await keep(journal, order())
    first = operation(order=record.id, kind=OperationKind.PAY, path=f"/v1/orders/{record.id}/pay")
    await journal.write(tx.operations.claim(intent(first, revision=1)))
    if state == "unknown":
        await journal.write(tx.operations.settle(ended(first, state), None, None))
    second = operation(order=record.id, kind=OperationKind.CANCEL)
    elsewhere = operation()

    assert await journal.write(tx.operations.claim(intent(second, revision=1))) == Busy(ended(first, state))
    assert await journal.read(tx.operations.find(second.id)) is None
    assert await journal.read(tx.operations.find_unsettled(record.id)) == ended(first, state)
    assert await journal.write(tx.operations.claim(intent(elsewhere))) == Claimed(elsewhere)


@pytest.mark.parametrize("state", ["succeeded", "failed"])
async def test_a_settled_write_frees_its_order(journal: Journal, state: str) -> None:
    """After a write has ended the next is let through, and nothing keeps the order busy."""
    first = operation()
    await journal.write(tx.operations.claim(intent(first)))
    await journal.write(tx.operations.settle(ended(first, state), ANSWER, None))
    second = operation(order=first.order)

    assert await journal.read(tx.operations.find_unsettled(first.order)) is None
    assert await journal.write(tx.operations.claim(intent(second))) == Claimed(second)


async def test_a_stale_intent_is_told(journal: Journal) -> None:
    """An intent made from an older revision of the order, or of an order that is not there, is stale."""
    record = await keep(journal, order())
    pay = operation(order=record.id, kind=OperationKind.PAY)
    await journal.write(tx.orders.update(record, StoredOrder(record, 1)))

    assert await journal.write(tx.operations.claim(intent(pay, revision=1))) == Stale()
    assert await journal.write(tx.operations.claim(intent(pay, revision=3))) == Stale()
    assert await journal.write(tx.operations.claim(intent(operation(), revision=1))) == Stale()
    assert await journal.read(tx.operations.find(pay.id)) is None
    assert await journal.write(tx.operations.claim(intent(pay, revision=2))) == Claimed(pay)


async def test_of_two_hundred_claims_of_one_key_one_gets_it(store: Store) -> None:
    """However many claim a key at once, through however many journals, exactly one may act."""
    journals = [await store.open(), await store.open()]
    wanted = [operation(key="key-1", reference="A-1") for _ in range(200)]

    claims = await asyncio.gather(
        *(journals[n % 2].write(tx.operations.claim(intent(each))) for n, each in enumerate(wanted))
    )

    claimed = [claim for claim in claims if isinstance(claim, Claimed)]
    assert len(claimed) == 1
    assert [claim for claim in claims if claim != claimed[0]] == [Existing(claimed[0].operation, None)] * 199


async def test_of_two_hundred_writes_on_one_order_one_gets_it(store: Store) -> None:
    """However many write to one order at once under keys of their own, all but one find it busy."""
    journals = [await store.open(), await store.open()]
    record = await keep(journals[0], order())
    wanted = [operation(order=record.id, kind=OperationKind.PAY) for _ in range(200)]

    claims = await asyncio.gather(
        *(
            journals[n % 2].write(tx.operations.claim(intent(each, revision=1)))
            for n, each in enumerate(wanted)
        )
    )

    claimed = [claim for claim in claims if isinstance(claim, Claimed)]
    assert len(claimed) == 1
    assert claims.count(Busy(claimed[0].operation)) == 199


async def test_of_a_hundred_next_attempts_one_gets_it(journal: Journal) -> None:
    """However many repeat a key whose first attempt failed, exactly one sends again."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun)))
    await journal.write(tx.operations.settle(ended(begun, "failed"), None, None))

    claims = await asyncio.gather(
        *(journal.write(tx.operations.claim(intent(retried(begun)))) for _ in range(100))
    )

    assert sum(isinstance(claim, Claimed) for claim in claims) == 1


async def test_many_writes_at_once_all_land(journal: Journal) -> None:
    """Writes that share a commit keep their own results and their own effects."""
    wanted = [operation() for _ in range(300)]

    claims = await asyncio.gather(*(journal.write(tx.operations.claim(intent(each))) for each in wanted))

    assert claims == [Claimed(each) for each in wanted]
    for each in wanted[::50]:
        assert await journal.read(tx.operations.find(each.id)) == each


async def test_one_bad_write_does_not_spoil_the_others(journal: Journal) -> None:
    """A write that breaks a rule of the store fails alone, and leaves nothing behind: not even a freed key."""
    taken, old = operation(), operation(created_at=SINCE - MINUTE)
    await journal.write(tx.operations.claim(intent(taken)))
    await journal.write(tx.operations.claim(intent(old, since=old.created_at)))
    old = msgspec.structs.replace(ended(old, "succeeded"), updated_at=SINCE - MINUTE)
    await journal.write(tx.operations.settle(old, None, None))
    good = [operation() for _ in range(20)]
    bad = operation(id=taken.id, key=old.key)

    results = await asyncio.gather(
        *(journal.write(tx.operations.claim(intent(each))) for each in [*good[:10], bad, *good[10:]]),
        return_exceptions=True,
    )

    assert isinstance(results.pop(10), Exception)
    assert results == [Claimed(each) for each in good]
    assert await journal.read(tx.operations.find(taken.id)) == taken
    assert await journal.read(tx.operations.find_by_key(bad)) == Existing(old, None)


# Settling


@pytest.mark.parametrize(("state", "erased"), [("succeeded", True), ("failed", False), ("unknown", False)])
async def test_bytes_to_send_are_erased_once_applied(
    journal: Journal, store: Store, state: str, erased: bool
) -> None:
    """The exact bytes stay while they may be needed, and go when the write was applied."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun, request=b'{"exact": 1.50}')))
    assert await store.column(begun, "request") == b'{"exact": 1.50}'

    await journal.write(tx.operations.settle(ended(begun, state), None, None))

    assert await store.column(begun, "request") == (None if erased else b'{"exact": 1.50}')


async def test_an_intent_that_sends_nothing_keeps_nothing(journal: Journal, store: Store) -> None:
    """What the gateway does by itself has no bytes to send."""
    begun = operation(performed_by="gateway")

    await journal.write(tx.operations.claim(intent(begun, request=None)))

    assert await store.column(begun, "request") is None


async def test_operation_answer_and_order_are_kept_in_one_step(journal: Journal) -> None:
    """After settling, the operation's end, the answer and the order are all there, in every field."""
    begun = operation(reference="A-1")
    done = ended(
        msgspec.structs.replace(
            begun,
            attempts=(
                Attempt(
                    number=1,
                    started_at=NOW,
                    finished_at=NOW + MINUTE,
                    sent="yes",
                    http_status=201,
                    provider_request_id="r_1",
                ),
            ),
            updated_at=NOW + MINUTE,
        ),
        "succeeded",
    )
    record = order(begun.order, reference="A-1", metadata={"k": 2**53, "b": False, "ä": "\n"})
    await journal.write(tx.operations.claim(intent(begun)))

    await journal.write(tx.operations.settle(done, ANSWER, record))
    stored = await journal.read(tx.orders.find(begun.order))

    assert await journal.read(tx.operations.find_by_key(begun)) == Existing(done, ANSWER)
    assert stored is not None
    assert (stored.record, stored.revision) == (record, 1)


async def test_each_settled_write_is_a_new_revision(journal: Journal) -> None:
    """Whoever read the order before a write can tell that it has changed."""
    record = await keep(journal, order())
    pay = operation(order=record.id, kind=OperationKind.PAY)
    paid = msgspec.structs.replace(record, seen=provider_order(amount_paid=20000))
    await journal.write(tx.operations.claim(intent(pay, revision=1)))
    await journal.write(tx.operations.settle(ended(pay, "succeeded"), None, paid))

    stored = await journal.read(tx.orders.find(record.id))

    assert stored is not None
    assert (stored.record, stored.revision) == (paid, 2)


async def test_after_a_restart_what_ran_is_unknown(journal: Journal) -> None:
    """What was in progress becomes unknown and keeps its order busy; what had ended is not touched."""
    running = [operation(), operation(world="live", key=None)]
    settled = {state: operation() for state in ("succeeded", "failed", "unknown")}
    for each in [*running, *settled.values()]:
        await journal.write(tx.operations.claim(intent(each)))
    for state, each in settled.items():
        await journal.write(
            tx.operations.settle(ended(each, state), ANSWER if state != "unknown" else None, None)
        )

    assert await journal.write(tx.leases.reap_expired("another node", ())) == 2
    assert await journal.write(tx.leases.reap_expired("another node", ())) == 0

    for each in running:
        told = await journal.read(tx.operations.find(each.id))
        assert told == ended(each, "unknown")
        assert await journal.read(tx.operations.find_unsettled(each.order)) == told
    for state, each in settled.items():
        assert await journal.read(tx.operations.find(each.id)) == ended(each, state)
    assert await journal.read(tx.operations.find_by_key(settled["succeeded"])) == Existing(
        ended(settled["succeeded"], "succeeded"), ANSWER
    )


# Orders


async def test_a_refresh_keeps_what_the_provider_said(journal: Journal) -> None:
    """What was read is kept as the next revision, and found by its new status."""
    record = await keep(journal, order())
    paid = msgspec.structs.replace(record, seen=provider_order(paid_in_full=True), synced_at=NOW + MINUTE)

    stored = await journal.write(tx.orders.update(paid, StoredOrder(record, 1)))

    assert (stored.record, stored.revision) == (paid, 2)
    assert await journal.read(tx.orders.find(record.id)) == stored
    assert await journal.read(tx.orders.search(OrderQuery(world="test", status=OrderStatus.PAID))) == [paid]


async def test_a_late_refresh_changes_nothing(journal: Journal) -> None:
    """A read that began before another change is not kept: the reader gets what is kept now."""
    record = await keep(journal, order())
    newer = msgspec.structs.replace(record, seen=provider_order(amount_paid=20000))
    await journal.write(tx.orders.update(newer, StoredOrder(record, 1)))

    stored = await journal.write(
        tx.orders.update(msgspec.structs.replace(record, notes="late"), StoredOrder(record, 1))
    )

    assert (stored.record, stored.revision) == (newer, 2)
    assert await journal.read(tx.orders.find(record.id)) == stored


def _orders(count: int) -> list[str]:
    """Ids in the order in which they were made."""
    return [f"ord_{number:032x}" for number in range(1, count + 1)]


async def _page(journal: Journal, **query: Any) -> tuple[list[str], bool]:
    """The ids of one page, and whether there are more."""
    asked = OrderQuery(**{"world": "test", "merchant": "acme", **query})
    rows = await journal.read(tx.orders.search(asked))
    assert len(rows) <= asked.limit + 1
    kept = rows[: asked.limit] if asked.ending_before is None else rows[-asked.limit :]
    return [record.id for record in kept], len(rows) > asked.limit


async def test_a_list_is_paged_both_ways(journal: Journal) -> None:
    """Newest first, page after page to the end, and the same pages back again."""
    ids = _orders(7)
    for identifier in ids:
        await keep(journal, order(identifier))
    newest = ids[::-1]

    assert await _page(journal, limit=3) == (newest[:3], True)
    assert await _page(journal, limit=3, starting_after=newest[2]) == (newest[3:6], True)
    assert await _page(journal, limit=3, starting_after=newest[5]) == (newest[6:], False)
    assert await _page(journal, limit=3, starting_after=newest[6]) == ([], False)
    assert await _page(journal, limit=3, ending_before=newest[6]) == (newest[3:6], True)
    assert await _page(journal, limit=3, ending_before=newest[3]) == (newest[:3], False)
    assert await _page(journal, limit=3, ending_before=newest[0]) == ([], False)
    assert await _page(journal, limit=100) == (newest, False)
    assert await _page(journal, limit=7) == (newest, False)


async def test_a_page_follows_an_order_that_is_not_listed(journal: Journal) -> None:
    """A page begins after any id, also one that no order has."""
    ids = _orders(4)
    for identifier in (ids[0], ids[3]):
        await keep(journal, order(identifier))

    assert await _page(journal, starting_after=ids[2]) == ([ids[0]], False)
    assert await _page(journal, ending_before=ids[1]) == ([ids[3]], False)


FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "status": ({"status": OrderStatus.PAID}, {"seen": provider_order(paid_in_full=True)}),
    "review": ({"status": OrderStatus.REVIEW}, {"expected_total": 1}),
    "account": ({"account": "rapyd-eu"}, {"account": "rapyd-eu"}),
    "provider": ({"provider": "revkeen"}, {"adapter": "revkeen"}),
    "customer": ({"customer": "cust-7"}, {"customer": Customer(id="cust-7")}),
    "reference": ({"reference": "A-1"}, {"reference": "A-1"}),
    "after": ({"created_gte": NOW + MINUTE}, {"seen": provider_order(created_at=NOW + MINUTE)}),
    "before": ({"created_lte": NOW - MINUTE}, {"seen": provider_order(created_at=NOW - MINUTE)}),
    "merchant": ({"merchant": "other"}, {"merchant": "other"}),
    "world": ({"world": "live"}, {"world": "live"}),
}


@pytest.mark.parametrize(("query", "changes"), FILTERS.values(), ids=FILTERS)
async def test_a_filter_finds_its_own(
    journal: Journal, query: dict[str, Any], changes: dict[str, Any]
) -> None:
    """Each filter lists exactly the orders that it names, in both directions and page by page."""
    ids = _orders(8)
    for number, identifier in enumerate(ids):
        await keep(journal, order(identifier, **(changes if number % 2 else {})))
    wanted = ids[::-2]

    assert await _page(journal, **query) == (wanted, False)
    assert await _page(journal, **query, limit=2) == (wanted[:2], True)
    assert await _page(journal, **query, limit=2, starting_after=wanted[1]) == (wanted[2:], False)
    assert await _page(journal, **query, limit=2, ending_before=wanted[2]) == (wanted[:2], False)


async def test_filters_narrow_together(journal: Journal) -> None:
    """Of several filters all must hold."""
    ids = _orders(3)
    await keep(journal, order(ids[0], reference="A-1", account="rapyd-eu"))
    await keep(journal, order(ids[1], reference="A-1"))
    await keep(journal, order(ids[2], account="rapyd-eu"))

    assert await _page(journal, reference="A-1", account="rapyd-eu") == ([ids[0]], False)
    assert await _page(journal, created_gte=NOW, created_lte=NOW) == (ids[::-1], False)
    assert await _page(journal, created_gte=NOW + MINUTE, created_lte=NOW - MINUTE) == ([], False)


async def test_without_a_merchant_all_are_listed(journal: Journal) -> None:
    """An operator's list holds every merchant's orders of its world."""
    ids = _orders(3)
    await keep(journal, order(ids[0]))
    await keep(journal, order(ids[1], merchant="other"))
    await keep(journal, order(ids[2], world="live"))

    assert await _page(journal, merchant=None) == ([ids[1], ids[0]], False)


async def test_a_comparisons_orders_stay_out_of_lists(journal: Journal) -> None:
    """An order made to compare providers is kept and is not listed."""
    record = await keep(journal, order(purpose="comparison"))

    assert await _page(journal) == ([], False)
    assert await journal.read(tx.orders.find(record.id)) is not None


async def test_orders_are_found_by_the_providers_id(journal: Journal) -> None:
    """Of the provider's ids those that the gateway knows are told, at that account only."""
    mine = await keep(journal, order(seen=provider_order(provider_order_id="order_1")))
    await keep(journal, order(account="rapyd-eu", seen=provider_order(provider_order_id="order_2")))

    assert await journal.read(tx.orders.find_imported("rapyd", ["order_1", "order_2", "order_3"])) == {
        "order_1": mine
    }
    assert await journal.read(tx.orders.find_imported("rapyd", iter([]))) == {}


# Operations


async def test_operations_that_nobody_looks_after_are_listed(journal: Journal) -> None:
    """However many others are unknown, those that need a person are found."""
    left, looked_at = await claimed(journal), await claimed(journal)
    for each, probe_in in ((left, None), (looked_at, 60.0)):
        await journal.write(
            tx.operations.leave_unknown(ended(each, "unknown"), NODE, settles_in=None, probe_in=probe_in)
        )

    found = await journal.read(
        tx.operations.search(OperationQuery(world="test", state="unknown", unattended=True))
    )

    assert [each.id for each in found] == [left.id]


async def test_operations_are_listed_newest_first(journal: Journal) -> None:
    """A merchant's operations are listed by state and page, newest first, of one world only."""
    made = [operation() for _ in range(5)]
    others = [operation(merchant="other"), operation(world="live")]
    for each in [*made, *others]:
        await journal.write(tx.operations.claim(intent(each)))
    await journal.write(tx.operations.settle(ended(made[1], "unknown"), None, None))
    newest = made[::-1]
    newest[3] = ended(made[1], "unknown")

    def query(**changes: Any) -> OperationQuery:
        return OperationQuery(**{"world": "test", "merchant": "acme", **changes})

    assert await journal.read(tx.operations.search(query())) == newest
    assert await journal.read(tx.operations.search(query(state="unknown"))) == [newest[3]]
    assert await journal.read(tx.operations.search(query(order=made[2].order))) == [made[2]]
    assert await journal.read(tx.operations.search(query(order=made[2].order, merchant="other"))) == []
    assert await journal.read(tx.operations.search(query(limit=2))) == newest[:3]
    assert await journal.read(tx.operations.search(query(limit=2, starting_after=newest[2].id))) == newest[3:]
    assert await journal.read(tx.operations.search(query(limit=1, ending_before=newest[3].id))) == newest[1:3]
    assert await journal.read(tx.operations.search(query(merchant=None, limit=1))) == [others[0], newest[0]]
    assert await journal.read(tx.operations.search(query(world="live", merchant=None))) == [others[1]]


# Links


def _link(**changes: Any) -> LinkKey:
    return LinkKey(**{"merchant": "acme", "world": "test", "kind": "customers", "id": "cust-42", **changes})


async def test_links_are_put_read_changed_and_deleted(journal: Journal) -> None:
    """A link is set per account, changed alone, read as a whole and deleted as a whole."""
    await journal.write(tx.links.put(_link(), {"revkeen": "0d01", "rapyd": "cus_1"}))
    await journal.write(tx.links.put(_link(), {"rapyd": "cus_2"}))
    await journal.write(tx.links.put(_link(), {}))

    assert await journal.read(tx.links.find(_link())) == {"revkeen": "0d01", "rapyd": "cus_2"}
    assert await journal.write(tx.links.delete(_link())) is True
    assert await journal.write(tx.links.delete(_link())) is False
    assert await journal.read(tx.links.find(_link())) == {}


@pytest.mark.parametrize(
    "changes", [{"merchant": "other"}, {"world": "live"}, {"kind": "products"}, {"id": "CUST-42"}]
)
async def test_links_of_other_scopes_do_not_meet(journal: Journal, changes: dict[str, Any]) -> None:
    """Another merchant, world, kind or spelling has links of its own."""
    await journal.write(tx.links.put(_link(), {"rapyd": "cus_1"}))
    await journal.write(tx.links.put(_link(**changes), {"rapyd": "cus_2"}))

    assert await journal.write(tx.links.delete(_link(**changes))) is True
    assert await journal.read(tx.links.find(_link())) == {"rapyd": "cus_1"}


async def test_links_are_followed_both_ways(journal: Journal) -> None:
    """Many ids become one account's, and the provider's id becomes the merchant's again."""
    await journal.write(tx.links.put(_link(), {"rapyd": "cus_1", "revkeen": "0d01"}))
    await journal.write(tx.links.put(_link(kind="products", id="CHAIR-1"), {"rapyd": "sku_1"}))
    await journal.write(tx.links.put(_link(kind="products", id="DESK-1"), {"revkeen": "p_2"}))
    wanted = [("customers", "cust-42"), ("products", "CHAIR-1"), ("products", "DESK-1"), ("products", "x")]

    assert await journal.read(tx.links.find_native_ids("acme", "test", "rapyd", wanted)) == {  # type: ignore[arg-type]
        ("customers", "cust-42"): "cus_1",
        ("products", "CHAIR-1"): "sku_1",
    }
    assert await journal.read(tx.links.find_native_ids("acme", "live", "rapyd", wanted)) == {}  # type: ignore[arg-type]
    assert await journal.read(tx.links.find_native_ids("other", "test", "rapyd", wanted)) == {}  # type: ignore[arg-type]
    assert await journal.read(tx.links.find_native_ids("acme", "test", "rapyd", [])) == {}
    assert (
        await journal.read(tx.links.find_merchant_id("acme", "test", "rapyd", "products", "sku_1"))
        == "CHAIR-1"
    )
    assert (
        await journal.read(tx.links.find_merchant_id("other", "test", "rapyd", "products", "sku_1")) is None
    )
    assert (
        await journal.read(tx.links.find_merchant_id("acme", "test", "revkeen", "products", "sku_1")) is None
    )


async def test_a_changed_link_counts_at_once_everywhere(store: Store) -> None:
    """What one journal on the store has set, another reads right after."""
    here, there = await store.open(), await store.open()
    for native in ("cus_1", "cus_2", "cus_3"):
        await here.write(tx.links.put(_link(), {"rapyd": native}))

        assert await there.read(tx.links.find(_link())) == {"rapyd": native}


# API keys


def _key(**changes: Any) -> ApiKey:
    key = ApiKey(
        id=new_id("key"),
        merchant="acme",
        world="test",
        operator=False,
        scopes=("orders:read", "orders:write"),
        created_at=NOW,
        expires_at=NOW + MINUTE,
    )
    return msgspec.structs.replace(key, **changes)


async def test_keys_are_found_by_their_hash(journal: Journal) -> None:
    """A key is found by its hash in every field, and listed oldest first."""
    first, second = _key(), _key(merchant=None, operator=True, world="live", scopes=(), expires_at=None)
    await journal.write(tx.keys.add(first, b"\x00" * 32))
    await journal.write(tx.keys.add(second, b"\xff" * 32))

    assert await journal.read(tx.keys.find(b"\x00" * 32)) == first
    assert await journal.read(tx.keys.find(b"\xff" * 32)) == second
    assert await journal.read(tx.keys.find(b"\x01" * 32)) is None
    assert await journal.read(tx.keys.list_all()) == [first, second]


async def test_a_revoked_key_stays_on_record(journal: Journal) -> None:
    """Revoking marks the key with its time, for the next request already; there must be one to revoke."""
    key, other = _key(), _key()
    await journal.write(tx.keys.add(key, b"a" * 32))
    await journal.write(tx.keys.add(other, b"b" * 32))

    assert await journal.write(tx.keys.revoke(key.id, NOW + MINUTE)) is True
    assert await journal.write(tx.keys.revoke(new_id("key"), NOW)) is False

    revoked = msgspec.structs.replace(key, revoked_at=NOW + MINUTE)
    assert await journal.read(tx.keys.find(b"a" * 32)) == revoked
    assert await journal.read(tx.keys.list_all()) == [revoked, other]


async def test_the_store_answers(journal: Journal) -> None:
    """A journal that works says so, also while it is empty."""
    await journal.read(tx.health.ping())


# Durability


async def test_another_journal_sees_everything(store: Store) -> None:
    """After closing, a new journal on the same store has every operation, answer, order, link and key."""
    first = await store.open()
    begun, waiting = operation(reference="A-1"), operation()
    record, key = order(begun.order), _key()
    await first.write(tx.operations.claim(intent(begun)))
    await first.write(tx.operations.claim(intent(waiting, request=b"exact")))
    await first.write(tx.operations.settle(ended(begun, "succeeded"), ANSWER, record))
    await first.write(tx.links.put(_link(), {"rapyd": "cus_1"}))
    await first.write(tx.keys.add(key, b"a" * 32))
    await store.close()

    second = await store.open()

    assert await second.read(tx.operations.find_by_key(begun)) == Existing(ended(begun, "succeeded"), ANSWER)
    assert await second.read(tx.operations.find_unsettled(waiting.order)) == waiting
    assert await store.column(waiting, "request") == b"exact"
    stored = await second.read(tx.orders.find(record.id))
    assert stored is not None
    assert (stored.record, stored.revision) == (record, 1)
    assert await second.read(tx.links.find(_link())) == {"rapyd": "cus_1"}
    assert await second.read(tx.keys.find(b"a" * 32)) == key


async def test_a_write_outlives_a_caller_that_goes_away(journal: Journal) -> None:
    """A caller that is cancelled while it waits does not stop the write."""
    begun = operation()
    waiting = asyncio.create_task(journal.write(tx.operations.claim(intent(begun))))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(60):
        while await journal.read(tx.operations.find(begun.id)) is None:  # noqa: ASYNC110 - nothing tells when it is durable
            await asyncio.sleep(0.01)

    assert await journal.write(tx.operations.claim(intent(operation(key=begun.key)))) == Existing(begun, None)


async def test_erased_bytes_do_not_stay_in_the_record(journal: Journal, store: Store) -> None:
    """The store's record of an operation never holds the bytes to send: only the one place that is erased does."""
    begun = operation()
    await journal.write(tx.operations.claim(intent(begun, request=b"one-time-token")))
    assert await store.contains(b"one-time-token")
    await journal.write(tx.operations.settle(ended(begun, "succeeded"), None, None))

    assert b"one-time-token" not in msgspec.json.encode(await journal.read(tx.operations.find(begun.id)))
    assert await store.column(begun, "request") is None
