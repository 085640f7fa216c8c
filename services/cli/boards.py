"""`pulsetrail board`: any board, of now or of any past moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.projections.queries.asking import Question
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
}
"""What a person at a terminal is shown; of other boards everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIsAsked:
    """The unit, rep, stage, window and moment of a figure or board."""

    unit: str | None = None
    rep: str | None = None
    stage: str | None = None
    week: str | None = None
    month: str | None = None
    as_of: datetime | None = None

    def question(self, *, limit: int | None = None, language: str = "en") -> Question:
        return Question(
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            week=self.week,
            month=self.month,
            as_of=self.as_of,
            limit=limit,
            language=language,
        )

    def query(self) -> dict[str, str | None]:
        return {
            "unit": self.unit,
            "rep": self.rep,
            "stage": self.stage,
            "week": self.week,
            "month": self.month,
            "as_of": None if self.as_of is None else iso(self.as_of),
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
        path = f"/boards/{self.board}"
        self._tell(output, await server.pages(path, self.asked.query(), self.limit))
        return DONE

    def _refuse_unknown(self) -> None:
        if self.board not in BOARDS:
            problem = FieldProblem("name", "unknown", f"one of {', '.join(BOARDS)}")
            raise Malformed(f"there is no board {self.board!r}", errors=[problem])

    def _tell(self, output: Output, answer: dict[str, Any]) -> None:
        if output.as_json:
            output.document(answer)
            return
        rows = answer.get("rows", [])
        columns = _COLUMNS.get(self.board) or (tuple(rows[0]) if rows else ())
        as_of = answer.get("as_of")
        moment = iso(as_of) if isinstance(as_of, datetime) else as_of
        output.table(f"{self.board}, as of {moment}" if moment else self.board, rows, columns)
