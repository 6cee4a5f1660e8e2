"""The merchant's ids to a provider's."""

from typing import Any

import pytest
from tests.unit.conftest import account

from ordergate.domain.errors import Problem
from ordergate.domain.link import Link, LinkKind
from ordergate.gateway.access.caller import Caller
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.links.links import import_links, put_links, resolve
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey

RAPYD = account("rapyd-eu", "rapyd")
REVKEEN = account()
CUSTOMER = ("customers", "cust-42", "/customer/id")
CHAIR = ("products", "CHAIR-1", "/line_items/0/sku")


def _key(kind: LinkKind, identifier: str, **changes: Any) -> LinkKey:
    return LinkKey(**{"merchant": "acme", "world": "test", "kind": kind, "id": identifier, **changes})


def _caller(merchant: str | None = "acme") -> Caller:
    return Caller(key="key_1", merchant=merchant, world="test", operator=merchant is None, scopes=frozenset())


def _production(merchants: set[str] | None) -> Any:
    return account(
        "live",
        "rapyd",
        environment="production",
        merchants=None if merchants is None else frozenset(merchants),
    )


async def test_linked_ids_become_the_providers(journal: Journal) -> None:
    """Each id is what the account calls it, each kind for itself."""
    await journal.write(tx.links.put(_key("customers", "cust-42"), {"rapyd-eu": "cus_1", "revkeen": "0d01"}))
    await journal.write(tx.links.put(_key("products", "cust-42"), {"rapyd-eu": "sku_9"}))

    found = await resolve(
        journal, RAPYD, "acme", "test", [CUSTOMER, ("products", "cust-42", "/line_items/0/sku")]
    )

    assert found == {("customers", "cust-42"): "cus_1", ("products", "cust-42"): "sku_9"}


async def test_native_ids_go_through_unlinked(journal: Journal) -> None:
    """What is written provider:… is the provider's id already."""
    await journal.write(tx.links.put(_key("customers", "provider:cus_7"), {"rapyd-eu": "never this"}))

    found = await resolve(journal, RAPYD, "acme", "test", [("customers", "provider:cus_7", "/customer/id")])

    assert found == {("customers", "provider:cus_7"): "cus_7"}


async def test_every_missing_link_is_named_at_once(journal: Journal) -> None:
    """Ids without a link are refused together, each by kind, id, account and pointer."""
    await journal.write(tx.links.put(_key("products", "DESK-1"), {"rapyd-eu": "sku_1"}))

    with pytest.raises(Problem) as refused:
        await resolve(
            journal, RAPYD, "acme", "test", [CUSTOMER, CHAIR, ("products", "DESK-1", "/line_items/1/sku")]
        )

    assert refused.value.code == "link_missing"
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/customer/id", "link_missing"),
        ("/line_items/0/sku", "link_missing"),
    ]
    for error, words in zip(
        refused.value.errors, [("cust-42", "customers"), ("CHAIR-1", "products")], strict=True
    ):
        assert all(word in error.detail for word in (*words, "rapyd-eu"))


async def test_where_the_provider_can_do_without_a_link_it_is_left_out(journal: Journal) -> None:
    """RevKeen takes a product without a link as a plain line; a customer it must know."""
    assert await resolve(journal, REVKEEN, "acme", "test", [CHAIR]) == {}
    with pytest.raises(Problem, match="link_missing"):
        await resolve(journal, REVKEEN, "acme", "test", [CHAIR, CUSTOMER])


@pytest.mark.parametrize(
    "changes", [{"merchant": "other"}, {"world": "live"}, {"kind": "products"}, {"id": "CUST-42"}]
)
async def test_anothers_link_is_no_link(journal: Journal, changes: dict[str, Any]) -> None:
    """Links of another merchant, world, kind or spelling do not count."""
    await journal.write(
        tx.links.put(
            _key(**{"kind": "customers", "identifier": "cust-42", **_renamed(changes)}), {"rapyd-eu": "cus_1"}
        )
    )

    with pytest.raises(Problem, match="link_missing"):
        await resolve(journal, RAPYD, "acme", "test", [CUSTOMER])


