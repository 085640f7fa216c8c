"""One request as a value: made by `calls`, sent by a client of either kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

Answer_co = TypeVar("Answer_co", covariant=True)

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[Answer_co]):
    """`template` is the path as the OpenAPI document names it; `Answer_co` is what the server says.

    `repeatable`: a command, which gets an idempotency key, so that it can be sent twice.
    """

    method: str
    template: str
    path_fields: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content: bytes | None = None
    content_type: str = "application/json"
    repeatable: bool = False

    @property
    def path(self) -> str:
        filled = {name: quote(value, safe="") for name, value in self.path_fields.items()}
        return self.template.format(**filled)


def command(
    template: str, path_fields: Mapping[str, str] | None = None, **fields: Any
) -> Call[Any]:
    """A POST; fields that are None are left to the server."""
    return Call("POST", template, path_fields or {}, body=given(fields), repeatable=True)


def read(template: str, path_fields: Mapping[str, str] | None = None, **query: Any) -> Call[Any]:
    return Call("GET", template, path_fields or {}, query=given(query))


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in fields.items() if value is not None}


def _plain(value: Any) -> Any:
    """Times in UTC with Z. Raises ValueError for a time without its offset."""
    match value:
        case datetime():
            if value.tzinfo is None:
                raise ValueError("a time has an offset: datetime(…, tzinfo=UTC)")
            return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case _:
            return value
