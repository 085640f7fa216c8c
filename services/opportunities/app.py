"""Composition root of services/opportunities."""

from services.opportunities.api import batch_commands, routers
from services.opportunities.api.desk import Desk
from services.opportunities.evidence import keeping, removing
from services.opportunities.queries import INDEX, PIPELINES
from services.opportunities.reactions import reactions
from services.opportunities.visit_cards import CARDS
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = Desk(ports)
    commands = desk.commands
    return Service(
        name="opportunities",
        routers=routers(desk),
        read_models=(INDEX, PIPELINES, CARDS, removing.WAITING),
        reactions=(
            *reactions(ports, commands, desk.customers),
            keeping.reaction(ports, commands),
            removing.reaction(ports),
        ),
        runners=(removing.runner(ports, commands),),
        commands=batch_commands(desk),
    )
