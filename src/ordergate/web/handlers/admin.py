"""For operators: the configuration of this process."""

from typing import Any

from litestar import Request, get, post

from ordergate.api.documents import ConfigurationDocument, ReloadDocument
from ordergate.gateway.operating.reload import reload_all
from ordergate.web.documents import configuration_document
from ordergate.web.openapi import PLAIN_WRITE_PROBLEMS, READ_PROBLEMS, answers, problem


@get(
    "/v1/admin/config",
    operation_id="get_configuration",
    summary="Read the configuration in force",
    tags=["admin"],
    opt={"scope": "admin"},
    responses=READ_PROBLEMS,
)
async def get_configuration(request: Request[Any, Any, Any]) -> ConfigurationDocument:
    """Read the configuration of this process, its age and its source; secrets are shown as references."""
    return configuration_document(request.app.state.runtime.configuration)


@post(
    "/v1/admin/reload",
    operation_id="reload_configuration",
    summary="Reload the configuration",
    tags=["admin"],
    opt={"scope": "admin"},
    status_code=200,
    responses={
        **PLAIN_WRITE_PROBLEMS,
        200: answers(ReloadDocument, "In force now"),
        409: problem("It would orphan orders; nothing was changed"),
    },
)
async def reload_configuration(request: Request[Any, Any, Any]) -> ReloadDocument:
    """Read the file again, check it as a whole, and use it; or change nothing and return the errors.

    All workers of this server reload. Each of several servers needs its own reload, here or with SIGHUP.
    """
    done = await reload_all(request.app.state.runtime)
    return ReloadDocument(
        configuration=configuration_document(done.configuration),
        changed=done.changed,
        restart_needed=list(done.restart_needed),
    )
