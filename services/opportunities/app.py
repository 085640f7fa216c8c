"""Composition root of services/opportunities."""

from services.opportunities.api import batch_commands, routers
from services.opportunities.api.desk import Desk
from services.opportunities.queries import INDEX, PIPELINES
from services.opportunities.reactions import reactions
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = Desk(ports)
    return Service(
        name="opportunities",
        routers=routers(desk),
        read_models=(INDEX, PIPELINES),
        reactions=reactions(ports, desk.commands, desk.customers),
        commands=batch_commands(desk),
    )
