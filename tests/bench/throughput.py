"""What a create costs through the gateway, beside what people would use instead: one provider, one load, one machine.

The provider is nginx, which answers at once with what RevKeen's emulator answers. Ratios matter, not absolutes.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec
import psutil
from tests.bench.adapters import recorded_create
from tests.postgresql import PostgreSQLMissing, start
from tests.scenarios.shop import free_port

CONNECTIONS = (1, 8, 32, 128)
SECONDS = 8.0
WARM_UP = 2.0
HERE = Path(__file__).parent / "peers"
PATH = "/v1/orders"
DRAFT = {
    "currency": "USD",
    "line_items": [
        {"description": "Deluxe Gamer's Chair", "quantity": 2, "unit_amount": 20_000},
        {"type": "shipping", "description": "Shipping", "quantity": 1, "unit_amount": 1_000},
    ],
}


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One peer under one load.

    Attributes:
        p50: Microseconds; p95 and p99 likewise.
        cpu: Microseconds of processor time of the peer's processes for each request.
        resident: MiB of its processes afterwards.
        failed: Requests that were refused or broken.
    """

    peer: str
    connections: int
    rate: float
    p50: int
    p95: int
    p99: int
    cpu: float
    resident: float
    failed: int


class Peer(msgspec.Struct, frozen=True):
    """Something that takes orders at a URL; its processes are weighed."""

    name: str
    url: str
    key: str
    processes: tuple[int, ...]


class ToolMissingError(Exception):
    """Something that this benchmark needs is not installed; the message says what."""


def measure(
    tell: Callable[[str], None], *, connections: Sequence[int] = CONNECTIONS, seconds: float = SECONDS
) -> list[Run]:
    """Measure every peer, one after the other.

    Raises:
        ToolMissingError: nginx or wrk is not installed.
    """
    require("nginx", "wrk")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.joinpath("draft.json").write_text(json.dumps(DRAFT))
        stub, proxy = stack.enter_context(nginx(folder))
        peers: list[Callable[[], contextlib.AbstractContextManager[Peer]]] = [
            lambda: contextlib.nullcontext(stub),
            lambda: contextlib.nullcontext(proxy),
            lambda: _python("Litestar, no call", folder, HERE / "noop.py"),
            lambda: _python("FastAPI, hand-written", folder, HERE / "handwritten.py", stub.url),
            lambda: gateway("ordergate, SQLite", folder, stub.url, f"sqlite:///{folder}/journal.db"),
        ]
        with contextlib.suppress(PostgreSQLMissing):
            server = stack.enter_context(start(durable=True))
            peers.append(lambda: gateway("ordergate, PostgreSQL", folder, stub.url, server.new_database()))
        runs = []
        for peer in peers:
            with peer() as up:
                _load(up, 8, WARM_UP, folder)
                for number in connections:
                    tell(f"{up.name}, {number} connections")
                    runs.append(_load(up, number, seconds, folder))
        return runs


def require(*tools: str) -> None:
    """Say what is missing.

    Raises:
        ToolMissingError: One of these is not installed.
    """
    missing = [tool for tool in tools if _tool(tool) is None]
    if missing:
        raise ToolMissingError(
            f"this benchmark needs {' and '.join(missing)}: apt-get install {' '.join(missing)}"
        )


