# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "fastapi==0.165.0",
#   "httptools==0.9.0",
#   "httpx==0.28.1",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
# ]
# ///
"""The code of a merchant without a gateway: FastAPI, pydantic and httpx in front of RevKeen, nothing durable.

It has its own environment, as it would have at a merchant: it shares no package with the gateway.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

PROVIDER = sys.argv[2] if len(sys.argv) > 2 else ""


class Line(BaseModel):
    description: str
    quantity: int
    unit_amount: int
    type: str = "product"
    sku: str | None = None


class Customer(BaseModel):
    id: str
    email: str | None = None


class Draft(BaseModel):
    currency: str
    line_items: list[Line]
    customer: Customer | None = None
    reference: str | None = None


class Order(BaseModel):
    id: str
    status: str
    currency: str
    total: int
    line_items: list[Line]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    async with httpx.AsyncClient(
        base_url=PROVIDER, limits=httpx.Limits(max_connections=200), headers={"X-API-Key": "rk_sandbox_x"}
    ) as client:
        app.state.client = client
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/orders", status_code=201)
async def create(draft: Draft) -> Order:
    body: dict[str, Any] = {
        "currency": draft.currency.lower(),
        "line_items": [
            {"name": line.description, "quantity": line.quantity, "unit_amount_minor": line.unit_amount}
            for line in draft.line_items
        ],
    }
    if draft.customer is not None:
        body["customer_id"] = draft.customer.id
    answer = await app.state.client.post("/orders", json=body)
    if answer.status_code >= 400:
        raise HTTPException(502, "the provider refused")
    data = answer.json()
    return Order(
        id=data.get("data", data)["id"],
        status="open",
        currency=draft.currency,
        total=sum(line.quantity * line.unit_amount for line in draft.line_items),
        line_items=draft.line_items,
    )


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False)
