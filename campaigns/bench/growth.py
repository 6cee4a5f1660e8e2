"""The cost of a create and of a list of 100 as the journal grows: SQLite, filled with a given number of orders."""

import http.client
import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import msgspec

from campaigns.bench.figures import columns
from campaigns.bench.filling import REFERRED, fill
from campaigns.bench.load import PATH, Run, create_orders, read
from campaigns.bench.servers import MeasuringFailedError, Peer, gateway, provider

SIZES = (1_000, 100_000, 1_000_000)
CONNECTIONS = 32
ROUNDS = 3
LIST = f"{PATH}?limit=100"
LIST_SECONDS = 2
LISTS = 200
BYTES_EACH = 12_000
"""Bytes on disk of an order with its operation, its event and their indexes, with a reserve."""


class Grown(msgspec.Struct, frozen=True, kw_only=True):
    """A journal of one size.

    Attributes:
        mebibytes: The file, before anything is measured.
        rate: Creates in a second over 32 connections: the median of several rounds, each through all sizes.
        p50: Microseconds of such a create; p99 likewise.
        list_p50: Microseconds of a list of 100 orders, over HTTP.
        list_inside: Microseconds of it inside the gateway (``Server-Timing``), p50.
        failed: Creates and lists that were refused or broken.
    """

    orders: int
    mebibytes: float
    rate: float
    p50: int
    p99: int
    list_p50: int
    list_inside: int
    failed: int


def measure(tell: Callable[[str], None], sizes: Sequence[int], seconds: int) -> list[Grown]:
    """Fill a journal of each size, then measure all of them by turns, so that none has the machine's better minutes.

    Raises:
        MeasuringFailedError: There is no room on the disk, or a gateway does not start or answer.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        _require_room(folder, sum(sizes))
        stub, _ = stack.enter_context(provider(folder))
        files = []
        for orders in sizes:
            tell(f"a journal with {orders:,} orders is made")
            files.append(fill(folder, stub.url, orders))
        mebibytes = [round(file.stat().st_size / 2**20, 1) for file in files]
        peers = [
            stack.enter_context(gateway(f"{orders:,} orders", folder, stub.url, f"sqlite:///{file}"))
            for orders, file in zip(sizes, files, strict=True)
        ]
        lists = [_lists(peer, tell) for peer in peers]  # as they were filled, and before many creates
        creates = _creates_by_turns(peers, tell, seconds)
    return [
        Grown(
            orders=orders,
            mebibytes=size,
            rate=median(run.rate for run in runs),
            p50=int(median(run.p50 for run in runs)),
            p99=int(median(run.p99 for run in runs)),
            list_p50=listed.p50,
            list_inside=inside,
            failed=listed.failed + sum(run.failed for run in runs),
        )
        for orders, size, (listed, inside), runs in zip(sizes, mebibytes, lists, creates, strict=True)
    ]


def _require_room(folder: Path, orders: int) -> None:
    free, needed = shutil.disk_usage(folder).free, orders * BYTES_EACH
    if free < needed:
        raise MeasuringFailedError(
            f"journals of {orders:,} orders need {needed / 1e9:.0f} GB in {folder.parent}, where {free / 1e9:.0f} GB "
            "are free: make room, set TMPDIR, or choose smaller --sizes"
        )


def _creates_by_turns(
    peers: Sequence[Peer], tell: Callable[[str], None], seconds: int
) -> list[tuple[Run, ...]]:
    """Return each peer's runs."""
    for peer in peers:
        create_orders(peer, CONNECTIONS, 1, REFERRED)
    rounds = []
    for number in range(ROUNDS):
        tell(f"creates with each, round {number + 1} of {ROUNDS}")
        rounds.append([create_orders(peer, CONNECTIONS, seconds, REFERRED) for peer in peers])
    return list(zip(*rounds, strict=True))


def _lists(peer: Peer, tell: Callable[[str], None]) -> tuple[Run, int]:
    """Return lists over HTTP, and the microseconds of one inside the gateway."""
    tell(f"lists of 100 among {peer.name}")
    read(peer, LIST, 1, 1)
    return read(peer, LIST, 1, LIST_SECONDS), _inside(peer)


def _inside(peer: Peer) -> int:
    connection = http.client.HTTPConnection(peer.url.removeprefix("http://"), timeout=10)
    taken = []
    for _ in range(LISTS):
        connection.request("GET", LIST, headers={"Authorization": f"Bearer {peer.key}"})
        answer = connection.getresponse()
        answer.read()
        told = re.search(r"gateway;dur=([\d.]+)", answer.headers.get("Server-Timing", ""))
        if told is None:
            raise peer.failed(f"a list was answered with {answer.status} and without Server-Timing")
        taken.append(float(told[1]))
    connection.close()
    return round(median(taken) * 1000)


def table(grown: Sequence[Grown]) -> str:
    """Return the sizes as lines of equal columns."""
    head = (
        "orders in SQLite",
        "MiB",
        "creates/s",
        "p50 ms",
        "p99 ms",
        "list of 100, p50 ms",
        "inside ms",
        "failed",
    )
    rows = [
        (
            f"{size.orders:,}",
            f"{size.mebibytes:,.0f}",
            f"{size.rate:,.0f}",
            *(f"{micro / 1000:.2f}" for micro in (size.p50, size.p99, size.list_p50, size.list_inside)),
            str(size.failed),
        )
        for size in grown
    ]
    return columns([head, *rows])
