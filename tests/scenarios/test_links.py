"""Links in bulk: the call, the commands, and an import that is killed."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.scenarios.conftest import OpenShop, Start
from tests.scenarios.shop import (
    CUSTOMER,
    PATIENCE,
    SKUS,
    Emulator,
    Shop,
    body_of,
    pointers,
    prepare_store,
    problem_of,
    product,
    run,
    verdict,
    write_config,
)

from ordergate.domain.link import Link
from ordergate.journal import transactions as tx
from ordergate.journal.records.links import LinkQuery
from ordergate.server.bootstrap import open_journal
from ordergate.settings import load_settings

IMPORT = "/v1/links/import"
MANY = 100_000


def link(shop: Shop, identifier: str, native: str | None = None, **changes: Any) -> dict[str, Any]:
    """What one product is called at the shop's account."""
    named = native or shop.emulator.products[0]
    return {"kind": "products", "id": identifier, "account": shop.account, "native": named, **changes}


async def test_many_links_by_one_call(shop: Shop) -> None:
    """All of them count from the next order; what is not named stays."""
    links = [link(shop, f"CHAIR-{number}") for number in range(200, 300)]

    answer = body_of(await shop.call("POST", IMPORT, json={"links": links}), 200)

    assert answer == {"imported": 100}
    assert body_of(await shop.get("/v1/links/products/CHAIR-250"), 200) == {
        shop.account: shop.emulator.products[0]
    }
    await shop.order(line_items=[product(sku="CHAIR-299")])
    await shop.order(line_items=[product(sku=SKUS[1])])
    assert body_of(await shop.call("POST", IMPORT, json={"links": []}), 200) == {"imported": 0}


@pytest.mark.parametrize(
    "identifier", ["A", "A%2F", "%2FA", "a/b", "a//b", "A%20b", "%C3%84%E2%9C%93", "100%25"]
)
async def test_an_id_in_the_address_is_the_one_that_was_sent(shop: Shop, identifier: str) -> None:
    """Slashes, blanks and other letters belong to an id: one id's link is never another's."""
    others = {"A", "A%2F", "%2FA", "a/b", "a//b", "A%20b"} - {identifier}
    answer = await shop.call("PUT", f"/v1/links/products/{identifier}", json={shop.account: "sku_1"})

    assert body_of(answer, 200) == {shop.account: "sku_1"}
    for other in others:
        problem_of(await shop.get(f"/v1/links/products/{other}"), 404, "not_found")
    assert (await shop.call("DELETE", f"/v1/links/products/{identifier}")).status_code == 204


async def test_an_id_in_the_address_that_is_no_text(shop: Shop) -> None:
    """Bytes that are no UTF-8 are nobody's id."""
    problem_of(await shop.get("/v1/links/products/%FF"), 422, "invalid_request")


async def test_one_wrong_link_among_many(shop: Shop) -> None:
    """Nothing is linked, and each error is named by its pointer."""
    good = [link(shop, f"CHAIR-{number}") for number in range(200, 220)]
    wrong = {
        "/links/20/kind": link(shop, "x", kind="colours"),
        "/links/20/id": link(shop, "provider:x"),
        "/links/20/account": link(shop, "x", account="nowhere"),
        "/links/20/native": link(shop, "CHAIR-200", "another"),
        "/links/20/colour": link(shop, "x", colour="red"),
    }

    for pointer, row in wrong.items():
        answer = await shop.call("POST", IMPORT, json={"links": [*good, row]})
        problem = problem_of(answer, 422, "invalid_request")
        assert pointers(problem) == [pointer]
        assert verdict(problem) == ("no", "not_applied", "after_fix")

    problem_of(await shop.get("/v1/links/products/CHAIR-200"), 404, "not_found")


async def test_more_links_than_a_body_may_hold(shop: Shop) -> None:
    """A body beyond the limit is a 413, and nothing is linked."""
    links = [link(shop, f"CHAIR-{number}") for number in range(20_000)]

    problem_of(await shop.call("POST", IMPORT, json={"links": links}), 413, "payload_too_large")
    problem_of(await shop.get("/v1/links/products/CHAIR-200"), 404, "not_found")


