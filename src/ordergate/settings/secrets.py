"""Secrets stand in the configuration by reference; here they are read from the environment and from files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args

import msgspec

from ordergate.domain.errors import FieldError
from ordergate.settings.source import read_at_most
from ordergate.spi.adapter import Adapter
from ordergate.spi.secret import Secret

_MAX_BYTES = 64 * 1024


def resolve_secrets(
    table: dict[str, Any], adapter: Adapter, environment: Any, variables: Mapping[str, str]
) -> tuple[dict[str, Any], list[FieldError]]:
    """Put the secrets of an account in the place of their references.

    Args:
        table: The adapter's own keys.
        adapter: Whose they are; it knows which of them are secrets.
        environment: As it stands in the file; an emulator's secrets may stand there too.
        variables: The process's environment.
    """
    resolved = dict(table)
    errors = []
    for field in msgspec.structs.fields(adapter.settings_type):
        if field.name not in table or not holds_secret(field.type):
            continue
        try:
            resolved[field.name] = _secrets(table[field.name], environment, variables)
        except ValueError as error:
            errors.append(FieldError(pointer=f"/{field.name}", code="secret", detail=str(error)))
    return resolved, errors


def _secrets(value: Any, environment: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return tuple(_secrets(item, environment, variables) for item in value)
    if isinstance(value, dict):
        return Secret(dereference(value, variables))
    if isinstance(value, str) and environment in ("sandbox", "production"):
        raise ValueError('A secret does not stand in the file; refer to it: { env = "…" } or { file = "…" }.')
    return Secret(_printable(value, "It")) if isinstance(value, str) else value


def dereference(reference: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """Return what a reference points to; the error never holds the value."""
    match reference:
        case {"env": str(name)} if len(reference) == 1:
            if not variables.get(name):
                raise ValueError(f"The environment variable {name} is not set.")
            return _printable(variables[name], f"The environment variable {name}")
        case {"file": str(path)} if len(reference) == 1:
            try:
                secret = read_at_most(Path(path), _MAX_BYTES).decode().strip()
            except UnicodeDecodeError as error:
                raise ValueError(f"The file {path} holds other bytes than text.") from error
            except (OSError, ValueError) as error:
                raise ValueError(f"The file {path} cannot be read: {error}.") from error
            return _printable(secret, f"The file {path}")
        case _:
            raise ValueError('A reference is { env = "NAME" } or { file = "PATH" }.')


def _printable(secret: str, place: str) -> str:
    if not secret:
        raise ValueError(f"{place} is empty.")
    if not secret.isascii() or not secret.isprintable() or secret != secret.strip():
        raise ValueError(f"{place} holds spaces, line ends or other characters that no secret has.")
    return secret


def holds_secret(kind: Any) -> bool:
    """Tell whether a field of this type is a secret, or holds some."""
    return kind is Secret or any(holds_secret(part) for part in get_args(kind))
