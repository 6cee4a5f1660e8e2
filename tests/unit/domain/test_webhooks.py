"""How webhooks are signed and tried again, and which addresses they may go to."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ordergate.domain.webhooks import (
    may_be_reached,
    next_try_in,
    seconds_until,
    secret_of,
    signed_headers,
    url_errors,
)
from ordergate.gateway.configuration import Webhooks

PLAN = Webhooks().retries
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@given(st.binary(min_size=24, max_size=64), st.text(max_size=100), st.uuids())
def test_the_maintained_library_takes_what_is_signed(random: bytes, text: str, message: UUID) -> None:
    """What is signed verifies; with another secret, or one byte more, it does not."""
    secret, other = secret_of(random), secret_of(random + b"x")
    body = msgspec.json.encode({"text": text})
    headers = dict(signed_headers(f"evt_{message.hex}", datetime.now(UTC), body, [secret]))

    assert Webhook(secret).verify(body, headers) == {"text": text}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)


def test_the_specifications_own_example() -> None:
    """The vector that the Standard Webhooks libraries share."""
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = dict(signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret]))

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_ten_retries_in_about_three_days() -> None:
    """The plan has ten retries, the last two to three and a half days after the first try, however chance falls."""
    for chance in (0.0, 0.5, 1.0):
        pauses = [next_try_in(tries, PLAN, chance, None) for tries in range(1, 11)]
        total = timedelta(seconds=sum(pause for pause in pauses if pause is not None))
        assert timedelta(days=2.2) < total < timedelta(days=3.4)
    assert next_try_in(11, PLAN, 0.5, None) is None


@given(st.integers(1, 12), st.floats(0, 1), st.none() | st.floats(0, 1e9))
def test_a_receiver_is_not_tried_before_it_asks_to_be(tries: int, chance: float, asked: float | None) -> None:
    """Retry-After is obeyed up to a day, and never shortens what is planned by more than chance does."""
    pause = next_try_in(tries, PLAN, chance, asked)

    if pause is None:
        assert tries > len(PLAN)
    else:
        assert pause >= min(asked or 0, 86_400)
        assert pause >= PLAN[tries - 1] * 0.8


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("Sun, 01 Mar 2026 12:01:00 GMT", 60.0),
        ("Sun, 01 Mar 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
        ("1e9", None),
        ("9" * 40, 999999999.0),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    """Seconds or a date; what nobody can read asks for nothing."""
    assert seconds_until(header, NOW) == seconds


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "fe80::1%eth0",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    """Private, loopback, link-local, multicast, reserved, and whatever leads to one of those."""
    assert not may_be_reached(ip_address(address), ())


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_addresses_that_may_be_reached(address: str) -> None:
    """Public ones."""
    assert may_be_reached(ip_address(address), ())


def test_networks_that_are_allowed() -> None:
    """Only the named network, by either notation of its addresses."""
    allowed = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]

    assert may_be_reached(ip_address("10.1.2.3"), allowed)
    assert may_be_reached(ip_address("::ffff:10.1.2.3"), allowed)
    assert may_be_reached(ip_address("fd00::1"), allowed)
    assert not may_be_reached(ip_address("127.0.0.1"), allowed)
    assert not may_be_reached(ip_address("::1"), allowed)


def test_a_url_says_what_is_wrong_with_it() -> None:
    """One error, at the URL, with the cure."""
    (error,) = url_errors("http://example.com", live=True, allowed=())

    assert (error.pointer, error.code) == ("/url", "invalid_value")
    assert "https://" in error.detail
    assert url_errors("http://example.com", live=False, allowed=()) == []
    assert url_errors("https://example.com:8443/x?y=z", live=True, allowed=()) == []
    assert url_errors("http://127.0.0.1/", live=False, allowed=[ip_network("127.0.0.0/8")]) == []
