"""A secret does not show itself by accident."""

import copy
import pickle
import traceback
from collections.abc import Callable

import msgspec
import pytest

from ordergate.spi.secret import Secret

VALUE = "rk_live_do_not_show"


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        format,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r}",
        lambda secret: f"{secret!s:>40}",
        lambda secret: "%s" % secret,  # noqa: UP031 - old code prints so
        lambda secret: str([secret]),
        lambda secret: str({"key": secret}),
        ascii,
    ],
)
def test_it_prints_as_stars(show: Callable[[Secret], str]) -> None:
    """Every way to print a secret shows stars."""
    shown = show(Secret(VALUE))

    assert VALUE not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "encode",
    [
        msgspec.json.encode,
        msgspec.msgpack.encode,
        msgspec.to_builtins,
        lambda secret: msgspec.json.encode({"accounts": [{"api_key": secret}]}),
        pickle.dumps,
        copy.deepcopy,
    ],
)
def test_it_is_not_encoded(encode: Callable[[Secret], object]) -> None:
    """No encoder takes a secret, and the refusal does not show it either."""
    with pytest.raises(TypeError) as refused:
        encode(Secret(VALUE))

    assert VALUE not in "".join(traceback.format_exception(refused.value))


def test_it_has_no_attribute_with_a_dictionary() -> None:
    """A secret has no ``__dict__`` that a debugger or a logger would walk."""
    assert not hasattr(Secret(VALUE), "__dict__")


def test_it_is_equal_by_value_and_revealed_on_purpose() -> None:
    """Two secrets of one value are equal; only reveal gives it."""
    assert Secret(VALUE).reveal() == VALUE
    assert Secret(VALUE) == Secret(VALUE)
    assert len({Secret(VALUE), Secret(VALUE), Secret("other")}) == 2
    assert Secret(VALUE) != Secret("other")
    assert Secret(VALUE) != VALUE
