"""Which rule of a mapping a row meets, looked up by activity and lifecycle."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from services.opportunities.domain.history_cells import HistoryRow
from services.opportunities.domain.history_mapping import (
    ACTIVITY,
    LIFECYCLE,
    Act,
    Enter,
    HistoryMapping,
    MappingIsMalformed,
    Rule,
)
from shared.errors import FieldProblem

Key = TypeVar("Key")
Value = TypeVar("Value")

_REMEMBERED = 20_000
_ANY_ROW = Rule(conditions=(), meaning=Act())


class RuleBook:
    """Raises MappingIsMalformed where a rule names a stage that the pipeline lacks."""

    def __init__(self, mapping: HistoryMapping, stages: Sequence[str]) -> None:
        if problems := _absent_stages(mapping, stages):
            raise MappingIsMalformed("a rule names an unknown stage", errors=problems)
        self._rules = mapping.rules
        self._further = {name: index for index, name in enumerate(mapping.further)}
        self._candidates: dict[tuple[str, str], tuple[Rule, ...]] = {}

    def rule_of(self, row: HistoryRow) -> Rule:
        """The first rule whose conditions all hold; a row that meets none is an action."""
        pair = (row.activity, row.lifecycle)
        candidates = self._candidates.get(pair)
        if candidates is None:
            candidates = tuple(_possible(self._rules, row))
            remember(self._candidates, pair, candidates)
        for rule in candidates:
            for condition in rule.conditions:
                if not condition.holds(row_value(row, condition.name, self._further)):
                    break
            else:
                return rule
        return _ANY_ROW


def row_value(row: HistoryRow, name: str, further: Mapping[str, int]) -> str:
    """The row's value under a role or the name of a further column, as text."""
    position = further.get(name)
    if position is not None:
        return row.further[position]
    value = getattr(row, name)
    return "" if value is None else str(value)


def _absent_stages(mapping: HistoryMapping, stages: Sequence[str]) -> list[FieldProblem]:
    return [
        FieldProblem(f"rule[{index}].stage", "unknown-stage", f"the pipeline has no {stage!r}")
        for index, rule in enumerate(mapping.rules)
        if isinstance(rule.meaning, Enter) and (stage := rule.meaning.stage) not in stages
    ]


def _possible(rules: Sequence[Rule], row: HistoryRow) -> list[Rule]:
    """The rules that this activity and lifecycle may meet, rid of the conditions so settled."""
    possible = []
    for rule in rules:
        known = [one for one in rule.conditions if one.name in {ACTIVITY, LIFECYCLE}]
        values = {ACTIVITY: row.activity, LIFECYCLE: row.lifecycle}
        if all(one.holds(values[one.name]) for one in known):
            open_questions = tuple(one for one in rule.conditions if one not in known)
            possible.append(replace(rule, conditions=open_questions))
            if not open_questions:
                break
    return possible


def remember(memory: dict[Key, Value], key: Key, value: Value) -> None:
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value
