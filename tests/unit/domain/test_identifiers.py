"""The gateway's own ids."""

import pytest

from ordergate.domain.identifiers import is_id, new_id


def test_an_id_has_its_prefix_and_a_version_7_uuid() -> None:
    """An id is a prefix and 32 hexadecimal digits, of a UUID of version 7."""
    prefix, _, digits = new_id("ord").partition("_")

    assert (prefix, len(digits), digits[12]) == ("ord", 32, "7")
    assert int(digits, 16) > 0
    assert digits == digits.lower()


def test_ids_sort_by_time_and_never_repeat() -> None:
    """Of many ids made as fast as can be, each is larger than the one before."""
    made = [new_id("op") for _ in range(20_000)]

    assert sorted(set(made)) == made


@pytest.mark.parametrize("prefix", ["ord", "op", "li", "ret", "evt", "wh", "key", "req"])
def test_an_id_is_known_by_its_prefix(prefix: str) -> None:
    """An id passes under its own prefix and under no other."""
    made = new_id(prefix)  # type: ignore[arg-type]

    assert is_id(made, prefix)  # type: ignore[arg-type]
    assert not is_id(made, "ord" if prefix != "ord" else "op")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ord",
        "ord_",
        "ord_" + "a" * 31,
        "ord_" + "a" * 33,
        "ord_" + "A" * 32,
        "ord_" + "g" * 32,
        "ord_" + "a" * 31 + "\n",
        "ord_" + "\u0660" * 32,
        "ord-" + "a" * 32,
        " ord_" + "a" * 32,
        "ord_" + "0190-0000-7000-8000-000000000000",
        "ord__" + "a" * 31,
    ],
)
def test_what_is_no_id(text: str) -> None:
    """Anything but prefix, underscore and 32 lower-case hexadecimal digits is no id."""
    assert not is_id(text, "ord")
