"""What the journal writes, and what writing leaves behind."""

import gc

import pytest
from tests.builders import NOON

from ordergate.journal import codec
from ordergate.journal.records.exchanges import Exchange

EXCHANGE = Exchange(
    attempt=1,
    account="rapyd",
    adapter="rapyd",
    configuration="0123456789ab",
    adapter_version="0.1.0",
    method="POST",
    path="/v1/orders",
    headers={},
    body=b"{}",
    acts=True,
    notices=(),
    started_at=NOON,
    milliseconds=1.5,
    status=200,
    answer_headers={},
    answer=b"{}",
    error=None,
)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_exchanges_come_back(count: int) -> None:
    """As many as there were, each the same."""
    exchanges = (EXCHANGE,) * count

    assert codec.decode_exchanges(codec.encode_exchanges(exchanges)) == exchanges


def test_writing_exchanges_leaves_nothing_behind() -> None:
    """A server writes them for every order: 50 bytes at each would be 50 MB in a million."""
    exchanges = (EXCHANGE,)
    codec.encode_exchanges(exchanges)
    gc.collect()
    before = len(gc.get_objects())

    for _ in range(1_000):
        codec.encode_exchanges(exchanges)

    gc.collect()
    assert len(gc.get_objects()) - before < 100
