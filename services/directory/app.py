"""Composition root of services/directory."""

from services.directory.api import batch_commands, routers
from services.directory.api.desk import Desk
from services.directory.reactions import reactions
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = Desk(ports)
    return Service(
        name="directory",
        routers=routers(desk),
        reactions=reactions(desk.commands),
        commands=batch_commands(desk),
    )
