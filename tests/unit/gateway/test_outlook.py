"""What happens to an operation next, in words."""

from typing import Any

import msgspec
import pytest
from tests.contract.conftest import ended, operation

from ordergate.domain.lifecycle import OperationKind, ReviewReason
from ordergate.gateway.writes.next_step import next_step_of
from ordergate.journal.records.operations import Existing, StoredResponse

ANSWER = StoredResponse(status=422, body=b"{}")


@pytest.mark.parametrize(
    ("state", "changes", "response", "concerns", "said"),
    [
        ("in_progress", {}, None, (), "another one takes it over"),
        ("in_progress", {"attempts": ()}, None, (), "accepted; a gateway that serves"),
        ("unknown", {}, None, (), "probes it again without your help"),
        ("unknown", {"needs_person": True}, None, (), "ordergate_operation = op_"),
        ("unknown", {"needs_person": True, "kind": OperationKind.PAY}, None, (), "whether the pay of ord_"),
        ("succeeded", {}, ANSWER, (), "it was applied"),
        ("succeeded", {}, ANSWER, (ReviewReason.LATE_WRITE,), "Needs a person"),
        ("failed", {}, ANSWER, (), "the same refusal"),
        ("failed", {}, None, (), "sends it again"),
    ],
)
def test_next_step_is_told(
    state: str,
    changes: dict[str, Any],
    response: StoredResponse | None,
    concerns: tuple[ReviewReason, ...],
    said: str,
) -> None:
    """Each state has its own sentence: what the gateway does by itself, and what a person has to do."""
    known = msgspec.structs.replace(operation(), **changes)
    existing = Existing(ended(known, state) if state != "in_progress" else known, response)

    assert said in next_step_of(existing, concerns)
