"""The request signature, against vectors that four independent clients of Rapyd agree on."""

import base64
import hashlib
import hmac

import pytest

from ordergate.domain.commands import Command
from ordergate.spi.wire import WireRequest
from ordergate_rapyd import adapter
from ordergate_rapyd.signing import authentication_headers, signature

from .commands import READS, SETTINGS, WRITES, asked, create, draft, line
from .javascript import rewritten
from .samples import SIGNATURES

NOW = 1_763_477_615
NONCE = "00112233445566aa"

HOSTILE = {
    "every control character": "".join(map(chr, range(0x20))),
    "delete and the C1 controls": "".join(map(chr, range(0x7F, 0xA0))),
    "line and paragraph separators": "a\u2028b\u2029c",
    "byte order mark and non-characters": "\ufeff\ufffe\uffff",
    "emoji, joined and with a skin tone": "😀👩‍👩‍👧‍👦👍🏽🇩🇪",
    "quotes": '"Deluxe" Gamer\'s `Chair`',
    "slashes": "a/b\\c//d\\\\e\\/f",
    "what looks like an escape": '\\u0041\\n\\"',
    "markup": "<script>alert('&amp;')</script>",
    "right to left, and combining marks": "\u202e\u05e9\u05dc\u05d5\u05dd\u202c e\u0301 é",
    "beyond the first plane": "\U0001d518\U0001d52b \U0010ffff",
    "blanks of all kinds": " \t\u00a0\u2003\u3000 ",
    "nothing": "",
}
"""Text that some writer of JSON escapes and another does not."""


def signed(request: WireRequest) -> WireRequest:
    return adapter.sign(request, SETTINGS, NOW, NONCE)


def header(request: WireRequest, name: str) -> str:
    (value,) = (value for found, value in request.headers if found == name)
    return value


@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_vector_is_reproduced(name: str) -> None:
    """Every vector, the webhook's included, comes out as the other clients compute it."""
    vector = SIGNATURES[name]
    computed = signature(
        method=vector["method"],
        path=vector["path_or_url"],
        salt=vector["salt"],
        timestamp=vector["timestamp"],
        access_key=vector["access_key"],
        secret_key=vector["secret_key"],
        body=vector["body_string"].encode(),
    )

    assert vector["signature"] == computed
    assert vector["hmac_sha256_hex"] == base64.b64decode(computed).decode()


def test_vectors_are_all_there() -> None:
    """The table holds the six requests, the three notations of one amount, and the webhook."""
    assert {"V1", "V2", "V3", "V4", "V5", "V6", "T1", "T2", "T3", "W1"} == SIGNATURES.keys()


def test_digest_is_encoded_as_text() -> None:
    """What is base64-encoded is the digest's 64 hexadecimal characters, never its 32 bytes."""
    computed = signed(asked(READS[0]))

    assert len(header(computed, "signature")) == 88
    assert header(computed, "signature").endswith("==")


def test_empty_object_signs_as_nothing() -> None:
    """A body of ``{}`` has the signature of no body at all."""
    vector = SIGNATURES["V5"]
    parts = {name: vector[name] for name in ("method", "salt", "timestamp", "access_key", "secret_key")}

    assert vector["signature"] == signature(**parts, path=vector["path_or_url"], body=b"")
    assert vector["signature"] == signature(**parts, path=vector["path_or_url"], body=b"{}")


def test_upper_case_method_is_signed_in_lower_case() -> None:
    """Requests carry ``POST``, signatures ``post``."""
    vector = SIGNATURES["V4"]
    parts = {name: vector[name] for name in ("salt", "timestamp", "access_key", "secret_key")}
    computed = signature(
        **parts, method="POST", path=vector["path_or_url"], body=vector["body_string"].encode()
    )

    assert vector["signature"] == computed


