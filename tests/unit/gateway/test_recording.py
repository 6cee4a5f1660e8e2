"""What is noted of an exchange: what left, and so much of the answer as a receipt has room for."""

import contextlib
from collections.abc import Mapping

import msgspec
from tests.builders import NOON
from tests.unit.conftest import account

from ordergate.gateway.accounts.account import Account
from ordergate.gateway.accounts.configuration import Configuration
from ordergate.gateway.runtime.ports import TransportError
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.gateway.writes.recording_transport import RecordingTransport
from ordergate.journal.journal import Journal
from ordergate.journal.records.exchanges import ANSWER_KEPT, Exchange
from ordergate.spi.wire import WireRequest, WireResponse
from ordergate.web.rendering import JsonRenderer

RAPYD = account("rapyd", "rapyd")
REQUEST = WireRequest(method="POST", path="/v1/orders", body=b"{}", acts=True)


class Says:
    """A transport that answers, or fails, always the same way."""

    def __init__(self, answer: WireResponse | TransportError) -> None:
        self._answer = answer

    async def send(self, _account: Account, _request: WireRequest) -> WireResponse:
        if isinstance(self._answer, TransportError):
            raise self._answer
        return self._answer


async def _noted(journal: Journal, answer: WireResponse | TransportError) -> Exchange:
    accounts: Mapping[str, Account] = {RAPYD.name: RAPYD}
    gateway = Runtime(
        configuration=Configuration(hash="c0ffee", accounts=accounts, default_route=()),
        journal=journal,
        transport=Says(answer),
        clock=lambda: NOON,
        renderer=JsonRenderer(),
    )
    line = RecordingTransport(gateway, RAPYD, 1)
    with contextlib.suppress(TransportError):
        await line.send(REQUEST)
    return line.exchanges[0]


async def test_what_never_left_is_not_kept(journal: Journal) -> None:
    """A repeat that is held back every time adds a line, and not the order once more."""
    unsent = await _noted(journal, TransportError("no", "Too many are under way."))
    lost = await _noted(journal, TransportError("maybe", "No answer came."))

    assert (unsent.body, unsent.error) == (b"", "Too many are under way.")
    assert (lost.body, lost.error) == (REQUEST.body, "No answer came.")


async def test_a_huge_answer_is_cut_off(journal: Journal) -> None:
    """Its beginning is kept, with a mark that says so."""
    whole = WireResponse(status=200, headers={}, body=b"x" * ANSWER_KEPT)
    huge = msgspec.structs.replace(whole, body=whole.body + b"y")

    assert (await _noted(journal, whole)).answer == whole.body
    assert (await _noted(journal, huge)).answer.decode() == (
        f"{whole.body.decode()} … cut off here; the answer has {ANSWER_KEPT + 1} bytes"
    )
