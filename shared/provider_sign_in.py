"""Where somebody signs in by the installation's identity provider, and what they come back to."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.routing import NoMatchFound

ROUTE = "go_to_provider"


def sign_in_by_provider(request: Request, onward: str) -> str | None:
    """None where the installation has no provider. What does not lead to a page of ours is left
    out there."""
    try:
        path = request.app.url_path_for(ROUTE)
    except NoMatchFound:
        return None
    return f"{path}?{urlencode({'onward': onward})}"
