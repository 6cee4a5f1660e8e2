"""However large a body is that the limits allow, it does not hold up the others."""

import asyncio
import itertools
import json
import sys
from typing import Any

import pytest
from tests.scenarios.shop import Shop, fresh_key, pointers, problem_of, product

LIMIT = 300_000
"""Function calls that one step of the event loop may make: some tens of milliseconds."""

ROOM = 1_000_000
"""Bytes, a little less than a body may have."""


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The function calls of each step of the event loop: a number that no machine and no load changes."""
    counts: list[int] = []
    run = asyncio.events.Handle._run

    def counted(handle: asyncio.Handle) -> None:
        calls = itertools.count()

        def count(_frame: object, event: str, _argument: object) -> None:
            if event in {"call", "c_call"}:
                next(calls)

        sys.setprofile(count)
        try:
            run(handle)
        finally:
            sys.setprofile(None)
            counts.append(next(calls))

    monkeypatch.setattr(asyncio.events.Handle, "_run", counted)
    return counts


def filled(start: str, item: str, end: str) -> str:
    """A body that one item, again and again, fills."""
    count = (ROOM - len(start) - len(end)) // (len(item) + 1)
    return start + ",".join([item] * count) + end


def numbered(start: str, item: str, end: str) -> str:
    """A body filled with an item whose number stands at %d."""
    count = (ROOM - len(start) - len(end)) // (len(item) + 6)
    return start + ",".join(item % number for number in range(count)) + end


LINE = '{"description":"b","quantity":1,"unit_amount":1}'
LINES = '{"currency":"USD","line_items":['
METADATA = ",".join(f'"ordergate_{number}":{number}' for number in range(40))
FULL_LINE = f'{{"description":"b","quantity":1,"unit_amount":1,"metadata":{{{METADATA}}}}}'

DRAFTS = {
    "empty objects": filled(LINES, "{}", "]}"),
    "empty lists": filled(LINES, "[]", "]}"),
    "too many right lines": filled(LINES, LINE, "]}"),
    "right lines and a wrong one": filled(LINES, LINE, ",{}]}"),
    "a thousand lines of which one is wrong": LINES + ",".join([LINE] * 999) + ",{}]}",
    "reserved metadata everywhere": LINES + ",".join([FULL_LINE] * 1000) + "]}",
    "two shipping lines and more": LINES
    + ",".join([LINE.replace("{", '{"type":"shipping",', 1)] * 1000)
    + "]}",
    "names that stand twice": filled(LINES, '{"":1,"":1}', "]}"),
    "escaped colons": filled(LINES, '{"\\u003a":1}', "]}"),
    "null characters": filled(LINES, '"\\u0000"', "]}"),
    "unknown fields": numbered("{", '"x%d":1', "}"),
    "metadata": numbered('{"metadata":{', '"x%d":1', "}}"),
    "extensions of many": numbered('{"extensions":{', '"x%d":{}', "}}"),
    "a large extension": numbered(
        '{"currency":"USD","extensions":{"x":{', '"x%d":{}', f'}}}},"line_items":[{LINE}]}}'
    ),
    "a deep extension": filled(
        '{"currency":"USD","extensions":{"x":{"y":[', '{"":[]}', f']}}}},"line_items":[{LINE}]}}'
    ),
}
"""Drafts that are wrong."""


@pytest.mark.parametrize("name", DRAFTS)
async def test_a_wrong_draft_holds_nobody_up(shop: Shop, steps: list[int], name: str) -> None:
    """Whatever a body of legal size holds, it is refused with at most a hundred errors, and no step is long."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": fresh_key()}

    answer = await shop.call("POST", "/v1/orders", content=DRAFTS[name].encode(), headers=headers)

    assert answer.status_code in {400, 422}, answer.text[:500]
    assert 1 <= len(answer.json()["errors"]) <= 100
    assert len(answer.content) < 100_000
    assert max(steps) < LIMIT


