"""Composition root of services/leads."""

from services.leads import api
from services.leads.queries import HOLDINGS
from services.leads.reactions import reactions
from shared.http import Access
from shared.ports import Ports
from shared.service import Service


def build(ports: Ports) -> Service:
    desk = api.CustomerDesk(ports)
    return Service(
        name="leads",
        routers=(api.router(desk, Access(ports)),),
        read_models=(HOLDINGS,),
        reactions=reactions(desk.commands),
        commands=api.batch_commands(desk),
    )
