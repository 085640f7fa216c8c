"""A request as data: headers, a body with placeholders, and when it counts as taken (N1)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.notifications.channels.channel import Address, Outgoing
from services.notifications.channels.markdown import plain
from shared.clock import iso

PLACEHOLDERS = frozenset(
    {"title", "body", "link", "link_words", "recipient", "message_id", "language", "sent_at"}
)
IN_HEADERS = frozenset({"secret", "message_id"})
"""What people wrote never becomes a header."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)(!?)\}")
_HEADER_NAME = re.compile(r"[A-Za-z0-9-]{1,64}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]{0,2000}")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
_FROM_PEOPLE = frozenset({"title", "body"})
_LEFT_OUT = object()

_ESCAPES: Mapping[str, Callable[[str], str]] = {
    "none": str,
    "html": lambda text: text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"),
    "markdown": plain,
}

Code = str | int | bool


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Taken(_Strict):
    """Which answers say that the message was taken.

    `field`: where the JSON answer says so, dots leading inwards; without it the status decides.
    """

    statuses: tuple[Annotated[int, Field(ge=200, le=299)], ...] = (200, 201, 202, 204)
    field: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,100}$")] | None = None
    equals: tuple[Code, ...] = ()
    limited: tuple[Code, ...] = ()

    @model_validator(mode="after")
    def _is_complete(self) -> "Taken":
        if (self.field is None) is bool(self.equals) or (self.field is None and self.limited):
            raise ValueError("a field goes with the values that it equals")
        return self


class Template(_Strict):
    """`{name}` is replaced by its value; `{name!}` without a value leaves out the innermost
    element of a list that holds it, such as a button without a link; a list of which nothing is
    left leaves out what holds it in the same way."""

    method: Literal["POST", "PUT"] = "POST"
    encoding: Literal["json", "form"] = "json"
    escape: Literal["none", "html", "markdown"] = "none"
    headers: Mapping[str, str] = {}
    body: Mapping[str, Any]
    taken: Taken = Taken()

    @model_validator(mode="after")
    def _can_be_filled(self) -> "Template":
        for name, value in self.headers.items():
            if not _HEADER_NAME.fullmatch(name) or name.lower() in _OURS:
                raise ValueError(f"no header can be called {name!r}")
            if not _HEADER_VALUE.fullmatch(value):
                raise ValueError(f"header {name} holds what no header can hold")
            _check_names(value, IN_HEADERS)
        for text in _texts(self.body):
            _check_names(text, PLACEHOLDERS)
        flat = all(isinstance(value, str) for value in self.body.values())
        if self.encoding == "form" and not flat:
            raise ValueError("a form's values are texts")
        return self


def read_template(text: str) -> Template:
    """Raises ValueError with what is wrong, in words."""
    try:
        return Template.model_validate_json(text)
    except ValidationError as wrong:
        raise ValueError("; ".join(_words_of(wrong))) from None


def _words_of(wrong: ValidationError) -> Iterator[str]:
    for each in wrong.errors(include_url=False, include_input=False):
        place = ".".join(str(part) for part in each["loc"])
        words = each["msg"].removeprefix("Value error, ")
        yield f"{place}: {words}" if place else words


def request_body(template: Template, outgoing: Outgoing, recipient: str | None) -> bytes:
    """The body, each placeholder filled and escaped as its place in JSON or a form asks for."""
    values = _values(template, outgoing, recipient)
    filled = _filled(template.body, values)
    document = {} if filled is _LEFT_OUT else filled
    if template.encoding == "form":
        return urlencode(document).encode()
    return json.dumps(document, ensure_ascii=False).encode()


def request_headers(template: Template, outgoing: Outgoing, address: Address) -> dict[str, str]:
    """Raises ValueError where the secret could not stand in a header."""
    kind = "application/json; charset=utf-8"
    if template.encoding == "form":
        kind = "application/x-www-form-urlencoded"
    headers = {"content-type": kind, "user-agent": "Pulsetrail"}
    values = {"secret": address.secret, "message_id": outgoing.message_id}
    for name, value in template.headers.items():
        text = _PLACEHOLDER.sub(lambda found: values[found[1]], value)
        if not _HEADER_VALUE.fullmatch(text):
            raise ValueError(f"header {name} holds what no header can hold")
        headers[name.lower()] = text
    return headers


def _values(template: Template, outgoing: Outgoing, recipient: str | None) -> dict[str, str]:
    values = {
        "title": outgoing.marked_title,
        "body": outgoing.body,
        "link": outgoing.link or "",
        "link_words": outgoing.link_words,
        "recipient": recipient or "",
        "message_id": outgoing.message_id,
        "language": outgoing.language,
        "sent_at": iso(outgoing.sent_at),
    }
    escape = _ESCAPES[template.escape]
    return {
        name: escape(value) if name in _FROM_PEOPLE else value for name, value in values.items()
    }


def _filled(node: Any, values: Mapping[str, str]) -> Any:
    match node:
        case str():
            return _filled_text(node, values)
        case Mapping():
            members = {key: _filled(value, values) for key, value in node.items()}
            is_left_out = any(value is _LEFT_OUT for value in members.values())
            return _LEFT_OUT if is_left_out else members
        case list():
            elements = [_filled(each, values) for each in node]
            kept = [each for each in elements if each is not _LEFT_OUT]
            return _LEFT_OUT if elements and not kept else kept
        case _:
            return node


def _filled_text(text: str, values: Mapping[str, str]) -> Any:
    found = _PLACEHOLDER.findall(text)
    if any(needed and not values[name] for name, needed in found):
        return _LEFT_OUT
    return _PLACEHOLDER.sub(lambda each: values[each[1]], text)


def _texts(node: Any) -> Iterator[str]:
    match node:
        case str():
            yield node
        case Mapping():
            for value in node.values():
                yield from _texts(value)
        case list():
            for each in node:
                yield from _texts(each)
        case _:
            return


def _check_names(text: str, known: frozenset[str]) -> None:
    unknown = {name for name, _needed in _PLACEHOLDER.findall(text)} - known
    if unknown:
        names = ", ".join(sorted(known))
        raise ValueError(f"{{{min(unknown)}}} is none of {names}")
