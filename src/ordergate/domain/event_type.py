"""The types of events."""

from enum import StrEnum


class EventType(StrEnum):
    """The types of events. Several events of one change are ordered as here.

    ``return.failed`` needs a provider that reports the later failure of a refund; no present adapter reads that.
    """

    ORDER_CREATED = "order.created"
    ORDER_UPDATED = "order.updated"
    ORDER_PAYMENT_FAILED = "order.payment_failed"
    ORDER_PAYMENT_PENDING = "order.payment_pending"
    ORDER_PARTIALLY_PAID = "order.partially_paid"
    ORDER_PAID = "order.paid"
    ORDER_FULFILLED = "order.fulfilled"
    ORDER_CANCELED = "order.canceled"
    RETURN_CREATED = "return.created"
    RETURN_FAILED = "return.failed"
    ORDER_PARTIALLY_REFUNDED = "order.partially_refunded"
    ORDER_REFUNDED = "order.refunded"
    ORDER_REVIEW = "order.review"
    OPERATION_SETTLED = "operation.settled"
