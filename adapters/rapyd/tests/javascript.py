"""JSON as JavaScript itself writes it: many texts through one run of node."""

import json
import shutil
import subprocess
from collections.abc import Sequence

import pytest

_SCRIPT = """
const lines = require("fs").readFileSync(0, "utf8").split("\\n");
const written = lines.map((line) => JSON.stringify(JSON.parse(Buffer.from(line, "hex").toString("utf8"))));
process.stdout.write(JSON.stringify(written.map((text) => Buffer.from(text, "utf8").toString("hex"))));
"""


def rewritten(bodies: Sequence[bytes]) -> list[bytes]:
    """Return what ``JSON.stringify(JSON.parse(body))`` makes of each body; skip the test without node."""
    node = shutil.which("node")
    if node is None:
        pytest.skip(
            "node is not installed; install Node.js (apt-get install nodejs) to compare with JavaScript"
        )
    texts = "\n".join(body.hex() for body in bodies)
    done = subprocess.run(
        [node, "-e", _SCRIPT], input=texts, capture_output=True, text=True, check=True, timeout=60
    )
    return [bytes.fromhex(text) for text in json.loads(done.stdout)]
