"""The request signature and the clock window."""

import json

import pytest

from ordergate.spi.emulator import EmulatedRequest
from ordergate_rapyd.emulator.javascript import parse
from ordergate_rapyd.emulator.signature import Credentials, SignedParts, body_string, sign

from .emulator_client import START, Client

KEYS = Credentials(
    access_key="AKTEST0123456789ABCD",
    secret_key="sk_test_00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
)
ORDER = "/v1/orders/order_87b78d2923633ab410654749e8817895"
CREATE = (
    '{"customer":"cus_4e25112ac20e144ad073a614dc46934b","currency":"USD","items":[{"type":"sku","currency":'
    '"USD","amount":200,"quantity":2,"parent":"sku_6eb43887fd478baaf9223ec7ec17da21","description":"Deluxe '
    'Gamer\'s Chair"},{"type":"shipping","amount":10,"currency":"USD","description":"Shipping"}],'
    '"upstream_id":"2025-11-18a","email":"johndoe@rapyd.net"}'
)
T1 = "NzQ5NGZlMGRmZGEwMDQxOTAwNmQ1ODJkYzJiOTM1NDRhMWQ5OGViYjlhNWMyOTBjNjBmMzc5ODI0ZDFkYTg2OA=="
T2 = "YmIxZWM1ZGY2ZmFmNjI0NzY4YjZkZDk0NzA4NmM1YjM2ZWI3ODQ3NTE5NjY4MzY4NGZlMjNmMjI2NzlmM2E3MA=="
T3 = "NTlhYWRmMTY5NzhhODBiNzE2ZjEzYzAzNGQ1NTY2OWJjNjJjOTk0MzhmOTg5YTA0MjhhNjlhZDBkNmRlNTY4OA=="

VECTORS = {
    "V1": (
        ("GET", ORDER, "a1b2c3d4e5f6", "1763477605", ""),
        "M2RjNzI3Zjk2NTdhNWJlNGMyNjczY2RkNmU0NzNlMGY3OTg3ZmMwYmE2NzBiN2NmYzhiYjhkNDhlMjZiNGVkOA==",
    ),
    "V2": (
        ("POST", "/v1/orders", "Zx9Qw3Er7TyU", "1763477605", CREATE),
        "ZThhZGQzMGExYmE5NjYzMDdkY2M1ZTM2OTEzZTgyZTc3MTg5YzBhNWJlNWM3ZTNhNjVmNmY4YjI5NzVmMjQwMg==",
    ),
    "V3": (
        (
            "GET",
            "/v1/orders?limit=10&starting_after=order_87b78d2923633ab410654749e8817895",
            "0011223344556677",
            "1763477700",
            "",
        ),
        "ZDA0M2VmNmRkNzIzNjZkZmM5ODY2N2FmN2MwNzg5OWU2YmE1ZTI3NzQ3NTdlN2UyM2UzNDY0NGUxOGIwYjA3OA==",
    ),
    "V4": (
        ("POST", ORDER, "k3J9mN2pQ8rS", "1763477800", '{"tax_percent":13.5}'),
        "ZmE4OGJmZTM1MDU4NTM0NjIyYWVkODZmOWVlYTEwMzk3N2IyYTUyY2MxNmU0YzY0NmNkNDEyZjY0ZWMyM2ZmZQ==",
    ),
    "V5": (
        ("POST", f"{ORDER}/pay", "pAyS4lT00001", "1763477900", "{}"),
        "ZjI4ZjE4OTk3NDE5ZTQ0N2QyNThiYjE4M2VkZDJlYjZiZTFmMDNkMThkZDMwMTYzYjVlZmNiZmI2MTY2ZjYwYw==",
    ),
    "V6": (
        ("POST", ORDER, "uNiC0dE55aLt", "1763478000", '{"metadata":{"note":"café/π"}}'),
        "NWE5YjBkNjQ1NDdiNzJmM2JiZTI2YmQ4MzVkMmVkNWQ1YzE2MmY2N2RiOGRlNzFmMDJhMDFiYWFlMzIzMDJkZg==",
    ),
    "V6 escaped": (
        ("POST", ORDER, "uNiC0dE55aLt", "1763478000", '{ "metadata": {"note": "caf\\u00e9\\/\\u03c0"} }'),
        "NWE5YjBkNjQ1NDdiNzJmM2JiZTI2YmQ4MzVkMmVkNWQ1YzE2MmY2N2RiOGRlNzFmMDJhMDFiYWFlMzIzMDJkZg==",
    ),
    "T2": (
        ("POST", "/v1/orders", "TrAiL1nGz3r0", "1763478100", '{"items":[{"type":"sku","amount":200}]}'),
        T2,
    ),
    "T2, sent as 200.00": (
        ("POST", "/v1/orders", "TrAiL1nGz3r0", "1763478100", '{"items":[{"type":"sku","amount":200.00}]}'),
        T2,
    ),
    "T3": (
        ("POST", "/v1/orders", "TrAiL1nGz3r0", "1763478100", '{"items":[{"type":"sku","amount":"200.00"}]}'),
        T3,
    ),
}


