"""What every route about customers and leads needs beside the command desk: look-alikes."""

from services.leads.marking import Marking
from services.leads.queries.customers import LOG_NAME
from shared.command_desk import CommandDesk
from shared.ports import Ports


class Desk(CommandDesk):
    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, ports.commands(LOG_NAME))
        self.marking = Marking(ports)
