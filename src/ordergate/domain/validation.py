"""Decodes documents into types, and returns all their errors, each with its JSON Pointer.

msgspec stops at the first error and names it in a sentence. A document that it accepts costs nothing more;
one that it refuses is walked once more, into the parts that are wrong, until enough errors are found.
"""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import islice
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from ordergate.domain.errors import FieldError, Problem

T = TypeVar("T")

MAX_ERRORS = 100
"""Maximum of returned errors: more would not help, and a hostile body could cause millions."""

NULL_CHARACTER = "Text cannot hold the character U+0000; leave it out."

TOO_FINE = "A time has at most six decimals of a second; give it to the microsecond."

_FINE = re.compile(r"[.,][0-9]{6}[0-9]*[1-9]")
"""Nonzero decimals after the sixth: a time here has microseconds, and a rounded one may be in another year."""

_encode = msgspec.json.Encoder().encode


class _Members(list[tuple[str, Any]]):
    """An object as in the bytes: duplicate names are kept."""


Steps = tuple[Any, str] | None
"""A place in a document: the place of its container, and the last step; None for the whole."""


def decode_body(content: bytes, wanted: type[T]) -> T:
    """Decode a JSON body exactly: no number is rounded, no type is coerced, no name is duplicated.

    Raises:
        Problem: ``invalid_json``, or ``invalid_request`` with every error and its pointer.
    """
    document = _decode_untyped(content)
    _refuse_repeated_names(content, document)
    _refuse_null_characters(content, document)
    errors = list(_time_errors(document, wanted, ""))
    try:
        decoded = msgspec.convert(document, wanted, strict=True)
    except msgspec.ValidationError:
        errors += explain(document, wanted)
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)
    return decoded


