"""Reading a pipeline from a TOML or JSON document, with every wrong key and type named."""

import re
from collections.abc import Mapping
from typing import Any

from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import (
    GoldenAction,
    LightLimits,
    PipelineDefinition,
    StageDefinition,
)

DEFAULT_SILENCE_LIMIT_SECONDS = 48 * 3600

_DURATION = re.compile(r"(\d{1,9})\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


class DocumentIsMalformed(Malformed):
    """Keys or types of the document are wrong, each named in `errors`."""

    code = "document-is-malformed"


def parse_pipeline(document: Mapping[str, Any]) -> PipelineDefinition:
    """The definition that a document spells, not yet checked for being walkable (O1).

    Limits are "90s", "90m", "48h", "7d" or whole seconds. The version stays 0 until published.
    Raises DocumentIsMalformed naming every unknown key and wrong type.
    """
    problems: list[FieldProblem] = []
    whole = _Table(document, "", problems)
    head = whole.table("pipeline")
    stages = tuple(_stage(table) for table in whole.tables("stage"))
    pipeline = PipelineDefinition(
        name=head.required_text("name"),
        version=0,
        stages=stages,
        unmet=head.text("unmet") or "enforce",
        late_changes=head.text("late_changes") or "refuse",
        win_from=head.texts("win_from"),
        silence_in_business_time=head.flag("silence_in_business_time"),
        dwell_in_business_time=head.flag("dwell_in_business_time"),
        lights=_lights(head.optional_table("lights")),
    )
    head.refuse_other_keys()
    whole.refuse_other_keys()
    if problems:
        raise DocumentIsMalformed(f"{len(problems)} problem(s) in the document", errors=problems)
    return pipeline


def _stage(table: "_Table") -> StageDefinition:
    silence = table.seconds("silence_limit")
    stage = StageDefinition(
        name=table.required_text("name"),
        silence_limit_seconds=DEFAULT_SILENCE_LIMIT_SECONDS if silence is None else silence,
        dwell_limit_seconds=table.seconds("dwell_limit", none_is_a_word=True),
        golden_actions=tuple(_golden_action(each) for each in table.tables("golden_action")),
        required_fields=table.texts("required_fields"),
        told=table.texts("told"),
        title=table.text_by_language("title"),
    )
    table.refuse_other_keys()
    return stage


def _lights(table: "_Table") -> LightLimits:
    """Without the table, or a key of it, the defaults (P8)."""
    usual = LightLimits()
    lights = LightLimits(
        entered_seconds=_or(table.seconds("entered"), usual.entered_seconds),
        proposal_stage=table.text("proposal_stage"),
        proposal_seconds=_or(table.seconds("proposal"), usual.proposal_seconds),
        reaction_seconds=_or(table.seconds("reaction"), usual.reaction_seconds),
    )
    table.refuse_other_keys()
    return lights


def _or(given: int | None, usual: int) -> int:
    return usual if given is None else given


def _golden_action(table: "_Table") -> GoldenAction:
    golden = GoldenAction(
        action=table.required_text("action"),
        evidence=table.texts("evidence"),
        limit_seconds=table.seconds("limit"),
        after=table.text("after"),
        block=table.flag("block"),
        name=table.text("name"),
    )
    table.refuse_other_keys()
    return golden


def _is_list_of(kind: type[Any], value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, kind) for each in value)


class _Table:
    """One table of the document: takes out values by type and notes what is wrong with them."""

    def __init__(self, content: Mapping[str, Any], path: str, problems: list[FieldProblem]) -> None:
        self._content = content
        self._path = path
        self._problems = problems
        self._asked: set[str] = set()

    def required_text(self, key: str) -> str:
        if key not in self._content:
            self._asked.add(key)
            self._note(key, "required", "is missing")
            return ""
        return self.text(key) or ""

    def text(self, key: str) -> str | None:
        value = self._take(key)
        if value is None or isinstance(value, str):
            return value
        self._note(key, "not-text", "must be text")
        return None

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if value is None:
            return ()
        if _is_list_of(str, value):
            return tuple(value)
        self._note(key, "not-a-list-of-texts", "must be a list of texts")
        return ()

    def text_by_language(self, key: str) -> dict[str, str]:
        value = self._take(key)
        if value is None:
            return {}
        if isinstance(value, Mapping) and _is_list_of(str, [*value, *value.values()]):
            return dict(value)
        self._note(key, "not-text-by-language", 'must be like { zh = "…", en = "…" }')
        return {}

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if value is None or isinstance(value, bool):
            return bool(value)
        self._note(key, "not-a-boolean", "must be true or false")
        return False

    def seconds(self, key: str, *, none_is_a_word: bool = False) -> int | None:
        value = self._take(key)
        if value is None or (none_is_a_word and value == "none"):
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and (duration := _DURATION.fullmatch(value.strip())):
            return int(duration[1]) * _SECONDS[duration[2]]
        self._note(key, "not-a-duration", 'must be like "90s", "90m", "48h", "7d" or whole seconds')
        return None

    def table(self, key: str) -> "_Table":
        value = self._take(key)
        if isinstance(value, Mapping):
            return _Table(value, self._at(key), self._problems)
        message = "is missing" if value is None else "must be a table"
        self._note(key, "required" if value is None else "not-a-table", message)
        return _Table({}, self._at(key), [])

    def optional_table(self, key: str) -> "_Table":
        return self.table(key) if key in self._content else _Table({}, self._at(key), [])

    def tables(self, key: str) -> list["_Table"]:
        value = self._take(key)
        if value is None:
            return []
        if _is_list_of(Mapping, value):
            return [
                _Table(each, f"{self._at(key)}[{index}]", self._problems)
                for index, each in enumerate(value)
            ]
        self._note(key, "not-a-list-of-tables", "must be a list of tables")
        return []

    def refuse_other_keys(self) -> None:
        for key in self._content:
            if key not in self._asked:
                self._note(str(key), "unknown-key", "is no key of this table")

    def _take(self, key: str) -> Any:
        self._asked.add(key)
        return self._content.get(key)

    def _at(self, key: str) -> str:
        return f"{self._path}.{key}" if self._path else key

    def _note(self, key: str, code: str, message: str) -> None:
        self._problems.append(FieldProblem(self._at(key), code, message))
