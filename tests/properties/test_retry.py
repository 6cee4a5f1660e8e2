"""The laws of retries: nothing is sent again unless it has certainly not been applied, or cannot act twice."""

from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import msgspec
from hypothesis import given
from tests.contract.conftest import operation

from ordergate.domain.errors import ProviderError
from ordergate.domain.lifecycle import OperationKind
from ordergate.domain.operation import Attempt, Resolution
from ordergate.domain.outcome import NotApplied, NotFound, Outcome, Unknown
from ordergate.gateway.writes.retry import (
    NO_TRACE,
    STORED_REFUSALS,
    AfterAttempt,
    AfterRepeatedKey,
    after_attempt,
    after_repeated_key,
    all_attempts_over,
    is_idempotent,
    may_still_arrive,
)
from ordergate.journal.records.operations import Existing, Operation, StoredResponse

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SETTLING = 55.0

attempts = st.builds(
    Attempt,
    number=st.integers(1, 5),
    started_at=st.integers(0, 600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    finished_at=st.none() | st.just(NOW + timedelta(seconds=700)),
    sent=st.sampled_from(["yes", "no", "maybe"]),
    closed=st.booleans(),
)
resolutions = st.none() | st.builds(
    Resolution,
    at=st.just(NOW),
    key=st.just("key_1"),
    outcome=st.just("not_applied"),
    evidence=st.just("seen"),
    unseen=st.booleans(),
)
outcomes: st.SearchStrategy[Outcome] = st.one_of(
    st.just(NotFound()),
    st.just(Unknown(reason="lost")),
    st.sampled_from([*STORED_REFUSALS, NO_TRACE, "provider_rate_limited"]).map(
        lambda code: NotApplied(code=code, detail="no", provider=ProviderError())
    ),
)


@st.composite
def operations(draw: st.DrawFn) -> Operation:
    """An operation in any state, with any attempts."""
    return msgspec.structs.replace(
        operation(),
        kind=draw(st.sampled_from(OperationKind)),
        state=draw(st.sampled_from(["in_progress", "succeeded", "failed", "unknown"])),
        problem=draw(st.sampled_from([None, NO_TRACE, *STORED_REFUSALS])),
        attempts=tuple(draw(st.lists(attempts, min_size=1, max_size=4))),
        resolution=draw(resolutions),
    )


@given(operations(), outcomes, st.booleans(), st.booleans())
def test_an_attempt_is_followed_by_another_only_if_it_cannot_act_twice(
    of: Operation, outcome: Outcome, idempotent: bool, has_failover: bool
) -> None:
    """A retry needs an idempotent provider; a failover needs the proof that nothing was applied."""
    step = after_attempt(of, outcome, idempotent=idempotent, has_failover=has_failover)

    if step is AfterAttempt.RETRY:
        assert isinstance(outcome, Unknown)
        assert idempotent
    if step is AfterAttempt.FAIL_OVER:
        assert has_failover
        assert isinstance(outcome, NotApplied)
        assert of.attempts[-1].sent == "no" or outcome.code == "provider_rate_limited"
    if isinstance(outcome, Unknown) and not idempotent:
        assert step is AfterAttempt.PROBE


@given(operations(), st.booleans())
def test_a_repeated_key_sends_only_what_was_not_applied(of: Operation, refused: bool) -> None:
    """What was applied, is stored as a refusal, or has no known outcome is never sent; what may arrive is probed."""
    existing = Existing(of, StoredResponse(status=422, body=b"{}") if refused else None)
    step = after_repeated_key(existing)

    if step in {AfterRepeatedKey.SEND, AfterRepeatedKey.PROBE_THEN_SEND}:
        assert of.state == "failed"
        assert not refused
    if step is AfterRepeatedKey.SEND:
        assert not may_still_arrive(of)
    if of.state == "failed" and of.problem == NO_TRACE and of.kind is OperationKind.CREATE and not refused:
        sent = any(attempt.sent != "no" for attempt in of.attempts)
        assert step is (AfterRepeatedKey.PROBE_THEN_SEND if sent else AfterRepeatedKey.SEND)


@given(operations())
def test_an_attempt_that_may_be_under_way_keeps_the_others_from_being_over(of: Operation) -> None:
    """All attempts are over only if none that was sent is open and younger than the settling time."""
    if all_attempts_over(of, SETTLING):
        last = of.attempts[-1]
        assert last.closed
        for attempt in of.attempts[:-1]:
            age = (last.started_at - attempt.started_at).total_seconds()
            assert attempt.closed or attempt.sent == "no" or age > SETTLING


@given(operations(), st.integers(0, 48), st.integers(0, 48), st.booleans())
def test_a_provider_is_idempotent_only_within_its_window(
    of: Operation, window: int, age: int, same_request: bool
) -> None:
    """The same bytes, and a key that the provider still remembers; without a window never."""
    found = is_idempotent(
        of, timedelta(hours=window), of.created_at + timedelta(hours=age), same_request=same_request
    )

    assert found is (same_request and age < window)
