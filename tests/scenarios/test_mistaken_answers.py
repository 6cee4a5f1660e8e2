"""A provider whose answers are about no order, or another one: none of it is believed."""

import json
from typing import Any

import msgspec
import pytest
from tests.scenarios.conftest import OpenShop
from tests.scenarios.shop import Shop, body_of, problem_of

from ordergate.gateway.accounts.account import Account
from ordergate.spi.wire import WireRequest, WireResponse


@pytest.fixture
async def shop(open_another: OpenShop) -> Shop:
    """A gateway that looks after what is unknown at once."""
    return await open_another(
        recovers=True,
        account={"read_timeout": 1.0, "settling_time": 1.0},
        recovery={"closed_settling": 0.2, "late_look_minutes": 0.02},
    )


def _alter(shop: Shop, monkeypatch: pytest.MonkeyPatch, method: str, end: str, told: str | None) -> list[str]:
    """Have the next answer to such a request name another id; return the paths whose answers were altered."""
    assert shop.gateway is not None
    transport = shop.gateway.transport
    send = transport.send
    altered: list[str] = []

    async def send_and_alter(account: Account, request: WireRequest) -> WireResponse:
        response = await send(account, request)
        if altered or request.method != method or not request.path.endswith(end):
            return response
        altered.append(request.path)
        body: dict[str, Any] = json.loads(response.body)
        (body["data"] if shop.account == "rapyd" else body)["id"] = told
        return msgspec.structs.replace(response, body=json.dumps(body).encode())

    monkeypatch.setattr(transport, "send", send_and_alter)
    return altered


@pytest.mark.parametrize("told", ["", None, "..", "a\0b", "of another order"])
async def test_create_that_is_answered_with_no_id_of_its_own(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    """The answer counts as lost: the order is found by its mark, and can be used."""
    before = await shop.order()
    told = before["provider_order_id"] if told == "of another order" else told
    altered = _alter(shop, monkeypatch, "POST", "/orders", told)

    order = await shop.order()

    assert altered
    own = {there["id"] for there in shop.emulator.orders} - {before["provider_order_id"]}
    assert {order["provider_order_id"]} == own
    assert (order["status"], order["review_reasons"]) == ("open", [])
    body_of(await shop.pay(order), 200)


async def test_read_that_is_answered_with_another_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no reading: the refresh fails, a payment is not sent, and what is kept stays as it was."""
    order, other = await shop.order(), await shop.order(reference="OTHER")
    own = order["provider_order_id"]

    for ask in (
        lambda: shop.get(f"/v1/orders/{order['id']}", refresh="true"),
        lambda: shop.pay(order),
        lambda: shop.adopt(own),
    ):
        with monkeypatch.context() as patched:
            altered = _alter(shop, patched, "GET", own, other["provider_order_id"])
            problem_of(await ask(), 502, "provider_protocol_error")
            assert altered

    assert await shop.read(order) == order
    assert shop.emulator.state()["payments"] == []


async def test_pay_that_is_answered_with_another_order(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer counts as lost: the payment is found, once, and shown at its own order."""
    order, other = await shop.order(), await shop.order()
    altered = _alter(shop, monkeypatch, "POST", "/pay", other["provider_order_id"])

    paid = body_of(await shop.pay(order), 200)

    assert altered
    assert (paid["id"], paid["provider_order_id"]) == (order["id"], order["provider_order_id"])
    assert len(shop.emulator.state()["payments"]) == 1
    assert (await shop.read(other))["payment_status"] == "unpaid"
