"""Which account gets a new order."""

from typing import Any

import pytest
from tests.builders import NOON
from tests.unit.conftest import account

from ordergate.domain.errors import Problem
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.mode import World
from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.accounts.routing import RouteRequest, account_of, require_account_of, require_route
from ordergate.journal.records.operations import Operation

ACCOUNTS = {
    each.name: each
    for each in (
        account("open"),
        account("second", "rapyd"),
        account("existing", accept="existing"),
        account("none", accept="none"),
        account("others", merchants=frozenset({"other"})),
        account("ours", merchants=frozenset({"acme"})),
        account("emulator", environment="emulator"),
        account("live", environment="production"),
    )
}


def _choose(configuration: Configuration, world: World, named: str | None) -> Account:
    """The account that an order of acme's goes to."""
    asked = RouteRequest(
        merchant="acme",
        world=world,
        account=named,
        currency="USD",
        country=None,
        billing_type="one_time",
        total=100,
        metadata={},
        sticky="key-1",
    )
    return require_route(configuration, asked).accounts[0]


def kept_at(name: str, world: World = "test", adapter: str = "revkeen") -> Operation:
    """An operation that lives at an account."""
    return Operation(
        id="op_1",
        merchant="acme",
        world=world,
        kind=OperationKind.CREATE,
        method="POST",
        path="/v1/orders",
        key=None,
        content_hash="",
        account=name,
        adapter=adapter,
        order="ord_1",
        reference=None,
        state="unknown",
        performed_by="provider",
        attempts=(),
        outcome=None,
        problem=None,
        created_at=NOON,
        updated_at=NOON,
    )


def _configuration(*route: str) -> Configuration:
    return Configuration(hash="x", accounts=ACCOUNTS, default_route=route)


@pytest.mark.parametrize(
    ("route", "world", "chosen"),
    [
        (["open", "second"], "test", "open"),
        (["second", "open"], "test", "second"),
        (["existing", "none", "others", "gone", "live", "second", "open"], "test", "second"),
        (["ours"], "test", "ours"),
        (["emulator"], "test", "emulator"),
        (["open", "live"], "live", "live"),
    ],
)
def test_the_first_account_that_may_gets_the_order(route: list[str], world: World, chosen: str) -> None:
    """The default route is walked in order, past what is closed, another's, of the other world or missing."""
    assert _choose(_configuration(*route), world, None).name == chosen


def test_a_named_account_overrides_the_route() -> None:
    """The draft's own choice counts, also outside the route."""
    assert _choose(_configuration("open"), "test", "second").name == "second"


@pytest.mark.parametrize(
    ("named", "world", "why"),
    [
        ("gone", "test", "there is no such account"),
        ("others", "test", "there is no such account"),
        ("existing", "test", "takes no new orders"),
        ("none", "test", "takes no new orders"),
        ("live", "test", "test key"),
        ("open", "live", "live key"),
    ],
)
def test_a_named_account_that_may_not_is_refused(named: str, world: World, why: str) -> None:
    """A named account is never replaced by another: it is refused with the reason, at /account."""
    with pytest.raises(Problem, match=why) as refused:
        _choose(_configuration("open", "live"), world, named)

    assert refused.value.code == "no_route"
    assert [error.pointer for error in refused.value.errors] == ["/account"]


def test_an_account_of_others_looks_like_none() -> None:
    """A merchant cannot tell an account closed to him from one that does not exist."""
    details = []
    for named in ("others", "gone"):
        with pytest.raises(Problem) as refused:
            _choose(_configuration(), "test", named)
        details.append(refused.value.detail.replace(named, "X"))

    assert details[0] == details[1]


def test_without_any_account_every_reason_is_told() -> None:
    """Where no account may take the order, each that was passed over is named with its reason."""
    with pytest.raises(Problem) as refused:
        _choose(_configuration("gone", "existing", "live"), "test", None)

    assert refused.value.code == "no_route"
    assert all(name in refused.value.detail for name in ("gone:", "existing:", "live:"))


def test_an_empty_route_says_so() -> None:
    """A configuration that names no account as default is told apart."""
    with pytest.raises(Problem, match="names no account at all"):
        _choose(_configuration(), "test", None)


@pytest.mark.parametrize("name", ["open", "existing", "others"])
def test_an_order_stays_with_its_account(name: str) -> None:
    """An account that takes no new orders still serves those that live there."""
    assert require_account_of(_configuration(), kept_at(name)).name == name


@pytest.mark.parametrize(("name", "why"), [("gone", "not configured any more"), ("none", "accept = none")])
def test_an_order_whose_account_is_lost_says_so(name: str, why: str) -> None:
    """An order of an account that is gone or closed is refused with the account's name."""
    with pytest.raises(Problem, match=why) as refused:
        require_account_of(_configuration(), kept_at(name))

    assert refused.value.code == "no_route"
    assert name in refused.value.detail


@pytest.mark.parametrize(
    ("changes", "merchant", "world", "opens"),
    [
        ({}, "acme", "test", True),
        ({}, None, "test", True),
        ({}, "acme", "live", False),
        ({"environment": "production"}, "acme", "live", True),
        ({"environment": "production"}, "acme", "test", False),
        ({"merchants": frozenset({"acme"})}, "acme", "test", True),
        ({"merchants": frozenset({"acme"})}, "other", "test", False),
        ({"merchants": frozenset({"acme"})}, None, "test", True),
        ({"merchants": frozenset()}, "acme", "test", False),
    ],
)
def test_to_whom_an_account_is_open(
    changes: dict[str, Any], merchant: str | None, world: World, opens: bool
) -> None:
    """An account is open to its merchants, or to all, and to operators, in its own world only."""
    assert account(**changes).open_to(merchant, world) is opens


@pytest.mark.parametrize(
    ("kept", "found"),
    [
        (kept_at("open"), True),
        (kept_at("none"), True),
        (kept_at("open", adapter="revkeen"), True),
        (kept_at("open", adapter="rapyd"), False),
        (kept_at("open", "live"), False),
        (kept_at("live", "test"), False),
        (kept_at("gone"), False),
    ],
)
def test_what_is_kept_is_asked_for_only_where_it_lives(kept: Operation, *, found: bool) -> None:
    """An account of the same name that is another provider's, or of the other world, is not its home."""
    assert (account_of(_configuration(), kept) is not None) is found


def test_another_merchants_account_is_not_named() -> None:
    """Where no account may take an order, those of other merchants are not spoken of."""
    with pytest.raises(Problem) as refused:
        _choose(_configuration("others", "existing"), "test", None)

    assert "others" not in refused.value.detail
