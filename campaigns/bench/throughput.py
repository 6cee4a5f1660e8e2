"""The cost of a create through the gateway and through its alternatives: one provider, one load, one machine.

The provider is nginx, which answers at once with an answer of RevKeen's emulator. Ratios matter, not absolutes.
"""

import contextlib
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

from tests.postgresql import PostgreSQLMissing, start

from campaigns.bench.figures import columns
from campaigns.bench.load import Run, create_orders
from campaigns.bench.servers import MeasuringFailedError, Peer, gateway, provider, script, with_database

CONNECTIONS = (1, 8, 32, 128)
DIRECT, PROXY = "direct call", "nginx, reverse proxy"
HANDWRITTEN, DURABLE = "hand-written, nothing durable", "hand-written, durable"
FLOOR, FLOOR_POSTGRESQL = "floor, SQLite", "floor, PostgreSQL"
SQLITE, POSTGRESQL = "ordergate, SQLite", "ordergate, PostgreSQL"
WARM_UP = 2
_HEAD = ("req/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "database's", "MiB", "failed")

Start = Callable[[], AbstractContextManager[Peer]]


def measure(tell: Callable[[str], None], note: Callable[[str], None], seconds: int) -> list[Run]:
    """Start every peer, then measure them by turns under each load; a peer that fails is reported and left out.

    By turns, so that the peers that are compared have the same minutes of a machine that may have others to serve.

    Args:
        tell: Takes the current step.
        note: Takes omitted and failed parts.
        seconds: How long each load lasts.

    Raises:
        MeasuringFailedError: The provider does not start.
    """
    runs: list[Run] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        peers = [peer for peer in _started(stack, folder, note) if _is_warm(peer, note)]
        for number in CONNECTIONS:
            for peer in tuple(peers):
                tell(f"{number} connections: {peer.name}")
                try:
                    runs.append(create_orders(peer, number, seconds))
                except MeasuringFailedError as failed:
                    note(f"left out from {number} connections on: {failed}")
                    peers.remove(peer)
                    continue
                if runs[-1].failed:
                    note(
                        str(
                            peer.failed(
                                f"{runs[-1].failed} of {runs[-1].requests} failed, {number} connections"
                            )
                        )
                    )
    return sorted(runs, key=lambda run: run.connections)


def _started(stack: ExitStack, folder: Path, note: Callable[[str], None]) -> Iterator[Peer]:
    for start_peer in _peers(stack, folder, note):
        try:
            yield stack.enter_context(start_peer())
        except MeasuringFailedError as failed:
            note(f"left out: {failed}")


def _is_warm(peer: Peer, note: Callable[[str], None]) -> bool:
    try:
        create_orders(peer, 8, WARM_UP)
    except MeasuringFailedError as failed:
        note(f"left out: {failed}")
        return False
    return True


def _peers(stack: ExitStack, folder: Path, note: Callable[[str], None]) -> Iterator[Start]:
    stub, proxy = stack.enter_context(provider(folder))
    yield lambda: contextlib.nullcontext(stub)
    yield lambda: contextlib.nullcontext(proxy)
    yield lambda: script(HANDWRITTEN, folder, "handwritten.py", stub.url)
    yield lambda: script(DURABLE, folder, "durable.py", stub.url, f"{folder}/durable.db")
    yield lambda: script(FLOOR, folder, "floor.py", stub.url, f"sqlite:///{folder}/floor.db")
    yield lambda: gateway(SQLITE, folder, stub.url, f"sqlite:///{folder}/journal.db")
    try:
        server = stack.enter_context(start(durable=True))
    except PostgreSQLMissing as missing:
        note(f"left out: {FLOOR_POSTGRESQL} and {POSTGRESQL}: {missing}")
        return

    def of_server(started: AbstractContextManager[Peer]) -> AbstractContextManager[Peer]:
        return with_database(started, server)

    yield lambda: of_server(script(FLOOR_POSTGRESQL, folder, "floor.py", stub.url, server.new_database()))
    yield lambda: of_server(gateway(POSTGRESQL, folder, stub.url, server.new_database()))


def table(runs: Sequence[Run]) -> str:
    """Return the runs, peers side by side under each load."""
    blocks = []
    for number, loaded in itertools.groupby(runs, key=lambda run: run.connections):
        title = "1 connection" if number == 1 else f"{number} connections"
        blocks.append(columns([(title, *_HEAD), *map(_row, loaded)]))
    return "\n\n".join(blocks)


def _row(run: Run) -> tuple[str, ...]:
    return (
        run.peer,
        f"{run.rate:,.0f}",
        *(f"{micro / 1000:.2f}" for micro in (run.p50, run.p95, run.p99)),
        f"{run.cpu:,.0f}",
        f"{run.database_cpu:,.0f}" if run.database_cpu is not None else "",
        f"{run.resident:.1f}",
        str(run.failed),
    )
