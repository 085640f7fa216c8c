"""Composition root of services/projections."""

from services.projections import api, pages, setting_goals
from services.projections.queries.read_models import LOG_NAME, READ_MODELS
from services.projections.reactions import reactions
from services.projections.watch import leads, responses, scoring
from services.projections.watch.figures import FigureWatch
from services.projections.watch.opportunities import OpportunityWatch
from services.projections.watch.reused_evidence import ReusedEvidenceWatch
from services.projections.watch.workshops import WorkshopWatch
from shared.command_desk import CommandDesk
from shared.http import Access
from shared.ports import Ports
from shared.service import Runner, Service


def build(ports: Ports) -> Service:
    access = Access(ports)
    commands = ports.commands(LOG_NAME)
    desk = CommandDesk(ports, commands)
    return Service(
        name="projections",
        routers=(
            api.router(ports, access),
            setting_goals.router(desk, access),
            *pages.routers(ports, access),
        ),
        read_models=READ_MODELS,
        reactions=(
            *reactions(ports),
            leads.reaction(ports, commands),
            scoring.reaction(ports, commands),
            *responses.reactions(ports, commands),
        ),
        commands=setting_goals.batch_commands(desk),
        runners=(
            Runner(name="projections.watch", step=OpportunityWatch(ports, commands).step),
            Runner(
                name="projections.reused_evidence",
                step=ReusedEvidenceWatch(ports, commands).step,
            ),
            Runner(name="projections.workshops", step=WorkshopWatch(ports, commands).step),
            Runner(name="projections.figures", step=FigureWatch(ports, commands).step),
        ),
    )
