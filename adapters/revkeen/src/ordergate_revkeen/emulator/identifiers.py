"""Identifiers drawn from the emulator's one source of chance."""

import random
import re
import string
import uuid

UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
_UUID = re.compile(UUID_PATTERN)
_ALPHABET = string.ascii_letters + string.digits


def is_uuid(text: str) -> bool:
    """Return whether a text is a UUID in its canonical, hyphenated form, in either case."""
    return _UUID.match(text) is not None


class Identifiers:
    """A stream of identifiers; equal seeds give equal streams."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    def uuid(self) -> str:
        """Draw a version 4 UUID."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def prefixed(self, prefix: str, length: int = 24) -> str:
        """Draw an opaque identifier such as `req_...` or `ord_...`."""
        return prefix + "".join(self._random.choices(_ALPHABET, k=length))
