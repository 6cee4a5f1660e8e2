"""Builds the list queries. The SQL contains only the given filters, so that an index fits."""

from collections.abc import Mapping
from typing import Any, TypeVar

from ordergate.journal.codec import milliseconds
from ordergate.journal.records.comparisons import ComparisonQuery
from ordergate.journal.records.deliveries import DeliveryQuery, EndpointQuery
from ordergate.journal.records.events import EventQuery
from ordergate.journal.records.links import LinkQuery
from ordergate.journal.records.operations import OperationQuery
from ordergate.journal.records.orders import OrderQuery
from ordergate.journal.records.paging import PageQuery

T = TypeVar("T")

_DELIVERY = (
    "id, endpoint_id, merchant, world, event_id, order_id, type, number, state, due_at, created_at, record"
)


def orders(query: OrderQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of orders."""
    equal = {
        "world": query.world,
        "merchant": query.merchant,
        "status": query.status and query.status.value,
        "account": query.account,
        "adapter": query.provider,
        "customer": query.customer,
        "reference": query.reference,
    }
    bounds = {
        "created_at >= :created_gte": query.created_gte and milliseconds(query.created_gte),
        "created_at <= :created_lte": query.created_lte and milliseconds(query.created_lte),
    }
    return _statement(
        "orders",
        equal | {"purpose": query.purpose},
        bounds,
        query,
        *(() if query.purpose else ("purpose IS NULL",)),
    )


def operations(query: OperationQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of operations."""
    equal = {"world": query.world, "merchant": query.merchant, "state": query.state, "order_id": query.order}
    unattended = ("due_at IS NULL", "owner IS NULL") if query.unattended else ()
    return _statement("operations", equal, {}, query, *unattended)


def comparisons(query: ComparisonQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of comparisons."""
    equal = {"world": query.world, "merchant": query.merchant}
    columns = "record, body, ended"
    return _statement("comparisons", equal, {}, query, "body IS NOT NULL", columns=columns)


def endpoints(query: EndpointQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of webhook endpoints."""
    return _statement("webhook_endpoints", {"world": query.world, "merchant": query.merchant}, {}, query)


def deliveries(query: DeliveryQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of deliveries."""
    equal = {
        "world": query.world,
        "merchant": query.merchant,
        "endpoint_id": query.endpoint,
        "state": query.state,
        "event_id": query.event,
        "order_id": query.order,
    }
    return _statement("webhook_deliveries", equal, {}, query, columns=_DELIVERY)


def events(query: EventQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a page of a feed."""
    kind = " AND type = :type" if query.type is not None else ""
    sql = (
        "SELECT id, number, type, merchant, world, order_id, created_at, record FROM events "  # noqa: S608
        "WHERE merchant = :merchant AND world = :world AND purpose = :purpose AND number > :after"
        f"{kind} ORDER BY number LIMIT :limit"
    )
    feed = query.feed
    parameters = {
        "merchant": feed.merchant,
        "world": feed.world,
        "purpose": feed.purpose or "",
        "after": query.after,
        "type": query.type,
        "limit": query.limit + 1,
    }
    return sql, parameters


def links(query: LinkQuery) -> tuple[str, dict[str, Any]]:
    """Return the statement and its parameters for a list of links."""
    equal = {
        "world": query.world,
        "merchant": query.merchant,
        "account": query.account,
        "kind": query.kind,
    }
    conditions = [f"{column} = :{column}" for column, value in equal.items() if value is not None]
    parameters: dict[str, Any] = {**equal, "limit": query.limit + 1}
    if query.after is not None:
        names = ("after_merchant", "after_kind", "after_id", "after_account")
        parameters |= dict(zip(names, query.after, strict=True))
        conditions.append(
            "(merchant, world, kind, id, account) > "
            "(:after_merchant, :world, :after_kind, :after_id, :after_account)"
        )
    sql = (
        f"SELECT merchant, kind, id, account, native FROM links WHERE {' AND '.join(conditions)} "  # noqa: S608
        "ORDER BY merchant, world, kind, id, account LIMIT :limit"
    )
    return sql, parameters


def in_order(rows: list[T], page: PageQuery) -> list[T]:
    """Return rows newest first: a page before a row is read away from it."""
    return rows[::-1] if page.backwards else rows


def _statement(
    table: str,
    equal: Mapping[str, Any],
    bounds: Mapping[str, Any],
    query: PageQuery,
    *always: str,
    columns: str = "record",
) -> tuple[str, dict[str, Any]]:
    """The caller's values are only parameters; all names come from this file."""
    cursors = {"id < :starting_after": query.starting_after, "id > :ending_before": query.ending_before}
    conditions = [
        *(f"{column} = :{column}" for column, value in equal.items() if value is not None),
        *(condition for condition, value in {**bounds, **cursors}.items() if value is not None),
        *always,
    ]
    parameters = {
        **equal,
        **{condition.rpartition(":")[2]: value for condition, value in {**bounds, **cursors}.items()},
        "limit": query.limit + 1,
    }
    direction = "ASC" if query.backwards else "DESC"
    sql = (
        f"SELECT {columns} FROM {table} WHERE {' AND '.join(conditions)} ORDER BY id {direction} LIMIT :limit"  # noqa: S608
    )
    return sql, parameters
