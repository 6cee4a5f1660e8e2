"""Ids as Rapyd forms them: a prefix and 32 lower-case hexadecimal digits; operations are UUIDs."""

from random import Random
from uuid import UUID


class Identifiers:
    """Draws ids; equal seeds draw equal ids in equal order."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is secret

    def hexadecimal(self, digits: int) -> str:
        """Return so many lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def object_id(self, prefix: str) -> str:
        """Return an id such as ``order_`` and 32 digits."""
        return f"{prefix}_{self.hexadecimal(32)}"

    def operation_id(self) -> str:
        """Return a random UUID."""
        return str(UUID(int=self._random.getrandbits(128), version=4))
