"""Looks through what was written for what must not stand there."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

API_KEY = re.compile(rb"og_(?:test|live)_[A-Za-z0-9_-]{20,}")
"""A whole key of the gateway; examples in documentation are shorter."""

credentials: set[str] = set()
"""With what the gateways of this run authenticated at providers."""

_WRITTEN = ("*.log", "*.db", "*.db-wal", "*.db-journal")


def secrets_in(content: bytes, secrets: Iterable[str]) -> list[str]:
    """Which of the secrets stand there, and every key of the gateway that does."""
    return [secret for secret in secrets if secret.encode() in content] + [
        found.decode() for found in API_KEY.findall(content)
    ]


def secrets_written(folder: Path, secrets: Iterable[str]) -> Iterator[str]:
    """Where in a folder's logs and journals a secret stands, as a sentence for each."""
    wanted = sorted(secrets)
    for pattern in _WRITTEN:
        for file in sorted(folder.rglob(pattern)):
            for secret in secrets_in(file.read_bytes(), wanted):
                yield f"{file} holds {secret}"
