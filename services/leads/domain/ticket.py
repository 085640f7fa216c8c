"""TICKET: what service has to do for a customer, as a fact of the one customer record (L12)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never

from shared.decider import Decider
from shared.envelope import RecordedEvent
from shared.errors import DomainError, NotFound
from shared.events.leads import TicketClosed, TicketOpened
from shared.projection import Projection


class TicketAlreadyOpened(DomainError):
    code = "ticket-already-opened"


class TicketIsClosed(DomainError):
    code = "ticket-is-closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenTicket:
    ticket_id: str
    customer_id: str
    kind: str
    summary: str | None
    unit_id: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTicket:
    ticket_id: str
    outcome: str
    occurred_at: datetime


TicketCommand = OpenTicket | CloseTicket
TicketEvent = TicketOpened | TicketClosed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    customer_id: str
    unit_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    customer_id: str
    unit_id: str
    outcome: str


Ticket = Unknown | Open | Closed


def open_ticket(command: OpenTicket, ticket: Ticket) -> Sequence[TicketEvent]:
    if not isinstance(ticket, Unknown):
        raise TicketAlreadyOpened(f"there is a ticket {command.ticket_id!r} already")
    return [
        TicketOpened(
            ticket_id=command.ticket_id,
            customer_id=command.customer_id,
            kind=command.kind,
            summary=command.summary,
            unit_id=command.unit_id,
            opened_at=command.occurred_at,
        )
    ]


def close(command: CloseTicket, ticket: Ticket) -> Sequence[TicketEvent]:
    match ticket:
        case Unknown():
            raise NotFound(f"there is no ticket {command.ticket_id!r}")
        case Open():
            return [
                TicketClosed(
                    ticket_id=command.ticket_id,
                    outcome=command.outcome,
                    closed_at=command.occurred_at,
                )
            ]
        case Closed():
            if ticket.outcome == command.outcome:
                return []
            raise TicketIsClosed(f"{command.ticket_id!r} was closed: {ticket.outcome}")
        case _:
            assert_never(ticket)


def decide(command: TicketCommand, ticket: Ticket) -> Sequence[TicketEvent]:
    match command:
        case OpenTicket():
            return open_ticket(command, ticket)
        case CloseTicket():
            return close(command, ticket)
        case _:
            assert_never(command)


def evolve(ticket: Ticket, event: TicketEvent) -> Ticket:
    match event:
        case TicketOpened():
            return Open(customer_id=event.customer_id, unit_id=event.unit_id)
        case TicketClosed():
            if isinstance(ticket, Unknown):
                return ticket
            return Closed(
                customer_id=ticket.customer_id, unit_id=ticket.unit_id, outcome=event.outcome
            )
        case _:
            assert_never(event)


TICKET: Decider[TicketCommand, Ticket, TicketEvent] = Decider("ticket", decide, evolve, Unknown())


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketRow:
    ticket_id: str
    customer_id: str
    kind: str
    unit_id: str
    opened_at: datetime
    closed_at: datetime | None = None
    outcome: str | None = None


def _row(row: TicketRow | None, recorded: RecordedEvent) -> TicketRow | None:
    event: TicketEvent = recorded.event
    if isinstance(event, TicketOpened):
        return TicketRow(
            ticket_id=event.ticket_id,
            customer_id=event.customer_id,
            kind=event.kind,
            unit_id=event.unit_id,
            opened_at=event.opened_at,
        )
    return row and replace(row, closed_at=event.closed_at, outcome=event.outcome)


def _columns(row: TicketRow) -> Mapping[str, Any]:
    return {"customer_id": row.customer_id}


def _ticket_id(event: TicketEvent) -> str:
    return event.ticket_id


TICKET_LIST: Projection[TicketRow] = Projection(
    name="ticket_list",
    version=1,
    reads=(TicketOpened, TicketClosed),
    row_type=TicketRow,
    key=_ticket_id,
    evolve=_row,
    columns=_columns,
)
