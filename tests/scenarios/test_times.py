"""Times: answered in UTC with Z, whatever they were given in, and never another instant."""

import json
import re
from typing import Any

import pytest
from tests.scenarios.shop import Shop, chairs, pointers, problem_of


@pytest.fixture
def provider() -> str:
    """The one of whose orders can expire."""
    return "revkeen"


GIVEN = {
    "2099-03-01T12:00:00Z": "2099-03-01T12:00:00Z",
    "2099-03-01T12:00:00+02:00": "2099-03-01T10:00:00Z",
    "2098-12-31T23:30:00-05:30": "2099-01-01T05:00:00Z",
    "2099-03-01T12:00:00.5+00:00": "2099-03-01T12:00:00.500000Z",
    "2099-12-31T23:59:59.999999Z": "2099-12-31T23:59:59.999999Z",
    "2099-12-31T23:59:59.9999990Z": "2099-12-31T23:59:59.999999Z",
    "2099-03-01T12:00:00.0000000Z": "2099-03-01T12:00:00Z",
}
"""Times as clients write them (seven decimals are .NET's), and as they are answered."""


@pytest.mark.parametrize(("given", "told"), GIVEN.items())
async def test_expiry_is_answered_in_utc(shop: Shop, given: str, told: str) -> None:
    """By the create, by a read, and in the order that a comparison repeats."""
    made = await shop.order(expires_at=given)
    compared = await shop.post(
        "/v1/comparisons", {"order": {**chairs(), "expires_at": given}, "accounts": ["revkeen"]}
    )

    assert [made["expires_at"], (await shop.read(made))["expires_at"]] == [told, told]
    assert compared.json()["order"]["expires_at"] == told


@pytest.mark.parametrize(
    "given",
    [
        "2099-12-31T23:59:59.999999999Z",
        "2099-12-31T23:59:59.9999999Z",
        "2099-12-31T23:59:59.0000001+02:00",
        "2099-12-31T23:59:59.999999999",
    ],
)
async def test_what_a_clock_cannot_hold_is_refused(shop: Shop, given: str) -> None:
    """A time finer than a microsecond would become another one, even of the next year: it is refused, everywhere."""
    draft = shop.draft(expires_at=given)
    calls: list[tuple[Any, str]] = [
        (await shop.create(draft), "/expires_at"),
        (await shop.post("/v1/translations", {"order": draft, "accounts": ["revkeen"]}), "/order/expires_at"),
        (await shop.post("/v1/webhook_deliveries/replay", {"endpoint": "wh_1", "since": given}), "/since"),
        (await shop.get("/v1/orders", created_gte=given), "/created_gte"),
        (await shop.get("/v1/accounts/revkeen/orders", created_lte=given), "/created_lte"),
    ]

    for answer, pointer in calls:
        assert pointer in pointers(problem_of(answer, 422, "invalid_request"))
    assert shop.emulator.orders == []


async def test_text_that_looks_like_a_time_is_text(shop: Shop) -> None:
    """Only times are held to that."""
    text = "2099-12-31T23:59:59.999999999Z"
    order = await shop.order(metadata={"at": text}, notes=text, reference=text)

    assert (order["metadata"], order["notes"], order["reference"]) == ({"at": text}, text, text)


async def test_every_time_of_an_answer_is_in_utc(shop: Shop) -> None:
    """Whatever else tells a time."""
    order = await shop.order(expires_at="2099-03-01T12:00:00+02:00")
    documents = [
        await shop.get(path)
        for path in ("/v1/orders", "/v1/operations", f"/v1/orders/{order['id']}/receipt", "/v1/events")
    ]

    def times(value: Any) -> list[str]:
        if isinstance(value, dict):
            inner = [time for item in value.values() for time in times(item)]
            return inner + [
                item for name, item in value.items() if re.fullmatch("[a-z_]+_at", name) and item is not None
            ]
        return [time for item in value for time in times(item)] if isinstance(value, list) else []

    found = [time for document in documents for time in times(json.loads(document.text))]
    assert found
    assert [time for time in found if not str(time).endswith("Z")] == []
