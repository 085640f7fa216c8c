"""The forms and links of a page, as a browser would read them."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Control:
    """What somebody fills: `options` of a list or of several radio buttons."""

    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)

    @property
    def is_typed(self) -> bool:
        return self.kind in ("text", "textarea", "password", "datetime-local", "number")

    @property
    def is_kept(self) -> bool:
        """Of what was typed or chosen; files are chosen again."""
        return self.is_typed or self.kind in ("select", "radio")


@dataclass
class Form:
    """`reader`: whom it was shown to."""

    method: str
    action: str
    reader: str = ""
    controls: list[Control] = field(default_factory=list)
    buttons: list[tuple[str, str]] = field(default_factory=list)

    @property
    def kind(self) -> tuple[str, ...]:
        """The same for every row of a list."""
        names = (
            f"{each.name}={each.value}" if each.name == "deed" else each.name
            for each in self.controls
        )
        return (self.method, urlsplit(self.action).path, *names)

    @property
    def button(self) -> dict[str, str]:
        """The one that stores, where several have a name."""
        save = ("do", "save")
        return dict([save] if save in self.buttons else self.buttons[:1])

    def filled(self) -> dict[str, Any]:
        """As it is sent untouched; where nothing is chosen, what comes first."""
        found: dict[str, Any] = {}
        for each in self.controls:
            if each.kind in ("checkbox", "file"):
                continue
            found[each.name] = each.value or (each.options[0] if each.options else "")
        return found


class _Reading(HTMLParser):
    """The forms and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._list: Control | None = None
        self._area: Control | None = None
        self._is_closed = False
        self._option: str | None = None
        self._is_chosen = False
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in said:
            self.links.append(said["href"])
        if tag == "form":
            self.forms.append(Form(said.get("method", "get"), said.get("action", "")))
        if tag == "option" and self._list is not None:
            self._option, self._is_chosen = said.get("value"), "selected" in said
            self._text = ""
        if tag == "fieldset" and "disabled" in said:
            self._is_closed = True
        if not self.forms or "name" not in said or self._is_closed:
            return
        form = self.forms[-1]
        match tag:
            case "button":
                form.buttons.append((said["name"], said.get("value", "")))
            case "select":
                self._list = Control(said["name"], "select")
                form.controls.append(self._list)
            case "textarea":
                self._area = Control(said["name"], "textarea")
                form.controls.append(self._area)
            case "input":
                self._input(form, said)

    def _input(self, form: Form, said: dict[str, str]) -> None:
        kind = said.get("type", "text")
        known = next((each for each in form.controls if each.name == said["name"]), None)
        if kind == "radio" and known is not None:
            known.options.append(said.get("value", ""))
            return
        options = [said.get("value", "")] if kind == "radio" else []
        value = "" if kind == "radio" else said.get("value", "")
        form.controls.append(Control(said["name"], kind, value, options))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_closed = False
        if tag == "option" and self._list is not None:
            value = self._text if self._option is None else self._option
            self._list.options.append(value)
            if self._is_chosen:
                self._list.value = value
        if tag == "select":
            self._list = None
        if tag == "textarea":
            self._area = None

    def handle_data(self, data: str) -> None:
        self._text = data
        if self._area is not None:
            self._area.value += data


def read(text: str) -> tuple[list[Form], list[str]]:
    reading = _Reading()
    reading.feed(text)
    return reading.forms, reading.links
