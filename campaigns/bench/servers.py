"""The measured processes: a provider that answers at once, the gateway in front of it, and its peers."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import psutil
from tests.postgresql import Server
from tests.scenarios.shop import free_port

from campaigns.bench.adapters import recorded_create

HERE = Path(__file__).parent / "peers"
MERCHANT = "acme"
PATIENCE = 30.0
"""Seconds after which a process that neither starts nor ends is given up."""

_GATEWAY = [sys.executable, "-m", "ordergate"]


class MeasuringFailedError(Exception):
    """A tool is missing, or a measured process did not start or answer; the message names it and the reason."""


class Peer(msgspec.Struct, frozen=True):
    """Something that takes orders at a URL.

    Attributes:
        key: The API key of its callers.
        process: The first of its processes; all of them are weighed.
        log: The log file of the process.
        database: The first process of its database's server, if that is known.
    """

    name: str
    url: str
    key: str
    process: int
    log: Path
    database: int | None = None

    def processor_seconds(self) -> float:
        """Return the processor time that its processes have used."""
        return processor_seconds(self.process)

    def database_seconds(self) -> float | None:
        """Return the processor time that its database's server has used."""
        return None if self.database is None else processor_seconds(self.database)

    def resident(self) -> float:
        """Return the MiB of the largest of its processes: of a gateway, of one worker."""
        largest = max(process.memory_info().rss for process in _family(self.process))
        return float(round(largest / 2**20, 1))

    def failed(self, what: str) -> MeasuringFailedError:
        """Return an error that ends with its log."""
        return MeasuringFailedError(f"{self.name}: {what}\n{_end_of(self.log)}")


def processor_seconds(process: int) -> float:
    """Return the processor time that a process and its children have used."""
    times = [each.cpu_times() for each in _family(process)]
    return float(sum(time.user + time.system for time in times))


def _family(process: int) -> list[psutil.Process]:
    first = psutil.Process(process)
    return [first, *first.children(recursive=True)]


def require(*tools: str) -> None:
    """Find the programs that a benchmark runs.

    Raises:
        MeasuringFailedError: One is not installed.
    """
    missing = [name for name in tools if not installed(name)]
    if missing:
        raise MeasuringFailedError(
            f"this needs {' and '.join(missing)}: apt-get install {' '.join(missing)}; --short does without"
        )


def installed(name: str) -> bool:
    """Return whether a program is installed."""
    return _found(name) is not None


def tool(name: str) -> str:
    """Return the path of a program that :func:`require` has found."""
    return _found(name) or name


def _found(name: str) -> str | None:
    """Return the path of a program; Debian keeps servers in a folder of root's search path."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextlib.contextmanager
def provider(folder: Path) -> Iterator[tuple[Peer, Peer]]:
    """The provider, and a plain reverse proxy in front of it: both are nginx, one process."""
    stub, proxy = free_port(), free_port()
    # Each order is another one, as at a provider; its metadata names no operation, as this one does not read them.
    varied = {"id": "$request_id", "metadata": {}}
    answer = json.dumps({**json.loads(recorded_create("revkeen")), **varied}).replace("'", "\\'")
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
    log = folder / "nginx.out"
    command = [tool("nginx"), "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with running(command, log, lambda: listens(proxy)) as process:
        yield (
            Peer("direct call", f"http://127.0.0.1:{stub}", "none", process, log),
            Peer("nginx, reverse proxy", f"http://127.0.0.1:{proxy}", "none", process, log),
        )


@contextlib.contextmanager
def script(name: str, folder: Path, file: str, *arguments: str) -> Iterator[Peer]:
    """One of the peers beside this file, in the environment that it describes, or else in this one.

    It takes its port first.
    """
    port, log = free_port(), folder / f"{file}.log"
    own = (HERE / file).read_text().startswith("# /// script")
    python = [tool("uv"), "run", "--quiet", "--script"] if own else [sys.executable]
    command = [*python, str(HERE / file), str(port), *arguments]
    with running(command, log, lambda: listens(port)) as process:
        yield Peer(name, f"http://127.0.0.1:{port}", "none", process, log)


@contextlib.contextmanager
def with_database(started: contextlib.AbstractContextManager[Peer], server: Server) -> Iterator[Peer]:
    """A peer whose database's processor time is counted, too, if the server was started here."""
    with started as peer:
        yield msgspec.structs.replace(peer, database=server.process_id) if server.owned else peer


@contextlib.contextmanager
def gateway(name: str, folder: Path, base_url: str, store: str, *options: str) -> Iterator[Peer]:
    """``ordergate serve`` as a merchant runs it: with a key, a durable journal and its log on disk."""
    own = Path(tempfile.mkdtemp(dir=folder))
    environment = configured(own, base_url, store)
    made = subprocess.run(
        [*_GATEWAY, "keys", "create", "--merchant", MERCHANT, "--json"],
        env=environment,
        capture_output=True,
        check=False,
    )
    if made.returncode != 0:
        raise MeasuringFailedError(f"{name}: keys create: {made.stderr.decode(errors='replace')}")
    port, log = free_port(), own / "gateway.log"
    with running(serving(port, *options), log, lambda: is_ready(port), environment) as process:
        yield Peer(name, f"http://127.0.0.1:{port}", json.loads(made.stdout)["key"], process, log)


def configured(folder: Path, base_url: str, store: str) -> dict[str, str]:
    """Write a configuration with one account, and return the environment that names it."""
    config = folder / "ordergate.toml"
    config.write_text(
        f"""
[store]
url = {{ env = "BENCH_STORE" }}
[accounts.revkeen]
adapter = "revkeen"
environment = "emulator"
base_url = "{base_url}"
api_key = "rk_sandbox_0UAqFzWsDK4FrUMp48Y3tT3QDgAL47D1"
max_in_flight = 1000
[webhooks]
allow_networks = ["127.0.0.0/8"]
[routing]
default = ["revkeen"]
"""
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORDERGATE_")}
    return {**inherited, "BENCH_STORE": store, "ORDERGATE_CONFIG": str(config)}


def serving(port: int, *options: str) -> list[str]:
    """Return the command that serves a gateway."""
    return [*_GATEWAY, "serve", "--port", str(port), *options]


def is_ready(port: int) -> bool:
    """Return whether a gateway reports that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def listens(port: int) -> bool:
    """Return whether something accepts connections at a port of this machine."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def running(
    command: list[str], log: Path, is_up: Callable[[], bool], environment: Mapping[str, str] | None = None
) -> Iterator[int]:
    """Run a process until it is no longer needed, and yield its number once it is up.

    Raises:
        MeasuringFailedError: The process did not start; the message ends with its log.
    """
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            _wait_for(is_up, process, log)
            yield process.pid
        finally:
            end(process)


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process in order, or by SIGKILL if it ignores the signal."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()


def _wait_for(is_up: Callable[[], bool], process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        if is_up():
            return
        time.sleep(0.005)
    how = "did not answer" if process.poll() is None else f"ended with {process.returncode}"
    raise MeasuringFailedError(f"{log.stem} {how}:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]
