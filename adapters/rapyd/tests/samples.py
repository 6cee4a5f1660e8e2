"""Rapyd's own samples, from its documentation, and signatures computed by four independent clients of it."""

import json
from pathlib import Path
from typing import Any

import msgspec

from ordergate.spi.wire import WireResponse

_ENTRIES = {
    entry["name"]: entry for entry in json.loads(Path(__file__).with_name("samples.json").read_bytes())
}


def sample(name: str) -> Any:
    """Return a sample's body, decoded; each time anew, so that a test may change it."""
    return json.loads(json.dumps(_ENTRIES[name]["body"]))


def answer(name: str) -> WireResponse:
    """Return a sample as the answer that it is."""
    return respond(_ENTRIES[name]["body"], _ENTRIES[name]["http_status"])


def respond(body: Any, status: int = 200) -> WireResponse:
    """Return an answer with this JSON body."""
    return WireResponse(
        status=status, headers={"content-type": "application/json"}, body=msgspec.json.encode(body)
    )


def envelope(data: Any) -> dict[str, Any]:
    """Wrap what a successful call answers."""
    status = {
        "error_code": "",
        "status": "SUCCESS",
        "message": "",
        "response_code": "",
        "operation_id": "o-1",
    }
    return {"status": status, "data": data}


def refusal(code: str, status: int = 400) -> WireResponse:
    """Return Rapyd's refusal with this code."""
    said = {
        "error_code": code,
        "status": "ERROR",
        "message": "The request was rejected.",
        "response_code": code,
        "operation_id": "76b1dab8-cc7e-4035-9a3c-792c21bef676",
    }
    return respond({"status": said}, status)


def order(**changes: Any) -> dict[str, Any]:
    """Return the documented order of 410 USD with changes; a member set to ``...`` is left out."""
    members = {**sample("create_order_ok.response")["data"], **changes}
    return {name: value for name, value in members.items() if value is not ...}


def payment(**changes: Any) -> dict[str, Any]:
    """Return the documented card payment, for 410 USD, with changes; ``...`` leaves a member out."""
    documented = sample("webhook.ORDER_UPDATED_partial")["data"]["payment"]
    members = {**documented, "amount": 410, "original_amount": 410, **changes}
    return {name: value for name, value in members.items() if value is not ...}


def transitions(**times: int) -> dict[str, int]:
    """Return the six times that an order shows; zero for never."""
    never = dict.fromkeys(("canceled", "fulfilled", "paid", "returned", "pending", "partial"), 0)
    return {**never, **times}


SIGNATURES = {
    name.removeprefix("signature_vector."): entry["body"]
    for name, entry in _ENTRIES.items()
    if name.startswith("signature_vector.")
}
"""Signature vectors by name, made with fake keys."""
