"""The steps of a create as a person thinks of it, and the functions that make up each.

A rule names a step, the beginning of a file's path, and functions in that file, or none if all of its functions belong
to the step. The first rule that matches a function counts. A function without a rule counts for its caller.
"""

from collections.abc import Iterable
from typing import NamedTuple

PARSE, AUTHENTICATE, ROUTE, TRANSLATE, CLAIM = "parse", "authenticate", "route", "translate", "claim"
SIGN, SEND, READ, SETTLE, ANSWER, LOG = "sign", "send", "read", "settle", "answer", "log"
SERVER, SOCKETS, BACKGROUND, OTHER = "server and framework", "event loop and sockets", "background", "other"
STORE = "claim or settle"
"""Code that both use, and that does not show which of them called it."""

STEPS = (
    SOCKETS,
    SERVER,
    PARSE,
    AUTHENTICATE,
    ROUTE,
    TRANSLATE,
    CLAIM,
    SIGN,
    SEND,
    READ,
    SETTLE,
    ANSWER,
    LOG,
    BACKGROUND,
    OTHER,
)
"""In the order of a create."""


class Rule(NamedTuple):
    """Functions that belong to a step.

    Attributes:
        file: The beginning of the path, from the folder of the package on.
        functions: The last parts of their names; none for all.
    """

    step: str
    file: str
    functions: frozenset[str] = frozenset()

    def matches(self, file: str, function: str) -> bool:
        """Return whether a function of a file is one of these."""
        return file.startswith(self.file) and (not self.functions or function in self.functions)


def _rule(step: str, file: str, functions: str = "") -> Rule:
    return Rule(step, file, frozenset(functions.split()))


LIBRARIES = (
    _rule(SOCKETS, "asyncio/runners.py"),
    _rule(SOCKETS, "uvloop/"),
    _rule(SERVER, "uvicorn/"),
    _rule(SERVER, "litestar/"),
    _rule(SERVER, "httptools/"),
    _rule(SEND, "aiohttp/"),
    _rule(SEND, "httpx/"),
    _rule(SEND, "httpcore/"),
    _rule(SEND, "yarl/"),
    _rule(SEND, "multidict/"),
    _rule(LOG, "structlog/"),
    _rule(LOG, "prometheus_client/"),
)
"""The work of libraries, unless they call a function of ours that has a rule."""

GATEWAY = (
    _rule(LOG, "ordergate/web/edge.py", "_begin _end _log_request _logged_ids"),
    _rule(SERVER, "ordergate/web/edge.py"),
    _rule(SERVER, "ordergate/web/app.py"),
    _rule(SERVER, "ordergate/web/overload.py"),
    _rule(SERVER, "ordergate/web/door.py"),
    _rule(SERVER, "ordergate/listener/"),
    _rule(PARSE, "ordergate/web/strictness.py"),
    _rule(PARSE, "ordergate/domain/validation.py"),
    _rule(PARSE, "ordergate/domain/draft.py"),
    _rule(AUTHENTICATE, "ordergate/web/authentication.py"),
    _rule(AUTHENTICATE, "ordergate/gateway/access/"),
    _rule(AUTHENTICATE, "ordergate/gateway/runtime/known_keys.py"),
    _rule(AUTHENTICATE, "ordergate/gateway/runtime/key_use.py"),
    _rule(SEND, "ordergate/gateway/accounts/echoes.py"),
    _rule(ROUTE, "ordergate/gateway/accounts/"),
    _rule(ROUTE, "ordergate/gateway/writes/failover.py"),
    _rule(ROUTE, "aiorwlock/"),
    _rule(TRANSLATE, "ordergate/gateway/orders/create.py"),
    _rule(TRANSLATE, "ordergate/gateway/writes/prepared.py"),
    _rule(TRANSLATE, "ordergate/spi/plans.py", "start"),
    _rule(TRANSLATE, "ordergate_revkeen/requests.py"),
    _rule(TRANSLATE, "ordergate/domain/commands.py"),
    _rule(CLAIM, "ordergate/gateway/writes/write.py"),
    _rule(CLAIM, "ordergate/gateway/writes/idempotency.py"),
    _rule(CLAIM, "ordergate/journal/transactions/operations.py", "claim"),
    _rule(CLAIM, "ordergate/journal/codec.py", "intent_columns"),
    _rule(SIGN, "ordergate_revkeen/adapter.py", "sign"),
    _rule(SEND, "ordergate/gateway/writes/attempt.py"),
    _rule(SEND, "ordergate/gateway/writes/plans.py"),
    _rule(SEND, "ordergate/gateway/writes/recording_transport.py"),
    _rule(SEND, "ordergate/gateway/writes/carry_out.py", "carry_out"),
    _rule(SEND, "ordergate/transport/"),
    _rule(READ, "ordergate_revkeen/responses.py"),
    _rule(READ, "ordergate_revkeen/wire.py"),
    _rule(READ, "ordergate_revkeen/errors.py"),
    _rule(READ, "ordergate/spi/plans.py"),
    _rule(ANSWER, "ordergate/gateway/writes/settle.py", "normal_answer"),
    _rule(SETTLE, "ordergate/gateway/writes/settle.py"),
    _rule(SETTLE, "ordergate/gateway/writes/carry_out.py"),
    _rule(SETTLE, "ordergate/domain/assembly.py"),
    _rule(SETTLE, "ordergate/domain/changes.py"),
    _rule(SETTLE, "ordergate/domain/events.py"),
    _rule(SETTLE, "ordergate/domain/checks.py"),
    _rule(SETTLE, "ordergate/journal/codec.py"),
    _rule(SETTLE, "ordergate/journal/transactions/operations.py"),
    _rule(SETTLE, "ordergate/journal/transactions/orders.py"),
    _rule(SETTLE, "ordergate/journal/transactions/events.py", "record_change _event_columns"),
    _rule(BACKGROUND, "ordergate/journal/transactions/"),
    _rule(STORE, "ordergate/journal/"),
    _rule(STORE, "asyncpg/"),
    _rule(ANSWER, "ordergate/web/handlers/orders.py"),
    _rule(ANSWER, "ordergate/web/rendering.py"),
    _rule(ANSWER, "ordergate/web/documents.py"),
    _rule(ANSWER, "ordergate/api/documents.py"),
    _rule(LOG, "ordergate/telemetry/"),
    _rule(LOG, "ordergate/gateway/runtime/order_log.py"),
    _rule(BACKGROUND, "ordergate/gateway/runtime/workers.py"),
    _rule(BACKGROUND, "ordergate/gateway/outbound/"),
    _rule(BACKGROUND, "ordergate/gateway/inbound/"),
    *LIBRARIES,
)
"""The gateway's, with RevKeen's adapter."""

FLOOR = (
    _rule(PARSE, "floor.py", "parse"),
    _rule(TRANSLATE, "floor.py", "begin"),
    _rule(CLAIM, "floor.py", "claim"),
    _rule(SEND, "floor.py", "send"),
    _rule(READ, "floor.py", "read"),
    _rule(SETTLE, "floor.py", "settle order_document"),
    _rule(ANSWER, "floor.py", "answer"),
    _rule(STORE, "group_commit.py"),
    *LIBRARIES,
)
"""Those of the floor beside this file."""

THREADS = (
    ("journal-", STORE),
    ("log-writer", LOG),
)
"""Beginnings of the names of threads, and the step that all of their time is for."""


def step_of(rules: Iterable[Rule], file: str, function: str) -> str | None:
    """Return the step of a function, if it has a rule."""
    last = function.rpartition(".")[2]
    return next((rule.step for rule in rules if rule.matches(file, last)), None)
