"""Random identifiers that are equal for equal seeds."""

from random import Random
from uuid import UUID


class IdentifierStream:
    """A stream of identifiers. Equal seeds and equal calls return equal identifiers."""

    def __init__(self, seed: int | str) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose; nothing here is secret

    def uuid(self) -> str:
        """Return a version 4 UUID in its hyphenated form."""
        return str(UUID(int=self._random.getrandbits(128), version=4))

    def hexadecimal(self, digits: int) -> str:
        """Return this number of lower-case hexadecimal digits."""
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def characters(self, alphabet: str, length: int) -> str:
        """Return this number of characters of the alphabet."""
        return "".join(self._random.choices(alphabet, k=length))
