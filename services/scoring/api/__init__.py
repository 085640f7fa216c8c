"""HTTP of scores and cases, and the same as lines of POST /commands."""

from collections.abc import Mapping

from fastapi import APIRouter

from services.scoring.api import cases, models, rules, scores
from services.scoring.api.case_work import CaseWork
from services.scoring.api.rule_work import RuleWork
from shared.command_desk import CommandDesk
from shared.http import Access
from shared.service import BatchCommand


def routers(desk: CommandDesk) -> tuple[APIRouter, ...]:
    access = Access(desk.ports)
    return (
        scores.router(desk.ports, access),
        rules.router(RuleWork(desk), access),
        models.router(desk, access),
        cases.router(CaseWork(desk), access),
    )


def batch_commands(desk: CommandDesk) -> Mapping[str, BatchCommand]:
    return cases.batch_commands(CaseWork(desk))
