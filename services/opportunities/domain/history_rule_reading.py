"""Reading the rules of a mapping: which rows they are for, and what those rows mean."""

from typing import Any

from services.opportunities.domain.history_mapping import (
    Act,
    Condition,
    Enter,
    Ignore,
    Lose,
    Meaning,
    Rule,
    Win,
)
from services.opportunities.domain.history_table import TableReader

_MEANINGS = ("stage", "win", "lose", "ignore")


def read_rule(table: TableReader) -> Rule:
    conditions = read_conditions(table)
    direction = table.text("direction") or None
    if direction not in {None, "inbound", "outbound"}:
        table.note("direction", "unknown", "must be inbound or outbound")
    rule = Rule(
        conditions=conditions,
        meaning=_meaning(table),
        opens=table.flag("open"),
        action=table.template("action"),
        direction=direction,
        is_contact=table.flag("is_contact", default=True),
        ends_silence=table.flag("ends_silence", default=True),
    )
    table.finish()
    return rule


def read_conditions(table: TableReader) -> tuple[Condition, ...]:
    """All of which must hold, under `when`."""
    when = table.inner("when", required=True)
    return tuple(_condition(when, name) for name in when.table)


def _meaning(table: TableReader) -> Meaning:
    given = [key for key in _MEANINGS if key in table.table]
    if len(given) > 1:
        table.note(given[1], "contradicts", f"a rule has only one of {', '.join(_MEANINGS)}")
    stage = table.text("stage")
    reason = table.template("lose")
    wins, ignores = table.flag("win"), table.flag("ignore")
    if stage:
        return Enter(stage=stage)
    if reason is not None:
        return Lose(reason=reason)
    if wins:
        return Win()
    return Ignore() if ignores else Act()


def _condition(when: TableReader, name: str) -> Condition:
    """`"X"`, `["X", "Y"]`, `{ not = … }`, `{ matches = "regex" }` or `{ empty = true }`."""
    value = when.anything(name)
    if (one_of := _values(value)) is not None:
        return Condition(name=name, one_of=one_of)
    if not isinstance(value, dict) or len(value) != 1:
        when.note(name, "wrong-type", "a text, a list of texts, or one of not, matches, empty")
        return Condition(name=name, empty=False)
    inner = when.inner(name)
    condition = _condition_of_table(inner, name, value)
    inner.finish()
    return condition


def _condition_of_table(inner: TableReader, name: str, value: dict[str, Any]) -> Condition:
    if "not" in value:
        none_of = _values(inner.anything("not"))
        if none_of is None:
            inner.note("not", "wrong-type", "must be a text or a list of texts")
        return Condition(name=name, none_of=none_of or frozenset())
    if "matches" in value and (pattern := inner.pattern("matches")) is not None:
        return Condition(name=name, pattern=pattern)
    return Condition(name=name, empty=inner.flag("empty", default=True))


def _values(value: Any) -> frozenset[str] | None:
    if isinstance(value, str):
        return frozenset({value})
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return frozenset(value)
    return None
