"""The API's description, and its page, which loads nothing from elsewhere."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import swagger_ui
from litestar import Litestar, Request, Response, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import (
    Components,
    Example,
    OpenAPI,
    OpenAPIMediaType,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
    Server,
    Tag,
)
from litestar.routes import HTTPRoute
from litestar.static_files import create_static_files_router

from ordergate.api.documents import ProblemDocument
from ordergate.domain.draft import Body
from ordergate.domain.errors import Problem
from ordergate.web.authentication import SCOPE
from ordergate.web.problems import MEDIA_TYPE

IDEMPOTENCY_KEY = "Idempotency-Key"
RAW_BODY = "receive_webhook"
"""An operation whose handler reads its body itself."""
_ASSETS = "/schema/assets"
_KEY_SCHEME = "key"
_KEY_DESCRIPTION = (
    "og_test_… or og_live_…; each operation names the scope that a key needs for it. `admin` is for operators' keys, "
    "which need no other."
)


def answers(kind: Any, description: str, examples: list[Example] | None = None) -> ResponseSpec:
    """Describe a result. Litestar would generate examples, with a library of 50 MB."""
    return ResponseSpec(kind, description=description, examples=examples, generate_examples=False)


def problem(description: str) -> ResponseSpec:
    """Describe an error."""
    return ResponseSpec(
        ProblemDocument, description=description, media_type=MEDIA_TYPE, generate_examples=False
    )


READ_PROBLEMS: dict[int, ResponseSpec] = {
    400: problem("A header occurs more than once"),
    401: problem("No valid API key"),
    403: problem("The key may not do this"),
    404: problem("The object does not exist"),
    422: problem("A parameter is invalid"),
    429: problem("The key, or an address that presents unknown keys, makes too many requests"),
    431: problem("The request's head is too large"),
    500: problem("The gateway failed"),
    502: problem("The provider's answer cannot be used"),
    503: problem("The journal or the provider does not answer"),
}
"""Problems of every read."""

PLAIN_WRITE_PROBLEMS: dict[int, ResponseSpec] = {
    **READ_PROBLEMS,
    400: problem("The body is not JSON, or a header is missing, or occurs more than once"),
    408: problem("The body did not arrive in time"),
    413: problem("The body is too large"),
    415: problem("The body is not JSON"),
    422: problem("The body is invalid"),
}
"""Problems of a write without a provider."""

WRITE_PROBLEMS: dict[int, ResponseSpec] = {
    **PLAIN_WRITE_PROBLEMS,
    402: problem("The payment was declined"),
    409: problem("The order's state, its amount, or another write prevents it"),
    422: problem("The body is invalid, or the provider refuses it"),
    504: problem("Whether the provider acted is not known yet"),
}
"""Problems of a write at a provider."""


def openapi_config(version: str, root_path: str) -> OpenAPIConfig:
    """Return the configuration of the OpenAPI description; `root_path` is the prefix of URLs."""
    assets = f"{root_path}{_ASSETS}"
    return OpenAPIConfig(
        title="ordergate",
        version=version,
        summary="One API for orders in front of several payment providers.",
        description=(
            "Amounts are integers in the currency's minor unit. Every write takes an Idempotency-Key and acts at "
            f"most once. Every error is application/problem+json; [/problems]({root_path}/problems) explains each code."
        ),
        path="/schema",
        servers=[Server(url=root_path or "/")],
        openapi_router=Router(
            "/schema",
            route_handlers=[],
            include_in_schema=False,
            before_request=_complete_description,
            after_request=_no_html_404,
        ),
        render_plugins=[
            SwaggerRenderPlugin(
                path="/swagger",
                js_url=f"{assets}/swagger-ui-bundle.js",
                css_url=f"{assets}/swagger-ui.css",
                standalone_preset_js_url=f"{assets}/swagger-ui-standalone-preset.js",
                favicon="<link rel='icon' href='data:,'>",
            ),
            JsonRenderPlugin(),
        ],
        components=Components(
            security_schemes={
                _KEY_SCHEME: SecurityScheme(type="http", scheme="bearer", description=_KEY_DESCRIPTION)
            }
        ),
        tags=[
            Tag(name="orders", description="Create an order, and carry it through its life."),
            Tag(name="operations", description="The outcomes of writes."),
            Tag(name="events", description="The events of your orders, in order and without gaps."),
            Tag(name="webhooks", description="Your endpoints, and the deliveries to them."),
            Tag(name="accounts", description="The configured accounts, and the orders at their providers."),
            Tag(
                name="comparisons",
                description="Translations of one order by several providers, side by side.",
            ),
            Tag(name="links", description="Your own ids and the providers' ids for them."),
            Tag(name="hooks", description="Webhooks of providers; signed by them, no key needed."),
            Tag(name="service", description="Health; no key needed."),
        ],
        use_handler_docstrings=True,
    )


def assets_router() -> Router:
    """Return the address of the page's own scripts and styles."""
    directory = Path(swagger_ui.__file__).parent / "static"
    return create_static_files_router(_ASSETS, directories=[directory], include_in_schema=False)


async def _complete_description(request: Request[Any, Any, Any]) -> None:
    """Complete the description when it is first read: making it takes a tenth of a second.

    Bodies take no unknown fields, POSTs need their key, keys a scope: we refuse all that, not Litestar.
    """
    app = request.app
    scopes = {handler.operation_id: handler.opt.get(SCOPE) for handler in _handlers(app)}
    for operation in _operations(app.openapi_schema):
        if (scope := scopes.get(operation.operation_id)) is not None:
            operation.security = [{_KEY_SCHEME: [scope]}]
        if operation.operation_id == RAW_BODY:
            operation.request_body = _anything_of_the_providers()
    for kind in Body.__subclasses__():
        schema = app.openapi_schema.components.schemas.get(kind.__name__)
        if schema is not None:
            schema.additional_properties = False
    for parameter in _parameters(app.openapi_schema):
        if parameter.name == IDEMPOTENCY_KEY and (parameter.description or "").startswith("Required"):
            parameter.required = True
            parameter.schema = Schema(type=OpenAPIType.STRING, pattern="^[!-~]{1,255}$")


def _anything_of_the_providers() -> RequestBody:
    """A body that is read as bytes, because the bytes are signed."""
    schema = Schema(type=OpenAPIType.OBJECT, description="In the provider's own form.")
    return RequestBody(content={"application/json": OpenAPIMediaType(schema=schema)}, required=True)


def _handlers(app: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            yield from route.route_handlers


def _operations(description: OpenAPI) -> Iterator[Operation]:
    for path in (description.paths or {}).values():
        for operation in (path.get, path.put, path.post, path.delete, path.patch):
            if operation is not None:
                yield operation


def _parameters(description: OpenAPI) -> Iterator[Parameter]:
    for path in (description.paths or {}).values():
        for parameter in (path.post.parameters if path.post else None) or ():
            if isinstance(parameter, Parameter):
                yield parameter


def _no_html_404(response: Response[Any]) -> Response[Any]:
    """Litestar answers an unknown path under /schema in HTML; here it is a problem as everywhere."""
    if response.status_code == 404:
        raise Problem("not_found", "This address does not exist; /schema/openapi.json is the description.")
    return response
