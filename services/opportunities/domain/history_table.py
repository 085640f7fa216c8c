"""Reading the tables of a mapping file key by key, noting everything that is wrong with them."""

import re
from collections.abc import Mapping
from typing import Any

from services.opportunities.domain.history_template import (
    Template,
    TemplateIsMalformed,
    parse_template,
)
from shared.errors import FieldProblem

Document = Mapping[str, Any]


class TableReader:
    """One table; problems of it and of the tables inside go to one list, with dotted paths."""

    def __init__(self, table: Document, path: str, problems: list[FieldProblem]) -> None:
        self.table = table
        self.path = path
        self.problems = problems
        self._read: set[str] = set()

    def note(self, key: str, code: str, message: str) -> None:
        self.problems.append(FieldProblem(self._at(key), code, message))

    def text(self, key: str, *, default: str | None = None, required: bool = False) -> str:
        """A text that is not empty; the default, or "", where it is absent or wrong."""
        value = self._take(key, required=required)
        if value is None:
            return default or ""
        if not isinstance(value, str) or not value:
            self.note(key, "wrong-type", "must be a text that is not empty")
            return default or ""
        return value

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of `choices`, the first of them where it is absent."""
        value = self.text(key, default=choices[0])
        if value not in choices:
            self.note(key, "unknown", f"must be one of {', '.join(choices)}")
            return choices[0]
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        value = self._take(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.note(key, "wrong-type", "must be true or false")
            return default
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if value is None:
            return ()
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        self.note(key, "wrong-type", "must be a list of texts")
        return ()

    def template(self, key: str, *, required: bool = False) -> Template | None:
        text = self.text(key, required=required)
        if not text:
            return None
        try:
            return parse_template(text)
        except TemplateIsMalformed as refusal:
            self.note(key, "malformed", str(refusal))
            return None

    def pattern(self, key: str) -> re.Pattern[str] | None:
        text = self.text(key)
        if not text:
            return None
        try:
            return re.compile(text)
        except re.error as refusal:
            self.note(key, "malformed", f"not a regular expression: {refusal}")
            return None

    def anything(self, key: str) -> Any:
        return self._take(key)

    def inner(self, key: str, *, required: bool = False) -> "TableReader":
        """The table under a key; an empty one where it is absent or wrong."""
        value = self._take(key, required=required)
        if value is not None and not isinstance(value, dict):
            self.note(key, "wrong-type", "must be a table")
            value = None
        return TableReader(value or {}, self._at(key), self.problems)

    def each(self, key: str) -> tuple["TableReader", ...]:
        value = self._take(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            self.note(key, "wrong-type", "must be a list of tables")
            return ()
        return tuple(
            TableReader(item, f"{self._at(key)}[{index}]", self.problems)
            for index, item in enumerate(value)
        )

    def finish(self) -> None:
        """Note every key that nobody asked for."""
        for key in self.table:
            if key not in self._read:
                self.note(key, "unknown", "no such key")

    def _take(self, key: str, *, required: bool = False) -> Any:
        self._read.add(key)
        value = self.table.get(key)
        if value is None and required:
            self.note(key, "required", "must be given")
        return value

    def _at(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key
