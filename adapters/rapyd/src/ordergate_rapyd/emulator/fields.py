"""Reading members of a request's body."""

from collections.abc import Mapping

from ordergate_rapyd.emulator.errors import RefusedError
from ordergate_rapyd.emulator.javascript import Json, JsonObject, well_formed


def given(members: Mapping[str, Json]) -> JsonObject:
    """Return the members that are not null: null means absent."""
    return {name: value for name, value in members.items() if value is not None}


def text(members: Mapping[str, Json], name: str) -> str:
    """Return a string, or the empty string if there is none."""
    value = members.get(name)
    return value if isinstance(value, str) else ""


def is_text(members: Mapping[str, Json], name: str) -> bool:
    """Whether the member is absent or a string."""
    return isinstance(members.get(name, ""), str)


def objects(members: Mapping[str, Json], name: str) -> list[JsonObject]:
    """Return an array's objects, without their nulls; of anything else, an empty list."""
    value = members.get(name)
    return [given(item) for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def metadata(members: Mapping[str, Json]) -> JsonObject:
    """Return the merchant's own object.

    Raises:
        RefusedError: It is not an object.
    """
    value = well_formed(members.get("metadata", {}))
    if not isinstance(value, dict):
        raise RefusedError("MISSING_INVALID_PARAMETERS")
    return value
