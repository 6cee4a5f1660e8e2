"""All transactions, by the noun that they are about."""

from ordergate.journal.transactions import (
    comparisons,
    deliveries,
    endpoints,
    events,
    health,
    keys,
    leases,
    links,
    operations,
    orders,
    resync,
    sessions,
    shadows,
)

__all__ = [
    "comparisons",
    "deliveries",
    "endpoints",
    "events",
    "health",
    "keys",
    "leases",
    "links",
    "operations",
    "orders",
    "resync",
    "sessions",
    "shadows",
]
