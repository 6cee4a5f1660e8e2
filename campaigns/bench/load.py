"""The load on one peer: wrk, one thread, so many connections for so long."""

import json
import secrets
import subprocess
from collections.abc import Mapping

import msgspec

from campaigns.bench.servers import HERE, Peer, tool

PATH = "/v1/orders"
DRAFT: Mapping[str, object] = {
    "currency": "USD",
    "line_items": [
        {"description": "Deluxe Gamer's Chair", "quantity": 2, "unit_amount": 20_000},
        {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1_000},
    ],
}
"""Two chairs and their shipping."""
_PATIENCE = 60


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One peer under one load.

    Attributes:
        requests: Those that were answered.
        rate: Answers in a second.
        p50: Microseconds; p95 and p99 likewise.
        cpu: Microseconds of processor time of the peer's processes for each request.
        database_cpu: The same of its database's server, if that is known.
        resident: MiB of the largest of its processes afterwards.
        failed: Requests that were refused or broken.
    """

    peer: str
    connections: int
    requests: int
    rate: float
    p50: int
    p95: int
    p99: int
    cpu: float
    resident: float
    failed: int
    database_cpu: float | None = None


def create_orders(peer: Peer, connections: int, seconds: int, draft: Mapping[str, object] = DRAFT) -> Run:
    """Send creates, each with its own key, and its own reference if the draft contains ``REFERENCE``.

    Raises:
        MeasuringFailedError: Nothing was answered.
    """
    return _load(peer, connections, seconds, PATH, json.dumps(dict(draft)))


def read(peer: Peer, path: str, connections: int, seconds: int) -> Run:
    """Read one address again and again.

    Raises:
        MeasuringFailedError: Nothing was answered.
    """
    return _load(peer, connections, seconds, path, "")


def _load(peer: Peer, connections: int, seconds: int, path: str, body: str) -> Run:
    before, database_before = peer.processor_seconds(), peer.database_seconds()
    seen = _wrk(peer, connections, seconds, path, body)
    used, database_after = peer.processor_seconds() - before, peer.database_seconds()
    if not seen["requests"]:
        raise peer.failed(f"not one of the requests of {connections} connections was answered")
    database = None if database_before is None or database_after is None else database_after - database_before
    return Run(
        peer=peer.name,
        connections=connections,
        requests=seen["requests"],
        rate=round(seen["requests"] / seen["microseconds"] * 1e6, 1),
        p50=seen["p50"],
        p95=seen["p95"],
        p99=seen["p99"],
        cpu=round(used / seen["requests"] * 1e6, 1),
        resident=peer.resident(),
        failed=seen["refused"] + seen["broken"],
        database_cpu=None if database is None else round(database / seen["requests"] * 1e6, 1),
    )


def _wrk(peer: Peer, connections: int, seconds: int, path: str, body: str) -> dict[str, int]:
    load = ["-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s", str(HERE / "orders.lua")]
    try:
        done = subprocess.run(
            [tool("wrk"), *load, peer.url + path, "--", secrets.token_hex(6), peer.key, body],
            capture_output=True,
            text=True,
            check=True,
            timeout=seconds + _PATIENCE,
        )
    except subprocess.CalledProcessError as error:
        raise peer.failed(f"wrk: {error.stdout}{error.stderr}") from error
    except subprocess.TimeoutExpired as error:
        raise peer.failed("wrk did not end") from error
    seen: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return seen
