"""Resolves the references to secrets in a configuration, from the environment and from files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import msgspec

from ordergate.domain.errors import FieldError
from ordergate.settings.source import Files
from ordergate.spi.adapter import Adapter
from ordergate.spi.secret import Secret

NOT_IN_THE_FILE = 'The file must not contain a secret; refer to it: { env = "…" } or { file = "…" }.'

_MAX_BYTES = 64 * 1024

T = TypeVar("T")


class References:
    """Resolves references to environment variables and files."""

    def __init__(self, variables: Mapping[str, str], files: Files) -> None:
        """Keep the sources; nothing is read yet."""
        self._variables = variables
        self._files = files

    def value(self, reference: Mapping[str, Any]) -> str:
        """Return the secret that a reference names.

        Raises:
            ValueError: The secret is missing, or contains characters that no secret has. The message never contains it.
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
                    raise ValueError(f"The file {path} is not UTF-8 text.") from error
                return _printable(secret, f"The file {path}")
            case _:
                raise ValueError('A reference is { env = "NAME" } or { file = "PATH" }.')

    def read(self, path: str, size: int) -> bytes:
        """Return the bytes of a file.

        Raises:
            ValueError: The file cannot be read, not before the deadline, or is larger; the message names the file.
        """
        try:
            return self._files.read(Path(path), size)
        except (OSError, ValueError) as error:
            raise ValueError(f"The file {path} cannot be read: {error}.") from error

    def run(self, work: Callable[[], T]) -> T:
        """Run a function that reads files, and return its result.

        Raises:
            TimeoutError: The function did not return before the deadline.
        """
        return self._files.run(work)


def resolve_secrets(
    table: dict[str, Any], adapter: Adapter, environment: Any, references: References
) -> tuple[dict[str, Any], list[FieldError]]:
    """Replace the references in an account by the secrets that they name.

    Args:
        table: The keys that the adapter declares.
        adapter: The adapter; its settings type marks the keys that are secrets.
        environment: The raw value from the file; only an emulator may have literal secrets.
        references: Resolves the references.
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
        raise ValueError(f"{place} contains spaces, line ends or other characters that no secret has.")
    return secret


def holds_secret(kind: Any) -> bool:
    """Return whether a field of this type is a secret, or contains one."""
    return kind is Secret or any(holds_secret(part) for part in get_args(kind))