async def test_whose_links_are_imported(shop: Shop) -> None:
    """An operator names the merchant; a merchant links for himself alone."""
    operator = await shop.another(None)
    body = {"links": [link(shop, "CHAIR-200")]}

    unnamed = problem_of(await operator.call("POST", IMPORT, json=body), 422, "invalid_request")
    assert pointers(unnamed) == ["/merchant"]
    problem_of(await shop.call("POST", f"{IMPORT}?merchant=bolt", json=body), 403, "forbidden")
    body_of(await operator.call("POST", f"{IMPORT}?merchant=acme", json=body), 200)
    body_of(await shop.get("/v1/links/products/CHAIR-200"), 200)


@pytest.fixture
async def config(tmp_path: Path, emulators: Mapping[str, Emulator]) -> Path:
    """A configuration with every emulator, and a store with the merchant's links."""
    file = write_config(tmp_path, emulators)
    await prepare_store(file, emulators)
    return file


def links_of(config: Path, *arguments: str, code: int = 0) -> str:
    """What a command of links printed, if it ended so."""
    done = run("links", *arguments, "--config", str(config))
    assert done.returncode == code, done.stderr + done.stdout
    assert "\x1b[" not in done.stdout + done.stderr
    return done.stderr if code else done.stdout


def test_export_and_import(config: Path, emulators: Mapping[str, Emulator], tmp_path: Path) -> None:
    """What is exported is sorted, and imported again it is the same; as JSON it is the call's own body."""
    exported = links_of(config, "export")
    lines = exported.splitlines()
    assert lines[0] == "kind,id,account,native"
    assert lines[1:] == sorted(lines[1:])
    assert len(lines) == 1 + 5 * len(emulators)
    body = json.loads(links_of(config, "export", "--json"))
    assert len(body["links"]) == len(lines) - 1
    name = min(emulators)
    some = links_of(config, "export", "--account", name, "--kind", "products").splitlines()
    assert some[1:] == [line for line in lines if line.startswith("products,") and f",{name}," in line]

    file = tmp_path / "links.csv"
    file.write_text(exported.replace("CHAIR-1", "STOOL-1"))
    imported = json.loads(links_of(config, "import", str(file), "--merchant", "acme", "--json"))
    assert imported == {"imported": len(lines) - 1}
    assert links_of(config, "export").count("STOOL-1") == len(emulators)
    links_of(config, "import", str(file), "--merchant", "bolt", code=1)
    assert "--merchant (none has links)" in links_of(config, "export", "--env", "live", code=2)


def test_import_of_a_wrong_file(config: Path, emulators: Mapping[str, Emulator], tmp_path: Path) -> None:
    """Each wrong line is told with its number, up to a hundred, and nothing is imported."""
    before = links_of(config, "export")
    name = min(emulators)
    file = tmp_path / "links.csv"
    rows = [f"products,NEW-{number},nowhere,x" for number in range(130)]
    file.write_text("\n".join(["kind,id,account,native", f"products,NEW,{name},x", *rows]))

    said = links_of(config, "import", str(file), "--merchant", "acme", code=1).splitlines()
    assert said[0].startswith(f"{file}:3: account: There is no account 'nowhere'")
    assert len(said) == 102
    assert said[-2:] == ["and 30 more", "nothing was imported"]
    done = run("links", "import", str(file), "--merchant", "acme", "--json", "--config", str(config))
    told = json.loads(done.stdout)
    assert (done.returncode, told["imported"], len(told["errors"]), told["more"]) == (1, 0, 100, 30)
    assert told["errors"][0].keys() == {"line", "column", "code", "detail"}
    assert links_of(config, "export") == before


def test_list(config: Path, emulators: Mapping[str, Emulator]) -> None:
    """Links are listed page by page, for people and for machines."""
    cursor: tuple[str, ...] = ()
    rows = []
    while True:
        page = json.loads(links_of(config, "list", "--limit", "4", "--json", *cursor))
        rows += page["data"]
        if not page["has_more"]:
            break
        cursor = ("--cursor", page["next_cursor"])
    assert len(rows) == 5 * len(emulators)
    assert rows[0].keys() == {"merchant", "kind", "id", "account", "native"}
    shown = links_of(config, "list", "--kind", "customers")
    assert CUSTOMER in shown
    assert "CHAIR-1" not in shown
    assert "--cursor" in links_of(config, "list", "--limit", "1")
    assert links_of(config, "list", "--merchant", "nobody").strip() == "no links"


