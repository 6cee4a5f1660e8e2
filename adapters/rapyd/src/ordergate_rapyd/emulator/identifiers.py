"""Ids in Rapyd's form: a prefix and 32 lower-case hexadecimal digits. Operation ids are UUIDs."""

from ordergate.spi.emulator_toolkit.identifiers import IdentifierStream


class Identifiers(IdentifierStream):
    """A stream of Rapyd's ids."""

    def object_id(self, prefix: str) -> str:
        """Return an id: for ``order``, ``order_`` and 32 digits."""
        return f"{prefix}_{self.hexadecimal(32)}"
