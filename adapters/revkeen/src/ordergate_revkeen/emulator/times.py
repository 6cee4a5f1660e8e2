"""Unix seconds as RFC 3339 text."""

from datetime import UTC, datetime, timedelta

from .switches import Switches

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def rfc3339(seconds: float, switches: Switches) -> str:
    """Write Unix seconds as a UTC date-time ending in `Z`.

    Raises:
        OverflowError: The time lies outside the years 1 to 9999.
    """
    moment = _EPOCH + timedelta(seconds=seconds)
    precision = "milliseconds" if switches.fractional_seconds else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def optional_rfc3339(seconds: float | None, switches: Switches) -> str | None:
    """Write Unix seconds as `rfc3339` does, or nothing."""
    return None if seconds is None else rfc3339(seconds, switches)


def unix_seconds(moment: datetime) -> float:
    """Return the Unix time of an aware date-time."""
    return (moment - _EPOCH).total_seconds()