async def test_missing(open_another: OpenShop, emulators: Mapping[str, Emulator], tmp_path: Path) -> None:
    """What orders used and has no link at another account is found, the most used first; native ids apart."""
    shop = await open_another()
    to = next(name for name in sorted(emulators) if name != shop.account)
    for sku in ("CHAIR-1", "STOOL-1"):
        await shop.call("PUT", f"/v1/links/products/{sku}", json={shop.account: shop.emulator.products[0]})
    for sku in ("STOOL-1", "CHAIR-1", "STOOL-1", f"provider:{shop.emulator.products[1]}"):
        await shop.order(line_items=[product(sku=sku)], customer={"id": CUSTOMER})

    found = await asyncio.to_thread(_missing, shop.config, to, 1)
    assert (found["account"], found["orders"]) == (to, 4)
    (missing,) = found["missing"]
    assert (missing["merchant"], missing["kind"], missing["id"], missing["orders"]) == (
        "acme",
        "products",
        "STOOL-1",
        2,
    )
    assert missing["last_used_at"].endswith("Z")
    (native,) = found["native"]
    assert (native["id"], native["accounts"]) == (f"provider:{shop.emulator.products[1]}", [shop.account])

    there = emulators[to].products[0]
    await shop.call("PUT", "/v1/links/products/STOOL-1", json={to: there})
    found = await asyncio.to_thread(_missing, shop.config, to, 0)
    assert found["missing"] == []
    shown = await asyncio.to_thread(links_of, shop.config, "missing", "--to", to)
    assert "0 ids without a link" in shown
    assert found["not_covered"] == ["payment_methods"]
    assert "payment methods are not covered" in shown
    refused = await asyncio.to_thread(links_of, shop.config, "missing", "--to", "nowhere", code=2)
    assert to in refused


def _missing(config: Path, to: str, code: int) -> dict[str, Any]:
    done = run("links", "missing", "--to", to, "--json", "--config", str(config))
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


async def test_check_of_stale_links(config: Path) -> None:
    """Links to an account that is no longer configured are a warning, and no failure."""
    journal = await open_journal(load_settings(config, {}).store.url)
    links = [Link(kind="products", id=sku, account="gone", native="x") for sku in SKUS]
    await journal.write(tx.links.put_many("acme", "test", links))
    await journal.close()

    checked = await asyncio.to_thread(run, "check", "--config", str(config))
    assert checked.returncode == 0
    assert f"links: {len(SKUS)} ids name the account gone, which is not configured" in checked.stderr
    facts = await asyncio.to_thread(run, "check", "--json", "--config", str(config))
    (warning,) = json.loads(facts.stdout)["warnings"]
    assert "gone" in warning


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], bool]]]:
    """A store's URL, and how to see from outside that an import is writing to it."""
    if request.param == "sqlite":
        log = tmp_path / "journal.db-wal"
        yield f"sqlite:///{tmp_path / 'journal.db'}", lambda: log.exists() and log.stat().st_size > 2**20
        return
    url = request.getfixturevalue("postgresql_url")
    yield url, lambda: asyncio.run(_is_writing(url))


async def _is_writing(url: str) -> bool:
    import asyncpg

    connection = await asyncpg.connect(url)
    try:
        locks = "SELECT 1 FROM pg_locks WHERE relation = to_regclass('links') AND mode = 'RowExclusiveLock'"
        return bool(await connection.fetch(locks))
    finally:
        await connection.close()


def test_import_that_is_killed(
    emulators: Mapping[str, Emulator],
    store: tuple[str, Callable[[], bool]],
    tmp_path: Path,
    start: Start,
) -> None:
    """Killed while it writes a hundred thousand links, an import leaves none of them; the next one has all."""
    url, is_writing = store
    config = write_config(tmp_path, emulators, store=url)
    name = min(emulators)
    file = tmp_path / "links.csv"
    rows = (f"products,SKU-{number:06},{name},native-{number:06}\n" for number in range(MANY))
    file.write_text("kind,id,account,native\n" + "".join(rows))
    links_of(config, "list")  # makes the schema
    command = ("links", "import", str(file), "--merchant", "acme", "--config", str(config))

    importing = start(*command)
    deadline = time.monotonic() + PATIENCE
    while not is_writing():
        assert importing.process.poll() is None, importing.log.read_text()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert importing.process.poll() is None
    importing.kill()

    assert asyncio.run(_count(url)) == 0
    assert f"{MANY} links imported" in links_of(config, *command[1:-2])
    assert asyncio.run(_count(url)) == MANY


async def _count(url: str) -> int:
    journal = await open_journal(url)
    try:
        return len(await journal.read(tx.links.search(LinkQuery(world="test", limit=2 * MANY))))
    finally:
        await journal.close()
