"""What every journal promises of links in bulk, on every store there is."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.contract.conftest import Store

from ordergate.domain.link import Link
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey, LinkQuery, StoredLink


def link(identifier: str = "CHAIR-1", **changes: Any) -> Link:
    """What one product is called at one account."""
    made = Link(kind="products", id=identifier, account="rapyd", native="sku_1")
    return msgspec.structs.replace(made, **changes)


def key(identifier: str = "CHAIR-1", **changes: Any) -> LinkKey:
    return LinkKey(**{"merchant": "acme", "world": "test", "kind": "products", "id": identifier, **changes})


def stored(of: Link, merchant: str = "acme") -> StoredLink:
    return StoredLink(merchant=merchant, **msgspec.structs.asdict(of))


async def listed(journal: Journal, **query: Any) -> list[StoredLink]:
    return await journal.read(tx.links.search(LinkQuery(**{"world": "test", "limit": 100, **query})))


async def test_many_links_are_set_at_once(journal: Journal) -> None:
    """New ones are made, old ones changed, and what is not named stays as it was."""
    await journal.write(tx.links.put(key(), {"rapyd": "sku_0", "revkeen": "0d01"}))
    await journal.write(tx.links.put(key("DESK-1"), {"rapyd": "sku_2"}))

    await journal.write(tx.links.put_many("acme", "test", [link(), link("LAMP-1", native="sku_3")]))

    assert await journal.read(tx.links.find(key())) == {"rapyd": "sku_1", "revkeen": "0d01"}
    assert await journal.read(tx.links.find(key("DESK-1"))) == {"rapyd": "sku_2"}
    assert await journal.read(tx.links.find(key("LAMP-1"))) == {"rapyd": "sku_3"}
    assert await journal.read(tx.links.find(key(world="live"))) == {}
    assert await journal.read(tx.links.find(key(merchant="bolt"))) == {}


async def test_no_links_are_an_import_too(journal: Journal) -> None:
    """An empty import changes nothing."""
    await journal.write(tx.links.put_many("acme", "test", []))

    assert await listed(journal) == []


async def test_an_import_may_be_repeated(journal: Journal) -> None:
    """The same links again leave the same links."""
    links = [link(f"SKU-{number}") for number in range(20)]

    for _ in range(2):
        await journal.write(tx.links.put_many("acme", "test", links))

    assert len(await listed(journal)) == 20


async def test_progress_is_told(journal: Journal) -> None:
    """An import says how many are written, up to all of them."""
    told: list[int] = []
    links = [link(f"SKU-{number}") for number in range(12_000)]

    await journal.write(tx.links.put_many("acme", "test", links, told.append))

    assert told == [5_000, 10_000, 12_000]


async def test_an_import_that_fails_leaves_nothing(journal: Journal) -> None:
    """Whatever goes wrong after thousands of links, none of them is there."""
    links = [link(f"SKU-{number:05}") for number in range(12_000)]

    def fail(done: int) -> None:
        if done == 10_000:
            raise KeyError(done)

    with pytest.raises(KeyError):
        await journal.write(tx.links.put_many("acme", "test", links, fail))

    assert await listed(journal) == []
    await journal.write(tx.links.put_many("acme", "test", links[:1]))
    assert await listed(journal) == [stored(links[0])]


async def test_imports_at_once_do_not_stop_each_other(store: Store) -> None:
    """Two nodes that import the same ids in opposite order both end, and one of them has the last word."""
    here, there = await store.open(), await store.open()
    links = [link(f"SKU-{number}") for number in range(6_000)]
    others = [msgspec.structs.replace(each, native="other") for each in reversed(links)]

    await asyncio.gather(
        here.write(tx.links.put_many("acme", "test", links)),
        there.write(tx.links.put_many("acme", "test", others)),
    )

    rows = await listed(here, limit=10_000)
    assert len(rows) == 6_000
    assert len({row.native for row in rows}) == 1


async def test_an_imported_link_counts_at_once_everywhere(store: Store) -> None:
    """Another node's very next look finds what was imported or changed here."""
    here, there = await store.open(), await store.open()
    for native in ("sku_1", "sku_2"):
        await here.write(tx.links.put_many("acme", "test", [link(native=native)]))

        found = await there.read(tx.links.find_native_ids("acme", "test", "rapyd", [("products", "CHAIR-1")]))
        assert found == {("products", "CHAIR-1"): native}

    await here.write(tx.links.delete(key()))
    assert (
        await there.read(tx.links.find_native_ids("acme", "test", "rapyd", [("products", "CHAIR-1")])) == {}
    )


async def test_links_are_listed_page_by_page(journal: Journal) -> None:
    """Sorted by merchant, kind, id and account; filters hold on every page, and no row is lost between two."""
    acme = [
        link("cust-1", kind="customers", native="cus_1"),
        link("a", account="rapyd"),
        link("a", account="revkeen"),
        link("b", account="rapyd"),
        link("card", kind="payment_methods", account="revkeen"),
    ]
    expected = sorted((stored(each) for each in acme), key=lambda row: row.place)
    await journal.write(tx.links.put_many("acme", "test", acme))
    await journal.write(tx.links.put_many("bolt", "test", [link("a")]))
    await journal.write(tx.links.put_many("acme", "live", [link("z")]))

    assert await listed(journal, merchant="acme") == expected
    assert await listed(journal) == [*expected, stored(link("a"), "bolt")]
    assert await listed(journal, account="revkeen") == [row for row in expected if row.account == "revkeen"]
    assert await listed(journal, kind="customers") == expected[:1]
    assert await listed(journal, world="live") == [stored(link("z"))]
    pages, after = [], None
    while page := await listed(journal, limit=2, after=after):
        pages += page[:2]
        after = page[:2][-1].place
    assert pages == [*expected, stored(link("a"), "bolt")]
    assert len(await listed(journal, limit=2)) == 3


async def test_what_is_linked_is_counted(journal: Journal) -> None:
    """Who has links, and how many name each account, in each world."""
    await journal.write(
        tx.links.put_many("bolt", "test", [link("a"), link("b"), link("a", account="revkeen")])
    )
    await journal.write(tx.links.put_many("acme", "live", [link("a")]))

    assert await journal.read(tx.links.merchants("test")) == ["bolt"]
    assert await journal.read(tx.links.merchants("live")) == ["acme"]
    assert await journal.read(tx.links.count_by_account()) == {
        ("test", "rapyd"): 2,
        ("test", "revkeen"): 1,
        ("live", "rapyd"): 1,
    }


async def test_a_store_without_links(journal: Journal) -> None:
    """An empty store says so."""
    assert await journal.read(tx.links.merchants("test")) == []
    assert await journal.read(tx.links.count_by_account()) == {}


async def test_many_ids_are_one_question(journal: Journal) -> None:
    """However many ids are asked for, and whatever stands in them, the store is asked once."""
    odd = ['a"b', "a\\b", "ä/€ 🪑", "[1]", "null", "%_'"]
    await journal.write(tx.links.put_many("acme", "test", [link(each, native=f"sku {each}") for each in odd]))
    await journal.write(tx.links.put(key(odd[0], kind="customers"), {"rapyd": "cus_1"}))
    wanted = [("products", each) for each in [*odd, *odd, "none"]]

    found = await journal.read(tx.links.find_native_ids("acme", "test", "rapyd", wanted))  # type: ignore[arg-type]

    assert found == {("products", each): f"sku {each}" for each in odd}
    steps = iter(tx.links.find_native_ids("acme", "test", "rapyd", wanted))  # type: ignore[arg-type]
    next(steps)
    with pytest.raises(StopIteration):
        steps.send([])
