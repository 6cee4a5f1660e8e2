"""The processor time of a create by layer: a gateway with SQLite under 32 connections, sampled by py-spy.

Each sample of the event loop's thread counts for the innermost function that belongs to a layer. Calls into C or into
Python's standard library count for the layer that makes them. The time of the other threads is the system's own count,
because a sampler takes some waits for work.
"""

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import psutil

from campaigns.bench.figures import columns
from campaigns.bench.load import create_orders
from campaigns.bench.servers import MeasuringFailedError, gateway, provider

CONNECTIONS = 32
SAMPLES_A_SECOND = 200
SAMPLER = "py-spy"
HINT = f"the split by layer needs {SAMPLER}: uv run --with {SAMPLER} python -m campaigns.bench --profile"

LOOP = "event loop and sockets (uvloop)"
THREADS = "journal, its writing thread"
ELSEWHERE = "everything else"
LAYERS = {
    "server and framework (uvicorn, Litestar)": ("uvicorn/", "litestar/", "httptools/"),
    LOOP: ("uvloop/",),
    "web (ours)": (
        "ordergate/web/",
        "ordergate/api/documents.py",
        "ordergate/listener/server.py",
        "ordergate/listener/connections.py",
        "ordergate/console/",
    ),
    "use cases (gateway, domain, spi)": (
        "ordergate/gateway/",
        "ordergate/domain/",
        "ordergate/spi/",
        "aiolimiter/",
        "aiorwlock/",
        "pyrate_limiter/",
    ),
    "adapter": ("ordergate_revkeen/",),
    "transport (ours, httpx, aiohttp)": (
        "ordergate/transport/",
        "aiohttp/",
        "httpx/",
        "httpcore/",
        "yarl/",
        "multidict/",
        "propcache/",
    ),
    "journal, on the event loop": ("ordergate/journal/", "asyncpg/"),
    "logs": ("structlog/", "ordergate/telemetry/log.py", "ordergate/telemetry/redaction.py"),
    "metrics": ("ordergate/telemetry/metrics.py", "prometheus_client/", "ordergate/telemetry/tracing.py"),
}
"""Each layer, and the files of its code."""

_WHERE = re.compile(r"\((?P<file>[^()]*):\d+\)$")


class Layer(msgspec.Struct, frozen=True):
    """One layer's part of a create.

    Attributes:
        share: Of all processor time, in percent.
        cpu: Microseconds of processor time for each request.
    """

    name: str
    share: float
    cpu: float


def installed() -> bool:
    """Return whether the sampler is installed."""
    return shutil.which(SAMPLER) is not None


def measure(tell: Callable[[str], None], seconds: int) -> list[Layer]:
    """Sample a gateway under load.

    Raises:
        MeasuringFailedError: The sampler is missing, or may not read the process.
    """
    sampler = shutil.which(SAMPLER)
    if sampler is None:
        raise MeasuringFailedError(HINT)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "samples"
        with (
            provider(folder) as (stub, _),
            gateway("profile", folder, stub.url, f"sqlite:///{folder}/journal.db") as peer,
        ):
            create_orders(peer, CONNECTIONS, 2)
            tell(f"{SAMPLER} looks at a gateway under {CONNECTIONS} connections")
            how = [
                "--duration",
                str(seconds),
                "--rate",
                str(SAMPLES_A_SECOND),
                "--format",
                "raw",
                "--threads",
            ]
            with subprocess.Popen(
                [sampler, "record", "--pid", str(peer.process), "--output", str(file), *how],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            ) as sampling:
                before = _thread_seconds(peer.process)
                run = create_orders(peer, CONNECTIONS, seconds + 1)
                after = _thread_seconds(peer.process)
                said, _ = sampling.communicate(timeout=60)
        if sampling.returncode != 0 or not file.exists():
            raise MeasuringFailedError(f"{SAMPLER} ended with {sampling.returncode}: {said.strip()}")
        main, others = ((end - begin) / run.requests * 1e6 for begin, end in zip(before, after, strict=True))
        return split(file.read_text().splitlines(), main, others)


def _thread_seconds(process: int) -> tuple[float, float]:
    """Return the processor time of the main thread, which has the process's number, and of all others."""
    used = {thread.id: thread.user_time + thread.system_time for thread in psutil.Process(process).threads()}
    main = used.pop(process)
    return main, sum(used.values())


def split(stacks: Sequence[str], main: float, others: float) -> list[Layer]:
    """Return the layers, the largest first.

    Args:
        stacks: Lines as the sampler writes them: a thread and its frames, outermost first, then how often they were
            seen.
        main: Microseconds of processor time of the main thread for each request.
        others: Those of all other threads.
    """
    seen: Counter[str] = Counter()
    for line in stacks:
        frames, _, count = line.rpartition(" ")
        thread, *calls = frames.split(";")
        if thread.endswith("MainThread"):
            seen[layer_of(calls)] += int(count)
    used = {name: main * count / seen.total() for name, count in seen.items()} | {THREADS: others}
    return [
        Layer(name, round(100 * cpu / (main + others), 1), round(cpu, 1))
        for name, cpu in sorted(used.items(), key=lambda each: -each[1])
    ]


def layer_of(calls: Sequence[str]) -> str:
    """Return the layer that a stack of the main thread counts for."""
    for call in reversed(calls):
        place = _WHERE.search(call)
        for name, folders in LAYERS.items():
            if place is not None and place["file"].startswith(folders):
                return name
    return ELSEWHERE


def table(layers: Sequence[Layer]) -> str:
    """Return the split as lines of equal columns."""
    head = (f"a create by layer, SQLite, {CONNECTIONS} connections", "share %", "CPU µs")
    rows = [(layer.name, f"{layer.share:.1f}", f"{layer.cpu:,.0f}") for layer in layers]
    total = (
        "all",
        f"{sum(layer.share for layer in layers):.1f}",
        f"{sum(layer.cpu for layer in layers):,.0f}",
    )
    return columns([head, *rows, total])
