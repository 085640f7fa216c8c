"""`pulsetrail board` of leads, and `pulsetrail customer`: the one record of a customer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from services.cli.desk import Desk
from services.cli.exit_codes import DONE
from services.cli.output import Output
from services.cli.reading import ReadingRequest, caller_of
from services.cli.remote import RemoteServer
from services.leads.queries.boards import LEAD_BOARDS, LeadQuestion
from services.leads.queries.customer_record import customer_record

_LEADS = ("lead_id", "customer_id", "status", "owner_id", "unit_id", "score", "captured_at")
_OPPORTUNITIES = ("opportunity_id", "owner_id", "unit_id")
_TICKETS = ("ticket_id", "kind", "opened_at", "closed_at", "outcome")
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "leads": _LEADS,
    "waiting-leads": (*_LEADS, "passed_over"),
    "appeals": (*_LEADS, "appealed_at"),
}


def is_of_leads(board: str) -> bool:
    return board in LEAD_BOARDS


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowLeadBoard(ReadingRequest):
    """`limit` None: all rows."""

    name: ClassVar[str] = "lead board"

    board: str
    unit: str | None = None
    rep: str | None = None
    month: str | None = None
    limit: int | None = None

    async def run(self, desk: Desk) -> int:
        await desk.keep_up()
        question = LeadQuestion(
            unit_id=self.unit, rep_id=self.rep, month=self.month, limit=self.limit
        )
        answer = await LEAD_BOARDS[self.board](desk.ports, await caller_of(desk), question)
        self._tell(desk.output, answer)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        query = {"unit": self.unit, "rep": self.rep, "month": self.month}
        self._tell(output, await server.pages(f"/boards/{self.board}", query, self.limit))
        return DONE

    def _tell(self, output: Output, answer: dict[str, Any]) -> None:
        if output.as_json:
            output.document(answer)
            return
        rows = [_flat(row) for row in answer["rows"]]
        output.table(self.board, rows, _COLUMNS.get(self.board) or tuple(rows[0] if rows else ()))
        if judged := [each for each in answer.get("trend", ()) if each["gini"] is not None]:
            output.table("fairness (Gini)", judged, ("month", "gini", "gini_high_value"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowCustomer(ReadingRequest):
    """With the leads, opportunities and tickets of every id that names it."""

    name: ClassVar[str] = "customer"

    id: str

    async def run(self, desk: Desk) -> int:
        """Raises NotFound."""
        await desk.keep_up()
        caller = await caller_of(desk)
        self._tell(desk.output, await customer_record(desk.ports, caller, self.id))
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        path = f"/customers/{quote(self.id, safe='')}/record"
        self._tell(output, await server.document(path, {}))
        return DONE

    def _tell(self, output: Output, record: dict[str, Any]) -> None:
        if output.as_json:
            output.document(record)
            return
        customer = record["customer"]
        output.table("Customer", [customer], ("customer_id", "name", "customer_type", "industry"))
        _part(output, "Leads", record["leads"], _LEADS)
        _part(output, "Opportunities", record["opportunities"], _OPPORTUNITIES)
        _part(output, "Tickets", record["tickets"], _TICKETS)


def _part(output: Output, title: str, rows: Sequence[Any], columns: tuple[str, ...]) -> None:
    if rows:
        output.table(title, [_flat(row) for row in rows], columns)


def _flat(row: Any) -> dict[str, Any]:
    """A row as a line: of a score its sum, of lists their parts."""
    values = row if isinstance(row, dict) else {each: getattr(row, each) for each in row.__slots__}
    return {name: _cell(value) for name, value in values.items()}


def _cell(value: Any) -> Any:
    match value:
        case {"total": total}:
            return total
        case dict():
            return "; ".join(f"{name}: {_cell(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(str(each) for each in value)
        case _:
            return value
