"""Signatures of outgoing webhooks."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from ordergate.gateway.outbound.sign import secret_of, signed_headers


@given(st.binary(min_size=24, max_size=64), st.text(max_size=100), st.uuids())
def test_the_maintained_library_verifies_a_signature(random: bytes, text: str, message: UUID) -> None:
    """A signature verifies; it fails with another secret, or with one more byte in the body."""
    secret, other = secret_of(random), secret_of(random + b"x")
    body = msgspec.json.encode({"text": text})
    headers = dict(signed_headers(f"evt_{message.hex}", datetime.now(UTC), body, [secret]))

    assert Webhook(secret).verify(body, headers) == {"text": text}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body + b" ", headers)


def test_the_example_of_the_specification() -> None:
    """The vector that the Standard Webhooks libraries share."""
    at = datetime.fromtimestamp(1614265330, UTC)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    headers = dict(signed_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', [secret]))

    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"
