"""Pages go on after a row's place in their order; the cursor is opaque to clients."""

import base64
import binascii
import json
from collections.abc import Sequence

from shared.errors import FieldProblem, Malformed

Cursor = tuple[int, str]
"""The last row of the page before: its time in milliseconds and its id."""
Place = tuple[int | str, ...]
"""Where a row stands: the values by which its list is ordered."""


def next_cursor(found: Sequence[Place], limit: int) -> str | None:
    """Where the next page begins; `found` holds one row more than the page if there is one."""
    if len(found) <= limit:
        return None
    return base64.urlsafe_b64encode(json.dumps(found[limit - 1]).encode()).decode()


def parsed_cursor(text: str | None) -> Cursor | None:
    """Raises Malformed for what is none of ours."""
    match text and parsed_place(text, (int, str)):
        case (int() as at, str() as key):
            return at, key
        case _:
            return None


def parsed_place(text: str, kinds: Sequence[type]) -> Place:
    """Of a list that is ordered by values of these kinds. Raises Malformed."""
    try:
        values = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, TypeError, binascii.Error) as broken:
        raise _foreign_cursor() from broken
    if not isinstance(values, list) or [type(each) for each in values] != list(kinds):
        raise _foreign_cursor()
    return tuple(values)


def _foreign_cursor() -> Malformed:
    problem = FieldProblem("cursor", "unknown", "not a cursor of ours")
    return Malformed("cursor", errors=[problem])
