"""Mutations of a genuine webhook: those of broken senders, of attackers, and of chance."""

import json
import re
from collections.abc import Callable
from random import Random

import msgspec

from ordergate.conformance.case import GenuineWebhook
from ordergate.spi.webhooks import ReceivedWebhook

DAY = 24 * 3600
LATE, EARLY = 31 * DAY, DAY
"""Seconds after which no delivery is of now, however long its provider tries; and before which none can be signed."""

_STRANGE = (
    " ", "\t", "\r\n", "\0", "\x7f", ",", ";", "=", '"', "0", "\xa0", "\xe9", "\xff\xfe", "\u0661", "\uff11", "\u200b",
    "\u2028", "\ufeff", "\ud800", "\udcff", "\U0001f600",
)  # fmt: skip
"""Inserted into headers: blanks, separators, digits of other scripts, and invalid UTF-8."""
_PADDING = (b"\n", b"\r\n", b" ", b"\0", b"}", b"\xff", b"\xef\xbb\xbf", b"{}")

Mutation = Callable[[GenuineWebhook, Random], GenuineWebhook]


def mutated(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    """Return a webhook with one to three mutations that change its proof or its time."""
    while True:
        other = webhook
        for _ in range(chance.randint(1, 3)):
            other = chance.choice(MUTATIONS)(other, chance)
        if other.now != webhook.now or _proof(other, webhook) != _proof(webhook, webhook):
            return other


def _proof(webhook: GenuineWebhook, genuine: GenuineWebhook) -> object:
    headers = webhook.delivery.headers
    return webhook.delivery.body, [headers.get(name) for name in genuine.delivery.headers]


def _with_body(webhook: GenuineWebhook, body: bytes) -> GenuineWebhook:
    return msgspec.structs.replace(webhook, delivery=msgspec.structs.replace(webhook.delivery, body=body))


def _with_headers(webhook: GenuineWebhook, headers: dict[str, tuple[str, ...]]) -> GenuineWebhook:
    return msgspec.structs.replace(
        webhook, delivery=ReceivedWebhook(headers=headers, body=webhook.delivery.body)
    )


def _flip_body(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    body = bytearray(webhook.delivery.body or b"\0")
    body[chance.randrange(len(body))] ^= 1 << chance.randrange(8)
    return _with_body(webhook, bytes(body))


def _cut_body(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    body = webhook.delivery.body
    return _with_body(webhook, body[: chance.randint(0, len(body))])


def _pad_body(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    body, padding = webhook.delivery.body, chance.choice(_PADDING)
    return _with_body(webhook, chance.choice((body + padding, padding + body, body + body)))


def _rewrite_body(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    """Parse it and write it again: the same JSON in other bytes."""
    try:
        document = json.loads(webhook.delivery.body)
    except ValueError:
        return webhook
    return _with_body(webhook, json.dumps(document, indent=chance.choice((None, 0, 2))).encode())


def _change_value(change: Callable[[str, Random], str]) -> Mutation:
    """Make a mutation that changes one value of one header."""

    def mutate(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
        headers = dict(webhook.delivery.headers)
        held = [name for name, values in headers.items() if values and values[0]]
        if not held:
            return webhook
        name = chance.choice(held)
        first, *rest = headers[name]
        return _with_headers(webhook, {**headers, name: (change(first, chance), *rest)})

    return mutate


def _flip(value: str, chance: Random) -> str:
    place = chance.randrange(len(value))
    other = chr((ord(value[place]) ^ 1 << chance.randrange(8)) & 0xFFFF)
    return value[:place] + other + value[place + 1 :]


def _insert(value: str, chance: Random) -> str:
    place = chance.choice((0, len(value), chance.randint(0, len(value))))
    return value[:place] + chance.choice(_STRANGE) + value[place:]


def _shift_time(value: str, chance: Random) -> str:
    """Change the time in it, as in a replay attack."""
    delta = chance.choice((-1, 1)) * chance.randint(1, 10**9)
    return re.sub(r"\d{9,11}", lambda found: str(int(found[0]) + delta), value, count=1, flags=re.ASCII)


def _other_digits(value: str, chance: Random) -> str:
    zero = chance.choice((0x0660, 0x0966, 0xFF10, 0x1D7CE))
    return re.sub(r"\d", lambda found: chr(zero + int(found[0])), value, flags=re.ASCII)


def _change_headers(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    """Leave a header out, empty or double it, spell its name otherwise, add others, or let two change places."""
    headers = dict(webhook.delivery.headers)
    if not headers:
        return webhook
    name, other = chance.choice(list(headers)), chance.choice(list(headers))
    values = headers.pop(name)
    given = values[0] if values else ""
    games: tuple[dict[str, tuple[str, ...]], ...] = (
        {},
        {name: ()},
        {name: ("",)},
        {name: (*values, given)},
        {name: (*values, "")},
        {name: ("", *values)},
        {name: (chance.choice(_STRANGE), *values)},
        {name.title(): values},
        {f"{name} ": values},
        {name.replace("-", "_") + "_": values},
        {name: values, "x-extra": (given,)},
        {name: headers.get(other, ("x",)), other: values if other != name else ("x",)},
    )
    return _with_headers(webhook, {**headers, **chance.choice(games)})


def _move_clock(webhook: GenuineWebhook, chance: Random) -> GenuineWebhook:
    late = chance.randint(LATE, 20 * 365 * DAY)
    early = -chance.randint(EARLY, 20 * 365 * DAY)
    return msgspec.structs.replace(webhook, now=webhook.now + chance.choice((late, early)))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_body,
    _cut_body,
    _pad_body,
    _rewrite_body,
    _change_value(_flip),
    _change_value(_insert),
    _change_value(_shift_time),
    _change_value(_other_digits),
    _change_value(lambda value, _: value.swapcase()),
    _change_value(lambda value, chance: value[: chance.randrange(len(value))]),
    _change_value(lambda value, _: value + value),
    _change_headers,
    _move_clock,
)
