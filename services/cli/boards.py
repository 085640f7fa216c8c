"""`pulsetrail board`: any board, of now or of any past moment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, NamedTuple

from services.cli.desk import DONE, Desk
from services.cli.output import Output
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.projections.queries.asking import Asker, Question
from services.projections.queries.golden_action_board import golden_action_board, heat_map_board
from services.projections.queries.instruction_board import instruction_board
from services.projections.queries.process_health_board import process_health_board
from services.projections.queries.silence_board import silence_board
from shared.clock import iso
from shared.errors import FieldProblem, Malformed
from shared.read_store import ReadStore


class Board(NamedTuple):
    """`columns`: what a person at a terminal is shown of each row."""

    answer: Callable[[ReadStore, Asker, Question], Awaitable[dict[str, Any]]]
    columns: tuple[str, ...]


_SILENCE = (
    "opportunity_id",
    "customer_id",
    "stage",
    "unit_id",
    "owner_id",
    "amount",
    "currency",
    "last_activity_at",
    "hours_left",
)
_HEALTH = (
    "unit_id",
    "rep_id",
    "week",
    "index",
    "stage_compliance",
    "evidence_rate",
    "silence_overrun",
    "counts",
)
_GOLDEN = ("unit_id", "rep_id", "stage", "action", "done", "due", "rate", "light")

BOARDS: Mapping[str, Board] = {
    "silence": Board(silence_board, _SILENCE),
    "process-health": Board(process_health_board, _HEALTH),
    "golden-actions": Board(golden_action_board, _GOLDEN),
    "heat-map": Board(heat_map_board, ()),
    "instructions": Board(instruction_board, ("text",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowBoard(ReadingRequest):
    name: ClassVar[str] = "board"

    board: str
    unit: str | None = None
    rep: str | None = None
    stage: str | None = None
    week: str | None = None
    month: str | None = None
    as_of: datetime | None = None
    limit: int | None = None
    language: str = "en"

    async def run(self, desk: Desk) -> int:
        board = _board(self.board)
        await desk.keep_up()
        question = Question(
            unit_id=self.unit,
            rep_id=self.rep,
            stage=self.stage,
            week=self.week,
            month=self.month,
            as_of=self.as_of,
            language=self.language,
        )
        asker = await asker_of(desk)
        document = await board.answer(desk.ports.read_store, asker, question)
        if self.limit is not None and "rows" in document:
            document = {**document, "rows": document["rows"][: self.limit]}
        _tell(desk.output, self.board, document)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        _board(self.board)
        query = {
            "unit": self.unit,
            "rep": self.rep,
            "stage": self.stage,
            "week": self.week,
            "month": self.month,
            "as_of": self.as_of and iso(self.as_of),
        }
        _tell(output, self.board, await server.pages(f"/boards/{self.board}", query, self.limit))
        return DONE


def _board(name: str) -> Board:
    if name not in BOARDS:
        problem = FieldProblem("name", "unknown", f"one of {', '.join(BOARDS)}")
        raise Malformed(f"there is no board {name!r}", errors=[problem])
    return BOARDS[name]


def _tell(output: Output, name: str, document: dict[str, Any]) -> None:
    if output.as_json:
        output.document(document)
        return
    rows = document.get("rows", [])
    columns = BOARDS[name].columns or (tuple(rows[0]) if rows else ())
    as_of = document.get("as_of")
    moment = iso(as_of) if isinstance(as_of, datetime) else as_of
    output.table(f"{name}, as of {moment}" if moment else name, rows, columns)