def _parts(method: str, target: str, salt: str, timestamp: str, body: str) -> SignedParts:
    return SignedParts(method=method, target=target, salt=salt, timestamp=timestamp, body=body)


@pytest.mark.parametrize(("request_parts", "signature"), VECTORS.values(), ids=VECTORS)
def test_vectors(request_parts: tuple[str, str, str, str, str], signature: str) -> None:
    """The signature over the body as serialised again equals the published vector."""
    *head, body = request_parts

    assert signature == sign(_parts(*head, body_string(parse(body.encode())) if body else ""), KEYS)


def test_vector_t1_is_over_bytes_that_are_never_signed() -> None:
    """T1 signs ``200.00`` as sent: its bytes give the vector, the body as serialised again does not."""
    body = '{"items":[{"type":"sku","amount":200.00}]}'
    head = ("POST", "/v1/orders", "TrAiL1nGz3r0", "1763478100")

    assert sign(_parts(*head, body), KEYS) == T1
    assert sign(_parts(*head, body_string(parse(body.encode()))), KEYS) == T2


def test_empty_object_signs_as_nothing() -> None:
    """``{}`` is signed as the empty string, ``[]`` as it is."""
    assert [body_string(parse(b"{ }")), body_string(parse(b"[ ]"))] == ["", "[]"]


def _padded_create(client: Client) -> bytes:
    return json.dumps(client.order_body()).encode().replace(b'"amount": 200', b'"amount": 200.00')


def test_signature_over_the_bytes_sent_is_refused() -> None:
    """A client that signs ``200.00`` and white space as sent is turned away."""
    client = Client()
    answer = client.send(client.signed("POST", "/v1/orders", _padded_create(client)))

    assert (answer.status, answer.code) == (401, "UNAUTHENTICATED_API_CALL")
    assert answer.envelope["status"]["message"] == "Invalid signature"


def test_signature_over_the_body_as_serialised_again_is_accepted() -> None:
    """The same bytes, signed in canonical form, make an order."""
    client = Client()
    canonical = json.dumps(client.order_body(), separators=(",", ":"))
    answer = client.send(client.signed("POST", "/v1/orders", _padded_create(client), canonical))

    assert answer.data["amount"] == 410


def test_lenient_signature_accepts_both() -> None:
    """Without strictness the bytes as sent may be signed instead."""
    client = Client(strict_signature=False)
    canonical = json.dumps(client.order_body(), separators=(",", ":"))
    body = _padded_create(client)

    assert client.send(client.signed("POST", "/v1/orders", body)).status == 200
    assert client.send(client.signed("POST", "/v1/orders", body, canonical)).status == 200
    assert client.send(client.signed("POST", "/v1/orders", body, "")).status == 401


