"""Personal data of an order are erased for good, and nothing else is, on every store there is."""

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.builders import provider_line, provider_order
from tests.contract.conftest import NOW, Store, ended, intent, operation, order

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import FieldsSet
from ordergate.domain.erasure import redacted
from ordergate.domain.operation import Attempt, Resolution
from ordergate.domain.order import Address, Customer
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.operations import (
    Busy,
    Claimed,
    Existing,
    Operation,
    Stale,
    StoredResponse,
    Work,
)
from ordergate.journal.records.orders import StoredOrder

LATER = NOW + timedelta(days=1)
SECRETS = ("ada@example.com", "Lovelace Street 1", "Ring twice", "gift-for-charles")
PERSONAL = " ".join(SECRETS).encode()
ADDRESS = Address(name="Ada", line_1=SECRETS[1])


def _personal(identifier: str | None = None, **changes: Any) -> OrderRecord:
    """An order's record with personal data in every place that has some."""
    told: dict[str, Any] = {
        "email": SECRETS[0],
        "shipping_address": ADDRESS,
        "notes": SECRETS[2],
        "metadata": {"note": SECRETS[3]},
    }
    line = provider_line(metadata={"engraving": SECRETS[3]})
    record = order(
        identifier,
        customer=Customer(id="cust-42", email=SECRETS[0]),
        shipping_address=ADDRESS,
        notes=SECRETS[2],
        metadata={"note": SECRETS[3]},
        seen=provider_order(line_items=[line], **told),
    )
    return msgspec.structs.replace(record, **changes)


async def _keep(journal: Journal, record: OrderRecord) -> Operation:
    """Create an order by an operation that holds its personal data everywhere; return it as it ended."""
    begun = operation(order=record.id)
    change = FieldsSet(metadata={"note": SECRETS[3]}, notes=SECRETS[2], extension={}, agreed=True, total=1)
    await journal.write(
        tx.operations.claim(intent(begun, request=PERSONAL, work=Work(command=None, change=change)))
    )
    await journal.write(
        tx.operations.settle(ended(begun, "succeeded"), StoredResponse(status=201, body=PERSONAL), record)
    )
    return ended(begun, "succeeded")


async def _redact(journal: Journal, identifier: str) -> StoredOrder:
    stored = await journal.read(tx.orders.find(identifier))
    assert stored is not None
    result = await journal.write(tx.orders.redact(redacted(stored.record, LATER), stored.revision))
    assert isinstance(result, StoredOrder), result
    return result


async def test_no_byte_is_left(journal: Journal, store: Store) -> None:
    """What was personal stands nowhere in the store any more, log and free pages included."""
    record = _personal()
    created = await _keep(journal, record)
    for secret in SECRETS:
        assert await store.contains(secret.encode())

    result = await _redact(journal, record.id)

    for secret in SECRETS:
        assert not await store.contains(secret.encode()), secret
    stored = await journal.read(tx.orders.find(record.id))
    assert stored == result
    assert stored.record == redacted(record, LATER)
    assert stored.record.customer == Customer(id="cust-42")
    assert await journal.read(tx.operations.find_by_key(created)) == Existing(created, None)


async def test_many_changes_of_many_orders_leave_none_of_one(journal: Journal, store: Store) -> None:
    """Among other orders, changed again and again, one is redacted and the others keep what they have."""
    records = [_personal(notes=f"Ring {'x' * number * 7} for {number:03d}.") for number in range(60)]
    await asyncio.gather(*(_keep(journal, record) for record in records))
    for _ in range(3):
        for record in records:
            stored = await journal.read(tx.orders.find(record.id))
            assert stored is not None
            await journal.write(tx.orders.update(stored.record, stored))

    await _redact(journal, records[30].id)

    kept = [await store.contains(f" for {number:03d}.".encode()) for number in range(60)]
    assert kept == [number != 30 for number in range(60)]


