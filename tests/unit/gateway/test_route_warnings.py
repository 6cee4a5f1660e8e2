"""Routes that are allowed and yet cannot do what they seem to be for."""

from typing import Any

import msgspec
import pytest
from tests.unit.conftest import account

from ordergate.gateway.accounts.configuration import Configuration, Rule, When
from ordergate.gateway.accounts.route_warnings import route_warnings

ACCOUNTS = {
    each.name: each
    for each in (
        account("test"),
        account("live", environment="production"),
        account("existing", accept="existing"),
        account("others", merchants=frozenset({"other"})),
    )
}
BOTH = ("test", "live")


def _rule(name: str, use: tuple[str, ...] = BOTH, **when: Any) -> Rule:
    return Rule(name=name, when=msgspec.convert(when, When), use=use)


def _warnings(*rules: Rule, default: tuple[str, ...] = BOTH) -> list[str]:
    return route_warnings(Configuration(hash="x", accounts=ACCOUNTS, default_route=default, rules=rules))


@pytest.mark.parametrize(
    ("first", "second", "hidden"),
    [
        ({}, {"currency": ["EUR"]}, True),
        ({"weight": 100}, {}, True),
        ({"weight": 99}, {}, False),
        ({"currency": ["EUR", "GBP"]}, {"currency": ["GBP"]}, True),
        ({"currency": ["EUR"]}, {"currency": ["EUR", "GBP"]}, False),
        ({"currency": ["EUR"]}, {}, False),
        ({"currency": ["EUR"]}, {"currency": ["EUR"], "country": ["DE"], "weight": 5}, True),
        ({"merchant": ["acme"]}, {"merchant": ["bolt"]}, False),
        ({"billing_type": ["recurring"]}, {"billing_type": ["recurring"]}, True),
        ({"total_gte": 100}, {"total_gte": 100, "total_lte": 200}, True),
        ({"total_gte": 100}, {"total_lte": 200}, False),
        ({"total_lte": 200}, {"total_lte": 201}, False),
        ({"total_lte": 200}, {}, False),
        ({"metadata": {"a": ["1", 1]}}, {"metadata": {"a": [1], "b": [True]}}, True),
        ({"metadata": {"a": [1]}}, {"metadata": {"a": [True]}}, False),
        ({"metadata": {"a": [1]}}, {"metadata": {"b": [1]}}, False),
    ],
)
def test_a_rule_that_is_never_reached(first: dict[str, Any], second: dict[str, Any], hidden: bool) -> None:
    """A rule behind one that holds for all of its orders is told; one that may get some is not."""
    told = _warnings(_rule("wide", **first), _rule("narrow", **second))

    assert len(told) == hidden
    assert all("narrow is never reached: the rule wide" in each for each in told)


def test_a_route_that_is_closed() -> None:
    """A route whose accounts take no new orders refuses them all."""
    (told,) = _warnings(_rule("closed", ("existing",)))

    assert told.startswith("routing: no account of the rule closed takes new orders")


def test_a_route_of_one_world() -> None:
    """Where both worlds have accounts, a route that names those of one refuses the other's orders."""
    assert [each.partition(";")[0] for each in _warnings(_rule("one", ("live",)), default=("test",))] == [
        "routing: the rule one has no account for test keys",
        "routing: the default route has no account for live keys",
    ]


def test_a_merchant_who_is_shut_out() -> None:
    """A rule for a merchant to whom none of its accounts is open refuses his orders."""
    told = _warnings(_rule("shut", ("others",), merchant=["acme", "other"]), default=())

    assert any("the rule shut is for acme, who may use none of its accounts" in each for each in told)
    assert not any("other, who may" in each for each in told)


def test_what_is_right_is_not_told() -> None:
    """Rules that each get orders, and no default at all, are nothing to warn of."""
    assert _warnings(_rule("euro", currency=["EUR"]), _rule("trial", weight=10), default=()) == []
