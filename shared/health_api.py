"""GET /healthz and /readyz: alive, and able to work; what is missing is named."""

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from shared.errors import CannotGoOn, StoreAway
from shared.http import json_response
from shared.ports import Ports

if TYPE_CHECKING:
    from shared.hosting import Hosted


def router(hosting: "Hosted") -> APIRouter:
    routes = APIRouter()

    @routes.get("/healthz", include_in_schema=False)
    async def healthz(_request: Request) -> Response:
        return json_response({"alive": True})

    @routes.get("/readyz", include_in_schema=False)
    async def readyz(_request: Request) -> Response:
        missing = await _missing(hosting)
        return json_response({"ready": not missing, "missing": missing}, 503 if missing else 200)

    return routes


async def _missing(hosting: "Hosted") -> dict[str, str]:
    """What keeps the process from its work, by name."""
    missing = {**await _away(hosting.ports), **hosting.stopped}
    if missing:
        return missing
    try:
        for subscription in hosting.subscriptions:
            if not await subscription.at_head():
                missing[subscription.name] = "catching up"
    except StoreAway as failure:
        missing["store"] = failure.detail
    return missing


async def _away(ports: Ports) -> dict[str, str]:
    checks = {
        "event store": ports.check_events,
        "read models": ports.read_store.check,
        "keys": ports.key_store.check,
        "evidence": ports.object_store.check,
    }
    found: dict[str, str] = {}
    for name, check in checks.items():
        try:
            await check()
        except (StoreAway, CannotGoOn) as failure:
            found[name] = str(failure)
    return found
