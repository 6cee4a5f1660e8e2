"""The error of a journal that cannot be used."""


class JournalUnavailableError(Exception):
    """The journal cannot be read or written; the message says why, for an operator."""
