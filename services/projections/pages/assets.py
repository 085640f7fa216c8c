"""What npm built, under names that change with the content, and the worker at the root."""

import json
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response

from shared.errors import NotFound

_BUILT = Path(__file__).parent / "built"
_FOR_EVER = "public, max-age=31536000, immutable"
_MEDIA_TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
WORKER = "worker.js"
ICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" \
rx="6" fill="#0172ad"/><path d="M3 18h6l4-9 6 15 4-9 2 3h4" fill="none" stroke="#fff" \
stroke-width="3" stroke-linejoin="round" stroke-linecap="round"/></svg>"""


@cache
def manifest() -> dict[str, str]:
    """Source name → built name. Raises FileNotFoundError where `make assets` never ran."""
    found: dict[str, str] = json.loads((_BUILT / "manifest.json").read_text(encoding="utf-8"))
    return found


def asset_path(name: str) -> str:
    return f"/assets/{manifest()[name]}"


def router() -> APIRouter:
    routes = APIRouter(include_in_schema=False)

    @routes.get("/assets/{name}")
    async def get_asset(request: Request, name: str) -> Response:
        if name == "licences.txt":
            text = (_BUILT / "LICENCES.txt").read_text(encoding="utf-8")
            return Response(text, media_type="text/plain; charset=utf-8")
        if name == "icon.svg":
            return Response(ICON, media_type="image/svg+xml")
        if name not in manifest().values():
            raise NotFound(f"there is no asset {name!r}")
        return _sent(request, name, _FOR_EVER)

    @routes.get(f"/{WORKER}")
    async def get_worker(request: Request) -> Response:
        return _sent(request, manifest()[WORKER], "no-cache")

    return routes


def _sent(request: Request, name: str, keep: str) -> Response:
    headers = {"Cache-Control": keep, "Vary": "Accept-Encoding"}
    kind = _MEDIA_TYPES[Path(name).suffix]
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        name = f"{name}.gz"
    return Response(_content(name), headers=headers, media_type=kind)


@cache
def _content(name: str) -> bytes:
    return (_BUILT / name).read_bytes()
