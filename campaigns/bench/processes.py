"""The cost of the command: its help, its start as a server, and an idle server."""

import os
import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from tests.scenarios.shop import free_port

from campaigns.bench.figures import Figure
from campaigns.bench.servers import MeasuringFailedError, configured, is_ready, running, serving

RUNS = 5
SETTLE = 1.0
"""Seconds that a new server is left alone before it is weighed."""


def measure(runs: int = RUNS) -> Iterator[Figure]:
    """Measure ``ordergate --help``, the time until ``ordergate serve`` is ready, and its memory at rest.

    Raises:
        MeasuringFailedError: The server does not start.
    """
    command = _command()
    yield Figure("ordergate --help", "median", round(median(_help_times(command, runs)) * 1000, 1), "ms")
    yield Figure(
        "ordergate serve, one account: from its start until ready",
        "median",
        round(median(_start_times(runs)), 2),
        "s",
    )
    yield Figure("ordergate serve, resident", "at rest", round(_resident(command) / 1024, 1), "MiB")


def _command() -> str:
    command = shutil.which("ordergate", path=sysconfig.get_path("scripts"))
    if command is None:
        raise MeasuringFailedError("the command ordergate is not installed here: run uv sync")
    return command


def _help_times(command: str, runs: int) -> list[float]:
    times = []
    for _ in range(runs + 1):
        started = perf_counter()
        subprocess.run([command, "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append(perf_counter() - started)
    return times[1:]  # the first run fills the disk's cache


def _start_times(runs: int) -> list[float]:
    """Start a server so many times on a journal that is there, and ask it all the time whether it is ready."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        environment = configured(folder, "http://127.0.0.1:9", f"sqlite:///{folder}/journal.db")
        return [_start_time(folder, environment) for _ in range(runs + 1)][1:]  # the first makes the journal


def _start_time(folder: Path, environment: Mapping[str, str]) -> float:
    port = free_port()
    started = perf_counter()
    with running(serving(port), folder / "serve.log", lambda: is_ready(port), environment):
        return perf_counter() - started


def _resident(command: str) -> int:
    """Return the KiB of a server without accounts and orders, after it has printed its address."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "empty.toml")
        config.touch()
        with subprocess.Popen(
            [command, "serve", "--config", str(config), "--port", "0", "--announce"],
            cwd=folder,
            env=_environment(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as server:
            try:
                if server.stdout is None or not server.stdout.readline().startswith("http"):
                    raise MeasuringFailedError("ordergate serve did not say where it serves")
                sleep(SETTLE)
                return _resident_kib(server.pid)
            finally:
                server.terminate()


def _environment(folder: str) -> Mapping[str, str]:
    """The environment without ordergate's variables, and a temporary journal."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("ORDERGATE_")}
    return {**inherited, "ORDERGATE_STORE_URL": f"sqlite:///{folder}/journal.db"}


def _resident_kib(process: int) -> int:
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0])
    raise MeasuringFailedError("this system does not tell how much memory a process holds")
