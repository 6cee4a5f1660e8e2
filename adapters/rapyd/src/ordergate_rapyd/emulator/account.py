"""One merchant account: everything that requests act on."""

import msgspec

from ordergate.spi.emulator import WebhookEvent
from ordergate.spi.emulator_toolkit.events import PendingEvents
from ordergate_rapyd.emulator.catalog import Index
from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.identifiers import Identifiers
from ordergate_rapyd.emulator.javascript import JsonObject
from ordergate_rapyd.emulator.records import Order, OrderReturn, Payment
from ordergate_rapyd.emulator.switches import Switches


class Account(msgspec.Struct, kw_only=True):
    """The catalog, the switches and the objects of an account, each kind in the order of creation.

    Attributes:
        webhook_ids: The stream of webhook ids; it is separate, so that webhooks do not change other ids.
        operation_id: The id of the current request; blank outside a request.
        pending_webhooks: The webhooks that are not yet taken for delivery.
    """

    ids: Identifiers
    webhook_ids: Identifiers
    catalog: Index
    ewallet: str
    switches: Switches = Switches()
    orders: dict[str, Order] = msgspec.field(default_factory=dict)
    payments: dict[str, Payment] = msgspec.field(default_factory=dict)
    returns: dict[str, OrderReturn] = msgspec.field(default_factory=dict)
    open_payments: dict[str, Payment] = msgspec.field(default_factory=dict)
    operation_id: str = ""
    pending_webhooks: PendingEvents[WebhookEvent] = msgspec.field(default_factory=PendingEvents)

    def order(self, order_id: str) -> Order:
        """Return the order, or refuse the request."""
        if order_id not in self.orders:
            raise RefusedError(self.switches.unknown_order)
        return self.orders[order_id]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """An authentic request to an operation.

    Attributes:
        object_id: The id in the path; blank if there is none.
        query: The parameters of the query; of repeated ones the last.
        body: The members of the body that are not null: Rapyd's own SDK sends null for unset fields.
        now: Unix time in seconds.
    """

    object_id: str
    query: dict[str, str]
    body: JsonObject
    now: float

    @property
    def second(self) -> int:
        """The time in whole seconds."""
        return int(self.now)
