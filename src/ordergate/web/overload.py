"""Refuses requests beyond capacity before anything is done for them, in few microseconds."""

import asyncio
from typing import Any

import msgspec
import structlog
from litestar.types import Send

from ordergate.domain.errors import Problem
from ordergate.gateway.runtime.concurrency import Place, current_place
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.telemetry.log import CallFacts
from ordergate.web.problems import READS, document, send_problem

ALWAYS = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Routes that are never refused and not counted: an overloaded gateway is alive, and its health is readable."""

PREFERRED = ("/v1/operations", "/v1/admin/", "/console", "/hooks/")
"""Let in when others no longer are, until twice as many compete.

Routes for the operators of an overloaded gateway, and webhooks of providers: they are no more than the served writes,
and some providers retry only after hours.
"""

_EVERY = 1.0
_DETAIL = "The gateway has more requests than it can answer in time; repeat this later."
_log = structlog.get_logger("ordergate.web")


class Overload:
    """Admits requests while there is capacity, and refuses the others with a Retry-After."""

    def __init__(self, runtime: Runtime) -> None:
        """Refuse for this gateway."""
        self._runtime = runtime
        self._untold = 0
        self._told_at = 0.0

    def enter(self, path: str) -> Place | None:
        """Return the request's place, or None if it must be refused."""
        limit = self._runtime.concurrency
        if path in ALWAYS:
            return Place(limit, counted=False)
        place = limit.enter(preferred=path.startswith(PREFERRED))
        if place is None:
            self._count()
        else:
            current_place.set(place)
        return place

    async def refuse(self, scope: Any, send: Send, facts: CallFacts) -> None:
        """Answer 503; of a body nothing is read."""
        limit = self._runtime.concurrency
        seconds = limit.backoff(self._runtime.chance())
        if hold := limit.hold():
            await asyncio.sleep(hold)
        reads = scope["method"] in READS
        problem = Problem("overloaded", _DETAIL, retry_after=seconds)
        shown = document(problem, instance=scope["path"], reads=reads, root=facts.root_path)
        named = msgspec.structs.replace(shown, request_id=facts.request_id)
        await send_problem(named, scope["method"], send)

    def _count(self) -> None:
        """Count a refusal; once a second the log has their number."""
        runtime = self._runtime
        runtime.metrics.request_shed()
        self._untold += 1
        now = runtime.concurrency.monotonic()
        if now - self._told_at >= _EVERY:
            limit = runtime.concurrency
            _log.warning(
                "requests.shed", number=self._untold, competing=limit.competing, limit=int(limit.limit)
            )
            self._untold, self._told_at = 0, now
