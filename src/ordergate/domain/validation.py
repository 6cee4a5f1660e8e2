"""Reads documents into types, and says everything that is wrong with them, each with its JSON Pointer.

msgspec stops at the first error and names it in a sentence. A document that it accepts costs nothing more;
one that it refuses is walked once more, value by value, so that the caller can mend all of it in one go.
"""

from collections.abc import Iterator
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from ordergate.domain.errors import FieldError, Problem

T = TypeVar("T")

MAX_ERRORS = 100
"""More would help nobody, and a hostile body could ask for millions."""


def decode_body(content: bytes, wanted: type[T]) -> T:
    """Decode a JSON body exactly: no number is rounded, no type is coerced.

    Raises:
        Problem: ``invalid_json``, or ``invalid_request`` with every error and its pointer.
    """
    try:
        return msgspec.json.decode(content, type=wanted, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refused = str(error)
    # Of a name that stands twice the walk sees the last value only, and may find nothing wrong with it.
    errors = explain(_decode_untyped(content), wanted) or [
        FieldError(pointer="", code="invalid_value", detail=f"A name stands twice, once wrong: {refused}.")
    ]
    raise Problem("invalid_request", summary(errors), errors=errors)


def _decode_untyped(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("invalid_json", f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise Problem("invalid_json", "The body is nested too deeply.") from None


def summary(errors: list[FieldError]) -> str:
    """Return one sentence for all the errors."""
    first = f"{errors[0].pointer or 'the body'}: {errors[0].detail}"
    return first if len(errors) == 1 else f"{len(errors)} fields are wrong; first {first}"


def explain(value: Any, wanted: Any) -> list[FieldError]:
    """Return everything that keeps a decoded document from being of the wanted type, up to a readable number."""
    return list(islice(_errors(value, wanted, ""), MAX_ERRORS))


def _errors(value: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    kind = _matching(value, wanted)
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    found = list(_inner_errors(value, inner, pointer))
    yield from found
    if not found:
        yield from _own_error(value, wanted, pointer)


def _inner_errors(value: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_errors(value, kind, pointer)
    elif isinstance(value, list) and get_origin(kind) in {list, tuple}:
        for index, item in enumerate(value):
            yield from _errors(item, get_args(kind)[0], f"{pointer}/{index}")
    elif isinstance(value, dict) and get_origin(kind) is dict:
        key_type, value_type = get_args(kind)
        for key, item in value.items():
            yield from _own_error(key, key_type, pointer_to(pointer, key))
            yield from _errors(item, value_type, pointer_to(pointer, key))


def _struct_errors(value: dict[str, Any], kind: type[msgspec.Struct], pointer: str) -> Iterator[FieldError]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name, item in value.items():
        if name in fields:
            yield from _errors(item, fields[name].type, pointer_to(pointer, name))
        elif kind.__struct_config__.forbid_unknown_fields:
            yield FieldError(
                pointer=pointer_to(pointer, name),
                code="unknown_field",
                detail=f"There is no such field here; known are {', '.join(sorted(fields))}.",
            )
    for name, field in fields.items():
        if field.required and name not in value:
            yield FieldError(
                pointer=pointer_to(pointer, name), code="required", detail="The field is required."
            )


def _own_error(value: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    try:
        msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as error:
        sentence = str(error).split(" - at `", 1)[0]
        yield FieldError(pointer=pointer, code=_code(sentence), detail=f"{sentence}.{_meaning(wanted)}")


def _code(sentence: str) -> str:
    return "wrong_type" if ", got" in sentence else "invalid_value"


def _meaning(wanted: Any) -> str:
    """What the field is for, where the type says it: a pattern alone helps nobody."""
    members = get_args(wanted) if get_origin(wanted) in {Union, UnionType} else (wanted,)
    metas = (meta for member in members if get_origin(member) is Annotated for meta in get_args(member)[1:])
    return next((f" {meta.description}" for meta in metas if meta.description), "")


def _matching(value: Any, wanted: Any) -> Any:
    """Of a union, the member whose shape the value has, so that the walk can go on inside it."""
    if get_origin(wanted) not in {Union, UnionType}:
        return wanted
    members = [member for member in get_args(wanted) if member not in {NoneType, msgspec.UnsetType}]
    return next((member for member in members if _same_shape(value, member)), wanted)


def _same_shape(value: Any, member: Any) -> bool:
    inner = get_args(member)[0] if get_origin(member) is Annotated else member
    if isinstance(value, dict):
        return get_origin(inner) is dict or (isinstance(inner, type) and issubclass(inner, msgspec.Struct))
    return isinstance(value, list) and get_origin(inner) in {list, tuple}


def pointer_to(pointer: str, name: str) -> str:
    """Return the pointer one step further in, to this name (RFC 6901)."""
    return f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}"
