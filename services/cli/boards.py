"""`pulsetrail board`: any board, of now or of any past moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output, cell
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.leads.queries.boards import LEAD_BOARDS
from services.projections.domain.words import say
from services.projections.queries.asking import Question, funnel_nodes
from services.projections.queries.boards import BOARDS, board
from shared.clock import iso
from shared.errors import FieldProblem, Malformed

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "silence": (
        "opportunity_id",
        "stage",
        "unit_id",
        "owner_id",
        "amount",
        "last_activity_at",
        "hours_left",
    ),
    "process-health": (
        "unit_id",
        "rep_id",
        "week",
        "index",
        "stage_compliance",
        "evidence_rate",
        "silence_overrun",
    ),
    "golden-actions": ("unit_id", "rep_id", "stage", "action", "done", "due", "rate", "light"),
    "action-health": (
        "unit_id",
        "rep_id",
        "month",
        "index",
        "timeliness",
        "richness",
        "consistency",
        "weakest",
    ),
    "revisions": (
        "opportunity_id",
        "stage",
        "unit_id",
        "owner_id",
        "revisions",
        "customer_questions",
        "last_revised_at",
    ),
    "data-quality": (
        "unit_id",
        "month",
        "leads",
        "duplicate_rate",
        "unreviewed_duplicates",
        "completeness",
        "scored",
        "score_median",
    ),
}
"""What a person at a terminal is shown of boards whose rows are lines as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIsAsked:
    """The unit, rep, stage, window and moment of a figure or board."""

    unit: str | None = None
    rep: str | None = None
    stage: str | None = None
    opportunity: str | None = None
    key_industry: bool | None = None
    week: str | None = None
    month: str | None = None
    quarter: str | None = None
    as_of: datetime | None = None
    from_event: str | None = None
    to_event: str | None = None
    via: tuple[str, ...] = ()
    pipeline: str | None = None
    segment: str | None = None

    def question(self, *, limit: int | None = None, language: str = "en") -> Question:
        return Question(
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            opportunity_id=self.opportunity,
            is_key=self.key_industry,
            week=self.week,
            month=self.month,
            quarter=self.quarter,
            as_of=self.as_of,
            nodes=funnel_nodes(self.from_event, self.to_event, self.via),
            pipeline=self.pipeline,
            segment=self.segment,
            limit=limit,
            language=language,
        )

    def query(self) -> dict[str, str | bool | tuple[str, ...] | None]:
        return {
            "unit": self.unit,
            "rep": self.rep,
            "stage": self.stage,
            "opportunity": self.opportunity,
            "key_industry": self.key_industry,
            "week": self.week,
            "month": self.month,
            "quarter": self.quarter,
            "as_of": None if self.as_of is None else iso(self.as_of),
            "from": self.from_event,
            "to": self.to_event,
            "via": self.via or None,
            "pipeline": self.pipeline,
            "segment": self.segment,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBoard(ReadingRequest):
    """`limit` None: all rows."""

    name: ClassVar[str] = "board"

    board: str
    asked: WhatIsAsked
    limit: int | None = None
    language: str = "en"

    async def run(self, desk: Desk) -> int:
        self._refuse_unknown()
        await desk.keep_up()
        question = self.asked.question(limit=self.limit, language=self.language)
        answer = await board(desk.ports, await asker_of(desk), self.board, question)
        self._tell(desk.output, answer)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        self._refuse_unknown()
        path, query = f"/boards/{self.board}", self.asked.query()
        self._tell(output, await server.pages(path, query, self.limit, language=self.language))
        return DONE

    def _refuse_unknown(self) -> None:
        if self.board not in BOARDS:
            problem = FieldProblem(
                "name", "unknown", f"one of {', '.join((*BOARDS, *LEAD_BOARDS))}"
            )
            raise Malformed(f"there is no board {self.board!r}", errors=[problem])

    def _tell(self, output: Output, answer: dict[str, Any]) -> None:
        if output.as_json:
            output.document(answer)
            return
        as_of = answer.get("as_of")
        title = f"{self.board}, as of {cell(as_of)}" if as_of else self.board
        match self.board:
            case "instructions":
                rows, columns = _instruction_lines(answer)
            case "heat-map":
                rows, columns = _heat_map_lines(answer, self.language)
            case "funnel":
                rows, columns = _funnel_lines(answer)
            case "breakpoints":
                rows, columns = _breakpoint_lines(answer)
            case "goals":
                rows, columns = _goal_lines(answer)
            case _:
                rows = answer.get("rows", [])
                columns = _named(_COLUMNS.get(self.board) or (tuple(rows[0]) if rows else ()))
        output.table(title, rows, columns)


Lines = tuple[Sequence[Mapping[str, Any]], Mapping[str, str]]
"""Rows, and the columns of them with what stands above each."""


def _named(columns: Sequence[str]) -> Mapping[str, str]:
    return {column: column.replace("_", " ") for column in columns}


def _instruction_lines(answer: Mapping[str, Any]) -> Lines:
    """What to do, in the reader's language, and how long there is for it."""
    as_of = _moment(answer["as_of"])
    lines = [
        {
            "hours_left": (_moment(row["before"]) - as_of) / timedelta(hours=1),
            "count": row["count"],
            "text": row["text"],
        }
        for row in answer["rows"]
    ]
    return lines, {"hours_left": "hours left", "count": "count", "text": "instruction"}


def _heat_map_lines(answer: Mapping[str, Any], language: str) -> Lines:
    """A line per unit, a column per golden action, in it the light with done of due."""
    columns = {"unit_id": "unit"}
    for number, each in enumerate(answer["actions"]):
        columns[str(number)] = f"{each['stage']}: {each['action']}"
    lines = [
        {"unit_id": row["unit_id"]}
        | {str(number): _lit(each, language) for number, each in enumerate(row["cells"])}
        for row in answer["rows"]
    ]
    return lines, columns


def _funnel_lines(answer: Mapping[str, Any]) -> Lines:
    """A line from end to end for each unit, rep and segment, below it one per step."""
    figures = ("entered", "reached", "pending", "dropped", "conversion", "median_hours")
    shown = ("unit_id", "rep_id", "segment", "step", *figures, "p90_hours", "bottleneck")
    lines: list[Mapping[str, Any]] = []
    for row in answer["rows"]:
        lines.append(row)
        for step in row["steps"] if len(row["steps"]) > 1 else ():
            named = {"step": f"{step['from']} → {step['to']}", "unit_id": "", "rep_id": ""}
            is_narrowest = "*" if step["is_bottleneck"] else ""
            lines.append({**step, **named, "bottleneck": is_narrowest})
    return lines, _named(shown)


def _breakpoint_lines(answer: Mapping[str, Any]) -> Lines:
    """A line per stage, below it those that were over for longest."""
    lines: list[Mapping[str, Any]] = []
    for row in answer["rows"]:
        lines.append(row)
        lines += [{**each, "stage": ""} for each in row["opportunities"]]
    return lines, _named(
        ("stage", "hours_over", "opportunity_id", "delay_hours", "owner_id", "unit_id")
    )


def _goal_lines(answer: Mapping[str, Any]) -> Lines:
    """A line per unit or rep and metric that has a goal or a figure."""
    lines = [
        {**row, **each}
        for row in answer["rows"]
        for each in row["metrics"]
        if each["target"] is not None or each["actual"] is not None
    ]
    return lines, _named(
        ("unit_id", "rep_id", "month", "metric", "target", "actual", "attainment", "red")
    )


def _lit(golden: Mapping[str, Any], language: str) -> str:
    if golden["light"] is None:
        return "-"
    light = say(f"light.{golden['light']}", language)
    return f"{light} {golden['rate']:.1%} {golden['done']}/{golden['due']}"


def _moment(value: datetime | str) -> datetime:
    """Asked of a server it comes as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value
