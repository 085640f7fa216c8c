"""`pulsetrail timeline` and `pulsetrail why`: what happened, and why a figure or signal is so."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from services.cli.boards import WhatIsAsked
from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output, cell
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.cli.signals import print_rows
from services.projections.domain.timeline import SubjectOfTimeline
from services.projections.queries.asking import Question
from services.projections.queries.explanations import why
from services.projections.queries.figure_explanations import why_on_board
from services.projections.queries.timelines import timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowTimeline(ReadingRequest):
    """One entry a line, oldest first."""

    name: ClassVar[str] = "timeline"

    kind: str
    id: str

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        subject = SubjectOfTimeline(self.kind, self.id)
        answer = await timeline(desk.ports, await asker_of(desk), subject, Question())
        print_rows(desk.output, answer["rows"])
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        path = f"/timelines/{quote(self.kind, safe='')}/{quote(self.id, safe='')}"
        print_rows(output, (await server.pages(path, {}, None))["rows"])
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainOne(ReadingRequest):
    """Of an event, a signal or an escalation."""

    name: ClassVar[str] = "why"

    id: str
    language: str = "en"

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        _tell(desk.output, await why(desk.ports, await asker_of(desk), self.id, self.language))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        path = f"/why/{quote(self.id, safe='')}"
        _tell(output, await server.document(path, {}, language=self.language))
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainFigure(ReadingRequest):
    name: ClassVar[str] = "why figure"

    board: str
    figure: str
    asked: WhatIsAsked
    language: str = "en"

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        question = self.asked.question(language=self.language)
        asker = await asker_of(desk)
        _tell(desk.output, await why_on_board(desk.ports, asker, self.board, self.figure, question))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        path = f"/boards/{quote(self.board, safe='')}/why"
        query = self.asked.query() | {"figure": self.figure}
        _tell(output, await server.document(path, query, language=self.language))
        return DONE


_SHOWN_APART = frozenset({"sentences", "events", "rows", "opportunities", "behind"})
"""`behind` names the events that follow one by one."""
_NESTED = frozenset({"event_ids", "text"})


def _tell(output: Output, answer: dict[str, Any]) -> None:
    if output.as_json:
        output.document(answer)
        return
    for sentence in answer.get("sentences", ()):
        output.line(str(sentence))
    for name, value in answer.items():
        if name not in _SHOWN_APART and value not in (None, [], {}):
            output.line(f"{name.replace('_', ' ')}: {cell(value)}")
    for name, found in answer.get("opportunities", {}).items():
        output.line(f"{name.replace('_', ' ')}, opportunities: {cell(found) or '-'}")
    rows = answer.get("rows", [])
    if rows:
        plain = [name for name in rows[0] if name not in _SHOWN_APART and name not in _NESTED]
        output.table(None, rows, plain)
    for event in answer.get("events", ()):
        where = event["position"]
        output.line(
            f"{event['occurred_at']}  {event['type']}  {event['event_id']}"
            f"  {where['log']}:{where['partition']}:{where['offset']}"
        )
