"""Every operation in every status, by default and with each inferred cell turned round."""

from typing import Any

import pytest

from ordergate.spi.emulator import InvalidControlError

from .emulator_client import Client, error_of

STATUSES = ("draft", "pending", "partially_paid", "paid", "fulfilled", "canceled", "refunded")

# Y and N are documented; y and n are inferred, so that a switch turns them round.
EXPECTED = {
    "update":  "Y Y Y Y n n n",
    "pay":     "y Y Y n n n n",
    "cancel":  "Y Y n N N n n",
    "fulfill": "n n n y n n n",
    "refund":  "N N y Y y N n",
}  # fmt: skip

CELLS = [
    (operation, status, mark)
    for operation, marks in EXPECTED.items()
    for status, mark in zip(STATUSES, marks.split(), strict=True)
]


def attempt(client: Client, operation: str, order: dict[str, Any]) -> bool:
    """Try an operation; tell whether the order's status allowed it."""
    if operation == "refund":
        return attempt_refund(client, order)
    path, method = f"/orders/{order['id']}", "PATCH" if operation == "update" else "POST"
    suffix = "" if operation == "update" else f"/{operation}"
    response = client.send(method, path + suffix, {})
    if response.status == 200:
        return True
    assert response.status == 400
    assert error_of(response)["code"] == "validation_error"
    assert "does not allow" in error_of(response)["message"]
    return False


def attempt_refund(client: Client, order: dict[str, Any]) -> bool:
    """Try a refund; without a payment there is nothing that POST /refunds could name."""
    paid = [payment for payment in client.payments() if payment["status"] == "succeeded"]
    if not paid:
        with pytest.raises(InvalidControlError):
            client.act(order, "refund")
        return False
    response = client.send("POST", "/refunds", {"payment_id": paid[0]["id"]})
    # A refunded order's payment has nothing left: the status allows it, then the amount does not.
    return response.status in {201, 422}


@pytest.mark.parametrize(("operation", "status", "mark"), CELLS)
def test_each_status_allows_what_it_should(operation, status, mark):
    """By default the table holds, and a refusal changes nothing."""
    client = Client()
    order = client.order_in(status)
    client.now += 1
    worked = attempt(client, operation, order)

    assert worked == (mark in "Yy")
    if not worked:
        assert client.get(f"/orders/{order['id']}") == order


@pytest.mark.parametrize(("operation", "status"), [(op, st) for op, st, mark in CELLS if mark in "yn"])
def test_each_inferred_cell_has_its_switch(operation, status):
    """The switch named after operation and status turns the cell round."""
    client = Client()
    order = client.order_in(status)
    name = f"{operation}_{status}"
    before = client.emulator.switches()[name]
    client.switch(**{name: not before})

    assert attempt(client, operation, order) is not before


def test_no_other_cell_has_a_switch():
    """Documented cells cannot be turned round."""
    inferred = {f"{op}_{st}" for op, st, mark in CELLS if mark in "yn"}
    # No canceled order of the table has a payment to refund: that switch is for one that came in later.
    every = {f"{op}_{st}" for op, st, _ in CELLS} - {"refund_canceled"}

    assert set(Client().emulator.switches()) & every == inferred


@pytest.mark.parametrize("status", [400, 409, 422])
@pytest.mark.parametrize(("operation", "state"), [("pay", "paid"), ("cancel", "paid"), ("fulfill", "draft")])
def test_the_status_of_a_rejected_change_is_a_switch(operation, state, status):
    """The same refusal as 400, 409 or 422."""
    client = Client(rejected_state_status=status)
    order = client.order_in(state)

    assert client.send("POST", f"/orders/{order['id']}/{operation}", {}).status == status


@pytest.mark.parametrize(
    ("operation", "status"),
    [("pay", "paid"), ("cancel", "canceled"), ("fulfill", "fulfilled"), ("pay", "refunded")],
)
def test_a_repeat_that_is_allowed_changes_nothing(operation, status):
    """Where a switch allows the repeat, the order stays as it was and no event is recorded."""
    client = Client(**{f"{operation}_{status}": True})
    order = client.order_in(status)
    events = client.event_types()
    client.now += 1

    assert client.post(f"/orders/{order['id']}/{operation}") == order
    assert client.event_types() == events
