"""The client against the gateway's own description: whatever can be asked over HTTP can be asked here."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, get_args

import pytest

from ordergate.client import blocking, blocking_events, calls, event_calls
from ordergate.client.building import Listing
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.web.app import create_app

NOT_CALLED = {
    "health_live": "what watches the process asks it, without a key",
    "health_ready": "what balances the load asks it, without a key",
    "receive_webhook": "a provider calls it, and signs instead of having a key",
    "get_configuration": "it is one process's; its operator has `ordergate check` and the file",
    "reload_configuration": "it reloads one process of several; its operator has SIGHUP",
}
"""By operation, why a merchant's code has no use for it."""

SAMPLES: Mapping[str, Any] = {
    "mode": "execute",
    "draft": {},
    "body": None,
    "order": "one",
    "operation": "one",
    "operation_id": "one",
    "comparison_id": "one",
    "endpoint": "one",
    "delivery": "one",
    "account": "one",
    "accounts": ["one"],
    "kind": "products",
    "link_id": "one",
    "links": [],
    "natives": {},
    "provider_order_id": "one",
}


@pytest.fixture(scope="module")
def described() -> dict[str, tuple[str, str, dict[str, Any]]]:
    """By operation id: method, path and the description."""
    app = create_app(Runtime(*[None] * 5), max_body_bytes=1024)  # type: ignore[arg-type]
    document = app.app.openapi_schema.to_schema()
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }


def _call(operation_id: str) -> Callable[..., Any]:
    """The function that is named like the operation."""
    found: Callable[..., Any] = getattr(calls, operation_id, None) or getattr(event_calls, operation_id)
    return found


def _offered(function: Callable[..., Any]) -> set[str]:
    """What the function may be told: its parameters, and the keywords of its options."""
    parameters = inspect.signature(function).parameters.values()
    (options,) = [each for each in parameters if each.kind is each.VAR_KEYWORD]
    (keywords,) = get_args(options.annotation)
    return {each.name for each in parameters} | keywords.__optional_keys__


def test_every_operation_has_a_call(described: dict[str, tuple[str, str, dict[str, Any]]]) -> None:
    """By the same name, to the same address, with a body and a key where there is one, and with every filter."""
    assert described.keys() >= NOT_CALLED.keys()
    for operation_id in described.keys() - NOT_CALLED.keys():
        method, path, description = described[operation_id]
        function = _call(operation_id)
        needed = inspect.signature(function).parameters.values()
        named = {
            each.name: SAMPLES[each.name]
            for each in needed
            if each.kind is not each.VAR_KEYWORD and (each.default is each.empty or each.name == "mode")
        }
        made = function(**named)
        call = made.call if isinstance(made, Listing) else made
        documented = {(each["in"], each["name"]) for each in description.get("parameters", ())}

        assert call.method == method, operation_id
        assert re.fullmatch(re.sub(r"{\w+}", "(one|products)", path), call.path), operation_id
        assert (call.body is not None) == ("requestBody" in description), operation_id
        assert (call.key is not None) == (("header", "Idempotency-Key") in documented), operation_id
        assert {name for place, name in documented if place == "query"} <= _offered(function), operation_id


def test_every_call_can_be_made(described: dict[str, tuple[str, str, dict[str, Any]]]) -> None:
    """Each has its method: there is no call that only the list of calls knows."""
    source = inspect.getsource(blocking) + inspect.getsource(blocking_events)

    made = set(re.findall(r"calls\.(\w+)\(", source))

    assert made - {"begun", "settled"} == described.keys() - NOT_CALLED.keys()
