"""What every answer carries, whatever it answers."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Emulator, Shop, body_of, fresh_key, problem_of

from ordergate.settings import load_settings

TIMING = re.compile(r"gateway;dur=(\d+(?:\.\d+)?), provider;dur=(\d+(?:\.\d+)?), journal;dur=(\d+(?:\.\d+)?)")
OUR_ID = re.compile(r"req_[0-9a-f]{32}")


async def every_kind_of_answer(shop: Shop) -> dict[str, httpx.Response]:
    """Successes and failures of every layer: server, router, guard, body, use case, provider."""
    order = await shop.order()
    shop.emulator.faults({"match": {"path": "*/pay"}, "at": "after", "do": "drop"})
    return {
        "created": await shop.create(),
        "replayed": await shop.create(key="again") and await shop.create(key="again"),
        "read": await shop.get(f"/v1/orders/{order['id']}"),
        "list": await shop.get("/v1/orders"),
        "accounts": await shop.get("/v1/accounts"),
        "health": await shop.get("/health/live"),
        "page": await shop.get("/problems"),
        "schema": await shop.get("/schema/openapi.json"),
        "asset": await shop.get("/schema/assets/swagger-ui.css"),
        "no address": await shop.get("/nothing"),
        "no order": await shop.get("/v1/orders/ord_1"),
        "no method": await shop.call("DELETE", "/v1/orders"),
        "no key": await shop.using(None).get("/v1/orders"),
        "no json": await shop.call(
            "POST", "/v1/orders", content=b"{", headers={"Content-Type": "application/json"}
        ),
        "too large": await shop.call("POST", "/v1/orders", content=b"x" * 2_000_000),
        "bad query": await shop.get("/v1/orders?x=1"),
        "no link": await shop.create(shop.draft(customer={"id": "nobody"})),
        "lost": await shop.pay(order),
        "busy": await shop.pay(order),
        "no link to delete": await shop.call("DELETE", "/v1/links/products/NONE"),
    }


async def test_every_answer_has_them(shop: Shop) -> None:
    """Request id, hash of the configuration and all timings stand on success and failure alike."""
    answers = await every_kind_of_answer(shop)

    hashes = {answer.headers.get("ordergate-config") for answer in answers.values()}
    assert len(hashes) == 1
    assert None not in hashes
    wrong = {
        name: dict(answer.headers)
        for name, answer in answers.items()
        if not OUR_ID.fullmatch(answer.headers.get("x-request-id", ""))
        or not TIMING.fullmatch(answer.headers.get("server-timing", ""))
        or len(answer.headers.get_list("x-request-id")) != 1
    }
    assert wrong == {}
    ids = [answer.headers["x-request-id"] for answer in answers.values()]
    assert len(set(ids)) == len(ids)
    for answer in answers.values():
        if answer.headers["content-type"] == "application/problem+json":
            assert answer.status_code >= 400
            assert answer.json()["instance"]


async def test_account_is_named_where_one_was_chosen(shop: Shop) -> None:
    """The account stands on an answer that one account gave, and on no other."""
    order = await shop.order()

    named = [
        await shop.create(),
        await shop.pay(order),
        await shop.get(f"/v1/orders/{order['id']}"),
        await shop.get(f"/v1/accounts/{shop.account}"),
        await shop.get(f"/v1/accounts/{shop.account}/orders"),
    ]
    unnamed = [
        await shop.get("/v1/orders"),
        await shop.get("/v1/accounts"),
        await shop.get("/health/live"),
        await shop.get("/nothing"),
        await shop.create(shop.draft(currency="XXX")),
    ]

    assert [answer.headers.get("ordergate-account") for answer in named] == [shop.account] * len(named)
    assert [answer.headers.get("ordergate-account") for answer in unnamed] == [None] * len(unnamed)


async def test_provider_time_is_told_apart(shop: Shop) -> None:
    """Time that was spent waiting for the provider is the provider's, the rest is ours."""
    quick = await shop.get("/v1/orders")
    shop.emulator.faults({"match": {"method": "POST"}, "at": "after", "do": "delay", "seconds": 0.2})

    slow = await shop.create()

    def timing(answer: httpx.Response) -> list[float]:
        found = TIMING.fullmatch(answer.headers["server-timing"])
        assert found is not None
        return [float(part) for part in found.groups()]

    assert timing(quick)[1] == 0
    assert timing(slow)[1] >= 200
    assert 0 <= timing(slow)[0] < timing(slow)[1]
    assert timing(slow)[2] <= timing(slow)[0]


