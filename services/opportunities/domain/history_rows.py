"""What each row of a history says, given how its case stands: the mapping's rules at work."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, assert_never

from services.opportunities.domain.history_case import (
    CaseState,
    closed_case,
    moved_case,
    opened_case,
)
from services.opportunities.domain.history_cells import HistoryRow
from services.opportunities.domain.history_mapping import (
    ACTIVITY,
    ACTOR,
    CASE,
    LIFECYCLE,
    TIME,
    Act,
    Enter,
    HistoryMapping,
    Ignore,
    Lose,
    Rule,
    Win,
)
from services.opportunities.domain.history_rule_book import RuleBook, remember, row_value
from services.opportunities.domain.history_statement import (
    ActionOfCase,
    AssignCase,
    CustomerOfHistory,
    LoseCase,
    MoveStage,
    OpenCase,
    RepOfHistory,
    Statement,
    WinCase,
)
from services.opportunities.domain.history_template import Template, ValueIsNoNumber, render
from shared.events.opportunities import PipelineDefinition

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_LONGEST_NAME = 64


class RowIsRefused(Exception):
    """A row that says what cannot be, or comes too late to say it; it costs only itself."""

    def __init__(self, field: str, code: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.code = code


class Reading(NamedTuple):
    """What a row says, in the order in which it takes effect, and how its case stands after it."""

    statements: tuple[Statement, ...]
    state: CaseState | None


class HistoryReader:
    """A mapping made ready for its pipeline.

    Its memories are of pure results only: rules by activity and lifecycle, reps by actor.
    Raises MappingIsMalformed where a rule names a stage that the pipeline lacks.
    """

    def __init__(self, mapping: HistoryMapping, pipeline: PipelineDefinition) -> None:
        stages = [stage.name for stage in pipeline.stages]
        self._keeps_late_changes = pipeline.late_changes == "accept"
        self.mapping = mapping
        self._order = {stage: index for index, stage in enumerate(stages)}
        self._first_stage = stages[0]
        self._rules = RuleBook(mapping, stages)
        self._further = {name: index for index, name in enumerate(mapping.further)}
        self._types: dict[tuple[str, str], str] = {}
        self._reps: dict[tuple[str, ...], RepOfHistory] = {}
        self._type_by_pair = set(mapping.action.type.names) <= {ACTIVITY, LIFECYCLE}
        reps = mapping.reps
        templates = (reps.id, reps.unit, reps.name) if reps else ()
        names = {name for template in templates if template for name in template.names} - {ACTOR}
        self._rep_values = tuple(sorted(names))

    def opportunity_id(self, row: HistoryRow) -> str:
        """Raises RowIsRefused where it would not be an id."""
        return self._id(self.mapping.opportunity.id, row)

    def read(self, row: HistoryRow, state: CaseState | None) -> Reading:
        """Raises RowIsRefused; the case then stands as before."""
        rule = self._rules.rule_of(row)
        if isinstance(rule.meaning, Ignore):
            return Reading((), state)
        if state is None:
            return self._opening(row, rule)
        if row.time < state.changed_at:
            return self._late(row, rule, state)
        statements: list[Statement] = []
        rep = self._rep(row)
        if rep is not None and self._is_to_own(rep, state):
            statements.append(AssignCase(owner=rep, at=row.time))
            state = replace(state, owner_id=rep.rep_id)
        said, state = self._change(row, rule, state, rep)
        statements.append(said)
        return Reading(tuple(statements), state)

    def _opening(self, row: HistoryRow, rule: Rule) -> Reading:
        form = self.mapping.opportunity
        if form.opened_by == "rule" and not rule.opens:
            raise RowIsRefused(self._column(CASE), "case-not-open", "comes before its opening row")
        rep = self._rep(row)
        owner = None if self.mapping.owner == "none" else rep
        opening = OpenCase(
            customer=self._customer(row),
            stage=self._first_stage,
            unit_id=self._id(form.unit, row),
            owner=owner,
            amount=row.amount,
            currency=self._optional(form.currency, row),
            at=row.time,
        )
        state = opened_case(self._first_stage, owner.rep_id if owner else None, row.time)
        only_opens = rule.opens and rule.action is None and isinstance(rule.meaning, Act)
        if only_opens or rule.meaning == Enter(stage=self._first_stage):
            return Reading((opening,), state)
        said, after = self._change(row, rule, state, rep)
        return Reading((opening, said), after)

    def _change(
        self, row: HistoryRow, rule: Rule, state: CaseState, rep: RepOfHistory | None
    ) -> tuple[Statement, CaseState]:
        meaning = rule.meaning
        if state.closed:
            return self._action(row, rule, rep), state
        match meaning:
            case Act() | Ignore():
                return self._action(row, rule, rep), state
            case Enter(stage=stage) if stage == state.stage:
                return self._action(row, rule, rep), state
            case Enter(stage=stage):
                move = MoveStage(stage=stage, reason=self._why(state.stage, stage), at=row.time)
                return move, moved_case(state, stage, row.time)
            case Win():
                return WinCase(at=row.time), closed_case(state, row.time)
            case Lose(reason=reason):
                lost = LoseCase(reason=self._reason(reason, row), at=row.time)
                return lost, closed_case(state, row.time)
            case _:
                assert_never(meaning)

    def _late(self, row: HistoryRow, rule: Rule, state: CaseState) -> Reading:
        """A late action, or a change of state that came too late (G2, G5)."""
        match rule.meaning:
            case Enter(stage=stage) if stage != state.stage_at(row.time):
                changes = True
            case Win() | Lose():
                changes = True
            case _:
                changes = False
        if changes and self._keeps_late_changes:
            then = replace(state, closed=False, stage=state.stage_at(row.time) or "")
            change, _ = self._change(row, rule, then, None)
            return Reading((change,), state)
        if changes:
            message = f"the case changed at {state.changed_at.isoformat()}, it is in {state.stage}"
            raise RowIsRefused(self._column(TIME), "out-of-date", message)
        rep = self._rep(row)
        action = self._action(row, rule, rep)
        if rep is not None and state.owner_id is None and self._is_to_own(rep, state):
            owned = replace(state, owner_id=rep.rep_id)
            return Reading((AssignCase(owner=rep, at=row.time), action), owned)
        return Reading((action,), state)

    def _action(self, row: HistoryRow, rule: Rule, rep: RepOfHistory | None) -> ActionOfCase:
        form = self.mapping.action
        return ActionOfCase(
            type=self._type(row, rule),
            actor=rep,
            summary=self._optional(form.summary, row),
            fields={name: value for name in form.fields if (value := self._value(row, name))},
            direction=rule.direction,
            is_contact=rule.is_contact,
            ends_silence=rule.ends_silence,
            at=row.time,
        )

    def _is_to_own(self, rep: RepOfHistory, state: CaseState) -> bool:
        if state.closed or self.mapping.owner == "none":
            return False
        if self.mapping.owner == "first":
            return state.owner_id is None
        return state.owner_id != rep.rep_id

    def _rep(self, row: HistoryRow) -> RepOfHistory | None:
        form = self.mapping.reps
        if form is None or not row.actor or row.actor in form.nobody:
            return None
        key: tuple[str, ...] = (row.actor,)
        if self._rep_values:
            key += tuple(self._value(row, name) for name in self._rep_values)
        rep = self._reps.get(key)
        if rep is None:
            unit_id = form.units.get(row.actor)
            rep = RepOfHistory(
                rep_id=self._id(form.id, row),
                unit_id=self._id(form.unit, row) if unit_id is None else unit_id,
                unit_parent=form.unit_parent,
                name=self._optional(form.name, row),
            )
            remember(self._reps, key, rep)
        return rep

    def _customer(self, row: HistoryRow) -> CustomerOfHistory:
        form = self.mapping.customer
        return CustomerOfHistory(
            customer_id=self._id(self.mapping.opportunity.customer, row),
            name=self._optional(form.name, row),
            customer_type=self._optional(form.customer_type, row),
            industry=self._optional(form.industry, row),
        )

    def _type(self, row: HistoryRow, rule: Rule) -> str:
        template = rule.action
        if template is None and self._type_by_pair:
            known = self._types.get((row.activity, row.lifecycle))
            if known is not None:
                return known
        text = self._text(template or self.mapping.action.type, row)
        if not 1 <= len(text) <= _LONGEST_NAME:
            message = f"a type of action has 1 to {_LONGEST_NAME} characters"
            raise RowIsRefused(self._column(ACTIVITY), "malformed", message)
        if template is None and self._type_by_pair:
            remember(self._types, (row.activity, row.lifecycle), text)
        return text

    def _why(self, from_stage: str, to_stage: str) -> str | None:
        step = self._order[to_stage] - self._order.get(from_stage, -1)
        if step < 0:
            return self.mapping.opportunity.backward_reason
        return self.mapping.opportunity.skip_reason if step > 1 else None

    def _reason(self, template: Template, row: HistoryRow) -> str:
        reason = self._text(template, row)
        if not reason:
            names = template.names
            field = self._column(names[0] if names else ACTIVITY)
            raise RowIsRefused(field, "required", "losing needs a reason")
        return reason

    def _id(self, template: Template, row: HistoryRow) -> str:
        text = self._text(template, row)
        if _ID.fullmatch(text) is None:
            names = template.names
            field = self._column(names[0] if names else CASE)
            message = f"{text[:80]!r} is no id: 1-64 of A-Z a-z 0-9 . _ -"
            raise RowIsRefused(field, "malformed-id", message)
        return text

    def _optional(self, template: Template | None, row: HistoryRow) -> str | None:
        return None if template is None else self._text(template, row) or None

    def _text(self, template: Template, row: HistoryRow) -> str:
        value_of: Callable[[str], str] = lambda name: self._value(row, name)  # noqa: E731  # closes over the row
        try:
            return render(template, value_of)
        except ValueIsNoNumber as refusal:
            raise RowIsRefused(self._column(refusal.name), "not-a-number", str(refusal)) from None

    def _value(self, row: HistoryRow, name: str) -> str:
        return row_value(row, name, self._further)

    def _column(self, name: str) -> str:
        return self.mapping.columns.get(name, name)
