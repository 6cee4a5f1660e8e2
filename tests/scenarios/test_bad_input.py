"""Whatever is sent, the answer is a problem that says what is wrong and where, and nothing has happened."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.scenarios.shop import Shop, fresh_key, pointers, problem_of, product, shipping, verdict

JSON = "application/json"
ORDER = "ord_" + "0" * 32

NO_JSON: dict[str, bytes] = {
    "nothing": b"",
    "spaces": b"   ",
    "half an object": b'{"currency": "USD"',
    "two documents": b"{}{}",
    "a trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "NaN": b'{"a": NaN}',
    "a bare word": b"USD",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "Latin-1": b'{"notes": "Gr\xfc\xdfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a cut-off character": b'{"notes": "\xe2\x82"}',
    "an encoded surrogate": b'{"notes": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"notes": "\\ud800"}',
    "a control character": b'{"notes": "a\x00b"}',
    "deep nesting": b"[" * 50_000 + b"]" * 50_000,
    "deep objects": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
}
"""Bodies that are no JSON, or that nobody reads."""

NO_OBJECT: dict[str, bytes] = {
    "null": b"null",
    "a list": b"[]",
    "a string": b'"USD"',
    "a number": b"1",
    "true": b"true",
}
"""JSON that is no object."""

OTHER_TYPES = (
    None,
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonx",
    "application/json; charset=iso-8859-1",
    "application/json, text/plain",
    "multipart/form-data",
)
"""Content types that are not JSON in UTF-8."""

LONG = 10**40


def line(**changes: Any) -> dict[str, Any]:
    """A draft's change: one product line like this."""
    return {"line_items": [product(**changes)]}


