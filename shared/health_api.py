"""GET /healthz and /readyz: alive, and able to work; what is missing is named."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from shared.errors import CannotGoOn, StoreAway
from shared.http import json_response
from shared.ports import Ports

if TYPE_CHECKING:
    from shared.hosting import Hosted

Check = Callable[[], Awaitable[None]]
"""Raises StoreAway, CannotGoOn."""


def router(hosting: "Hosted") -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz", include_in_schema=False)
    async def healthz(_request: Request) -> Response:
        return json_response({"alive": True})

    @routes.get("/readyz", include_in_schema=False)
    async def readyz(_request: Request) -> Response:
        """Without evidence uploads are refused, and everything else works: that is only named."""
        needed = await _missing(hosting)
        missing = needed | await _away({"evidence": hosting.ports.object_store.check})
        return json_response({"ready": not needed, "missing": missing}, 503 if needed else 200)

    return routes


async def _missing(hosting: "Hosted") -> dict[str, str]:
    """What keeps the process from its work, by name."""
    if hosting.leaving.is_set():
        return {"process": "told to stop"}
    missing = {**await _away(_stores(hosting.ports)), **hosting.stopped}
    if missing:
        return missing
    try:
        for subscription in hosting.subscriptions:
            if not await subscription.at_head():
                missing[subscription.name] = "catching up"
        for read_model in hosting.shown:
            if await read_model.is_behind_former():
                missing[read_model.name] = "behind its former version"
    except StoreAway as failure:
        missing["store"] = failure.detail
    return missing


def _stores(ports: Ports) -> dict[str, Check]:
    return {
        "event store": ports.check_events,
        "read models": ports.read_store.check,
        "keys": ports.key_store.check,
    }


async def _away(checks: Mapping[str, Check]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, check in checks.items():
        try:
            await check()
        except (StoreAway, CannotGoOn) as failure:
            found[name] = str(failure)
    return found
