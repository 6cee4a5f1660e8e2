"""The floor of an event's delivery: sign it, send it, commit the result; prints its figures as JSON.

The events are in SQLite already, as a gateway's are. There is no order among them, no retry, no log.
"""

import asyncio
import hmac
import json
import sqlite3
import sys
import time
from base64 import b64encode
from collections.abc import Iterator

import aiohttp
import uvloop
from group_commit import GroupCommit
from uuid_utils import uuid7

RECEIVER, DATABASE, EVENTS, AT_ONCE, BODY = (
    sys.argv[1],
    sys.argv[2],
    int(sys.argv[3]),
    int(sys.argv[4]),
    sys.argv[5].encode(),
)
SECRET = b"x" * 32
TABLES = ("CREATE TABLE deliveries (id TEXT PRIMARY KEY, body BLOB, status INTEGER)",)
UPDATE = "UPDATE deliveries SET status = ? WHERE id = ?"

Event = tuple[str, bytes]


async def main() -> None:
    commits = GroupCommit(DATABASE, TABLES)
    with sqlite3.connect(DATABASE) as connection:
        rows = ((str(uuid7()), BODY) for _ in range(EVENTS))
        connection.executemany("INSERT INTO deliveries (id, body) VALUES (?, ?)", rows)
    connection.close()
    began, used = time.perf_counter(), time.process_time()
    with sqlite3.connect(DATABASE) as reading:
        waiting = reading.execute("SELECT id, body FROM deliveries")
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session:
            await asyncio.gather(*(deliver(session, commits, waiting) for _ in range(AT_ONCE)))
    took, used = time.perf_counter() - began, time.process_time() - used
    print(json.dumps({"rate": EVENTS / took, "cpu": used / EVENTS * 1e6}))  # noqa: T201 - its result


async def deliver(session: aiohttp.ClientSession, commits: GroupCommit, waiting: Iterator[Event]) -> None:
    for event, body in waiting:
        async with session.post(RECEIVER, data=body, headers=signed_headers(event, body)) as response:
            await response.read()
        await commits.commit((UPDATE, (response.status, event)))


def signed_headers(event: str, body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    signature = hmac.digest(SECRET, f"{event}.{at}.".encode() + body, "sha256")
    return {
        "content-type": "application/json",
        "webhook-id": event,
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }


if __name__ == "__main__":
    uvloop.run(main())
