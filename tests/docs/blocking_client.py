"""The blocking half of the client, generated from the half for asyncio.

``uv run python -m tests.docs.blocking_client`` writes it; a test holds it fresh.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

CLIENT = Path(__file__).parents[2] / "src" / "ordergate" / "client"
FILES: Mapping[str, str] = {
    "asynchronous.py": "blocking.py",
    "asynchronous_events.py": "blocking_events.py",
}
"""The source of each generated file."""
NAMES = {"aclose": "close", "asynchronous_events": "blocking_events"}
"""Names that differ; beside them, ``AsyncOrders`` becomes ``Orders``."""
UNASYNC = """
import json, sys, unasync
source, target, names, *files = sys.argv[1:]
unasync.unasync_files(files, [unasync.Rule(source, target, additional_replacements=json.loads(names))])
"""
NOTE = "# Generated from {}; see CONTRIBUTING.\n"


def generated() -> dict[str, str]:
    """Return the text of each generated file, by its name."""
    with TemporaryDirectory() as folder:
        source, target = Path(folder, "from"), Path(folder, "to")
        source.mkdir()
        for name in FILES:
            (source / name).write_text((CLIENT / name).read_text())
        text = "".join((source / name).read_text() for name in FILES)
        prefixed = {name: name.removeprefix("Async") for name in re.findall(r"\bAsync\w+", text)}
        # In a process of its own: unasync imports setuptools, which changes the path of modules.
        arguments = [f"{source}/", f"{target}/", json.dumps(prefixed | NAMES)]
        subprocess.run(
            [sys.executable, "-c", UNASYNC, *arguments, *(str(source / name) for name in FILES)], check=True
        )
        found = {}
        for name, blocking in FILES.items():
            file = target / blocking
            (target / name).rename(file)
            file.write_text(NOTE.format(name) + file.read_text())
            for command in (["check", "--select=I", "--fix", "--quiet"], ["format", "--quiet"]):
                config = CLIENT.parents[2] / "pyproject.toml"
                subprocess.run(
                    [sys.executable, "-m", "ruff", *command, f"--config={config}", str(file)], check=True
                )
            found[blocking] = file.read_text()
        return found


def main() -> None:
    """Write the files."""
    for name, text in generated().items():
        (CLIENT / name).write_text(text)


if __name__ == "__main__":
    main()