def _decode_untyped(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem("invalid_json", f"The body is not valid JSON: {error}.") from None
    except RecursionError:
        raise Problem("invalid_json", "The body is nested too deeply.") from None


def _refuse_repeated_names(content: bytes, document: Any) -> None:
    """Refuse a body with duplicate names in one object: readers would disagree about the value.

    A decoded document has each name once, so its encoding has fewer colons than such a body. Only an escaped colon can
    hide that; a body with one is always searched.
    """
    if b"\\u003" not in content and _encode(document).count(b":") == content.count(b":"):
        return
    errors = [
        FieldError(pointer=pointer, code="repeated_name", detail="The name occurs twice in one object.")
        for pointer in islice(_repeated_names(content), MAX_ERRORS)
    ]
    if errors:
        detail = f"{errors[0].pointer} occurs twice in the body; send each name of an object once."
        raise Problem("invalid_json", detail, errors=errors)


def _repeated_names(content: bytes) -> Iterator[str]:
    """Yield the pointer of each duplicate name."""
    try:
        document = json.loads(content, object_pairs_hook=_Members, parse_int=str, parse_float=str)
    except RecursionError:
        raise Problem("invalid_json", "The body is nested too deeply.") from None
    for steps, value in _containers(document):
        if isinstance(value, _Members):
            seen = set()
            for name, _ in value:
                if name in seen:
                    yield _pointer((steps, name))
                seen.add(name)


def _refuse_null_characters(content: bytes, document: Any) -> None:
    """Refuse text with U+0000, which PostgreSQL cannot store. JSON has one way to write it."""
    if b"\\u0000" not in content:
        return
    errors = [
        FieldError(pointer=pointer, code="invalid_value", detail=NULL_CHARACTER)
        for pointer in islice(_null_characters(document), MAX_ERRORS)
    ]
    if errors:
        raise Problem("invalid_request", summary(errors), errors=errors)


def _null_characters(document: Any) -> Iterator[str]:
    """Yield the pointer of each text with U+0000, names included."""
    for steps, value in _containers({"": document}):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for name, item in members:
            if (isinstance(name, str) and "\0" in name) or (isinstance(item, str) and "\0" in item):
                yield _pointer((steps, str(name)))[1:]


def _containers(document: Any) -> Iterator[tuple[Steps, Any]]:
    """Yield every object and array of a document, with the way to it; as deep as it may be."""
    left: list[tuple[Steps, Any]] = [(None, document)]
    while left:
        steps, value = left.pop()
        if isinstance(value, _Members):
            members: Any = value
        elif isinstance(value, dict):
            members = value.items()
        elif isinstance(value, list):
            members = enumerate(value)
        else:
            continue
        yield steps, value
        inner = [((steps, str(name)), item) for name, item in members if isinstance(item, dict | list)]
        left.extend(reversed(inner))


def _pointer(steps: Steps) -> str:
    names = []
    while steps is not None:
        steps, name = steps
        names.append(name)
    pointer = ""
    for name in reversed(names):
        pointer = pointer_to(pointer, name)
    return pointer


def summary(errors: list[FieldError]) -> str:
    """Return one sentence for all the errors."""
    first = f"{errors[0].pointer or 'the body'}: {errors[0].detail}"
    return first if len(errors) == 1 else f"{len(errors)} fields are wrong; first {first}"


def explain(value: Any, wanted: Any) -> list[FieldError]:
    """Return everything that keeps a decoded document from being of the wanted type, up to a readable number."""
    return list(islice(_errors(value, wanted, ""), MAX_ERRORS))


def _errors(value: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    """Yield the errors of a value one by one; a valid part is not searched."""
    own = _refusal(value, wanted)
    if own is None:
        return
    kind = _matching(value, wanted)
    inner, metas = (get_args(kind)[0], get_args(kind)[1:]) if get_origin(kind) is Annotated else (kind, ())
    too_long = _length_error(value, metas)
    if too_long is not None:
        yield _field_error(pointer, too_long, wanted)
        return
    found = False
    for error in _inner_errors(value, inner, pointer):
        found = True
        yield error
    if not found:
        yield _field_error(pointer, own, wanted)


def _inner_errors(value: Any, kind: Any, pointer: str) -> Iterator[FieldError]:
    if isinstance(value, dict) and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield from _struct_errors(value, kind, pointer)
    elif isinstance(value, list) and get_origin(kind) in {list, tuple}:
        for index, item in enumerate(value):
            yield from _errors(item, get_args(kind)[0], f"{pointer}/{index}")
    elif isinstance(value, dict) and get_origin(kind) is dict:
        key_type, value_type = get_args(kind)
        for key, item in value.items():
            place = pointer_to(pointer, key)
            if (refusal := _refusal(key, key_type)) is not None:
                yield _field_error(place, refusal, key_type)
            yield from _errors(item, value_type, place)


def _struct_errors(value: dict[str, Any], kind: type[msgspec.Struct], pointer: str) -> Iterator[FieldError]:
    fields = _fields(kind)
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


def too_fine(text: str) -> bool:
    """Return whether a time is finer than a microsecond."""
    return _FINE.search(text) is not None


def _time_errors(document: Any, wanted: Any, pointer: str) -> Iterator[FieldError]:
    """Yield an error for each time that would be rounded: msgspec does so without a word, upwards too."""
    for name, kind in _times(wanted):
        value = document.get(name) if isinstance(document, dict) else None
        if kind is not datetime:
            yield from _time_errors(value, kind, pointer_to(pointer, name))
        elif isinstance(value, str) and too_fine(value):
            yield FieldError(pointer=pointer_to(pointer, name), code="invalid_value", detail=TOO_FINE)


@cache
def _times(kind: Any) -> tuple[tuple[str, Any], ...]:
    """Return the time fields of a body, and the fields that contain some. Lists contain none."""
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return ()
    return tuple(
        (name, member)
        for name, field in _fields(kind).items()
        for member in _members(field.type)
        if member is datetime or _times(member)
    )


def _members(kind: Any) -> tuple[Any, ...]:
    """Return the members of a union, without their annotations."""
    if get_origin(kind) is Annotated:
        return _members(get_args(kind)[0])
    if get_origin(kind) in {Union, UnionType}:
        return tuple(member for each in get_args(kind) for member in _members(each))
    return (kind,)


@cache
def _fields(kind: type[msgspec.Struct]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(kind)}


def _refusal(value: Any, wanted: Any) -> str | None:
    """Return why a value is not of a type, in msgspec's sentence; None if it is."""
    try:
        msgspec.convert(value, wanted, strict=True)
    except msgspec.ValidationError as error:
        return str(error).split(" - at `", 1)[0]
    return None


def _length_error(value: Any, metas: tuple[Any, ...]) -> str | None:
    """Return the error of a list or an object with too many members; its members are not checked then."""
    limits = [meta.max_length for meta in metas if getattr(meta, "max_length", None) is not None]
    if not isinstance(value, list | dict) or not limits or len(value) <= min(limits):
        return None
    kind = "array" if isinstance(value, list) else "object"
    return f"Expected `{kind}` of length <= {min(limits)}"


def _field_error(pointer: str, sentence: str, wanted: Any) -> FieldError:
    return FieldError(pointer=pointer, code=_code(sentence), detail=f"{sentence}.{_meaning(wanted)}")


def _code(sentence: str) -> str:
    return "wrong_type" if ", got" in sentence else "invalid_value"


def _meaning(wanted: Any) -> str:
    """Return the description of a field: a pattern alone does not help."""
    members = get_args(wanted) if get_origin(wanted) in {Union, UnionType} else (wanted,)
    metas = (meta for member in members if get_origin(member) is Annotated for meta in get_args(member)[1:])
    return next((f" {meta.description}" for meta in metas if meta.description), "")


def _matching(value: Any, wanted: Any) -> Any:
    """Return the member of a union with the shape of the value, so that its members can be checked."""
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
