"""Data files of adapters and emulators, such as error codes and currencies."""

from importlib.resources import files
from typing import TypeVar

import msgspec

Table = TypeVar("Table")


def load_table(package: str, filename: str, model: type[Table]) -> Table:
    """Read a TOML file that is installed with a package.

    Args:
        package: The package that contains the file; a module passes its own ``__package__``.
        filename: For example ``errors.toml``.
        model: The type of the whole file.

    Raises:
        FileNotFoundError: The package has no such file.
        msgspec.DecodeError: The file is not TOML, or does not match the model.
    """
    return msgspec.toml.decode(files(package).joinpath(filename).read_bytes(), type=model)
