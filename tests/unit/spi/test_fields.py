"""What a field map reads from bytes that nobody means."""

import pytest
from tests.unit.conftest import account

from ordergate.spi.fields import read


@pytest.mark.parametrize("number", ["1e1000000", "-1e-1000000", "1e31"])
def test_a_number_without_measure_is_unreadable(number: str) -> None:
    """Written out it would take all the time there is; it is told apart from what is meant."""
    body = f'{{"data": {{"currency": "USD", "amount": {number}, "created": {number}}}}}'.encode()

    reading = read(account("rapyd", "rapyd").adapter.fields.order, body)

    told = {each.pointer: each.value for each in reading.fields}
    for pointer in ("/total", "/created_at"):
        assert told[pointer].startswith("unreadable: ")


def test_an_item_that_was_slipped_into_a_request_is_read() -> None:
    """Rapyd adds tax and discount itself: in an answer they are no lines, in a request they are what is wrong."""
    fields = account("rapyd", "rapyd").adapter.fields
    items = '[{"type": "sku", "parent": "sku_1", "amount": 1}, {"type": "discount", "amount": -1}]'

    sent = read(fields.request, f'{{"currency": "USD", "items": {items}}}'.encode())
    answered = read(fields.order, f'{{"data": {{"currency": "USD", "items": {items}}}}}'.encode())

    assert (len(sent.lines), len(answered.lines)) == (2, 1)
