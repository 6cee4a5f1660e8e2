"""Which way imports flow, and what an import costs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_import_contracts_hold() -> None:
    """Every contract in pyproject.toml is kept: layers, pure adapters, one file that sends."""
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    result = subprocess.run([*command, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)

    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "forbidden"),
    [
        (
            "ordergate.cli",
            {"asyncio", "litestar", "msgspec", "httpx", "uvicorn", "structlog", "rich", "sqlite3"},
        ),
        ("ordergate_rapyd", {"litestar", "httpx", "uvicorn", "structlog", "click", "asyncio", "socket"}),
        ("ordergate_revkeen", {"litestar", "httpx", "uvicorn", "structlog", "click", "asyncio", "socket"}),
    ],
)
def test_an_import_stays_light(module: str, forbidden: set[str]) -> None:
    """A fresh interpreter that imports this module has loaded none of what only a server needs."""
    script = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(result.stdout)}

    assert loaded & forbidden == set()


def test_the_client_loads_no_server() -> None:
    """A merchant who imports the client has loaded what speaks HTTP and the types, and nothing that serves."""
    script = "import json, sys, ordergate.client; print(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(json.loads(result.stdout))
    serving = {
        "aiohttp",
        "asyncpg",
        "litestar",
        "prometheus_client",
        "sqlite3",
        "structlog",
        "uvicorn",
        "uvloop",
    }
    ours = {
        f"ordergate.{part}"
        for part in (
            "cli",
            "console",
            "gateway",
            "journal",
            "listener",
            "server",
            "settings",
            "telemetry",
            "transport",
            "web",
        )
    }

    assert "httpx" in loaded
    assert loaded & (serving | ours) == set()


def test_the_core_names_no_provider() -> None:
    """Deleting a provider deletes one folder: nothing under src speaks of one."""
    adapters = [folder.name for folder in (ROOT / "adapters").iterdir() if folder.is_dir()]
    named = [
        f"{file.relative_to(ROOT)}: {adapter}"
        for file in (ROOT / "src").rglob("*")
        if file.suffix in {".py", ".sql"}
        for adapter in adapters
        if adapter in file.read_text().lower()
    ]

    assert adapters
    assert named == []


def test_serving_loads_no_library_that_it_does_not_need() -> None:
    """Describing the API brings in no library that would invent examples, nor tracing where it is off."""
    script = (
        "import asyncio, sys\n"
        "from ordergate.web.app import create_app\n"
        "from ordergate.gateway.runtime.runtime import Runtime\n"
        "app = create_app(Runtime(*[None] * 5), max_body_bytes=1024)\n"
        "assert app.app.openapi_schema.paths\n"
        "import ordergate.server.bootstrap\n"
        "print(sorted({'faker', 'opentelemetry.sdk', 'google.protobuf', 'requests'} & set(sys.modules)))\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert result.stdout.strip() == "[]"
