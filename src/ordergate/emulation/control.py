"""The control plane under ``/_emulator``: a test changes the provider's state and behaviour without its client.

Every error is ``{"error": "a sentence"}``: 404 for an unknown order or path, 409 for an action that the state
of the order does not allow, 422 for an invalid body.
"""

import logging
from inspect import getdoc
from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from litestar import Controller, Litestar, Request, Response, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.exceptions import ClientException, HTTPException, NotFoundException
from litestar.params import FromPath, RawBody
from litestar.routes import HTTPRoute
from msgspec import Meta

from ordergate.domain.errors import Problem
from ordergate.domain.validation import decode_body
from ordergate.emulation.faults import FaultRules
from ordergate.emulation.session import EmulationSession
from ordergate.emulation.webhooks import WebhookSettings
from ordergate.spi.emulator import InvalidControlError, UnknownOrderError

CONTROL_PATH = "/_emulator"

_log = logging.getLogger(__name__)

Document: TypeAlias = dict[str, Any]
AnyRequest: TypeAlias = Request[Any, Any, Any]
Session: TypeAlias = NamedDependency[EmulationSession]


class ClockSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The offset of the emulator's time: at most about 30 years each way, so that every date can be represented."""

    offset_seconds: Annotated[
        float,
        Meta(ge=-1e9, le=1e9, description="Seconds, negative for the past, at most 1000000000 each way."),
    ]


class OrderAction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action on an order; `amount` is in minor units, for example for a partial refund."""

    action: Annotated[
        Literal["3ds_ok", "3ds_fail", "payment_closed", "refund", "dashboard_cancel"],
        Meta(description="One of 3ds_ok, 3ds_fail, payment_closed, refund, dashboard_cancel."),
    ]
    amount: Annotated[int, Meta(ge=1, description="Minor units, at least one.")] | None = None


class ControlPlane(Controller):
    """The calls of the control plane; each returns the state that it has changed."""

    path = CONTROL_PATH

    @get()
    async def overview(self, request: AnyRequest, session: Session) -> Document:
        """Show the settings that a client needs and the list of calls."""
        return {**msgspec.to_builtins(session.emulator.describe()), "calls": _calls(request.app)}

    @get("/state")
    async def state(self, session: Session) -> Document:
        """Show every order, payment and return, and the number of requests."""
        return session.state()

    @post("/reset", status_code=200)
    async def reset(self, session: Session) -> Document:
        """Restore the initial state: orders, catalog, switches, faults, clock, webhooks and counters."""
        session.reset()
        return session.state()

    @get("/faults")
    async def faults(self, session: Session) -> Document:
        """Show the fault rules and the number of hits of each."""
        return {"rules": session.faults.rules, "hits": session.faults.hits}

    @put("/faults")
    async def replace_faults(self, body: RawBody, session: Session) -> Document:
        """Replace the fault rules."""
        session.set_faults(decode_body(body, FaultRules).rules)
        return {"rules": session.faults.rules, "hits": session.faults.hits}

    @get("/clock")
    async def clock(self, session: Session) -> Document:
        """Show the emulator's time and its offset in seconds."""
        return {"offset_seconds": session.offset, "now": session.now()}

    @put("/clock")
    async def set_clock(self, body: RawBody, session: Session) -> Document:
        """Set the offset of the emulator's time."""
        session.offset = decode_body(body, ClockSetting).offset_seconds
        session.advance()
        return {"offset_seconds": session.offset, "now": session.now()}

    @post("/orders/{order_id:str}/do", status_code=200)
    async def act(self, order_id: FromPath[str], body: RawBody, session: Session) -> Document:
        """Perform an action at the provider without its client, and show the order."""
        wanted = decode_body(body, OrderAction)
        try:
            return session.act(order_id, wanted.action, wanted.amount)
        except UnknownOrderError:
            raise NotFoundException(f"There is no order {order_id!r} here.") from None
        except InvalidControlError as error:
            raise ClientException(str(error), status_code=409) from None

    @get("/catalog")
    async def catalog(self, session: Session) -> Document:
        """Show the customers, products and payment methods that exist."""
        return session.emulator.catalog()

    @put("/catalog")
    async def replace_catalog(self, body: RawBody, session: Session) -> Document:
        """Replace the customers, products and payment methods that exist."""
        session.emulator.replace_catalog(body)
        return session.emulator.catalog()

    @get("/switches")
    async def switches(self, session: Session) -> Document:
        """Show the switches: the behaviours that the provider's documentation leaves open."""
        return session.emulator.switches()

    @put("/switches")
    async def set_switches(self, body: RawBody, session: Session) -> Document:
        """Change the named switches."""
        session.emulator.set_switches(decode_body(body, dict[str, Any]))
        return session.emulator.switches()

    @get("/webhooks")
    async def webhooks(self, session: Session) -> Document:
        """Show the webhook URL, the delivery faults and the log of the deliveries."""
        return session.deliveries.show()

    @put("/webhooks")
    async def set_webhooks(self, body: RawBody, session: Session) -> Document:
        """Set the webhook URL and the delivery faults."""
        session.deliveries.configure(decode_body(body, WebhookSettings))
        return session.deliveries.show()


def create_control_plane(session: EmulationSession) -> Litestar:
    """Return the control plane of one session as a separate application."""
    return Litestar(
        [ControlPlane],
        dependencies={"session": Provide(lambda: session, sync_to_thread=False)},
        exception_handlers={
            HTTPException: _show_http_error,
            Problem: _show_wrong_body,
            InvalidControlError: _show_refusal,
            Exception: _show_defect,
        },
        openapi_config=None,
        logging_config=None,
    )


def _calls(app: Litestar) -> list[dict[str, str]]:
    return [
        {"call": f"{method} {route.path_format}", "does": (getdoc(handler.fn) or "").partition("\n")[0]}
        for route in app.routes
        if isinstance(route, HTTPRoute)
        for handler in route.route_handlers
        for method in sorted(handler.http_methods)
        if method != "OPTIONS"
    ]


def _error(status: int, sentence: str) -> Response[dict[str, str]]:
    return Response({"error": sentence}, status_code=status, media_type="application/json")


def _show_http_error(_: AnyRequest, error: HTTPException) -> Response[dict[str, str]]:
    return _error(error.status_code, error.detail)


def _show_wrong_body(_: AnyRequest, problem: Problem) -> Response[dict[str, str]]:
    found = [f"{error.pointer or 'the body'}: {error.detail}" for error in problem.errors]
    return _error(422, " ".join(found) or problem.detail)


def _show_refusal(_: AnyRequest, error: InvalidControlError) -> Response[dict[str, str]]:
    return _error(422, str(error))


def _show_defect(_: AnyRequest, error: Exception) -> Response[dict[str, str]]:
    _log.error("the emulator failed", exc_info=error)
    return _error(500, "The emulator failed; its log has the reason.")
