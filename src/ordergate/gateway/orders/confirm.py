"""Confirms the payment of an order to a provider that closes payments itself and waits for the confirmation.

It happens whenever an order is read again, as one journaled operation of the gateway's own, serialised like any
other write of the order.
"""

import msgspec

from ordergate.domain.assembly import OrderRecord
from ordergate.domain.changes import NothingElse
from ordergate.domain.commands import ConfirmPayment
from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.prepared import PreparedWrite
from ordergate.gateway.writes.write import CallOptions, WriteCall, write
from ordergate.journal import transactions as tx
from ordergate.journal.records.operations import Operation
from ordergate.journal.records.orders import StoredOrder


class Confirmation(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an operation without a caller; `amount` is the received amount in minor units."""

    amount: int


async def confirm_if_due(runtime: Runtime, account: Account, stored: StoredOrder) -> StoredOrder:
    """Confirm the payment if the provider waits for that, and the figures agree; return the order as it is then.

    A confirmation that fails, or that another node is about, changes nothing: the next reading tries again.
    """
    seen = stored.record.seen
    if not seen.confirmation_due or seen.amount_kept != seen.total or stored.record.canceled_here is not None:
        return stored

    async def prepare(operation: Operation) -> PreparedWrite:
        command = ConfirmPayment(operation=operation.id, key_number=operation.key_number, order=seen)
        return PreparedWrite(account=account, command=command, change=NothingElse(), before=stored)

    call = WriteCall(
        caller=_gateway_itself(stored.record),
        kind=OperationKind.UPDATE,
        method="POST",
        path=f"/v1/orders/{stored.record.id}/confirm",
        options=CallOptions(key=None),
        body=Confirmation(amount=seen.amount_paid),
        order=stored.record.id,
        performed_by="gateway",
    )
    try:
        await write(runtime, call, prepare)
    except Problem:
        return stored
    return await runtime.journal.read(tx.orders.find(stored.record.id)) or stored


def _gateway_itself(record: OrderRecord) -> Caller:
    return Caller(
        key="gateway", merchant=record.merchant, world=record.world, operator=False, scopes=frozenset()
    )