async def test_evidence_and_refusals_are_kept(journal: Journal) -> None:
    """What a person found, what was seen of attempts and what the provider refused stay; its request does not."""
    record = _personal()
    await _keep(journal, record)
    refusal = StoredResponse(status=402, body=b'{"code": "payment_declined"}')
    attempt = Attempt(number=1, started_at=NOW, detail="The card was declined.")
    evidence = Resolution(at=NOW, key="key_1", outcome="not_applied", evidence="Ticket 4711")
    refused = operation(order=record.id, attempts=(attempt,), resolution=evidence)
    await journal.write(tx.operations.claim(intent(refused, request=PERSONAL)))
    await journal.write(tx.operations.settle(ended(refused, "failed"), refusal, None))

    await _redact(journal, record.id)

    assert await journal.read(tx.operations.find_by_key(refused)) == Existing(
        ended(refused, "failed"), refusal
    )


@pytest.mark.parametrize("state", ["in_progress", "unknown", "failed"])
async def test_an_order_that_is_worked_on_is_not_redacted(journal: Journal, store: Store, state: str) -> None:
    """While an operation is unsettled, or will be looked at again, nothing changes and the operation is named."""
    record = _personal()
    await _keep(journal, record)
    begun = operation(order=record.id)
    await journal.write(tx.operations.claim(intent(begun, request=PERSONAL)))
    now = begun
    if state == "unknown":
        now = ended(begun, state)
        await journal.write(tx.operations.leave_unknown(now, "node_1", settles_in=None, probe_in=None))
    elif state == "failed":
        now = ended(begun, state)
        await journal.write(tx.operations.settle(now, None, None, probe_in=60))
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None

    assert await journal.write(tx.orders.redact(redacted(stored.record, LATER), stored.revision)) == Busy(now)

    assert await journal.read(tx.orders.find(record.id)) == stored
    assert await store.column(begun, "request") == PERSONAL


async def test_an_order_that_has_changed_is_not_redacted_blindly(journal: Journal) -> None:
    """A redaction of what the row was before is refused, and changes nothing."""
    record = _personal()
    await _keep(journal, record)
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None
    changed = await journal.write(tx.orders.update(msgspec.structs.replace(record, notes="newer"), stored))

    assert await journal.write(tx.orders.redact(redacted(record, LATER), stored.revision)) == Stale()

    assert await journal.read(tx.orders.find(record.id)) == changed


async def test_a_write_that_read_the_order_before_does_not_bring_it_back(journal: Journal) -> None:
    """Whoever had read the order before it was redacted has to read it again before writing."""
    record = _personal()
    await _keep(journal, record)
    stored = await journal.read(tx.orders.find(record.id))
    assert stored is not None

    result = await _redact(journal, record.id)

    late = operation(order=record.id)
    assert await journal.write(tx.operations.claim(intent(late, revision=stored.revision))) == Stale()
    assert await journal.write(tx.orders.update(record, stored)) == result
    assert await journal.write(tx.operations.claim(intent(late, revision=result.revision))) == Claimed(late)


async def test_a_claim_and_a_redaction_at_once(journal: Journal, store: Store) -> None:
    """Of a write and a redaction that meet, one comes first, and the other is told so."""
    other = await store.open()
    for _ in range(25):
        record = _personal()
        await _keep(journal, record)
        stored = await journal.read(tx.orders.find(record.id))
        assert stored is not None
        begun = operation(order=record.id)

        claimed, erased = await asyncio.gather(
            other.write(tx.operations.claim(intent(begun, revision=stored.revision))),
            journal.write(tx.orders.redact(redacted(record, LATER), stored.revision)),
        )

        assert isinstance(claimed, Claimed) == isinstance(erased, Busy)
        assert isinstance(claimed, Stale) == isinstance(erased, StoredOrder)


async def test_redacting_again_changes_nothing_more(journal: Journal) -> None:
    """The second time finds nothing to erase, and keeps the time of the first."""
    record = _personal()
    await _keep(journal, record)
    first = await _redact(journal, record.id)

    again = await journal.write(
        tx.orders.redact(redacted(first.record, LATER + timedelta(days=1)), first.revision)
    )

    assert isinstance(again, StoredOrder)
    assert again.record == first.record
    assert again.record.redacted_at == LATER
