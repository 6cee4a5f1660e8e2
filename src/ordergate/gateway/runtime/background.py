"""Background work has an id and a trace of its own, as a request has."""

import contextlib
from collections.abc import Iterator
from typing import Literal

from ordergate.domain.identifiers import new_id
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.telemetry.log import CallFacts, bind, in_call

Work = Literal["recovery", "inbound", "polling"]


@contextlib.contextmanager
def in_background(runtime: Runtime, work: Work) -> Iterator[None]:
    """Give one piece of work the context of a request: its log lines have a ``request_id``, and its spans a trace."""
    facts = CallFacts(new_id("req"), runtime.configuration.hash)
    with in_call(facts):
        bind(work=work)
        if runtime.tracing is None:
            yield
        else:
            with runtime.tracing.work(work, facts):
                yield
