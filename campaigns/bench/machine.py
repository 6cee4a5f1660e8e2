"""The machine of the figures: enough to compare them, nothing that names the machine or its owner.

The file of a peer with its own environment names the peer's packages.
"""

import os
import platform
import re
import sqlite3
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from campaigns.bench.servers import installed, tool

PACKAGES = (
    "aiohttp",
    "asyncpg",
    "httptools",
    "httpx",
    "litestar",
    "msgspec",
    "structlog",
    "uvicorn",
    "uvloop",
)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A processor, a system, and versions.

    Attributes:
        memory: GiB.
        date: Of the run, UTC.
        versions: Versions of the programs that take part.
    """

    processor: str
    cores: int
    memory: int
    system: str
    python: str
    date: str
    versions: dict[str, str]


def describe() -> Machine:
    """Describe the machine that this runs on."""
    return Machine(
        processor=_processor(),
        cores=os.cpu_count() or 1,
        memory=round(psutil.virtual_memory().total / 2**30),
        system=_system(),
        python=platform.python_version(),
        date=datetime.now(UTC).date().isoformat(),
        versions={
            **{name: version(name) for name in PACKAGES},
            "sqlite": sqlite3.sqlite_version,
            **{name: told for name in ("nginx", "wrk") if (told := _told_version(name))},
        },
    )


def _processor() -> str:
    try:
        described = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", described, flags=re.MULTILINE)
    return named[1] if named else platform.machine()


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        return platform.system()


def _told_version(name: str) -> str | None:
    if not installed(name):
        return None
    told = subprocess.run([tool(name), "-v"], capture_output=True, text=True, check=False)
    number = re.search(r"(\d+\.\d+(\.\d+)?)", told.stdout + told.stderr)
    return number[1] if number else None
