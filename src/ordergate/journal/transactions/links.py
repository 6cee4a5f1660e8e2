"""Links from the ids of merchants to the ids of providers."""

from collections.abc import Collection, Sequence

import msgspec

from ordergate.domain.link import Link, LinkKind
from ordergate.domain.mode import World
from ordergate.journal.records.links import LinkKey, LinkQuery, Links, Progress, StoredLink
from ordergate.journal.transaction import Batch, Query, Steps, transaction
from ordergate.journal.transactions import list_queries

_BATCH_SIZE = 5_000
"""Rows of an import that are sent to the store at once: it reports its progress in between."""


@transaction()
def put(key: LinkKey, links: Links) -> Steps[None]:
    """Set the links of one id at the named accounts; links at other accounts stay."""
    for account, native in links.items():
        yield Query("put_link", msgspec.structs.asdict(key) | {"account": account, "native": native})


@transaction()
def put_many(
    merchant: str, world: World, links: Sequence[Link], progress: Progress | None = None
) -> Steps[None]:
    """Set many links, all of them or none; of one id's links at other accounts nothing changes.

    Args:
        merchant: The merchant.
        world: Test and live links are separate.
        links: Each id at an account once.
        progress: Called now and then with the number of written links, in any thread. They are not durable then.
    """
    scope = {"merchant": merchant, "world": world}
    # Two imports at once lock the same links in the same order.
    links = sorted(links, key=lambda link: (link.kind, link.id, link.account))
    for start in range(0, len(links), _BATCH_SIZE):
        part = links[start : start + _BATCH_SIZE]
        yield Batch("put_link", [scope | msgspec.structs.asdict(link) for link in part])
        if progress is not None:
            progress(start + len(part))


@transaction(listed=True)
def search(query: LinkQuery) -> Steps[list[StoredLink]]:
    """Return up to ``limit + 1`` links; one more than the limit shows that there are more."""
    rows = yield Query(*list_queries.links(query))
    return [
        StoredLink(merchant=merchant, kind=kind, id=identifier, account=account, native=native)
        for merchant, kind, identifier, account, native in rows
    ]


@transaction()
def merchants(world: World) -> Steps[list[str]]:
    """Return who has links, sorted."""
    rows = yield Query("linked_merchants", {"world": world})
    return sorted(str(row[0]) for row in rows)


@transaction()
def count_by_account() -> Steps[dict[tuple[World, str], int]]:
    """Return how many links name each account, by world and account."""
    rows = yield Query("linked_accounts", {})
    return {(world, account): int(count) for world, account, count in rows}


@transaction(inline=True)
def find(key: LinkKey) -> Steps[Links]:
    """Return the provider's ids of one id, by account; empty if it has no link."""
    rows = yield Query("links_of_id", msgspec.structs.asdict(key))
    return {str(account): str(native) for account, native in rows}


@transaction()
def delete(key: LinkKey) -> Steps[bool]:
    """Delete an id's links; return whether there were any."""
    return bool((yield Query("delete_links", msgspec.structs.asdict(key))))


@transaction(inline=True)
def find_native_ids(
    merchant: str, world: World, account: str, ids: Collection[tuple[LinkKind, str]]
) -> Steps[dict[tuple[LinkKind, str], str]]:
    """Return the provider's ids at one account; an id without a link is absent."""
    if not ids:
        return {}
    wanted = msgspec.json.encode(list(set(ids))).decode()
    scope = {"merchant": merchant, "world": world, "account": account}
    rows = yield Query("native_ids", {**scope, "ids": wanted})
    return {(kind, identifier): str(native) for kind, identifier, native in rows}


@transaction(inline=True)
def find_merchant_id(
    merchant: str, world: World, account: str, kind: LinkKind, native: str
) -> Steps[str | None]:
    """Return which of the merchant's ids is called so at one account."""
    rows = yield Query(
        "merchant_id",
        {"merchant": merchant, "world": world, "account": account, "kind": kind, "native": native},
    )
    return str(rows[0][0]) if rows else None
