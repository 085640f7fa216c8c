"""`pulsetrail signals` and `pulsetrail escalations`: one a line."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.cli.reading import ReadingRequest, asker_of, caller_of
from services.cli.remote import RemoteServer
from services.notifications.queries.escalations import (
    Filter,
    escalations_page,
    page_as_documents,
    working_time_of,
)
from services.projections.queries.asking import Question
from services.projections.queries.signal_board import STATES, SignalFilter, signal_board
from shared.errors import FieldProblem, Malformed
from shared.http import encode_json

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowSignals(ReadingRequest):
    """`state` None: every one but retracted."""

    name: ClassVar[str] = "signals"

    rule: str | None = None
    state: str | None = None

    async def run(self, desk: Desk) -> int:
        if self.state is not None and self.state not in STATES:
            problem = FieldProblem("state", "unknown", f"one of {', '.join(STATES)}")
            raise Malformed(f"no signal is {self.state!r}", errors=[problem])
        await desk.keep_up()
        wanted = SignalFilter(rule=self.rule, state=self.state)
        asker = await asker_of(desk)
        board = await signal_board(desk.ports.read_store, asker, Question(), wanted)
        print_rows(desk.output, board["rows"])
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        query = {"rule": self.rule, "state": self.state}
        print_rows(output, (await server.pages("/signals", query, None))["rows"])
        return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowEscalations(ReadingRequest):
    name: ClassVar[str] = "escalations"

    state: str | None = None

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        async for rows in self._pages(desk):
            print_rows(desk.output, rows)
        return DONE

    async def _pages(self, desk: Desk) -> AsyncIterator[list[Any]]:
        organisation = await desk.ports.organisations.of(desk.tenant_id)
        caller = await caller_of(desk)
        wanted = Filter(states=(self.state,) if self.state else ())
        cursor = None
        while True:
            found = await escalations_page(
                desk.ports.read_store, caller, organisation, wanted, _PAGE, cursor
            )
            working = working_time_of(organisation, desk.ports.clock())
            yield page_as_documents(found, working)
            cursor = found.next_cursor
            if cursor is None:
                return

    async def ask(self, server: RemoteServer, output: Output) -> int:
        print_rows(
            output, (await server.pages("/escalations", {"state": self.state}, None))["rows"]
        )
        return DONE


def print_rows(output: Output, rows: list[Any]) -> None:
    output.raw(b"".join(encode_json(row) + b"\n" for row in rows))