def _tool(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _load(peer: Peer, connections: int, seconds: float, folder: Path) -> Run:
    """Send creates over so many connections for so long."""
    before = processor_seconds(peer.processes)
    done = subprocess.run(
        [
            str(_tool("wrk")),
            *(
                "-t1",
                f"-c{connections}",
                f"-d{seconds:g}s",
                "--timeout",
                "10s",
                "-s",
                str(HERE / "orders.lua"),
            ),
            *(peer.url + PATH, "--", secrets.token_hex(6), peer.key, str(folder / "draft.json")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    seen = json.loads(done.stdout.splitlines()[-1])
    return Run(
        peer=peer.name,
        connections=connections,
        rate=round(seen["requests"] / seen["microseconds"] * 1e6, 1),
        p50=seen["p50"],
        p95=seen["p95"],
        p99=seen["p99"],
        cpu=round((processor_seconds(peer.processes) - before) / seen["requests"] * 1e6, 1),
        resident=round(sum(psutil.Process(pid).memory_info().rss for pid in peer.processes) / 2**20, 1),
        failed=seen["refused"] + seen["broken"],
    )


def processor_seconds(processes: Sequence[int]) -> float:
    """Return the processor time that these have taken so far."""
    times = [psutil.Process(pid).cpu_times() for pid in processes]
    return sum(time.user + time.system for time in times)


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[tuple[Peer, Peer]]:
    """The provider, and a plain reverse proxy in front of it."""
    stub, proxy = free_port(), free_port()
    answer = recorded_create("revkeen").decode().replace("'", "\\'")
    folder.joinpath("nginx.conf").write_text(
        f"""
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream provider {{ server 127.0.0.1:{stub}; keepalive 128; }}
  server {{
    listen 127.0.0.1:{stub} backlog=1024;
    location / {{ default_type application/json; return 201 '{answer}'; }}
  }}
  server {{
    listen 127.0.0.1:{proxy} backlog=1024;
    location / {{ proxy_pass http://provider; proxy_http_version 1.1; proxy_set_header Connection ""; }}
  }}
}}
"""
    )
    command = [str(_tool("nginx")), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with _running(command, folder / "nginx.out", stub) as pid:
        yield (
            Peer("direct call", f"http://127.0.0.1:{stub}", "none", (pid,)),
            Peer("nginx, reverse proxy", f"http://127.0.0.1:{proxy}", "none", (pid,)),
        )


@contextlib.contextmanager
def _python(name: str, folder: Path, file: Path, *arguments: str) -> Iterator[Peer]:
    port = free_port()
    with _running(
        [sys.executable, str(file), str(port), *arguments], folder / f"{file.stem}.log", port
    ) as pid:
        yield Peer(name, f"http://127.0.0.1:{port}", "none", (pid,))


@contextlib.contextmanager
def gateway(name: str, folder: Path, provider: str, store: str) -> Iterator[Peer]:
    """``ordergate serve`` as a merchant runs it: with a key, a durable journal and its log on disk."""
    config = folder / "ordergate.toml"
    config.write_text(
        f"""
[store]
url = {{ env = "BENCH_STORE" }}
[accounts.revkeen]
adapter = "revkeen"
environment = "emulator"
base_url = "{provider}"
api_key = "rk_sandbox_0UAqFzWsDK4FrUMp48Y3tT3QDgAL47D1"
max_in_flight = 1000
[routing]
default = ["revkeen"]
"""
    )
    environment = {**os.environ, "BENCH_STORE": store, "ORDERGATE_CONFIG": str(config)}
    command = [sys.executable, "-m", "ordergate"]
    made = subprocess.run(
        [*command, "keys", "create", "--merchant", "acme", "--json"],
        env=environment,
        capture_output=True,
        check=True,
    )
    port = free_port()
    with _running([*command, "serve", "--port", str(port)], folder / "gateway.log", port, environment) as pid:
        yield Peer(name, f"http://127.0.0.1:{port}", json.loads(made.stdout)["key"], (pid,))


@contextlib.contextmanager
def _running(
    command: list[str], log: Path, port: int, environment: dict[str, str] | None = None
) -> Iterator[int]:
    """Run a process until it is no longer needed; it is up once its port answers."""
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            _wait_for(port, process, log)
            yield process.pid
        finally:
            process.terminate()


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise SystemExit(f"{process.args!r} did not start:\n{log.read_text()[-2000:]}")


def table(runs: Sequence[Run]) -> str:
    """Return the runs as lines of equal columns, with what they are of the peers beside them."""
    head = ("peer", "conn", "req/s", "p50 ms", "p95 ms", "p99 ms", "CPU µs", "MiB", "failed")
    rows = [
        (
            run.peer,
            str(run.connections),
            f"{run.rate:.0f}",
            *(f"{micro / 1000:.2f}" for micro in (run.p50, run.p95, run.p99)),
            f"{run.cpu:.0f}",
            f"{run.resident:.1f}",
            str(run.failed),
        )
        for run in runs
    ]
    lines = [f"{row[0]:<22} " + " ".join(f"{cell:>8}" for cell in row[1:]) for row in (head, *rows)]
    return "\n".join(lines)
