"""Secrets are references in the configuration; here they are read from the environment and from files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from ordergate.domain.errors import FieldError
from ordergate.settings.source import Files
from ordergate.spi.adapter import Adapter
from ordergate.spi.secret import Secret

NOT_IN_THE_FILE = 'A secret does not stand in the file; refer to it: { env = "…" } or { file = "…" }.'

_MAX_BYTES = 64 * 1024

T = TypeVar("T")


class References:
    """The targets of references: the environment of the process, and files."""

    def __init__(self, variables: Mapping[str, str], files: Files) -> None:
        """Read nothing yet."""
        self._variables = variables
        self._files = files

    def value(self, reference: Mapping[str, Any]) -> str:
        """Return the value of a reference; the error never contains the value.

        Raises:
            ValueError: It points to nothing that can be a secret.
        """
        match reference:
            case {"env": str(name)} if len(reference) == 1:
                if not self._variables.get(name):
                    raise ValueError(f"The environment variable {name} is not set.")
                return _printable(self._variables[name], f"The environment variable {name}")
            case {"file": str(path)} if len(reference) == 1:
                try:
                    secret = self.read(path, _MAX_BYTES).decode().strip()
                except UnicodeDecodeError as error:
                    raise ValueError(f"The file {path} holds other bytes than text.") from error
                return _printable(secret, f"The file {path}")
            case _:
                raise ValueError('A reference is { env = "NAME" } or { file = "PATH" }.')

    def read(self, path: str, size: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            ValueError: It cannot be read, not in time, or is larger; a sentence that names it.
        """
        try:
            return self._files.read(Path(path), size)
        except (OSError, ValueError) as error:
            raise ValueError(f"The file {path} cannot be read: {error}.") from error

    def run(self, work: Callable[[], T]) -> T:
        """Do some work that reads files.

        Raises:
            TimeoutError: It did not end in time.
        """
        return self._files.run(work)


def resolve_secrets(
    table: dict[str, Any], adapter: Adapter, environment: Any, references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    """Put the secrets of an account in the place of their references.

    Args:
        table: The adapter's own keys.
        adapter: The adapter, which declares its secrets.
        environment: The value in the file; an emulator's secrets may be in the file.
        references: The targets of references.
    """
    resolved = dict(table)
    errors = []
    for field in msgspec.structs.fields(adapter.settings_type):
        if field.name not in table or not holds_secret(field.type):
            continue
        try:
            resolved[field.name] = _secrets(table[field.name], environment, references)
        except ValueError as error:
            errors.append(FieldError(pointer=f"/{field.name}", code="secret", detail=str(error)))
    return resolved, errors


def _secrets(value: Any, environment: Any, references: References) -> Any:
    if isinstance(value, list):
        return tuple(_secrets(item, environment, references) for item in value)
    if isinstance(value, dict):
        return Secret(references.value(value))
    if isinstance(value, str) and environment in ("sandbox", "production"):
        raise ValueError(NOT_IN_THE_FILE)
    return Secret(_printable(value, "It")) if isinstance(value, str) else value


def _printable(secret: str, place: str) -> str:
    if not secret:
        raise ValueError(f"{place} is empty.")
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise ValueError(f"{place} holds spaces, line ends or other characters that no secret has.")
    return secret


def holds_secret(kind: Any) -> bool:
    """Return whether a field of this type is a secret, or contains one."""
    return kind is Secret or any(holds_secret(part) for part in get_args(kind))
