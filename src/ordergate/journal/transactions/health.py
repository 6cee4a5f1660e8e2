"""Whether the store answers."""

from datetime import datetime
from secrets import token_hex

from ordergate.journal import codec
from ordergate.journal.transaction import Query, Steps, transaction


@transaction()
def time_now() -> Steps[datetime]:
    """Return the time by the store's own clock, which a step of this host's does not move."""
    ((now,),) = yield Query("time_now", {})
    return codec.moment(now)


@transaction(inline=True, apart=True)
def check_writable() -> Steps[None]:
    """Return if the store takes a write; nothing of it stays."""
    nobody = {"node": f"nobody_{token_hex(8)}"}
    yield Query("renew_lease", {**nobody, "lease": 0, "serves": 0})
    yield Query("release_lease", nobody)


@transaction()
def ping() -> Steps[None]:
    """Return if the store answers."""
    yield Query("ping", {})
