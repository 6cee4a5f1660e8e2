"""Our own description, taken at its word: every answer to whatever fits it, or nearly, is one that it documents."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, Response
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.scenarios.shop import CUSTOMER, SKUS, Emulator, Shop, open_shop, write_config

from ordergate.gateway.accounts.registry import installed_adapters

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OPERATIONS = (
    ("GET", "/v1/orders"),
    ("POST", "/v1/orders"),
    ("GET", "/v1/orders/{order_id}"),
    ("PATCH", "/v1/orders/{order_id}"),
    ("POST", "/v1/orders/{order_id}/pay"),
    ("POST", "/v1/orders/{order_id}/cancel"),
    ("POST", "/v1/orders/{order_id}/fulfill"),
    ("GET", "/v1/orders/{order_id}/receipt"),
    ("POST", "/v1/translations"),
    ("GET", "/v1/comparisons"),
    ("POST", "/v1/comparisons"),
    ("GET", "/v1/comparisons/{comparison_id}"),
    ("GET", "/v1/orders/{order_id}/returns"),
    ("POST", "/v1/orders/{order_id}/returns"),
    ("GET", "/v1/operations"),
    ("GET", "/v1/operations/{operation_id}"),
    ("POST", "/v1/operations/{operation_id}/recheck"),
    ("POST", "/v1/operations/{operation_id}/resolve"),
    ("GET", "/v1/accounts"),
    ("GET", "/v1/accounts/{account}"),
    ("GET", "/v1/accounts/{account}/orders"),
    ("POST", "/v1/accounts/{account}/orders/import"),
    ("POST", "/v1/routes/explain"),
    ("GET", "/v1/admin/config"),
    ("POST", "/v1/admin/reload"),
    ("POST", "/v1/links/import"),
    ("GET", "/v1/links/{kind}/{link_id}"),
    ("PUT", "/v1/links/{kind}/{link_id}"),
    ("DELETE", "/v1/links/{kind}/{link_id}"),
    ("GET", "/v1/orders/{order_id}/events"),
    ("GET", "/v1/events"),
    ("POST", "/v1/webhook_endpoints"),
    ("GET", "/v1/webhook_endpoints"),
    ("GET", "/v1/webhook_endpoints/{endpoint_id}"),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/ping"),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/rotate"),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/enable"),
    ("POST", "/v1/webhook_endpoints/{endpoint_id}/disable"),
    ("GET", "/v1/webhook_deliveries"),
    ("POST", "/v1/webhook_deliveries/replay"),
    ("POST", "/v1/webhook_deliveries/{delivery_id}/replay"),
    ("PATCH", "/v1/webhook_endpoints/{endpoint_id}"),
    ("DELETE", "/v1/webhook_endpoints/{endpoint_id}"),
    ("POST", "/hooks/{account}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
)


class Served:
    """A gateway that knows an order at each provider, and what it says of itself."""

    def __init__(self, folder: Path, emulators: Mapping[str, Emulator]) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        self.accounts = sorted(emulators)
        shop = open_shop(write_config(folder, emulators), emulators, self.accounts[0])
        self.shop: Shop = self._wait(self._stack.enter_async_context(shop))
        self.orders = {name: self._order(name) for name in self.accounts}
        self.endpoint = self._endpoint()
        self.document = self._wait(self.shop.get("/schema/openapi.json")).json()
        self.schema = schemathesis.openapi.from_dict(self.document)

    def close(self) -> None:
        self._wait(self._stack.aclose())
        self._loop.close()

    def send(self, case: Case) -> Response:
        prepared = requests.Request(**case.as_transport_kwargs(base_url=self.shop.url)).prepare()
        answer = self._wait(
            self.shop.client.request(
                prepared.method or "",
                prepared.url or "",
                headers={**prepared.headers, "Authorization": f"Bearer {self.shop.key}"},
                content=prepared.body,
            )
        )
        return Response.from_httpx(answer, verify=False)

    def _order(self, account: str) -> dict[str, Any]:
        return self._wait(self.shop.order(account=account))

    def _endpoint(self) -> str:
        """An endpoint that nothing can reach, so that a ping ends at once."""
        body = {"url": "http://localhost:9/"}
        made = self._wait(self.shop.call("POST", "/v1/webhook_endpoints", json=body))
        self._wait(
            self.shop.call(
                "POST", "/v1/webhook_deliveries/replay", json={"endpoint": made.json()["id"], "after": 0}
            )
        )
        return made.json()["id"]

    def _wait(self, coroutine: Any) -> Any:
        return self._loop.run_until_complete(coroutine)


@pytest.fixture(scope="module")
def served(
    running_emulators: Mapping[str, Emulator], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    for emulator in running_emulators.values():
        emulator.reset()
    served = Served(tmp_path_factory.mktemp("served"), running_emulators)
    yield served
    served.close()


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=lambda part: part)
def test_every_answer_is_documented(served: Served, method: str, path: str, mode: GenerationMode) -> None:
    """No 5xx, no status or content type that the description lacks, and no body that breaks its schema."""
    operation = served.schema[path][method]

    @settings(
        max_examples=20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), real=st.sampled_from([*served.accounts, None]))
    def answers(case: Case, real: str | None) -> None:
        case.body = _whole_numbers(case.body)
        if real is not None:
            _name_what_is_there(case, served.orders[real], served.endpoint)
        case.validate_response(served.send(case), checks=CHECKS)

    if mode is GenerationMode.NEGATIVE and not _refusable(served.document["paths"][path][method.lower()]):
        return
    answers()


def test_every_operation_is_tried(served: Served) -> None:
    """The list of operations above is the description's own."""
    documented = {
        (method.upper(), path) for path, methods in served.document["paths"].items() for method in methods
    }

    assert set(OPERATIONS) == documented
    assert served.accounts == sorted(installed_adapters())


def _refusable(operation: Mapping[str, Any]) -> bool:
    """Whether there is anything that a caller can get wrong."""
    return bool(operation.get("parameters") or operation.get("requestBody"))


def _whole_numbers(value: Any) -> Any:
    """JSON Schema takes 19.0 for an integer, and writes it so; the gateway, for exactness, does not."""
    if isinstance(value, dict):
        return {name: _whole_numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_whole_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _name_what_is_there(case: Case, order: Mapping[str, Any], endpoint: str) -> None:
    """Invented ids would never get beyond a 404: name an account, an order, its lines and known links."""
    there = {"order_id": order["id"], "account": order["account"], "endpoint_id": endpoint}
    for name in there.keys() & (case.path_parameters or {}).keys():
        case.path_parameters[name] = there[name]
    if not isinstance(case.body, dict):
        return
    if "line_items" in case.body:
        case.body.update(account=order["account"], customer={"id": CUSTOMER}, currency="USD")
        for line in case.body["line_items"] if isinstance(case.body["line_items"], list) else ():
            if isinstance(line, dict) and "sku" in line:
                line["sku"] = SKUS[0]
    for line in case.body.get("lines") or () if isinstance(case.body.get("lines"), list) else ():
        if isinstance(line, dict):
            line["line_item_id"] = order["line_items"][0]["id"]
    if "endpoint" in case.body:
        case.body["endpoint"] = endpoint
    if "provider_order_id" in case.body:
        case.body["provider_order_id"] = order["provider_order_id"]
