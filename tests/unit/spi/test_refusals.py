"""What every adapter refuses in the same words."""

from typing import Any

import msgspec
import pytest

from ordergate.domain.errors import Problem
from ordergate.spi.refusals import (
    path_segment,
    read_extension,
    refuse_if_any,
    required_by_provider,
    unsupported_field,
)


class _Block(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    coupon: str | None = None
    count: int = 0


def test_an_extension_block_is_read_strictly() -> None:
    """An adapter's block becomes its type; absent fields take their defaults."""
    assert _Block(coupon="A") == read_extension({"coupon": "A"}, _Block, "revkeen")


def test_an_extension_blocks_errors_point_into_the_callers_body() -> None:
    """Every error of a block has the block's place before its pointer."""
    block: dict[str, Any] = {"coupon": 5, "count": "1", "cuopon": "A"}

    with pytest.raises(Problem) as refused:
        read_extension(block, _Block, "revkeen")

    assert {
        "/extensions/revkeen/coupon",
        "/extensions/revkeen/count",
        "/extensions/revkeen/cuopon",
    } == {error.pointer for error in refused.value.errors}


@pytest.mark.parametrize(
    ("identifier", "segment"),
    [
        ("order_1", "order_1"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("a b", "a%20b"),
        ("%2e", "%252e"),
        ("...", "..."),
        ("ä", "%C3%A4"),
    ],
)
def test_an_id_stays_one_segment_of_its_path(identifier: str, segment: str) -> None:
    """No id can add a segment, a query or a fragment."""
    assert segment == path_segment(identifier)


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_an_id_that_would_leave_its_place_is_refused(identifier: str) -> None:
    """Ids that a path would swallow are refused before any I/O."""
    with pytest.raises(Problem) as refused:
        path_segment(identifier)

    assert (refused.value.code, refused.value.sent) == ("invalid_request", "no")


def test_a_refused_field_is_named() -> None:
    """A field that cannot have its effect is refused by its pointer."""
    problem = unsupported_field("/expires_at", "Rapyd orders do not expire.")

    assert (
        problem.code,
        problem.errors[0].pointer,
        problem.outcome,
    ) == ("unsupported_field", "/expires_at", "not_applied")


def test_missing_fields_are_told_together() -> None:
    """What a provider demands beyond the contract is one problem with all the fields; nothing missing is none."""
    errors = [required_by_provider("/customer", "Needed."), required_by_provider("/line_items/0/sku", "Too.")]
    refuse_if_any([])

    with pytest.raises(Problem) as refused:
        refuse_if_any(errors)

    assert tuple(errors) == refused.value.errors
    assert {"required_by_provider"} == {error.code for error in refused.value.errors}
