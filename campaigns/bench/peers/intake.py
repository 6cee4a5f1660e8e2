"""The floor of a webhook's intake: its signature is verified, one row is committed, and nothing else.

It verifies as RevKeen's published verifiers do, and gives each delivery one durable row. There is no repeated event, no
order, no log.
"""

import hmac
import sys
from typing import Any

import uvicorn
from group_commit import GroupCommit
from litestar import Litestar, Request, Response, post
from uuid_utils import uuid7

PORT, SECRET, DATABASE = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3]
TABLES = ("CREATE TABLE webhooks (id TEXT PRIMARY KEY, body BLOB)",)
INSERT = "INSERT INTO webhooks (id, body) VALUES (?, ?)"


async def start(app: Litestar) -> None:
    app.state.commits = GroupCommit(DATABASE, TABLES)


@post("/hooks/{account:str}", status_code=200)
async def take(request: Request[Any, Any, Any]) -> Response[bytes]:
    body = await request.body()
    at, _, signature = request.headers["x-revkeen-signature"].removeprefix("t=").partition(",v1=")
    if not hmac.compare_digest(hmac.digest(SECRET, f"{at}.".encode() + body, "sha256").hex(), signature):
        return Response(b"{}", status_code=401, media_type="application/json")
    await request.app.state.commits.commit((INSERT, (str(uuid7()), body)))
    return Response(b'{"received":true}', media_type="application/json")


if __name__ == "__main__":
    uvicorn.run(
        Litestar([take], on_startup=[start], openapi_config=None, logging_config=None),
        port=PORT,
        log_level="error",
        access_log=False,
        proxy_headers=False,
    )
