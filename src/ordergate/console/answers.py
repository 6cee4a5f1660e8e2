"""The API's answers to callers, parsed again for a page."""

import msgspec

from ordergate.api.documents import ProblemDocument
from ordergate.journal.records.operations import Existing


def answered_problem(existing: Existing) -> ProblemDocument | None:
    """Return the caller's answer, if it was a problem and is stored."""
    if existing.response is None or existing.response.status < 400:
        return None
    try:
        return msgspec.json.decode(existing.response.body, type=ProblemDocument)
    except msgspec.DecodeError:
        return None
