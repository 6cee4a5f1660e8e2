"""Which rule hits which request."""

import random
from typing import Any

import msgspec
import pytest

from ordergate.domain.errors import Problem
from ordergate.domain.validation import decode_body
from ordergate.emulation.faults import FaultPlan, FaultRule, FaultRules, Match


def plan(*rules: dict[str, Any], seed: int = 1) -> FaultPlan:
    return FaultPlan(msgspec.convert(list(rules), list[FaultRule]), random.Random(seed))


def hits(chosen: FaultPlan, count: int) -> list[bool]:
    return [chosen.choose("GET", "/a") is not None for _ in range(count)]


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        (None, "/anything", True),
        ("/v2/orders", "/v2/orders", True),
        ("/orders", "/v2/orders", True),
        ("orders", "/v2/orders", True),
        ("v2/orders", "/v2/orders", True),
        ("/pay", "/v1/orders/x/pay", True),
        ("/orders/x/pay", "/v1/orders/x/pay", True),
        ("ders", "/v2/orders", False),
        ("/orders", "/v2/orders/x", False),
        ("/orders", "/v2/reorders", False),
        ("/Orders", "/v2/orders", False),
        ("/", "/", True),
        ("/", "/v2/orders/", False),
        ("/v2/*", "/v2/orders/x/pay", True),
        ("/v2/*/pay", "/v2/orders/x/pay", True),
        ("*/pay", "/v2/orders/x/pay", True),
        ("/v2/order?", "/v2/orders", True),
        ("/v2/order?", "/v2/order", False),
        ("/orders*", "/v2/orders", False),
        ("/V2/*", "/v2/orders", False),
        ("/a/b", "/a%2Fb", False),
        ("/a%2Fb", "/v2/a%2Fb", True),
    ],
)
def test_paths(pattern: str | None, path: str, expected: bool) -> None:
    """A path matches whole, by its end at a segment, or as a glob, always as it was sent."""
    assert Match(path=pattern).accepts("GET", path) is expected


@pytest.mark.parametrize(
    ("wanted", "expected"), [(None, True), ("POST", True), ("post", True), ("Post", True), ("GET", False)]
)
def test_methods(wanted: str | None, expected: bool) -> None:
    """A method matches in any case, and all match when none is named."""
    assert Match(method=wanted).accepts("POST", "/v2/orders") is expected


def test_both_parts_of_a_match_must_hold() -> None:
    """A rule with a method and a path needs both."""
    match = Match(method="POST", path="/orders")

    assert match.accepts("POST", "/v2/orders")
    assert not match.accepts("GET", "/v2/orders")
    assert not match.accepts("POST", "/v2/customers")


def test_the_first_matching_rule_wins() -> None:
    """Rules are tried in order, and those that do not match are passed over."""
    chosen = plan(
        {"match": {"path": "/b"}, "do": "drop"},
        {"match": {"path": "/a"}, "do": "html"},
        {"match": {"path": "/a"}, "do": "truncate"},
    ).choose("GET", "/a")

    assert chosen is not None
    assert chosen.do == "html"


def test_a_rule_is_spent_after_its_times_and_the_next_one_takes_over() -> None:
    """Times counts hits only: a request that does not match costs nothing."""
    rules = plan({"match": {"path": "/a"}, "do": "drop", "times": 2}, {"do": "html", "times": 1})
    rules.choose("GET", "/b")

    effects = [rule.do if rule else None for rule in (rules.choose("GET", "/a") for _ in range(3))]

    assert effects == ["drop", "drop", None]
    assert rules.hits == [2, 1]


def test_probability_is_drawn_from_the_seed() -> None:
    """Equal seeds hit the same requests, other seeds others, and about as many as was said."""
    first = hits(plan({"do": "drop", "probability": 0.25}, seed=7), 2000)

    assert first == hits(plan({"do": "drop", "probability": 0.25}, seed=7), 2000)
    assert first != hits(plan({"do": "drop", "probability": 0.25}, seed=8), 2000)
    assert 420 < sum(first) < 580


@pytest.mark.parametrize(("probability", "expected"), [(0, 0), (1, 50), (None, 50)])
def test_the_ends_of_probability(probability: float | None, expected: int) -> None:
    """Zero never hits; one, or none given, always does."""
    assert sum(hits(plan({"do": "drop", "probability": probability}), 50)) == expected


def test_an_unlikely_rule_that_misses_lets_the_next_one_try() -> None:
    """A rule that is not drawn has not hit, so its times stay and the next rule is asked."""
    rules = plan({"do": "drop", "probability": 0, "times": 1}, {"do": "html"})
    chosen = rules.choose("GET", "/a")

    assert chosen is not None
    assert chosen.do == "html"
    assert rules.hits == [0, 1]


def test_a_rule_acts_before_the_commit_and_on_everything_unless_it_says_otherwise() -> None:
    """The effect alone is a whole rule."""
    rule = decode_body(b'{"rules":[{"do":"drop"}]}', FaultRules).rules[0]

    assert rule.at == "before"
    assert rule.match == Match()


@pytest.mark.parametrize(
    ("body", "pointer", "words"),
    [
        ("{}", "/rules", "required"),
        ('{"rules":[{}]}', "/rules/0/do", "required"),
        ('{"rules":[{"do":"explode"}]}', "/rules/0/do", "One of drop, delay"),
        ('{"rules":[{"do":"status"}]}', "/rules/0", "`status` is required"),
        ('{"rules":[{"do":"delay"}]}', "/rules/0", "`seconds` is required"),
        ('{"rules":[{"do":"drop","at":"during"}]}', "/rules/0/at", "before"),
        ('{"rules":[{"do":"status","status":199}]}', "/rules/0/status", "200 to 599"),
        ('{"rules":[{"do":"status","status":600}]}', "/rules/0/status", "200 to 599"),
        ('{"rules":[{"do":"status","status":"503"}]}', "/rules/0/status", "Expected `int"),
        ('{"rules":[{"do":"delay","seconds":-1}]}', "/rules/0/seconds", "at most a day"),
        ('{"rules":[{"do":"drop","times":0}]}', "/rules/0/times", "at least once"),
        ('{"rules":[{"do":"drop","probability":1.5}]}', "/rules/0/probability", "0 (never)"),
        ('{"rules":[{"do":"drop","probability":-0.1}]}', "/rules/0/probability", "0 (never)"),
        ('{"rules":[{"do":"drop","time":1}]}', "/rules/0/time", "no such field"),
        ('{"rules":[{"do":"drop","match":{"url":"/a"}}]}', "/rules/0/match/url", "no such field"),
        ('{"rules":[{"do":"drop","match":{"path":""}}]}', "/rules/0/match/path", "shell glob"),
        ('{"rules":[{"do":"drop","match":{"method":"GET /"}}]}', "/rules/0/match/method", "HTTP method"),
        ('{"rules":[],"more":1}', "/more", "no such field"),
    ],
)
def test_mistakes_are_named(body: str, pointer: str, words: str) -> None:
    """A rule that is wrong is refused with the place and a sentence that helps."""
    with pytest.raises(Problem) as raised:
        decode_body(body.encode(), FaultRules)

    assert [(error.pointer, words in error.detail) for error in raised.value.errors] == [(pointer, True)]
