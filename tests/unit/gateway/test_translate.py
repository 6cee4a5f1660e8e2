"""A translation is the create's own request, and reaches for nothing but the journal's links."""

import socket
from typing import Any

import msgspec
import pytest
from tests.builders import NOON
from tests.unit.conftest import account

from ordergate.conformance.case import settings_from_credentials
from ordergate.domain.draft import CustomerBody, Draft, DraftLine
from ordergate.domain.errors import Problem
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.comparing.translate import translate
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.journal import transactions as tx
from ordergate.journal.journal import Journal
from ordergate.journal.records.links import LinkKey
from ordergate.web.rendering import JsonRenderer


def _account(name: str, adapter: str) -> Account:
    """An account with credentials."""
    plain = account(name, adapter)
    credentials = settings_from_credentials(plain.adapter, plain.adapter.emulator(0).describe())
    return msgspec.structs.replace(plain, settings=credentials)


RAPYD = _account("rapyd-eu", "rapyd")
REVKEEN = _account("revkeen", "revkeen")
CLOSED = msgspec.structs.replace(account("closed", "rapyd"), accept="existing")
DRAFT = Draft(
    currency="USD",
    customer=CustomerBody(id="cust-42"),
    line_items=[DraftLine(sku="CHAIR-1", description="Chair", quantity=1, unit_amount=23574)],
)


class NoWayOut:
    """A transport that nobody may use."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a translation asked the transport to {name}")


@pytest.fixture
async def gateway(journal: Journal) -> Runtime:
    """A gateway with three accounts, two of them linked."""
    accounts = {each.name: each for each in (RAPYD, REVKEEN, CLOSED)}
    for kind, name, links in (
        ("customers", "cust-42", {"rapyd-eu": "cus_1", "revkeen": "0d01"}),
        ("products", "CHAIR-1", {"rapyd-eu": "sku_1"}),
    ):
        key = LinkKey(merchant="acme", world=RAPYD.world, kind=kind, id=name)
        await journal.write(tx.links.put(key, links))
    return Runtime(
        configuration=Configuration(hash="c0ffee", accounts=accounts, default_route=()),
        journal=journal,
        transport=NoWayOut(),
        clock=lambda: NOON,
        renderer=JsonRenderer(),
    )


async def test_nothing_leaves(gateway: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every socket shut, each account's request is there: exact, signed, and without its secrets."""

    def refuse(*_arguments: object) -> None:
        raise AssertionError("a translation opened a socket")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse, raising=False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)

    rapyd, revkeen = await translate(gateway, "acme", RAPYD.world, DRAFT, ["rapyd-eu", "revkeen", "rapyd-eu"])

    (request,) = rapyd.requests
    assert b'"amount":235.74' in request.body.encode()
    assert {request.headers[name] for name in ("access_key", "salt", "signature")} == {"***"}
    assert revkeen.requests[0].headers["x-api-key"] == "***"
    assert [notice.kind for notice in revkeen.notices] == ["unlinked"]


async def test_what_stands_against_a_create_stands_here(gateway: Runtime) -> None:
    """An account that is closed, one that there is not, and an id without a link are refused as in a create."""
    unlinked = msgspec.structs.replace(DRAFT, customer=CustomerBody(id="nobody"))

    found = await translate(gateway, "acme", RAPYD.world, unlinked, ["closed", "nowhere", "rapyd-eu"])

    assert [each.problem and each.problem.code for each in found] == ["no_route", "no_route", "link_missing"]
    assert all(each.requests == () for each in found)


async def test_a_draft_that_nobody_could_take_is_refused(gateway: Runtime) -> None:
    """Each error has its place in the body of the call."""
    with pytest.raises(Problem) as refused:
        await translate(
            gateway, "acme", RAPYD.world, msgspec.structs.replace(DRAFT, currency="XAU"), ["revkeen"]
        )

    assert [error.pointer for error in refused.value.errors] == ["/order/currency"]