DRAFTS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown field": ({"colour": "red"}, "/colour"),
    "unknown field with a slash": ({"a/b~c": 1}, "/a~1b~0c"),
    "unknown field of a line": (line(colour="red"), "/line_items/0/colour"),
    "unknown field of the customer": ({"customer": {"id": "cust-42", "age": 3}}, "/customer/age"),
    "unknown field of the address": ({"shipping_address": {"street": "x"}}, "/shipping_address/street"),
    "currency in lower case": ({"currency": "usd"}, "/currency"),
    "currency that is none": ({"currency": "ABC"}, "/currency"),
    "currency without a minor unit": ({"currency": "XAU"}, "/currency"),
    "no currency": ({"currency": None}, "/currency"),
    "currency with a newline": ({"currency": "USD\n"}, "/currency"),
    "currency as a number": ({"currency": 840}, "/currency"),
    "no lines": ({"line_items": []}, "/line_items"),
    "null for lines": ({"line_items": None}, "/line_items"),
    "lines that are an object": ({"line_items": {}}, "/line_items"),
    "null for a line": ({"line_items": [None]}, "/line_items/0"),
    "line type": (line(type="gift"), "/line_items/0/type"),
    "quantity of zero": (line(quantity=0), "/line_items/0/quantity"),
    "negative quantity": (line(quantity=-1), "/line_items/0/quantity"),
    "fractional quantity": (line(quantity=1.5), "/line_items/0/quantity"),
    "quantity as a float": (line(quantity=2.0), "/line_items/0/quantity"),
    "quantity as text": (line(quantity="2"), "/line_items/0/quantity"),
    "quantity as true": (line(quantity=True), "/line_items/0/quantity"),
    "no quantity": (line(quantity=None), "/line_items/0/quantity"),
    "huge quantity": (line(quantity=LONG), "/line_items/0/quantity"),
    "negative amount": (line(unit_amount=-1), "/line_items/0/unit_amount"),
    "amount as a float": (line(unit_amount=200.0), "/line_items/0/unit_amount"),
    "amount as an exponent": (line(unit_amount=2e4), "/line_items/0/unit_amount"),
    "amount as text": (line(unit_amount="200.00"), "/line_items/0/unit_amount"),
    "amount of 10^15": (line(unit_amount=10**15), "/line_items/0/unit_amount"),
    "huge amount": (line(unit_amount=LONG), "/line_items/0/unit_amount"),
    "huge float amount": (line(unit_amount=1e300), "/line_items/0/unit_amount"),
    "a sum beyond 10^15": (line(unit_amount=10**14, quantity=10), "/line_items"),
    "empty description": (line(description=""), "/line_items/0/description"),
    "long description": (line(description="x" * 501), "/line_items/0/description"),
    "empty sku": (line(sku=""), "/line_items/0/sku"),
    "sku with a control character": (line(sku="a\nb"), "/line_items/0/sku"),
    "shipping twice": ({"line_items": [product(), shipping(), shipping()]}, "/line_items/2/type"),
    "two of shipping": ({"line_items": [product(), shipping(quantity=2)]}, "/line_items/1/quantity"),
    "empty reference": ({"reference": ""}, "/reference"),
    "long reference": ({"reference": "r" * 65}, "/reference"),
    "reference with a newline": ({"reference": "a\nb"}, "/reference"),
    "reference as a number": ({"reference": 1001}, "/reference"),
    "customer as text": ({"customer": "cust-42"}, "/customer"),
    "email that is none": ({"customer": {"email": "ada"}}, "/customer/email"),
    "country in lower case": ({"shipping_address": {"country": "gb"}}, "/shipping_address/country"),
    "country that is none": ({"shipping_address": {"country": "XX"}}, "/shipping_address/country"),
    "long name": ({"shipping_address": {"name": "n" * 256}}, "/shipping_address/name"),
    "tax as a number": ({"tax_percent": 13.5}, "/tax_percent"),
    "tax with a sign": ({"tax_percent": "-1"}, "/tax_percent"),
    "tax above a hundred": ({"tax_percent": "100.5"}, "/tax_percent"),
    "tax with an exponent": ({"tax_percent": "1e1"}, "/tax_percent"),
    "tax with five decimals": ({"tax_percent": "1.00000"}, "/tax_percent"),
    "billing type": ({"billing_type": "monthly"}, "/billing_type"),
    "metadata as a list": ({"metadata": []}, "/metadata"),
    "metadata with an object": ({"metadata": {"a": {}}}, "/metadata/a"),
    "metadata with a float": ({"metadata": {"a": 1.5}}, "/metadata/a"),
    "metadata with a long text": ({"metadata": {"a": "x" * 501}}, "/metadata/a"),
    "metadata with a large number": ({"metadata": {"a": 2**53 + 1}}, "/metadata/a"),
    "metadata with a huge number": ({"metadata": {"a": LONG}}, "/metadata/a"),
    "metadata with a bad key": ({"metadata": {"a b": 1}}, "/metadata/a b"),
    "metadata with a long key": ({"metadata": {"k" * 41: 1}}, f"/metadata/{'k' * 41}"),
    "metadata with an empty key": ({"metadata": {"": 1}}, "/metadata/"),
    "metadata of ours": ({"metadata": {"ordergate_operation": "x"}}, "/metadata/ordergate_operation"),
    "metadata of ours on a line": (
        line(metadata={"ordergate_type": "x"}),
        "/line_items/0/metadata/ordergate_type",
    ),
    "too much metadata": ({"metadata": {f"k{index}": 1 for index in range(41)}}, "/metadata"),
    "long notes": ({"notes": "n" * 1001}, "/notes"),
    "expiry without a zone": ({"expires_at": "2099-01-01T00:00:00"}, "/expires_at"),
    "expiry as a number": ({"expires_at": 4070908800}, "/expires_at"),
    "expiry that is no day": ({"expires_at": "2099-02-30T00:00:00Z"}, "/expires_at"),
    "negative expected total": ({"expected_total": -1}, "/expected_total"),
    "expected total as a float": ({"expected_total": 41000.0}, "/expected_total"),
    "long account": ({"account": "a" * 65}, "/account"),
    "extensions as text": ({"extensions": "x"}, "/extensions"),
    "extension that is no object": ({"extensions": {"rapyd": 1}}, "/extensions/rapyd"),
    "id": ({"id": "ord_1"}, "/id"),
}
"""By name: what is wrong with a draft, and the pointer of the error."""

