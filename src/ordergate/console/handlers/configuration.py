"""The configuration in force."""

import tomli_w
from litestar import get
from litestar.response import Template

from ordergate.console.pages import Page, page, runtime_of
from ordergate.console.session import OPERATOR
from ordergate.web.documents import configuration_document


@get("/configuration", opt=OPERATOR)
async def show_configuration(request: Page) -> Template:
    """Show the configuration of this process; secrets are shown as references."""
    runtime = runtime_of(request)
    shown = configuration_document(runtime.configuration)
    return page(
        request,
        "configuration",
        title="Configuration",
        configuration=shown,
        text=tomli_w.dumps(shown.document),
        node=runtime.node,
    )
