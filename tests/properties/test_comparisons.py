"""Whatever a merchant may order, comparison finds nothing different in what a right adapter makes of it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ordergate.conformance import InProcess
from ordergate.domain.checks import Side
from ordergate.domain.comparison import compare
from ordergate.domain.draft import Draft, draft_errors
from ordergate.domain.errors import Problem
from ordergate.spi.fields import read

from .test_drafts import for_rapyd, for_revkeen


@pytest.mark.parametrize(("name", "drafts"), [("rapyd", for_rapyd), ("revkeen", for_revkeen)])
def test_a_right_adapter_differs_nowhere(name: str, drafts: st.SearchStrategy[Draft]) -> None:
    """Request and answer, read back from their bytes, mean what the draft means; what is left out has its notice."""
    # Rapyd's emulator lists fewer currencies than ISO 4217 has.
    provider = InProcess(name, **({"unknown_currency": "accept"} if name == "rapyd" else {}))

    @settings(max_examples=20, deadline=None)
    @given(draft=drafts)
    def differs_nowhere(draft: Draft) -> None:
        if draft_errors(draft):
            return
        command = provider.creation(draft)
        try:
            provider.apply(command)
        except Problem:
            return
        (exchange,) = provider.said[-1].exchanges
        now = datetime.fromtimestamp(provider.now, UTC)
        side = Side(
            account="here",
            adapter=name,
            title=name,
            customer=command.customer,
            products=command.products,
            notices=exchange.planned.notices,
            sent=read(provider.adapter.fields.request, exchange.signed.body),
            answered=read(provider.adapter.fields.order, exchange.answer.body),
            asked=(now, now),
        )
        assert [each for each in compare(draft, [side]) if each.kind == "different"] == []

    differs_nowhere()
