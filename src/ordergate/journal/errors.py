"""The errors of a journal."""


class JournalUnavailableError(Exception):
    """The journal cannot be read or written; the message says why, for an operator."""


class ListTooSlowError(JournalUnavailableError):
    """A page of a list took longer than it may, and was ended; nothing else of the journal is slow for it."""

    def __init__(self, seconds: float) -> None:
        """Say how long it may take, and what makes it shorter."""
        super().__init__(
            f"The list took longer than {seconds:g} seconds and was ended. Ask for fewer rows: give the reference, the "
            "customer or the order, or one filter instead of several, or go on from a row with starting_after"
        )
