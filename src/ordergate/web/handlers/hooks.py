"""The route for the webhooks of providers; the signature replaces the key."""

from collections.abc import Iterable
from typing import Any

import msgspec
from litestar import MediaType, Request, post
from litestar.exceptions import HTTPException
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from ordergate.domain.errors import Problem
from ordergate.gateway.inbound.receive import count_refused, receive
from ordergate.gateway.runtime.runtime import Runtime
from ordergate.spi.webhooks import ReceivedWebhook
from ordergate.telemetry.log import note_quiet
from ordergate.web.openapi import RAW_BODY, READ_PROBLEMS, answers, problem

_TOO_LARGE = 413


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook is recorded; `duplicate` if it was before."""

    duplicate: bool


@post(
    "/hooks/{account:str}",
    operation_id=RAW_BODY,
    summary="Take a provider's webhook",
    tags=["hooks"],
    status_code=200,
    responses={
        **{status: READ_PROBLEMS[status] for status in (404, 422, 429, 431, 500, 502, 503)},
        200: answers(Received, "Recorded"),
        400: problem("The body is not JSON"),
        401: problem(
            "The provider did not sign it, or not recently; or the account has no webhook secret; or there is no "
            "such account"
        ),
        408: problem("The body did not arrive in time"),
        413: problem("The body is too large"),
    },
)
async def receive_webhook(request: Request[Any, Any, Any], account: FromPath[str]) -> ASGIResponse:
    """Receive a provider's webhook: verify, record, answer. The order is read again afterwards.

    No key: the provider signs. A webhook that is forged, changed or old is refused and changes nothing.
    """
    runtime: Runtime = request.app.state.runtime
    try:
        headers = _headers(request.scope["headers"])
        delivery = ReceivedWebhook(headers=headers, body=await _body(runtime, request, account))
        received = Received(duplicate=not await receive(runtime, account, delivery))
    except Problem:
        note_quiet()
        raise
    # Made here: Litestar's own conversion of the struct takes longer than the verification of the webhook.
    return ASGIResponse(body=msgspec.json.encode(received), media_type=MediaType.JSON)


async def _body(runtime: Runtime, request: Request[Any, Any, Any], account: str) -> bytes:
    try:
        return await request.body()
    except HTTPException as error:
        if error.status_code != _TOO_LARGE:
            raise
        too_large = Problem("payload_too_large", "The body is larger than this gateway accepts.")
        count_refused(runtime, account, too_large)
        raise too_large from error


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, tuple[str, ...]]:
    """Every value of every header: only the adapter knows the meaning of a repeated one."""
    headers: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        key = name.decode("latin-1").lower()
        headers[key] = (*headers.get(key, ()), value.decode("latin-1"))
    return headers
