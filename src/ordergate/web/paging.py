"""Query parameters of lists, declared once."""

from typing import Annotated, Any

from litestar import Request
from litestar.di import Provide
from litestar.params import FromQuery, QueryParameter

from ordergate.domain.identifiers import Prefix
from ordergate.journal.records.paging import PageQuery
from ordergate.web.authentication import caller_of
from ordergate.web.strictness import refuse_bad_cursors

Limit = Annotated[int, QueryParameter(ge=1, le=100, description="Rows per page.")]


def paged(prefix: Prefix) -> dict[str, Provide]:
    """Return the dependency ``page`` of a list: its :class:`PageQuery`, for rows that the caller may see.

    Args:
        prefix: The prefix of the rows' ids, which are the cursors.
    """

    def page(
        request: Request[Any, Any, Any],
        limit: Limit = 20,
        starting_after: FromQuery[str | None] = None,
        ending_before: FromQuery[str | None] = None,
    ) -> PageQuery:
        refuse_bad_cursors(starting_after, ending_before, prefix)
        caller = caller_of(request)
        return PageQuery(
            world=caller.world,
            merchant=caller.merchant,
            limit=limit,
            starting_after=starting_after,
            ending_before=ending_before,
        )

    return {"page": Provide(page, sync_to_thread=False)}
