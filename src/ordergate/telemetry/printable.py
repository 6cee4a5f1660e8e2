"""Makes text that others wrote safe to print: a terminal takes some of it for a command, a person for another line."""

import re

_MAX_BMP = 0xFFFF


def printable(text: object) -> str:
    """Return text on one line, in which control characters, line ends and changes of direction do nothing."""
    shown = str(text)
    if shown.isprintable():
        return shown
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in shown)


def printable_json(document: bytes) -> str:
    r"""Return the same document with such characters spelt ``\u009b``: JSON leaves most of them as they are."""
    text = document.decode()
    return text if text.isprintable() else re.sub(r"[^ -~\n]", _spelt, text)


def _spelt(match: re.Match[str]) -> str:
    letter = match[0]
    if letter.isprintable():
        return letter
    if ord(letter) <= _MAX_BMP:
        return f"\\u{ord(letter):04x}"
    high, low = divmod(ord(letter) - _MAX_BMP - 1, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
