"""Changes an order's metadata, notes, customer or tax, as far as the provider can."""

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from ordergate.domain.assembly import OrderRecord, review_reasons
from ordergate.domain.changes import FieldsSet
from ordergate.domain.commands import UpdateOrder
from ordergate.domain.draft import (
    CustomerBody,
    Metadata,
    UpdateBody,
    refuse_large_extensions,
    reserved_metadata_errors,
)
from ordergate.domain.errors import FieldError, Problem
from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.domain.order import Customer
from ordergate.domain.validation import explain, summary
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.links.links import Wanted, resolve
from ordergate.gateway.orders.existing import call_on, note_shown_total, read_again
from ordergate.gateway.runtime.runtime import Answer, Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, write
from ordergate.journal.records.operations import Operation
from ordergate.journal.records.orders import StoredOrder


async def update_order(
    runtime: Runtime, caller: Caller, order_id: str, body: UpdateBody, options: CallOptions
) -> Answer:
    """Updates an order; metadata is merged with the provider's (RFC 7396), sent as a whole, and compared.

    Raises:
        Problem: As :func:`ordergate.gateway.writes.write.write`.
    """
    _refuse_nothing(body)
    refuse_large_extensions(body.extensions)

    async def prepare(operation: Operation) -> PreparedWrite:
        account, stored = await read_again(runtime, caller, order_id, OperationKind.UPDATE)
        _refuse_personal_data(stored.record, body)
        metadata = _merged(stored.record, body)
        command = UpdateOrder(
            operation=operation.id,
            key_number=operation.key_number,
            order=stored.record.seen,
            metadata=metadata,
            notes=body.notes,
            customer=await _native_customer(runtime, account, operation, body),
            email=_email(body),
            tax_percent=body.tax_percent,
            extension=_extension(body, account),
        )
        return PreparedWrite(
            account=account, command=command, change=_change(body, metadata, account, stored), before=stored
        )

    answer = await write(runtime, call_on(caller, OperationKind.UPDATE, order_id, body, options), prepare)
    await note_shown_total(runtime, order_id, answer)
    return answer


def _refuse_nothing(body: UpdateBody) -> None:
    if all(value is UNSET for value in msgspec.structs.asdict(body).values()):
        detail = "Name at least one field to change; null clears it."
        raise Problem(
            "invalid_request", detail, errors=[FieldError(pointer="", code="required", detail=detail)]
        )


def _refuse_personal_data(record: OrderRecord, body: UpdateBody) -> None:
    """Erased data stays erased. At the provider it would be overwritten with the known data."""
    if record.redacted_at is None:
        return
    fields = {
        "/metadata": body.metadata,
        "/notes": body.notes,
        "/customer/email": body.customer.email if isinstance(body.customer, CustomerBody) else None,
    }
    given = [pointer for pointer, value in fields.items() if value is not UNSET and value is not None]
    if given:
        detail = (
            f"The order's personal data were erased on {record.redacted_at:%Y-%m-%d}; it takes none any more."
        )
        errors = [FieldError(pointer=pointer, code="redacted", detail=detail) for pointer in given]
        raise Problem("invalid_state", detail, errors=errors, order=record.id)


def _merged(record: OrderRecord, body: UpdateBody) -> dict[str, Any] | UnsetType:
    """The whole metadata as it shall be: null takes a key out, null for all of it takes all of it."""
    if body.metadata is UNSET:
        return UNSET
    if body.metadata is None:
        return {}
    changes: dict[str, Any] = body.metadata
    merged = {**record.seen.metadata, **changes}
    kept = {name: value for name, value in merged.items() if value is not None}
    errors = [
        msgspec.structs.replace(error, pointer=f"/metadata{error.pointer}")
        for error in explain({name: kept[name] for name in kept if name in changes}, Metadata)
    ]
    if len(kept) > 40:
        detail = "An order has at most 40 metadata keys; this would make more."
        errors.append(FieldError(pointer="/metadata", code="invalid_value", detail=detail))
    errors += reserved_metadata_errors(changes, "/metadata")
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)
    return kept


async def _native_customer(
    runtime: Runtime, account: Account, operation: Operation, body: UpdateBody
) -> str | UnsetType | None:
    if not isinstance(body.customer, CustomerBody):
        return body.customer
    if body.customer.id is None:
        return UNSET
    wanted: Wanted = ("customers", body.customer.id, "/customer/id")
    native = await resolve(runtime.journal, account, operation.merchant, operation.world, [wanted])
    return native["customers", body.customer.id]


def _email(body: UpdateBody) -> str | UnsetType | None:
    if not isinstance(body.customer, CustomerBody):
        return body.customer
    return UNSET if body.customer.email is None else body.customer.email


def _extension(body: UpdateBody, account: Account) -> dict[str, Any]:
    return body.extensions.get(account.adapter.name, {}) if isinstance(body.extensions, dict) else {}


def _change(
    body: UpdateBody, metadata: dict[str, Any] | UnsetType, account: Account, stored: StoredOrder
) -> FieldsSet:
    record = stored.record
    return FieldsSet(
        metadata=metadata,
        notes=body.notes,
        tax_percent=body.tax_percent,
        customer=UNSET if isinstance(body.customer, UnsetType) else _customer(record, body.customer),
        extension=_extension(body, account),
        agreed=ReviewReason.AMOUNT_MISMATCH not in review_reasons(record),
        total=record.seen.total,
    )


def _customer(record: OrderRecord, change: CustomerBody | None) -> Customer | None:
    """Absent members of the customer stay."""
    if change is None:
        return None
    before = record.customer or Customer()
    return Customer(id=change.id or before.id, email=change.email or before.email)
