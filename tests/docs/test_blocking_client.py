"""The blocking half of the client is the one that is generated from the other."""

from tests.docs.blocking_client import CLIENT, generated


def test_the_blocking_client_is_generated() -> None:
    """Whatever changes in one half changes in both: run ``uv run python -m tests.docs.blocking_client``."""
    for name, text in generated().items():
        assert (CLIENT / name).read_text() == text, name
