"""Each log line is one JSON document in ASCII, whatever stands in it."""

import io
import json
from decimal import Decimal
from typing import Any

import pytest
import structlog

from ordergate.spi.secret import Secret
from ordergate.telemetry.log import configure_logging
from ordergate.telemetry.redaction import MASK


def _logged(**facts: Any) -> dict[str, Any]:
    """What one line says."""
    stream = io.StringIO()
    configure_logging("json", "info", stream)
    structlog.get_logger().info("said", **facts)
    text = stream.getvalue()
    assert text.isascii()
    assert text.endswith("\n")
    assert len(text.splitlines()) == 1
    line: dict[str, Any] = json.loads(text)
    assert (line.pop("event"), line.pop("level")) == ("said", "info")
    assert line.pop("timestamp").endswith("Z")
    return line


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        'a "quoted"\nline\x00',
        "ä\u2028\x85\x9b[2J",
        "\ud800",
        7,
        2**80,
        1.5,
        True,
        None,
        {"a": {"b": [1, "ä"]}},
    ],
    ids=ascii,
)
def test_what_is_logged_stands_in_the_line(value: Any) -> None:
    """Text, numbers and what is made of them come back as they were."""
    assert _logged(value=value) == {"value": value}


@pytest.mark.parametrize("other", ["plain", "ä", "\ud800"], ids=ascii)
def test_what_json_has_no_word_for_is_shown(other: str) -> None:
    """Of anything else stands what it shows of itself: of a secret its stars."""
    line = _logged(token_of=Secret("planted"), error=ValueError("broken"), other=other)

    assert line == {"token_of": repr(Secret("planted")), "error": "ValueError('broken')", "other": other}


def test_secrets_are_masked_in_every_line() -> None:
    """Under a listed name nothing is told, at any depth, in any kind of document."""
    line = _logged(Token="planted", salt=Decimal(5), draft=[{"customer": ({"email": "a@b"},)}], email=None)

    assert line == {"Token": MASK, "salt": MASK, "draft": [{"customer": [{"email": MASK}]}], "email": None}


class _Unshowable:
    def __repr__(self) -> str:
        raise RuntimeError("cannot be shown")


def _endless() -> dict[str, Any]:
    made: dict[str, Any] = {}
    made["itself"] = made
    return made


@pytest.mark.parametrize("value", [_Unshowable(), _endless()], ids=["unshowable", "endless"])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_cannot_be_written_raises_nothing(value: Any, log_format: Any) -> None:
    """A line that cannot be made is told of, and whoever wrote it goes on."""
    stream = io.StringIO()
    configure_logging(log_format, "info", stream)

    structlog.get_logger().info("said", value=value)

    line = json.loads(stream.getvalue())
    assert (line["event"], line["of"]) == ("log.line_failed", "said")