def _renamed(changes: dict[str, Any]) -> dict[str, Any]:
    return {"identifier" if name == "id" else name: value for name, value in changes.items()}


async def test_nothing_wanted_is_nothing_found(journal: Journal) -> None:
    """A draft without ids needs no links."""
    assert await resolve(journal, RAPYD, "acme", "test", []) == {}


@pytest.mark.parametrize("merchants", [None, {"acme", "other"}])
@pytest.mark.parametrize("kind", ["customers", "payment_methods"])
async def test_on_a_shared_production_account_no_native_person(
    journal: Journal, merchants: set[str] | None, kind: LinkKind
) -> None:
    """Where other merchants' customers live too, nobody names one by the provider's id."""
    with pytest.raises(Problem) as refused:
        await resolve(
            journal, _production(merchants), "acme", "live", [(kind, "provider:cus_1", "/customer/id")]
        )

    assert (refused.value.code, refused.value.errors[0].pointer) == ("forbidden", "/customer/id")


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        (_production({"acme"}), "customers"),
        (_production({"acme"}), "payment_methods"),
        (_production(None), "products"),
        (RAPYD, "customers"),
    ],
)
async def test_elsewhere_native_ids_pass(journal: Journal, where: Any, kind: LinkKind) -> None:
    """An account of one merchant, a product, and a sandbox take the provider's ids."""
    found = await resolve(journal, where, "acme", where.world, [(kind, "provider:x_1", "/p")])

    assert found == {(kind, "provider:x_1"): "x_1"}


def _configuration() -> Configuration:
    accounts = [
        RAPYD,
        REVKEEN,
        account("closed", merchants=frozenset({"other"})),
        _production(None),
        account("own", environment="production", merchants=frozenset({"acme"})),
    ]
    return Configuration(hash="x", accounts={each.name: each for each in accounts}, default_route=())


async def test_a_link_is_kept_for_the_named_accounts(journal: Journal) -> None:
    """Setting one account's name for an id leaves the others as they are."""
    key = _key("customers", "cust-42")
    await put_links(journal, _configuration(), _caller(), key, {"rapyd-eu": "cus_1"})

    await put_links(journal, _configuration(), _caller(), key, {"revkeen": "0d01"})

    assert await journal.read(tx.links.find(key)) == {"rapyd-eu": "cus_1", "revkeen": "0d01"}


async def test_wrong_links_are_told_together_and_none_is_kept(journal: Journal) -> None:
    """Unknown, closed and other worlds' accounts, and empty names, are refused as one, and nothing is kept."""
    key = _key("customers", "cust-42")
    links = {"revkeen": "0d01", "nowhere": "x", "closed": "x", "live": "x", "a/b": "x", "rapyd-eu": ""}

    with pytest.raises(Problem) as refused:
        await put_links(journal, _configuration(), _caller(), key, links)

    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/nowhere", "unknown_account"),
        ("/closed", "unknown_account"),
        ("/live", "unknown_account"),
        ("/a~1b", "unknown_account"),
        ("/rapyd-eu", "invalid_value"),
    ]
    assert await journal.read(tx.links.find(key)) == {}


@pytest.mark.parametrize("kind", ["customers", "payment_methods"])
async def test_only_an_operator_links_people_on_a_shared_production_account(
    journal: Journal, kind: LinkKind
) -> None:
    """A merchant's own key may not link another's card to itself; an operator's may."""
    key = _key(kind, "x", world="live")

    with pytest.raises(Problem, match="forbidden"):
        await put_links(journal, _configuration(), _caller(), key, {"live": "cus_1"})
    await put_links(journal, _configuration(), _caller(None), key, {"live": "cus_1"})

    assert await journal.read(tx.links.find(key)) == {"live": "cus_1"}


