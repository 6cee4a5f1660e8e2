"""Encodes and decodes records, and returns the columns beside a record."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.delivery import DeliveryTry
from ordergate.domain.lifecycle import OrderStatus
from ordergate.domain.provider_event import ProviderEvent
from ordergate.journal.records.comparisons import Comparison
from ordergate.journal.records.deliveries import Endpoint
from ordergate.journal.records.exchanges import Exchange
from ordergate.journal.records.keys import ApiKey
from ordergate.journal.records.operations import Intent, Operation, Work

_encoder = msgspec.json.Encoder()
encode = _encoder.encode
decode_operation = msgspec.json.Decoder(Operation).decode
decode_order = msgspec.json.Decoder(OrderRecord).decode
decode_work = msgspec.json.Decoder(Work).decode
decode_key = msgspec.json.Decoder(ApiKey).decode
decode_event = msgspec.json.Decoder(ProviderEvent).decode
decode_endpoint = msgspec.json.Decoder(Endpoint).decode
decode_tries = msgspec.json.Decoder(tuple[DeliveryTry, ...]).decode
decode_comparison = msgspec.json.Decoder(Comparison).decode
_exchanges = msgspec.json.Decoder(Exchange)


def encode_exchanges(exchanges: Sequence[Exchange]) -> bytes | None:
    """Return exchanges as lines of JSON; None for none."""
    # As a list: of anything else msgspec 0.22 leaks an iterator at each call.
    return _encoder.encode_lines(list(exchanges)) if exchanges else None


def decode_exchanges(lines: bytes | None) -> tuple[Exchange, ...]:
    """Return the exchanges of lines of JSON."""
    if lines is None:
        return ()
    return tuple(_exchanges.decode_lines(lines))


def milliseconds(time: datetime) -> int:
    """Return Unix milliseconds."""
    return int(time.timestamp() * 1000)


def moment(milliseconds: int) -> datetime:
    """Return the time of Unix milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def key_columns(operation: Operation) -> dict[str, Any]:
    """Return an operation's key, and the scope in which it is one."""
    return {
        "merchant": operation.merchant,
        "world": operation.world,
        "method": operation.method,
        "path": operation.path,
        "idempotency_key": operation.key,
    }


def operation_columns(operation: Operation) -> dict[str, Any]:
    """Return an operation's record, and the columns for the searches of it."""
    return {
        "id": operation.id,
        "merchant": operation.merchant,
        "world": operation.world,
        "kind": operation.kind.value,
        "method": operation.method,
        "path": operation.path,
        "idempotency_key": operation.key,
        "content_hash": operation.content_hash,
        "order_id": operation.order,
        "reference": operation.reference,
        "state": operation.state,
        "created_at": milliseconds(operation.created_at),
        "updated_at": milliseconds(operation.updated_at),
        "account": operation.account,
        "attempts": len(operation.attempts),
        "record": encode(operation),
    }


def intent_columns(intent: Intent) -> dict[str, Any]:
    """Return an intent's columns: the operation's, the bytes to send, and all that another process needs."""
    return {
        **operation_columns(intent.operation),
        "request": intent.request,
        "work": encode(intent.work),
        "owner": intent.owner,
        "awaited": int(intent.owner is None),
        "settling": round(intent.settling * 1000),
        "api_key": intent.api_key,
    }


def comparison_columns(comparison: Comparison) -> dict[str, Any]:
    """Return a comparison's record, its result, and the columns for the searches of it."""
    return {
        "id": comparison.id,
        "merchant": comparison.merchant,
        "world": comparison.world,
        "idempotency_key": comparison.key,
        "reference": comparison.reference,
        "created_at": milliseconds(comparison.created_at),
        "ended": int(comparison.ended),
        "record": encode(msgspec.structs.replace(comparison, body=None)),
        "body": comparison.body,
    }


def order_columns(record: OrderRecord, status: OrderStatus) -> dict[str, Any]:
    """Return an order's record, and the columns for the searches of it; one of them is the canonical status."""
    return {
        "id": record.id,
        "merchant": record.merchant,
        "world": record.world,
        "account": record.account,
        "adapter": record.adapter,
        "provider_order_id": record.seen.provider_order_id,
        "status": status.value,
        "reference": record.reference,
        "customer": record.customer.id if record.customer else None,
        "purpose": record.purpose,
        "created_at": milliseconds(record.seen.created_at),
        "synced_at": milliseconds(record.synced_at),
        "payment_id": record.seen.payments[-1].provider_payment_id if record.seen.payments else None,
        "record": encode(record),
    }


def duration(seconds: float | None) -> int | None:
    """Return a duration in milliseconds, as columns store it; None for None."""
    return None if seconds is None else round(seconds * 1000)


def moment_or_none(milliseconds: int | None) -> datetime | None:
    """Return the time of a column; None for NULL."""
    return None if milliseconds is None else moment(milliseconds)
