"""Builds the HTTP application around a gateway."""

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import structlog
from litestar import HttpMethod, Litestar, Router
from litestar.connection import Request
from litestar.datastructures import State
from litestar.plugins import InitPlugin
from litestar.response import Response

from ordergate.gateway.runtime.runtime import Runtime
from ordergate.web import openapi
from ordergate.web.authentication import require_key
from ordergate.web.edge import Edge
from ordergate.web.handlers import (
    accounts,
    admin,
    comparisons,
    events,
    hooks,
    links,
    operations,
    orders,
    routes,
    service,
    webhooks,
)
from ordergate.web.problems import answer_problem, problem_of
from ordergate.web.strictness import StrictRequest, refuse_loose_query

_log = structlog.get_logger("ordergate.web")


KEYED = (
    orders.create_order,
    orders.list_orders,
    orders.get_order,
    orders.get_receipt,
    orders.pay_order,
    orders.cancel_order,
    orders.fulfill_order,
    orders.update_order,
    orders.return_goods,
    orders.list_returns,
    events.list_order_events,
    events.list_events,
    operations.get_operation,
    operations.list_operations,
    operations.recheck_operation,
    operations.resolve_operation,
    accounts.list_accounts,
    accounts.get_account,
    accounts.list_provider_orders,
    accounts.import_order,
    routes.explain_route,
    comparisons.translate_order,
    comparisons.create_comparison,
    comparisons.get_comparison,
    comparisons.list_comparisons,
    admin.get_configuration,
    admin.reload_configuration,
    links.import_links,
    links.put_link,
    links.get_link,
    links.delete_link,
    webhooks.create_webhook_endpoint,
    webhooks.list_webhook_endpoints,
    webhooks.get_webhook_endpoint,
    webhooks.update_webhook_endpoint,
    webhooks.delete_webhook_endpoint,
    webhooks.rotate_webhook_secret,
    webhooks.enable_webhook_endpoint,
    webhooks.disable_webhook_endpoint,
    webhooks.ping_webhook_endpoint,
    webhooks.list_webhook_deliveries,
    webhooks.replay_webhook_deliveries,
    webhooks.replay_webhook_delivery,
)
"""The key for the API."""

KEYLESS = (
    service.live,
    service.ready,
    service.metrics,
    service.problems,
    service.problem_page,
    hooks.receive_webhook,
)
"""Routes without a key; a webhook is authenticated by its signature."""


def create_app(
    runtime: Runtime, *, max_body_bytes: int, root_path: str = "", plugins: Sequence[InitPlugin] = ()
) -> Edge:
    """Return the ASGI application.

    Args:
        runtime: The gateway behind the API.
        max_body_bytes: Larger bodies are refused with 413.
        root_path: The prefix of every URL for callers; a proxy may remove it or not.
        plugins: Parts besides the API.
    """
    keyed = Router("/", before_request=_admit_strictly, security=[{"key": []}], route_handlers=KEYED)
    keyless = Router("/", before_request=_strictly, route_handlers=KEYLESS)
    app = Litestar(
        route_handlers=[keyed, keyless, openapi.assets_router()],
        request_class=StrictRequest,
        request_max_body_size=max_body_bytes,
        exception_handlers={Exception: _answer_and_log},
        openapi_config=openapi.openapi_config(version("ordergate"), root_path),
        plugins=list(plugins),
        state=State({"runtime": runtime}),
        logging_config=None,
    )
    return Edge(app, runtime, root_path)


# Hooks and no guards: for each guard and request Litestar makes a copy of the handler.
async def _admit_strictly(request: Request[Any, Any, Any]) -> Response[None] | None:
    if request.method == HttpMethod.OPTIONS:
        return _allowed(request)
    await require_key(request)
    refuse_loose_query(request)
    return None


async def _strictly(request: Request[Any, Any, Any]) -> Response[None] | None:
    if request.method == HttpMethod.OPTIONS:
        return _allowed(request)
    refuse_loose_query(request)
    return None


def _allowed(request: Request[Any, Any, Any]) -> Response[None]:
    """Answer with the methods of a path. The description is public, so no key is needed."""
    template = request.scope["path_template"]
    methods = {
        method for route in request.app.routes if route.path_format == template for method in route.methods
    }
    return Response(None, status_code=204, headers={"Allow": ", ".join(sorted(methods))})


def _answer_and_log(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Answer a problem; an unexpected exception is logged with its traceback."""
    if problem_of(error).code == "internal_error":
        _log.error("request.failed", path=request.scope.get("path_template"), exc_info=error)
    return answer_problem(request, error)
