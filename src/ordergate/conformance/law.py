"""The decorator of laws: a law may be skipped only for a stated reason."""

from collections.abc import Callable
from functools import wraps
from typing import ClassVar, TypeVar

from ordergate.conformance.case import Case

S = TypeVar("S", bound="Laws")


class Laws:
    """Base of the chapters: each has some laws about one `case`."""

    case: ClassVar[Case]


def law(test: Callable[[S], None]) -> Callable[[S], None]:
    """Make a law of a test: it obeys the case's `skips`, and no subclass may redefine it."""
    name = test.__name__.removeprefix("test_")

    @wraps(test)
    def obeyed(self: S) -> None:
        if name in self.case.skips:
            leave_out(self.case.skips[name])
        test(self)

    obeyed.__law__ = name  # type: ignore[attr-defined]
    return obeyed


def leave_out(reason: str) -> None:
    """Skip the law that is running."""
    import pytest  # noqa: PLC0415 - only whoever runs the laws has it

    pytest.skip(reason)