OTHERS = {
    "/v1/orders/ord_1/pay": numbered('{"extensions":{"x":{', '"x%d":{}', "}}}"),
    "/v1/orders/ord_1/fulfill": numbered('{"line_item_ids":[', '"li_%d"', "]}"),
    "/v1/orders/ord_1/returns": numbered('{"lines":[', '{"line_item_id":"li_%d","quantity":1}', "]}"),
    "/v1/links/import": numbered(
        '{"links":[', '{"kind":"products","id":"%d","account":"nowhere","native":"x"}', "]}"
    ),
    "/v1/webhook_endpoints": filled('{"url":"https://example.com","types":[', '"order.paid"', "]}"),
}
"""By address: a body of legal size that is refused there."""


@pytest.mark.parametrize("path", OTHERS)
async def test_other_wrong_bodies_hold_nobody_up(shop: Shop, steps: list[int], path: str) -> None:
    """The same holds for every other body."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": fresh_key()}

    answer = await shop.call("POST", path, content=OTHERS[path].encode(), headers=headers)

    assert answer.status_code == 422, answer.text[:500]
    assert 1 <= len(answer.json()["errors"]) <= 100
    assert max(steps) < LIMIT


async def test_links_that_fill_a_body_hold_nobody_up(shop: Shop, steps: list[int]) -> None:
    """As many right links as a body holds are all set."""
    item = f'{{"kind":"products","id":"%d","account":"{shop.account}","native":"x"}}'
    body = numbered('{"links":[', item, "]}")

    answer = await shop.call(
        "POST", "/v1/links/import", content=body.encode(), headers={"Content-Type": "application/json"}
    )

    assert answer.json() == {"imported": len(json.loads(body)["links"])}
    assert max(steps) < LIMIT


async def test_many_parameters_hold_nobody_up(shop: Shop, steps: list[int]) -> None:
    """An address full of unknown parameters is refused with a hundred of them."""
    answer = await shop.get("/v1/orders?" + "&".join(f"x{number}" for number in range(4_000)))

    assert len(problem_of(answer, 422, "invalid_request")["errors"]) == 100
    assert max(steps) < LIMIT


async def test_an_order_of_a_thousand_lines(shop: Shop, steps: list[int]) -> None:
    """A thousand lines of one product are one order, which can be read again; one more line is refused."""
    lines = [product(quantity=1, unit_amount=100, metadata={"n": number}) for number in range(1_000)]

    order = await shop.order(line_items=lines)
    refused = await shop.create(shop.draft(line_items=[*lines, lines[0]]))

    assert order["subtotal"] == 100_000
    assert len((await shop.read(order))["line_items"]) == 1_000
    assert pointers(problem_of(refused, 422, "invalid_request")) == ["/line_items"]
    assert max(steps) < LIMIT


@pytest.mark.parametrize("what", ["translations", "comparisons"])
async def test_what_many_accounts_make_of_a_thousand_lines(shop: Shop, steps: list[int], what: str) -> None:
    """Twenty accounts are asked one after the other, and the others go on meanwhile."""
    names = [f"account-{number}" for number in range(18)]
    lines = [product(quantity=1, unit_amount=100, sku=f"provider:{number}") for number in range(1_000)]
    order = {"currency": "USD", "customer": {"id": "cust-42"}, "line_items": lines}

    answer = await shop.post(f"/v1/{what}", {"order": order, "accounts": ["revkeen", "rapyd", *names]})

    assert answer.status_code == 200, answer.text[:500]
    assert len(answer.json()["results"]) == 20
    assert max(steps) < LIMIT


async def test_metadata_is_bounded_in_sum(shop: Shop) -> None:
    """The metadata of an order and of its lines hold 65,536 characters together."""
    block = {f"k{number:02}": "x" * 500 for number in range(40)}
    some = dict[str, Any](list(block.items())[:10])

    refused = await shop.create(shop.draft(line_items=[product(metadata=block)] * 4))
    taken = await shop.create(shop.draft(metadata=some))

    assert pointers(problem_of(refused, 422, "invalid_request")) == ["/metadata"]
    assert taken.status_code == 201