def test_signature_that_fits_only_the_bytes_sent_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The most common mistake is named in the log."""
    client = Client()
    client.send(client.signed("POST", "/v1/orders", _padded_create(client)))

    assert "as it is serialised again" in caplog.text


def test_signing_braces_for_an_empty_body_is_refused() -> None:
    """``{}`` has to be signed as the empty string."""
    client = Client()
    order = client.created()
    target = f"/v1/orders/{order['id']}/pay"

    assert client.send(client.signed("POST", target, b"{}", "{}")).code == "UNAUTHENTICATED_API_CALL"
    assert client.send(client.signed("POST", target, b"{}", "")).data["status"] == "pending"


def test_query_is_signed_as_sent() -> None:
    """Leaving out the query, or its encoding, breaks the signature."""
    client = Client()
    request = client.signed("GET", "/v1/orders?limit=10&x=%2F")
    without = client.signed("GET", "/v1/orders")

    assert client.send(request).status == 200
    assert client.send(_with(without, query="limit=10")).status == 401
    assert client.send(_with(request, query="limit=10&x=/")).status == 401


def test_method_and_path_are_signed() -> None:
    """A signature for one method or path does not fit another."""
    client = Client()
    request = client.signed("GET", "/v1/orders")

    assert client.send(_with(request, method="POST")).code == "UNAUTHENTICATED_API_CALL"
    assert client.send(_with(request, path="/v1/order_returns")).code == "UNAUTHENTICATED_API_CALL"


def _with(request: EmulatedRequest, **changes: str) -> EmulatedRequest:
    parts = {name: getattr(request, name) for name in request.__struct_fields__}
    return EmulatedRequest(**{**parts, **changes})


@pytest.mark.parametrize("name", ["access_key", "salt", "timestamp", "signature"])
@pytest.mark.parametrize("status", [400, 401])
def test_missing_header(name: str, status: int) -> None:
    """Each of the four headers is needed."""
    client = Client(missing_headers_status=status)
    request = client.signed("GET", "/v1/orders")
    headers = {key: value for key, value in request.headers.items() if key != name}
    answer = Client.send(client, EmulatedRequest(method="GET", path="/v1/orders", headers=headers))

    assert (answer.status, answer.code) == (status, "MISSING_AUTHENTICATION_HEADERS")
    assert answer.envelope["status"]["message"].startswith("The request did not contain the required headers")


@pytest.mark.parametrize("timestamp", ["soon", "1763477605.0", "-1", "\u0661\u0667", "1e9", " 1763477605"])
def test_timestamp_that_is_no_number_counts_as_missing(timestamp: str) -> None:
    """Only decimal digits are a timestamp."""
    answer = Client().get("/v1/orders", timestamp=timestamp)

    assert (answer.status, answer.code) == (400, "MISSING_AUTHENTICATION_HEADERS")


@pytest.mark.parametrize(
    ("age", "status"), [(-3600, 401), (-1, 401), (0, 200), (1, 200), (59, 200), (60, 200), (61, 401)]
)
@pytest.mark.parametrize("fraction", [0.0, 0.999])
def test_clock_window(age: int, status: int, fraction: float) -> None:
    """A timestamp is good for a minute, and never from the future, in whole seconds."""
    client = Client()
    client.now = START + fraction

    assert client.get("/v1/orders", timestamp=str(int(START) - age)).status == status


def test_sixtieth_second_is_a_switch() -> None:
    """The docs disagree on a timestamp that is exactly a minute old."""
    client = Client(accept_sixty_second_timestamp=False)

    assert client.get("/v1/orders", timestamp=str(int(START) - 60)).status == 401
    assert client.get("/v1/orders", timestamp=str(int(START) - 59)).status == 200


def test_absurd_timestamp_is_refused() -> None:
    """Digits without end are not read as a number."""
    assert Client().get("/v1/orders", timestamp="9" * 5000).code == "UNAUTHENTICATED_API_CALL"


ACCOUNT_STATUS = (
    "The request was rejected due to an authentication issue. Corrective action: Check the status of your "
    "account in the 'Account Details' page of the Client Portal."
)


@pytest.mark.parametrize(
    ("messages", "for_key", "for_signature"),
    [
        ("by_cause", ACCOUNT_STATUS, "Invalid signature"),
        ("account_status", ACCOUNT_STATUS, ACCOUNT_STATUS),
        ("older", "access_key header is not valid", "Invalid signature"),
    ],
)
def test_messages_differ_where_the_code_does_not(messages: str, for_key: str, for_signature: str) -> None:
    """One code covers every cause; its text depends on the cause, and on the age of the docs."""
    client = Client(authentication_messages=messages)
    wrong_key = client.get("/v1/orders", access_key="AKNOBODY")
    wrong_signature = client.get("/v1/orders", signature="x" * 88)
    stale = client.get("/v1/orders", timestamp="1")

    assert {"UNAUTHENTICATED_API_CALL"} == {wrong_key.code, wrong_signature.code, stale.code}
    assert for_key == wrong_key.envelope["status"]["message"]
    assert for_signature == wrong_signature.envelope["status"]["message"]
    assert stale.envelope["status"]["message"] == ACCOUNT_STATUS


def test_reused_salt_is_a_switch() -> None:
    """Salts may repeat unless they are watched, and then for a minute only."""
    client = Client()
    assert [client.get("/v1/orders", salt="same").status for _ in range(2)] == [200, 200]

    client.emulator.set_switches({"reject_reused_salts": True})
    assert [client.get("/v1/orders", salt="same").status for _ in range(2)] == [200, 401]
    client.wait(61)
    assert client.get("/v1/orders", salt="same").status == 200


def test_headers_that_are_not_ascii_are_refused() -> None:
    """Odd headers end in a refusal, not in an exception."""
    client = Client()

    assert client.get("/v1/orders", signature="é\ud800").status == 401
    assert client.get("/v1/orders", access_key="é\udcff").status == 401
