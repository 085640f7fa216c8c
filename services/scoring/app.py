"""Composition root of services/scoring."""

from services.scoring.api import batch_commands, routers
from services.scoring.queries.read_models import LOG_NAME, READ_MODELS
from services.scoring.watch import authenticity, health, leads
from shared.command_desk import CommandDesk
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = CommandDesk(ports, ports.commands(LOG_NAME))
    return Service(
        name="scoring",
        routers=routers(desk),
        read_models=READ_MODELS,
        reactions=(leads.reaction(ports),),
        runners=(health.runner(ports), leads.runner(ports), *authenticity.runners(ports)),
        commands=batch_commands(desk),
    )
