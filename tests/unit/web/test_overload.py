"""What the log is told of requests that are refused beyond capacity."""

from types import SimpleNamespace
from typing import Any, cast

from structlog.testing import capture_logs

from ordergate.gateway.runtime.concurrency import ConcurrencyLimit
from ordergate.telemetry.metrics import Metrics
from ordergate.web.overload import Overload


def test_log_is_told_once_a_second() -> None:
    """However many are refused: how many there were since."""
    now = [100.0]
    limit = ConcurrencyLimit(0.2, lambda: now[0])
    limit.limit = 0.0
    overload = Overload(cast("Any", SimpleNamespace(concurrency=limit, metrics=Metrics())))

    with capture_logs() as lines:
        for second in (0.0, 0.1, 0.9, 1.1, 1.2, 60.0):
            now[0] = 100.0 + second
            assert overload.enter("/v1/orders") is None

    assert {line["event"] for line in lines} == {"requests.shed"}
    assert [line["number"] for line in lines] == [1, 3, 2]
