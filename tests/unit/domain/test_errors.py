"""The table of problems, held against the rules that it must keep."""

import pytest

from ordergate.domain.errors import PROBLEMS, FieldError, Problem, ProviderError, invalid_request
from ordergate.web.problems import STATUSES

CODES = {
    400: {"invalid_json", "repeated_header", "idempotency_key_missing", "idempotency_key_invalid"},
    401: {"unauthenticated", "bad_signature"},
    402: {"payment_declined"},
    403: {"forbidden"},
    404: {"not_found"},
    405: {"method_not_allowed"},
    408: {"request_timeout"},
    409: {
        "invalid_state",
        "amount_mismatch",
        "order_busy",
        "idempotency_in_progress",
        "possible_duplicate",
    },
    413: {"payload_too_large"},
    415: {"unsupported_media_type"},
    422: {
        "invalid_request",
        "idempotency_key_reused",
        "unsupported_operation",
        "unsupported_field",
        "link_missing",
        "no_route",
        "provider_rejected",
    },
    429: {"rate_limited"},
    431: {"headers_too_large"},
    500: {"internal_error"},
    502: {"provider_unauthenticated", "provider_protocol_error"},
    503: {"overloaded", "store_unavailable", "provider_rate_limited", "provider_unavailable"},
    504: {"outcome_unknown"},
}
"""The published codes by status."""

SAME_KEY = {"order_busy", "idempotency_in_progress", "rate_limited"}
NEVER = {"not_found", "method_not_allowed", "possible_duplicate"}
UNKNOWN = {"outcome_unknown", "idempotency_in_progress"}


def test_every_code_has_its_published_status() -> None:
    """Codes and statuses are those of the published table, none missing and none besides."""
    assert {code: status for status, codes in CODES.items() for code in codes} == dict(STATUSES)
    assert set(STATUSES) == set(PROBLEMS)


@pytest.mark.parametrize("code", PROBLEMS)
def test_what_to_do_next(code: str) -> None:
    """Each code's retry follows the published rule."""
    status = STATUSES[code]
    if code in SAME_KEY or status >= 500:
        expected = "same_key"
    elif status == 402:
        expected = "new_key"
    elif code in NEVER:
        expected = "never"
    else:
        expected = "after_fix"

    assert expected == PROBLEMS[code].retry


@pytest.mark.parametrize("code", PROBLEMS)
def test_what_became_of_the_write(code: str) -> None:
    """Only an unsettled operation is unknown and may have been sent; every other error was not applied."""
    kind = PROBLEMS[code]

    assert ("unknown" if code in UNKNOWN else "not_applied") == kind.outcome
    assert (kind.sent == "maybe") is (code in UNKNOWN)


@pytest.mark.parametrize("code", PROBLEMS)
def test_whose_fault_it_is(code: str) -> None:
    """Below 500 it is the caller's, from 500 on never."""
    assert (PROBLEMS[code].fault == "caller") is (STATUSES[code] < 500)
    assert PROBLEMS[code].title


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_takes_its_codes_row(code: str) -> None:
    """A problem without further words says what the table says."""
    problem = Problem(code, "Because.")
    kind = PROBLEMS[code]

    assert (kind.fault, kind.retry, kind.sent, kind.outcome) == (
        problem.fault,
        problem.retry,
        problem.sent,
        problem.outcome,
    )
    assert str(problem) == f"{code}: Because."


def test_a_problem_may_know_better_than_the_table() -> None:
    """What is known of the one case stands above the table."""
    problem = Problem("internal_error", "Lost.", sent="maybe", outcome="unknown", retry="same_key")
    rejected = Problem("provider_rejected", "No.", retry="new_key")

    assert (problem.sent, problem.outcome) == ("maybe", "unknown")
    assert (rejected.retry, rejected.sent) == ("new_key", "yes")


def test_a_provider_that_answered_was_asked() -> None:
    """A problem that carries a provider's words was sent, even where the code alone would say no."""
    assert Problem("invalid_state", "Ours.").sent == "no"
    assert Problem("invalid_state", "Theirs.", provider=ProviderError(http_status=409)).sent == "yes"
    assert Problem("outcome_unknown", "Lost.", provider=ProviderError(http_status=200)).sent == "maybe"


def test_a_code_outside_the_table_cannot_be_raised() -> None:
    """A misspelt code fails where it is made, not at the caller."""
    with pytest.raises(KeyError):
        Problem("invalid_jsno", "Oops.")


def test_one_wrong_field_is_one_error() -> None:
    """The short form makes an invalid_request with one pointer."""
    problem = invalid_request("/limit", "invalid_value", "Between 1 and 100.")

    assert problem.code == "invalid_request"
    assert (
        FieldError(pointer="/limit", code="invalid_value", detail="Between 1 and 100."),
    ) == problem.errors
