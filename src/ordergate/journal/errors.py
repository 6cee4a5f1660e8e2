"""The errors of a journal."""


class JournalUnavailableError(Exception):
    """The journal cannot be read or written. The message gives the reason, for an operator."""


class ListTooSlowError(JournalUnavailableError):
    """A page of a list took longer than it may, and was ended; nothing else of the journal is slow for it."""

    def __init__(self, seconds: float) -> None:
        """Name the limit, and the filters that make the list shorter."""
        super().__init__(
            f"The list took longer than {seconds:g} seconds and was ended. Ask for fewer rows: give the reference, "
            "the customer or the order, or one filter instead of several, or continue from a row with "
            "starting_after"
        )
