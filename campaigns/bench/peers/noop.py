"""A handler without calls and without storage: the cost of the framework alone."""

import sys
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar, post


class Line(msgspec.Struct):
    description: str
    quantity: int
    unit_amount: int
    type: str = "product"
    sku: str | None = None


class Draft(msgspec.Struct):
    currency: str
    line_items: list[Line]
    customer: dict[str, str] | None = None


@post("/v1/orders")
async def create(data: Draft) -> dict[str, Any]:
    total = sum(line.quantity * line.unit_amount for line in data.line_items)
    return {"status": "open", "currency": data.currency, "total": total, "line_items": data.line_items}


if __name__ == "__main__":
    uvicorn.run(
        Litestar([create], openapi_config=None, logging_config=None),
        port=int(sys.argv[1]),
        log_level="error",
        access_log=False,
    )
