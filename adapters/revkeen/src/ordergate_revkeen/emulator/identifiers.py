"""Identifiers in RevKeen's forms: UUIDs, and opaque ids with a prefix."""

import re
import string

from ordergate.spi.emulator_toolkit.identifiers import IdentifierStream

UUID_PATTERN = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z"
_UUID = re.compile(UUID_PATTERN)
_ALPHABET = string.ascii_letters + string.digits


def is_uuid(text: str) -> bool:
    """Return True if a text is a UUID in the hyphenated form, in upper or lower case."""
    return _UUID.match(text) is not None


class Identifiers(IdentifierStream):
    """A stream of RevKeen's identifiers."""

    def prefixed(self, prefix: str, length: int = 24) -> str:
        """Return an opaque identifier such as `req_...` or `ord_...`."""
        return prefix + self.characters(_ALPHABET, length)