BODIES: dict[str, dict[str, tuple[dict[str, Any], str]]] = {
    "pay": {
        "unknown field": ({"payment": "x"}, "/payment"),
        "amount of zero": ({"amount": 0}, "/amount"),
        "negative amount": ({"amount": -1}, "/amount"),
        "amount as a float": ({"amount": 410.0}, "/amount"),
        "amount as text": ({"amount": "41000"}, "/amount"),
        "amount as true": ({"amount": True}, "/amount"),
        "huge amount": ({"amount": LONG}, "/amount"),
        "amount of 10^15": ({"amount": 10**15}, "/amount"),
        "expected total as text": ({"expected_total": "41000"}, "/expected_total"),
        "empty method": ({"payment_method": ""}, "/payment_method"),
        "method as a number": ({"payment_method": 1}, "/payment_method"),
        "extensions as a list": ({"extensions": []}, "/extensions"),
    },
    "cancel": {
        "unknown field": ({"why": "x"}, "/why"),
        "reason as a number": ({"reason": 1}, "/reason"),
        "long reason": ({"reason": "r" * 501}, "/reason"),
    },
    "fulfill": {
        "unknown field": ({"carriers": "x"}, "/carriers"),
        "no lines": ({"line_item_ids": []}, "/line_item_ids"),
        "lines as text": ({"line_item_ids": "li_1"}, "/line_item_ids"),
        "line as a number": ({"line_item_ids": ["li_1", 2]}, "/line_item_ids/1"),
        "long tracking number": ({"tracking_number": "t" * 101}, "/tracking_number"),
        "long carrier": ({"carrier": "c" * 51}, "/carrier"),
        "notify as text": ({"notify_customer": "false"}, "/notify_customer"),
        "notify as null": ({"notify_customer": None}, "/notify_customer"),
    },
}
"""By change and name: what is wrong with its body, and the pointer of the error."""

LINKS: dict[str, tuple[dict[str, Any], str]] = {
    "unknown account": ({"nowhere": "x"}, "/nowhere"),
    "number": ({"revkeen": 1}, "/revkeen"),
    "object": ({"revkeen": {}}, "/revkeen"),
    "empty": ({"revkeen": ""}, "/revkeen"),
}


async def write_paths(shop: Shop) -> dict[str, tuple[str, str]]:
    """Method and path of each call that takes a body."""
    order = (await shop.order())["id"]
    return {
        "create": ("POST", "/v1/orders"),
        "pay": ("POST", f"/v1/orders/{order}/pay"),
        "cancel": ("POST", f"/v1/orders/{order}/cancel"),
        "fulfill": ("POST", f"/v1/orders/{order}/fulfill"),
        "link": ("PUT", "/v1/links/products/CHAIR-9"),
    }


