"""`pulsetrail export`: a board or the log as a file on stdout."""

from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from services.cli.boards import WhatIsAsked
from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.cli.reading import ReadingRequest, asker_of
from services.cli.remote import RemoteServer
from services.projections.queries.exports import (
    MEDIA_TYPES,
    TABLE_FORMATS,
    board_as_file,
    events_as_file,
)
from shared.errors import FieldProblem, Malformed

EVENTS = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(ReadingRequest):
    """`what`: the name of a board, or `events`; `as_format`: csv, ndjson, and for events xes."""

    name: ClassVar[str] = "export"

    what: str
    as_format: str
    asked: WhatIsAsked
    language: str = "en"

    async def run(self, desk: Desk) -> int:
        self._refuse_unknown()
        await desk.keep_up()
        if self.what == EVENTS:
            async for piece in events_as_file(desk.ports, desk.tenant_id, self.as_format):
                desk.output.raw(piece)
            return DONE
        asker = await asker_of(desk)
        question = self.asked.question(language=self.language)
        desk.output.raw(await board_as_file(desk.ports, asker, self.what, question, self.as_format))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        self._refuse_unknown()
        query: dict[str, Any] = {"format": self.as_format}
        if self.what == EVENTS:
            path = "/exports/events"
        else:
            path = f"/boards/{quote(self.what, safe='')}/export"
            query |= self.asked.query()
        async for piece in server.pieces(path, query, language=self.language):
            output.raw(piece)
        return DONE

    def _refuse_unknown(self) -> None:
        known = tuple(MEDIA_TYPES) if self.what == EVENTS else TABLE_FORMATS
        if self.as_format not in known:
            problem = FieldProblem("format", "unknown", f"one of {', '.join(known)}")
            raise Malformed(f"{self.what} is no {self.as_format}", errors=[problem])
        if self.what == EVENTS and self.asked != WhatIsAsked():
            problem = FieldProblem("unit", "not-here", "the log is exported whole")
            raise Malformed("events have no filters", errors=[problem])