async def test_sane_request_id_is_kept(shop: Shop) -> None:
    """The caller's own request id comes back, in the header and in a problem."""
    for sent in ("a", "order-1001.retry:2", "550e8400-e29b-41d4-a716-446655440000", "x" * 128):
        answer = await shop.call("GET", "/v1/orders", headers={"X-Request-Id": sent})
        refused = await shop.call("GET", "/v1/orders/nothing", headers={"X-Request-Id": sent})

        assert answer.headers["x-request-id"] == sent
        assert refused.headers["x-request-id"] == sent
        assert problem_of(refused, 404, "not_found")["request_id"] == sent


async def test_other_request_id_is_replaced(shop: Shop) -> None:
    """A request id that has no business in a log is replaced by one of ours."""
    for sent in ("", "two words", "x" * 129, "<script>", "a\tb", "caf\u00e9".encode("latin-1")):
        answer = await shop.call("GET", "/v1/orders/nothing", headers={"X-Request-Id": sent})

        assert OUR_ID.fullmatch(answer.headers["x-request-id"]), sent
        assert problem_of(answer, 404, "not_found")["request_id"] == answer.headers["x-request-id"]


async def test_same_content_has_the_same_hash(
    open_another: OpenShop, emulators: Mapping[str, Emulator]
) -> None:
    """The hash is of the configuration's content: the one that ``check`` prints for the same file."""
    shop = await open_another(server={"log_level": "warning"})
    text = shop.config.read_text()
    other = shop.config.with_name("other.toml")

    async def hash_of(content: str) -> str:
        other.write_text(content)
        return load_settings(other, {}).hash

    served = (await shop.get("/health/live")).headers["ordergate-config"]
    assert await hash_of(text) == served
    assert await hash_of(f"# a comment\n\n{text}") == served
    assert await hash_of(text.replace("warning", "error")) != served


async def test_retry_after_is_in_header_and_body(shop: Shop) -> None:
    """Where a problem says how long to wait, the header says the same."""
    order = await shop.order()
    shop.emulator.faults({"match": {"path": "*/pay"}, "at": "after", "do": "drop"})

    answers = [await shop.pay(order), await shop.pay(order), await shop.get("/nothing")]

    told = [answer.headers.get("retry-after") for answer in answers]
    assert told == [str(answers[0].json()["retry_after"]), str(answers[1].json()["retry_after"]), None]
    assert answers[2].json()["retry_after"] is None


async def test_description_names_every_route(shop: Shop) -> None:
    """The OpenAPI 3.1 description has every route, and the page loads nothing from elsewhere."""
    described: dict[str, Any] = body_of_schema(await shop.get("/schema/openapi.json"))
    page = await shop.get("/schema")

    assert described["openapi"].startswith("3.1")
    calls = {
        (method.upper(), path)
        for path, item in described["paths"].items()
        for method in item
        if method in {"get", "post", "put", "delete"}
    }
    assert {
        ("POST", "/v1/orders"),
        ("GET", "/v1/orders"),
        ("GET", "/v1/orders/{order_id}"),
        ("POST", "/v1/orders/{order_id}/pay"),
        ("POST", "/v1/orders/{order_id}/cancel"),
        ("POST", "/v1/orders/{order_id}/fulfill"),
        ("GET", "/v1/operations"),
        ("GET", "/v1/operations/{operation_id}"),
        ("GET", "/v1/accounts"),
        ("GET", "/v1/accounts/{account}"),
        ("GET", "/v1/accounts/{account}/orders"),
        ("POST", "/v1/links/import"),
        ("PUT", "/v1/links/{kind}/{link_id}"),
        ("GET", "/v1/links/{kind}/{link_id}"),
        ("DELETE", "/v1/links/{kind}/{link_id}"),
        ("GET", "/health/live"),
        ("GET", "/health/ready"),
    } <= calls
    assert page.status_code == 200
    sources = re.findall(r"(?:src|href)=[\"']([^\"']+)", page.text)
    assert [source for source in sources if source.startswith(("http:", "https:", "//"))] == []
    for source in sources:
        if source.startswith("/"):
            assert (await shop.get(source)).status_code == 200, source


def body_of_schema(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200
    described: dict[str, Any] = answer.json()
    return described


async def test_every_problem_has_a_page(shop: Shop) -> None:
    """The type of a problem is a page that explains it."""
    answers = await every_kind_of_answer(shop)

    kinds = {answer.json()["type"] for answer in answers.values() if answer.status_code >= 400}
    assert len(kinds) > 8
    for kind in kinds:
        page = await shop.using(None).get(kind)
        assert page.status_code == 200
        assert page.headers["content-type"].startswith("text/html")
        assert kind.rpartition("/")[2] in page.text


async def test_hidden_details(shop: Shop) -> None:
    """No answer tells what server this is, and the idempotency key of a caller is not echoed in headers."""
    key = fresh_key()
    answer = await shop.create(key=key)

    body_of(answer, 201)
    assert "server" not in answer.headers
    assert key not in str(answer.headers)
