"""Pages by a time and an id, the latest first; the cursor is opaque to clients."""

import base64
import binascii
import json
from collections.abc import Sequence

from shared.errors import FieldProblem, Malformed

Cursor = tuple[int, str]
"""The last row of the page before: its time in milliseconds and its id."""


def next_cursor(found: Sequence[Cursor], limit: int) -> str | None:
    """Where the next page begins; `found` holds one row more than the page if there is one."""
    if len(found) <= limit:
        return None
    return base64.urlsafe_b64encode(json.dumps(found[limit - 1]).encode()).decode()


def parsed_cursor(text: str | None) -> Cursor | None:
    """Raises Malformed for what is none of ours."""
    if text is None:
        return None
    try:
        at, key = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError, binascii.Error) as broken:
        raise _foreign_cursor() from broken
    if not isinstance(at, int) or not isinstance(key, str):
        raise _foreign_cursor()
    return at, key


def _foreign_cursor() -> Malformed:
    problem = FieldProblem("cursor", "unknown", "not a cursor of ours")
    return Malformed("cursor", errors=[problem])
