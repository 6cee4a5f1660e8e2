"""The cost of one event that is delivered to a webhook endpoint, and its floor: sign, send, make the result durable.

The gateway has its events already, and is asked to deliver them to several endpoints; it does nothing else meanwhile.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from campaigns.bench.figures import Figure
from campaigns.bench.load import create_orders
from campaigns.bench.receiver import Receiver, add_endpoint, call, receiver
from campaigns.bench.servers import HERE, MeasuringFailedError, Peer, gateway, provider

ENDPOINTS = 4
AT_ONCE = 32
"""Concurrent deliveries: eight to each endpoint, as a configuration without a wish has it."""
SECONDS = 3
_PATIENCE = 120.0


def measure(tell: Callable[[str], None]) -> list[Figure]:
    """Measure a gateway, and its floor with as many events.

    Raises:
        MeasuringFailedError: A process does not start, or does not deliver.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with provider(folder) as (stub, _), receiver(folder) as received:
            store = f"sqlite:///{folder}/journal.db"
            with gateway("events", folder, stub.url, store) as peer:
                tell("events are made, then delivered")
                count, figures = _gateway(peer, received)
                event = json.dumps(call(peer, "/v1/events?limit=1")["data"][0])
            tell("the floor delivers as many")
            return [*figures, *_floor(received, folder, count, event)]


def _gateway(peer: Peer, received: Receiver) -> tuple[int, list[Figure]]:
    """Deliver all events of a gateway to each of its endpoints; return how many deliveries that were."""
    create_orders(peer, AT_ONCE, SECONDS)
    endpoints = [add_endpoint(peer, f"{received.url}/{number}") for number in range(ENDPOINTS)]
    arrived, began, used = received.received(), time.perf_counter(), peer.processor_seconds()
    count = 0
    for endpoint in endpoints:
        count += int(
            call(peer, "/v1/webhook_deliveries/replay", {"endpoint": endpoint, "after": 0})["replayed"]
        )
    received.wait_for(arrived + count, _PATIENCE)
    took, used = time.perf_counter() - began, peer.processor_seconds() - used
    return count, _figures("ordergate", count / took, used / count * 1e6)


def _floor(received: Receiver, folder: Path, count: int, event: str) -> list[Figure]:
    command = [sys.executable, str(HERE / "delivery.py"), received.url, f"{folder}/delivery.db", str(count)]
    done = subprocess.run(
        [*command, str(AT_ONCE), event], capture_output=True, text=True, check=False, timeout=_PATIENCE
    )
    if done.returncode != 0:
        raise MeasuringFailedError(f"the floor of a delivery: {done.stderr}")
    measured = json.loads(done.stdout)
    return _figures("floor", measured["rate"], measured["cpu"])


def _figures(who: str, rate: float, cpu: float) -> list[Figure]:
    name = f"{who}: events delivered, sqlite, {AT_ONCE} at once"
    return [Figure(name, "rate", round(rate, 1), "/s"), Figure(name, "CPU each", round(cpu, 1), "µs")]
