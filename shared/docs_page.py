"""GET /docs: the HTTP API to read, from the OpenAPI document, without script and without a CDN."""

from html import escape
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = (
    "body{font:16px/1.5 system-ui,'PingFang SC','Noto Sans CJK SC',sans-serif;margin:0 auto;"
    "max-width:60rem;padding:16px}code{background:#8882;padding:0 4px;border-radius:4px}"
    "details{border-top:1px solid #8884;padding:8px 0}summary{cursor:pointer;min-height:44px}"
    "pre{overflow:auto;background:#8882;padding:12px}:root{color-scheme:light dark}"
)


def router(app: FastAPI) -> APIRouter:
    routes = APIRouter()

    @routes.get("/docs", include_in_schema=False)
    async def get_docs(_request: Request) -> Response:
        headers = {"Content-Security-Policy": _POLICY}
        return Response(_page(app.openapi()), headers=headers, media_type="text/html")

    return routes


def _page(document: dict[str, Any]) -> str:
    operations = "".join(
        _operation(method, path, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        "<meta name=viewport content='width=device-width'><title>Pulsetrail API</title>"
        f"<style>{_STYLE}</style><main><h1>Pulsetrail API</h1>"
        "<p>The machine-readable document: <a href='/api/v1/openapi.json'>openapi.json</a></p>"
        f"{operations}</main></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    said = escape(operation.get("description") or operation.get("summary") or "")
    parameters = "".join(
        f"<li><code>{escape(each['name'])}</code> in {escape(each['in'])}"
        f"{', required' if each.get('required') else ''}</li>"
        for each in operation.get("parameters", ())
    )
    return (
        f"<details><summary><strong>{method.upper()}</strong> <code>{escape(path)}</code></summary>"
        f"<p>{said}</p><ul>{parameters}</ul>{_body(operation, document)}</details>"
    )


def _body(operation: dict[str, Any], document: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    name = str(schema.get("$ref", "")).rsplit("/", 1)[-1]
    fields = document.get("components", {}).get("schemas", {}).get(name, {})
    required = set(fields.get("required", ()))
    rows = "".join(
        f"<li><code>{escape(field)}</code>{', required' if field in required else ''}"
        f" {escape(str(about.get('description', '')))}</li>"
        for field, about in fields.get("properties", {}).items()
    )
    return f"<p>Body:</p><ul>{rows}</ul>" if rows else ""