@pytest.mark.parametrize(("name", "kind"), [("live", "products"), ("own", "customers")])
async def test_what_harms_nobody_the_merchant_links(journal: Journal, name: str, kind: LinkKind) -> None:
    """Products anywhere, and people on an account of one's own, need no operator."""
    key = _key(kind, "x", world="live")

    await put_links(journal, _configuration(), _caller(), key, {name: "native"})

    assert await journal.read(tx.links.find(key)) == {name: "native"}


def _link(identifier: str, name: str, native: str, kind: LinkKind = "products") -> Link:
    return Link(kind=kind, id=identifier, account=name, native=native)


async def test_many_links_are_kept_at_once(journal: Journal) -> None:
    """Each at its account; one that stands twice counts once."""
    chair = _link("CHAIR-1", "revkeen", "0d01")
    links = [chair, _link("CHAIR-1", "rapyd-eu", "sku_1"), chair]

    assert await import_links(journal, _configuration(), _caller(), "acme", links) == 2

    assert await journal.read(tx.links.find(_key("products", "CHAIR-1"))) == {
        "revkeen": "0d01",
        "rapyd-eu": "sku_1",
    }


async def test_wrong_links_among_many_are_told_together_and_none_is_kept(journal: Journal) -> None:
    """The rules of one link hold for each of many, and each error has its pointer."""
    links = [
        _link("CHAIR-1", "revkeen", "0d01"),
        _link("CHAIR-1", "nowhere", "x"),
        _link("CHAIR-1", "closed", "x"),
        _link("CHAIR-1", "live", "x"),
        _link("provider:x", "revkeen", "x"),
        _link("DESK-1", "revkeen", "provider:x"),
        _link("LAMP-1", "revkeen", "a\x00b"),
        _link("CHAIR-1", "revkeen", "0d02"),
    ]

    with pytest.raises(Problem) as refused:
        await import_links(journal, _configuration(), _caller(), "acme", links)

    assert refused.value.code == "invalid_request"
    assert [(error.pointer, error.code) for error in refused.value.errors] == [
        ("/links/1/account", "unknown_account"),
        ("/links/2/account", "unknown_account"),
        ("/links/3/account", "unknown_account"),
        ("/links/4/id", "invalid_value"),
        ("/links/5/native", "invalid_value"),
        ("/links/6/native", "invalid_value"),
        ("/links/7/native", "conflicting_links"),
    ]
    assert "/links/0" in refused.value.errors[-1].detail
    assert await journal.read(tx.links.find(_key("products", "CHAIR-1"))) == {}


async def test_no_more_than_a_hundred_errors(journal: Journal) -> None:
    """A body that is wrong throughout is not answered by one as long."""
    links = [_link(f"x{number}", "nowhere", "x") for number in range(150)]

    with pytest.raises(Problem) as refused:
        await import_links(journal, _configuration(), _caller(), "acme", links)

    assert len(refused.value.errors) == 100


@pytest.mark.parametrize("kind", ["customers", "payment_methods"])
async def test_only_an_operator_imports_people_on_a_shared_production_account(
    journal: Journal, kind: LinkKind
) -> None:
    """Among many links too, a merchant's own key may not link another's card to itself."""
    links = [_link("x", "live", "x"), _link("x", "live", "cus_1", kind)]
    merchant, operator = (
        Caller(key="k", merchant=name, world="live", operator=name is None, scopes=frozenset())
        for name in ("acme", None)
    )

    with pytest.raises(Problem) as refused:
        await import_links(journal, _configuration(), merchant, "acme", links)

    assert refused.value.code == "forbidden"
    assert [error.pointer for error in refused.value.errors] == ["/links/1/account"]
    assert await journal.read(tx.links.find(_key("products", "x", world="live"))) == {}
    assert await import_links(journal, _configuration(), operator, "acme", links) == 2


async def test_an_operator_links_where_the_merchant_may_order(journal: Journal) -> None:
    """An account that is closed to the merchant is closed to his links, whoever makes them."""
    for links in ({"closed": "x"}, {"live": "x"}):
        with pytest.raises(Problem, match="invalid_request"):
            await put_links(journal, _configuration(), _caller(None), _key("products", "x"), links)
