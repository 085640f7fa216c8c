"""Who asks a board for what: the unit it is about, what the caller may see, which page."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.projections.domain.windows import (
    Moment,
    Window,
    end_of,
    month_named,
    quarter_named,
    week_named,
)
from shared.access import Caller, Resource, Visibility, visible_rows
from shared.errors import FieldProblem, Malformed, NotFound
from shared.organisation import Organisation

_REPS_ON_A_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A board's query fields as they were sent; `limit` None: all rows.

    `opportunity_id` is for questions why: of one row of a board that lists opportunities.
    `nodes`, `pipeline` and `segment` are the funnel's; `order` is of a page's list, the empty text
    the board's own.
    """

    unit_id: str | None = None
    rep_id: str | None = None
    stage: str | None = None
    opportunity_id: str | None = None
    is_key: bool | None = None
    nodes: tuple[str, ...] = ()
    pipeline: str | None = None
    segment: str | None = None
    week: str | None = None
    month: str | None = None
    quarter: str | None = None
    as_of: datetime | None = None
    limit: int | None = None
    cursor: str | None = None
    order: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """A caller (None: the command line on the folder itself, which sees everything), with the
    tenant's organisation and its clock."""

    tenant_id: str
    caller: Caller | None
    organisation: Organisation
    clock: datetime

    def visibility(self, resource: Resource) -> Visibility:
        if self.caller is None:
            return Visibility(everything=True)
        return visible_rows(self.caller, self.organisation, resource)

    def unit(self, question: Question) -> str:
        """The unit a board is about: the one named, else the root, or the caller's own.

        Raises NotFound for a unit that is unknown or not the caller's to see (A9).
        """
        seen = self.visibility(Resource.BOARDS)
        unit_id = question.unit_id or self._own_unit(seen)
        if unit_id is None or not self.organisation.knows_unit(unit_id):
            raise NotFound(f"there is no unit {question.unit_id!r}")
        if seen.unit_ids and not seen.everything and unit_id not in seen.unit_ids:
            raise NotFound(f"there is no unit {unit_id!r}")
        return unit_id

    def _own_unit(self, seen: Visibility) -> str | None:
        """Of who sees some units only, the first of those granted; reps are found everywhere."""
        if self.caller is not None and seen.unit_ids and not seen.everything:
            for grant in self.caller.grants:
                if grant.unit_id in seen.unit_ids:
                    return grant.unit_id
        return self.organisation.root_id

    def only_rep(self, question: Question) -> str | None:
        """The one rep whose figures are listed: the one named, or the caller where reps see only
        their own. Raises NotFound for somebody else's."""
        seen = self.visibility(Resource.BOARDS)
        if seen.everything or seen.unit_ids:
            return question.rep_id
        if question.rep_id not in (None, seen.own_person_id):
            raise NotFound(f"there is nobody {question.rep_id!r}")
        return seen.own_person_id

    def reps_on_page(self, question: Question) -> frozenset[str] | None:
        """Whose figures a page lists below its unit: one rep's, else everybody's (None); with very
        many people in units below only those of its own: the units below list theirs."""
        only_rep, unit_id = self.only_rep(question), self.unit(question)
        if only_rep is not None:
            return frozenset({only_rep})
        organisation = self.organisation
        below = sum(len(organisation.people_in(each)) for each in organisation.subtree(unit_id))
        if organisation.children(unit_id) and below > _REPS_ON_A_PAGE:
            return frozenset(organisation.people_in(unit_id))
        return None

    def moment(self, question: Question) -> datetime:
        """What counts as now: `as_of`, at the latest the clock."""
        return self.clock if question.as_of is None else min(question.as_of, self.clock)

    def zone(self, question: Question) -> str:
        return self.organisation.zone(self.moment(question))

    def window(self, question: Question) -> Window | None:
        """The week, month or quarter asked for. Raises Malformed for two at once."""
        zone = self.zone(question)
        asked = {"week": question.week, "month": question.month, "quarter": question.quarter}
        named = [(field, name) for field, name in asked.items() if name]
        if len(named) > 1:
            problem = FieldProblem(named[1][0], f"not-with-{named[0][0]}", "name one window")
            raise Malformed("two windows", errors=[problem])
        return _WINDOWS[named[0][0]](named[0][1], zone) if named else None

    def at_end(self, question: Question) -> Question:
        """Of what is shown as it stands: the end of the window asked for, with all before it."""
        window = self.window(question)
        if window is None or window.ends > self.moment(question):
            return question
        return replace(question, as_of=window.ends - timedelta(milliseconds=1))

    def until(self, question: Question, window: Window | None) -> Moment:
        at = self.moment(question)
        return Moment(at, inclusive=True) if window is None else end_of(window, at)


_WINDOWS = {"week": week_named, "month": month_named, "quarter": quarter_named}


def funnel_nodes(first: str | None, last: str | None, between: Sequence[str]) -> tuple[str, ...]:
    """From, to and those between, in order; none of them where the funnel is the pipeline's own.

    Raises Malformed for a beginning without an end, or the other way round.
    """
    if first is not None and last is not None:
        return (first, last, *between)
    if first is None and last is None and not between:
        return ()
    problem = FieldProblem("to" if last is None else "from", "required", "name both ends")
    raise Malformed("a funnel goes from one event to another", errors=[problem])


def refuse_filters(question: Question, board: str) -> None:
    """Raises Malformed for a stage or key industry on a board that is not made of opportunities."""
    asked = {"stage": question.stage, "key_industry": question.is_key}
    _refuse(asked, board)


def refuse_windows(question: Question, fields: Sequence[str], board: str) -> None:
    """Raises Malformed for windows other than those that a board goes by."""
    _refuse({field: getattr(question, field) for field in fields}, board)


def refuse_nodes(question: Question, board: str) -> None:
    """Raises Malformed for the fields of the funnel on another board."""
    asked = {
        "from": question.nodes or None,
        "pipeline": question.pipeline,
        "segment": question.segment,
    }
    _refuse(asked, board)


def _refuse(asked: Mapping[str, object], board: str) -> None:
    for field, value in asked.items():
        if value is not None:
            problem = FieldProblem(field, "not-here", "the figures of this board are over all")
            raise Malformed(f"{board} has no such filter", errors=[problem])


def cursor_after(*values: str | int) -> str:
    plain = "\x1f".join(map(str, values))
    return base64.urlsafe_b64encode(plain.encode()).decode().rstrip("=")


def cursor_values(cursor: str, count: int) -> list[str]:
    """Raises Malformed for what is no cursor of this list."""
    try:
        plain = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error) as flaw:
        raise _not_ours() from flaw
    values = plain.split("\x1f")
    if len(values) != count:
        raise _not_ours()
    return values


def number_in_cursor(value: str) -> int:
    """Raises Malformed."""
    if not value.lstrip("-").isdigit():
        raise _not_ours()
    return int(value)


def _not_ours() -> Malformed:
    problem = FieldProblem("cursor", "unknown", "not a cursor of this list")
    return Malformed("the cursor is not ours", errors=[problem])
