"""Adds the console to the HTTP application."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Router
from litestar.config.app import AppConfig
from litestar.connection import Request
from litestar.plugins import InitPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Response
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from litestar.types import Message, Scope

from ordergate.console import formats
from ordergate.console.handlers import (
    accounts,
    comparisons,
    configuration,
    operations,
    orders,
    receipts,
    sign_in,
)
from ordergate.console.pages import answer_problem
from ordergate.console.session import PATH, require_session
from ordergate.domain.errors import PROBLEMS

Answering = Callable[[Request[Any, Any, Any], Exception], Response[Any]]

_FOLDER = Path(__file__).parent
_STATIC = f"{PATH}/static"
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
_FORM_BYTES = 64 * 1024
"""Maximum bytes of a form; a form with a draft has its own."""
_KEPT = b"public, max-age=31536000, immutable"
"""For assets: their address changes with their content."""


class Console(InitPlugin):
    """The console at ``/console``, with nothing that is loaded from elsewhere."""

    def __init__(self, every: float = 4) -> None:
        """Let pages refresh each `every` seconds."""
        self._every = every

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Add pages, assets, templates and the headers of both; problems below ``/console`` become pages."""
        pages = Router(
            PATH,
            guards=[require_session],
            include_in_schema=False,
            request_max_body_size=_FORM_BYTES,
            route_handlers=[
                orders.start,
                orders.list_orders,
                orders.show_order,
                orders.read_again,
                operations.list_operations,
                operations.show_operation,
                operations.recheck,
                operations.resolve,
                receipts.show_receipt,
                comparisons.show_comparisons,
                comparisons.make_comparison,
                comparisons.show_comparison,
                comparisons.show_shadow_report,
                accounts.list_accounts,
                configuration.show_configuration,
                sign_in.sign_out,
            ],
        )
        keyless = Router(
            PATH,
            include_in_schema=False,
            request_max_body_size=_FORM_BYTES,
            route_handlers=[sign_in.show_sign_in, sign_in.sign_in],
        )
        assets = create_static_files_router(
            path=_STATIC, directories=[_FOLDER / "static"], include_in_schema=False, name="console_assets"
        )
        app_config.route_handlers.extend([pages, keyless, assets])
        app_config.template_config = TemplateConfig(
            instance=JinjaTemplateEngine.from_environment(environment(self._every))
        )
        app_config.before_send.append(_add_headers)
        elsewhere: Answering = app_config.exception_handlers[Exception]
        app_config.exception_handlers[Exception] = _problems_as_pages(elsewhere)
        return app_config


def environment(every: float) -> Environment:
    """Return the template environment: everything is escaped, and an unknown name is an error."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "amount": formats.amount,
        "moment": formats.moment,
        "ago": formats.ago,
        "words": formats.words,
        "tone": formats.tone,
        "shown": formats.shown,
        "isolated": formats.isolated,
    }
    made.globals["problems"] = PROBLEMS
    made.globals["every"] = every
    made.globals["asset"] = {file.name: _address(file) for file in (_FOLDER / "static").iterdir()}
    return made


def _address(file: Path) -> str:
    return f"{_STATIC}/{file.name}?v={hashlib.sha256(file.read_bytes()).hexdigest()[:12]}"


def _ours(path: str) -> bool:
    return path == PATH or path.startswith(f"{PATH}/")


async def _add_headers(message: Message, scope: Scope) -> None:
    if message["type"] != "http.response.start" or not _ours(scope["path"]):
        return
    kept = scope["path"].startswith(f"{_STATIC}/") and message["status"] == 200
    headers = [(name, value) for name, value in message["headers"] if name != b"cache-control"]
    message["headers"] = [*headers, *_HEADERS, (b"cache-control", _KEPT if kept else b"no-store")]


def _problems_as_pages(elsewhere: Answering) -> Answering:
    def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
        return answer_problem(request, error) if _ours(request.url.path) else elsewhere(request, error)

    return answer
