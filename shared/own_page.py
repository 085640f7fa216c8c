"""Whether a form was sent from a page of our own."""

from starlette.requests import Request


def from_own_page(request: Request) -> bool:
    """As the browser says; one that says nothing is asked for the page's address.

    Our pages name no referrer to anybody, and therefore a null origin to ourselves.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is None or origin.partition("://")[2] == request.headers.get("host")
