"""One emulator for each adapter and module: making one takes longer than asking it."""

import pytest

from ordergate.conformance import InProcess


@pytest.fixture(scope="module")
def rapyd() -> InProcess:
    """Return an account at Rapyd that takes every currency there is."""
    return InProcess("rapyd", unknown_currency="accept")


@pytest.fixture(scope="module")
def revkeen() -> InProcess:
    """Return an account at RevKeen."""
    return InProcess("revkeen")