def test_headers_are_the_four() -> None:
    """Exactly access key, salt, timestamp and signature authenticate; the clock's reading less ten seconds."""
    headers = authentication_headers(
        method="GET",
        path="/v1/orders",
        body=b"",
        access_key="AK",
        secret_key="sk",
        now=NOW,
        salt=NONCE,
    )

    assert [name for name, _ in headers] == ["access_key", "salt", "timestamp", "signature"]
    assert ("AK", NONCE, str(NOW - 10)) == tuple(value for _, value in headers[:3])


@pytest.mark.parametrize("command", [*READS, *WRITES], ids=lambda command: type(command).__name__)
def test_what_is_sent_is_what_was_signed(command: Command) -> None:
    """Signing changes neither method, path nor bytes, and signs exactly these."""
    request = asked(command)
    sent = signed(request)
    message = b"".join(
        (
            sent.method.lower().encode(),
            sent.path.encode(),
            header(sent, "salt").encode(),
            header(sent, "timestamp").encode(),
            header(sent, "access_key").encode(),
            SETTINGS.secret_key.reveal().encode(),
            sent.body,
        )
    )
    digest = hmac.new(SETTINGS.secret_key.reveal().encode(), message, hashlib.sha256).hexdigest()

    assert (request.method, request.path, request.body) == (sent.method, sent.path, sent.body)
    assert request.headers == sent.headers[: len(request.headers)]
    assert base64.b64encode(digest.encode()).decode() == header(sent, "signature")


def test_secret_key_is_not_sent() -> None:
    """The secret key stands in no header, in no path and in no body."""
    sent = signed(asked(create()))
    everything = [sent.path, sent.body.decode(), *(value for pair in sent.headers for value in pair)]

    assert not any(SETTINGS.secret_key.reveal() in text for text in everything)


def test_each_attempt_is_signed_for_itself() -> None:
    """Another nonce, or another second, makes another signature over the same bytes."""
    request = asked(create())
    signatures = {
        header(adapter.sign(request, SETTINGS, now, nonce), "signature")
        for now, nonce in ((NOW, NONCE), (NOW + 1, NONCE), (NOW, "another"))
    }

    assert len(signatures) == 3


def test_hostile_text_is_written_as_javascript_writes_it() -> None:
    """JavaScript parses and rewrites every body that we send without changing a byte."""
    bodies = [
        asked(
            create(
                draft(
                    line(description=text),
                    reference=text,
                    metadata={"text": text, "yes": True, "no": False},
                )
            )
        ).body
        for text in HOSTILE.values()
    ]

    assert dict(zip(HOSTILE, bodies, strict=True)) == dict(zip(HOSTILE, rewritten(bodies), strict=True))


def test_every_character_is_written_as_javascript_writes_it() -> None:
    """Of all characters that UTF-8 carries, none is escaped in another way than JavaScript does."""
    characters = [chr(code) for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF]
    blocks = ["".join(characters[start : start + 0x4000]) for start in range(0, len(characters), 0x4000)]
    bodies = [asked(create(draft(line(description=block)))).body for block in blocks]

    assert bodies == rewritten(bodies)


AMOUNTS = (1, 9, 10, 11, 99, 100, 101, 1000, 1050, 9999, 10_000, 10_001, 123_456_789, 10**14, 10**15 - 1)


@pytest.mark.parametrize("currency", ["JPY", "USD", "BHD", "CLF"])
def test_numbers_are_written_as_javascript_writes_them(currency: str) -> None:
    """Amounts, percentages and metadata integers survive JavaScript's doubles unchanged, to the last digit."""
    percents = (None, "0.0001", "13.5", "99.9999", "100")
    bodies = [
        asked(
            create(
                draft(
                    line(unit_amount=amount, quantity=1),
                    currency=currency,
                    tax_percent=percent,
                    metadata={"large": 2**53, "small": -(2**53), "one": 1},
                )
            )
        ).body
        for amount in AMOUNTS
        for percent in percents
    ]

    assert bodies == rewritten(bodies)
