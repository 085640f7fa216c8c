"""Composition root of services/leads."""

from services.leads import (
    allocating,
    following,
    hearing,
    judging,
    keeping_books,
    watching_responses,
)
from services.leads.api import batch_commands, routers
from services.leads.api.desk import Desk
from services.leads.queries.customer_record import TICKETS
from services.leads.queries.customers import CUSTOMERS, HOLDINGS
from services.leads.queries.fairness import MONTHS
from services.leads.queries.first_responses import RESPONSES
from services.leads.queries.leads import LEADS
from services.leads.queries.look_alikes import MARKS
from services.leads.queries.reps import GOALS, OUTCOMES, PRESENCES
from services.leads.reactions import reactions
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = Desk(ports)
    return Service(
        name="leads",
        routers=routers(desk),
        read_models=(
            HOLDINGS,
            CUSTOMERS,
            MARKS,
            LEADS,
            PRESENCES,
            OUTCOMES,
            GOALS,
            RESPONSES,
            MONTHS,
            TICKETS,
        ),
        reactions=(
            *reactions(desk.commands),
            hearing.reaction(ports),
            *following.reactions(ports),
            *keeping_books.reactions(ports),
        ),
        runners=(
            judging.runner(ports),
            allocating.runner(ports),
            watching_responses.runner(ports),
        ),
        commands=batch_commands(desk),
    )
