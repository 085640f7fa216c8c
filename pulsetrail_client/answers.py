"""What the server answers; further fields are there too."""

from typing import Any, NotRequired, TypedDict


class Told(TypedDict):
    """Of a command: the new state beside these."""

    version: int
    events: list[str]


class Page(TypedDict):
    rows: list[dict[str, Any]]
    next_cursor: NotRequired[str | None]


class Board(TypedDict):
    as_of: NotRequired[str]
    rows: list[dict[str, Any]]
    next_cursor: NotRequired[str | None]


class Explanation(TypedDict):
    sentences: list[str]
    events: list[dict[str, Any]]


class KeptEvidence(TypedDict):
    sha256: str


class Subscribed(Told):
    """`secret` is shown this once."""

    webhook_id: str
    secret: str | None
