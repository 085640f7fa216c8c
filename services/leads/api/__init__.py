"""HTTP of customers and leads, and the same as lines of POST /commands."""

from collections.abc import Mapping

from fastapi import APIRouter

from services.leads.api import (
    allocation,
    boards,
    customers,
    intake,
    lead_rules,
    leads,
    messages,
    presence,
    tickets,
)
from services.leads.api.customer_work import CustomerWork
from services.leads.api.desk import Desk
from services.leads.api.intake import IntakeWork
from services.leads.api.lead_work import LeadWork
from services.leads.api.messages import MessageWork
from services.leads.api.tickets import TicketWork
from shared.http import Access
from shared.service import BatchCommand


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    access = Access(desk.ports)
    intake_work = IntakeWork(desk)
    return (
        customers.router(CustomerWork(desk), access),
        leads.router(LeadWork(desk), access),
        messages.router(MessageWork(desk), access),
        presence.router(desk, access),
        intake.router(intake_work, access),
        intake.forms_router(intake_work, access),
        allocation.router(desk, access),
        boards.router(desk.ports, access),
        tickets.router(TicketWork(desk), access),
        lead_rules.router(desk, access),
    )


def batch_commands(desk: Desk) -> Mapping[str, BatchCommand]:
    return {
        **customers.batch_commands(CustomerWork(desk)),
        **leads.batch_commands(LeadWork(desk)),
        **messages.batch_commands(MessageWork(desk)),
        **tickets.batch_commands(TicketWork(desk)),
    }