class Untouched:
    """What must be as it was before: the provider's counter, the operations, the links."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def __aenter__(self) -> None:
        self._before = await self._look()

    async def __aexit__(self, *failure: object) -> None:
        if failure[0] is None:
            assert await self._look() == self._before

    async def _look(self) -> tuple[Any, ...]:
        shop = self._shop
        link = await shop.get("/v1/links/products/CHAIR-9")
        return shop.emulator.state(), await shop.operations(), link.status_code


def failures(
    answers: dict[str, httpx.Response],
    status: int,
    code: str,
    check: Callable[[str, Any], bool] = lambda *_: True,
    *,
    outcome: str | None = "not_applied",
) -> dict[str, str]:
    """Those answers that are not this problem, or that fail the check."""
    wrong = {}
    for name, answer in answers.items():
        try:
            problem = problem_of(answer, status, code)
            assert check(name, problem)
            assert verdict(problem)[:2] == ("no", outcome)
            assert problem["request_id"] == answer.headers["x-request-id"]
            assert problem["detail"]
        except AssertionError:
            wrong[name] = f"{answer.status_code} {answer.text[:300]}"
    return wrong


@pytest.mark.parametrize("call", ["create", "pay", "cancel", "fulfill", "link"])
async def test_body_that_is_no_json(shop: Shop, call: str) -> None:
    """A body that is no JSON is a 400, JSON that is no object a 422, at every call that takes one."""
    method, path = (await write_paths(shop))[call]
    headers = {"Idempotency-Key": fresh_key(), "Content-Type": JSON}

    async with Untouched(shop):
        broken = {
            name: await shop.call(method, path, content=body, headers=headers)
            for name, body in NO_JSON.items()
        }
        others = {
            name: await shop.call(method, path, content=body, headers=headers)
            for name, body in NO_OBJECT.items()
        }

    assert failures(broken, 400, "invalid_json", lambda _, problem: problem["errors"] == []) == {}
    assert failures(others, 422, "invalid_request", lambda _, problem: pointers(problem) == [""]) == {}


@pytest.mark.parametrize("call", ["create", "pay", "cancel", "fulfill", "link"])
async def test_content_type_that_is_not_json(shop: Shop, call: str) -> None:
    """Anything but application/json in UTF-8 is a 415."""
    method, path = (await write_paths(shop))[call]
    answers = {}

    async with Untouched(shop):
        for kind in OTHER_TYPES:
            headers = {"Idempotency-Key": fresh_key()} | ({} if kind is None else {"Content-Type": kind})
            answers[str(kind)] = await shop.call(method, path, content=b"{}", headers=headers)

    assert failures(answers, 415, "unsupported_media_type") == {}


@pytest.mark.parametrize("call", ["create", "pay", "cancel", "fulfill", "link"])
async def test_body_that_is_too_large(shop: Shop, call: str) -> None:
    """10 MB are a 413, whether their length is announced or not."""
    method, path = (await write_paths(shop))[call]
    headers = {"Idempotency-Key": fresh_key(), "Content-Type": JSON}
    large = b'{"notes": "' + b"x" * 10_000_000 + b'"}'

    async def chunks() -> Any:
        for start in range(0, len(large), 65536):
            yield large[start : start + 65536]

    async with Untouched(shop):
        answers = {
            "announced": await shop.call(method, path, content=large, headers=headers),
            "chunked": await shop.call(method, path, content=chunks(), headers=headers),
        }

    assert failures(answers, 413, "payload_too_large") == {}


async def test_draft_that_is_wrong(shop: Shop) -> None:
    """Each wrong field of a draft is named by its pointer."""
    async with Untouched(shop):
        answers = {name: await shop.create(shop.draft(**changes)) for name, (changes, _) in DRAFTS.items()}

    def blames(name: str, problem: Any) -> bool:
        return pointers(problem) == [DRAFTS[name][1]]

    assert failures(answers, 422, "invalid_request", blames) == {}


@pytest.mark.parametrize("kind", BODIES)
async def test_change_that_is_wrong(shop: Shop, kind: str) -> None:
    """Each wrong field of a change is named by its pointer."""
    path = f"/v1/orders/{(await shop.order())['id']}/{kind}"

    async with Untouched(shop):
        answers = {name: await shop.post(path, body) for name, (body, _) in BODIES[kind].items()}

    def blames(name: str, problem: Any) -> bool:
        return pointers(problem) == [BODIES[kind][name][1]]

    assert failures(answers, 422, "invalid_request", blames) == {}


async def test_link_that_is_wrong(shop: Shop) -> None:
    """Each wrong account or value of a link is named by its pointer."""
    async with Untouched(shop):
        answers = {
            name: await shop.call("PUT", "/v1/links/products/CHAIR-9", json=body)
            for name, (body, _) in LINKS.items()
        }

    def blames(name: str, problem: Any) -> bool:
        return pointers(problem) == [LINKS[name][1]]

    assert failures(answers, 422, "invalid_request", blames) == {}


async def test_all_errors_at_once(shop: Shop) -> None:
    """Everything that is wrong with a draft is said in one answer."""
    draft = shop.draft(
        currency="usd",
        colour="red",
        line_items=[product(quantity=0, unit_amount=-1), {"type": "gift"}],
        customer={"email": "ada"},
    )

    problem = problem_of(await shop.create(draft), 422, "invalid_request")

    assert sorted(pointers(problem)) == [
        "/colour",
        "/currency",
        "/customer/email",
        "/line_items/0/quantity",
        "/line_items/0/unit_amount",
        "/line_items/1/description",
        "/line_items/1/quantity",
        "/line_items/1/type",
        "/line_items/1/unit_amount",
    ]
    assert all(error["code"] and error["detail"] for error in problem["errors"])


QUERIES = (
    "?limit=0",
    "?limit=101",
    "?limit=-1",
    "?limit=1.0",
    "?limit=1e1",
    "?limit=+5",
    "?limit=5_0",
    "?limit=%205",
    "?limit=",
    "?limit=ten",
    "?limit=99999999999999999999",
    "?limit=1&limit=1",
    "?Limit=1",
    "?page=2",
    "?status=done",
    "?status=",
    "?created_gte=yesterday",
    "?created_gte=2026-01-01",
    "?created_lte=2026-01-01T00:00:00",
    "?starting_after=ord_1",
    "?ending_before=op_" + "0" * 32,
    "?starting_after=%00",
)
"""Queries of the list of orders, each wrong in its one parameter."""


async def test_query_that_is_wrong(shop: Shop) -> None:
    """An unknown, repeated or malformed parameter is refused by its name, and never ignored."""
    answers = {query: await shop.get(f"/v1/orders{query}") for query in QUERIES}

    def blames(query: str, problem: Any) -> bool:
        return set(pointers(problem)) == {"/" + query[1:].partition("=")[0]}

    assert failures(answers, 422, "invalid_request", blames, outcome=None) == {}


async def test_both_cursors(shop: Shop) -> None:
    """A page begins in one place only."""
    query = f"?starting_after={ORDER}&ending_before={ORDER}"

    for path, prefix in (("/v1/orders", "ord_"), ("/v1/operations", "op_")):
        answer = await shop.get(path + query.replace("ord_", prefix))
        assert pointers(problem_of(answer, 422, "invalid_request")) == ["/ending_before"]


OTHER_QUERIES = {
    "/v1/operations?state=lost": "/state",
    "/v1/operations?limit=0": "/limit",
    "/v1/operations?starting_after=" + ORDER: "/starting_after",
    "/v1/operations?order=1": "/order",
    f"/v1/orders/{ORDER}?refresh=maybe": "/refresh",
    f"/v1/orders/{ORDER}?fresh=true": "/fresh",
    f"/v1/orders/{ORDER}?refresh=true&refresh=true": "/refresh",
    "/v1/accounts?limit=1": "/limit",
    "/v1/accounts/{account}?x=1": "/x",
    "/v1/accounts/{account}/orders?limit=0": "/limit",
    "/v1/accounts/{account}/orders?cursor=nonsense": "/cursor",
    "/v1/accounts/{account}/orders?cursor=": "/cursor",
    "/v1/accounts/{account}/orders?cursor=%FF%FE": "/cursor",
    "/v1/accounts/{account}/orders?cursor=cmFweWQgbm9uc2Vuc2U": "/cursor",
    "/v1/accounts/{account}/orders?cursor=cmV2a2VlbiBub25zZW5zZQ": "/cursor",
    "/v1/accounts/{account}/orders?starting_after=" + ORDER: "/starting_after",
    "/v1/links/colours/CHAIR-1": "/kind",
    "/v1/links/products/provider:x": "/id",
    "/v1/links/products/CHAIR-1?limit=1": "/limit",
    "/health/live?x=1": "/x",
    "/health/ready?x=1": "/x",
}
"""By address on the other routes: the parameter that is wrong."""


async def test_other_query_that_is_wrong(shop: Shop) -> None:
    """The same holds on every other route, for cursors of another list too."""
    answers = {path: await shop.get(path.format(account=shop.account)) for path in OTHER_QUERIES}

    def blames(path: str, problem: Any) -> bool:
        return set(pointers(problem)) == {OTHER_QUERIES[path]}

    assert failures(answers, 422, "invalid_request", blames, outcome=None) == {}
    assert shop.emulator.requests == 0


async def test_query_on_a_write(shop: Shop) -> None:
    """A write takes no parameters that it does not know."""
    async with Untouched(shop):
        answer = await shop.post("/v1/orders?dry_run=true", shop.draft())

    assert pointers(problem_of(answer, 422, "invalid_request")) == ["/dry_run"]


async def test_cursor_of_another_account(shop: Shop) -> None:
    """A cursor goes on where it came from and nowhere else."""
    for _ in range(2):
        await shop.order()
    other = "rapyd" if shop.account == "revkeen" else "revkeen"
    page = (await shop.get(f"/v1/accounts/{shop.account}/orders?limit=1")).json()

    answer = await shop.get(f"/v1/accounts/{other}/orders", cursor=page["next_cursor"])

    assert pointers(problem_of(answer, 422, "invalid_request")) == ["/cursor"]


NOWHERE = (
    "/",
    "/v1",
    "/v1/",
    "/v2/orders",
    "/v1/order",
    f"/v1/orders/{ORDER}",
    f"/v1/orders/{ORDER}/",
    f"/v1/orders/{ORDER}/refund",
    "/v1/orders/nothing",
    "/v1/orders/%00",
    "/v1/orders/%FF",
    "/v1/orders/..%2f..%2fetc%2fpasswd",
    "/v1/orders/" + "x" * 5000,
    "/v1/orders/ord_1'%20OR%201=1",
    "/v1/operations/op_" + "0" * 32,
    "/v1/operations/nothing",
    "/v1/accounts/nowhere",
    "/v1/accounts/nowhere/orders",
    "/v1/links/products",
    "/v1/links/products/NEVER-LINKED",
    "/schema/nothing",
    "/schema/assets/nothing.js",
    "/schema/assets/../../pyproject.toml",
    "/schema/assets/%2e%2e/%2e%2e/pyproject.toml",
    "/problems/nothing",
    "/health",
    "/health/nothing",
    "/.env",
    "/%ff",
)
"""Addresses where nothing is."""


async def test_address_that_is_none(shop: Shop) -> None:
    """Where nothing is, a problem says so, whatever the address looks like."""
    answers = {path: await shop.get(path) for path in NOWHERE}

    def is_final(_path: str, problem: Any) -> bool:
        return (problem["retry"], problem["fault"]) == ("never", "caller")

    assert failures(answers, 404, "not_found", is_final, outcome=None) == {}
    assert shop.emulator.requests == 0


@pytest.mark.parametrize("kind", ["pay", "cancel", "fulfill"])
async def test_change_of_no_order(shop: Shop, kind: str) -> None:
    """A change of an order that does not exist is a 404 that says nothing was applied."""
    async with Untouched(shop):
        for name in (ORDER, "nothing", "ord_%00"):
            problem = problem_of(await shop.post(f"/v1/orders/{name}/{kind}", {}), 404, "not_found")
            assert verdict(problem) == ("no", "not_applied", "never")


METHODS = {
    ("PUT", "/v1/orders"): {"GET", "POST"},
    ("DELETE", "/v1/orders"): {"GET", "POST"},
    ("DELETE", f"/v1/orders/{ORDER}"): {"GET"},
    ("POST", f"/v1/orders/{ORDER}"): {"GET"},
    ("GET", f"/v1/orders/{ORDER}/pay"): {"POST"},
    ("PUT", f"/v1/orders/{ORDER}/cancel"): {"POST"},
    ("DELETE", f"/v1/orders/{ORDER}/fulfill"): {"POST"},
    ("POST", "/v1/operations"): {"GET"},
    ("POST", "/v1/accounts"): {"GET"},
    ("POST", "/v1/links/products/CHAIR-1"): {"GET", "PUT", "DELETE"},
    ("POST", "/health/live"): {"GET"},
    ("POST", "/schema"): {"GET"},
    ("POST", "/schema/openapi.json"): {"GET"},
    ("POST", "/problems"): {"GET"},
    ("TRACE", "/v1/orders"): {"GET", "POST"},
}
"""By method and address: the methods that are taken there."""


async def test_method_that_is_not_taken(shop: Shop) -> None:
    """Another method is a 405 that names those which are taken."""
    async with Untouched(shop):
        answers = {
            f"{method} {path}": await shop.call(
                method, path, json={}, headers={"Idempotency-Key": fresh_key()}
            )
            for method, path in METHODS
        }

    for (method, path), allowed in METHODS.items():
        answer = answers[f"{method} {path}"]
        problem = problem_of(answer, 405, "method_not_allowed")
        assert problem["retry"] == "never"
        named = {name.strip() for name in answer.headers["allow"].split(",")}
        assert allowed <= named, path
        assert method not in named, path


async def test_route_that_is_none(shop: Shop) -> None:
    """An account that does not exist takes no order: no_route, at /account."""
    async with Untouched(shop):
        answer = await shop.create(shop.draft(account="nowhere"))

    problem = problem_of(answer, 422, "no_route")
    assert pointers(problem) == ["/account"]
    assert verdict(problem) == ("no", "not_applied", "after_fix")


@pytest.mark.parametrize(
    ("provider", "block", "pointer"),
    [
        ("revkeen", {"colour": 1}, "/extensions/revkeen/colour"),
        ("revkeen", {"invoice_id": 1}, "/extensions/revkeen/invoice_id"),
        ("rapyd", {"colour": 1}, "/extensions/rapyd/colour"),
        ("rapyd", {"coupon": {}}, "/extensions/rapyd/coupon"),
    ],
    indirect=["provider"],
)
async def test_extension_that_is_wrong(shop: Shop, block: dict[str, Any], pointer: str) -> None:
    """A provider's own block is read as strictly as the rest."""
    async with Untouched(shop):
        answer = await shop.create(shop.draft(extensions={shop.account: block}))

    assert pointers(problem_of(answer, 422, "invalid_request")) == [pointer]
