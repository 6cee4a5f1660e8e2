"""What callers of the API were answered, read again for a page."""

import msgspec

from ordergate.api.documents import ProblemDocument
from ordergate.journal.records.operations import Existing


def answered_problem(existing: Existing) -> ProblemDocument | None:
    """Return what the caller was told, where that was a problem and is kept."""
    if existing.response is None or existing.response.status < 400:
        return None
    try:
        return msgspec.json.decode(existing.response.body, type=ProblemDocument)
    except msgspec.DecodeError:
        return None
