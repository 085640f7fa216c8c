"""Opportunities over HTTP: work on them, visits, pipelines and action types, evidence."""

from fastapi import APIRouter

from services.opportunities.api import evidence, opportunities, setup, visits
from services.opportunities.api.desk import Desk
from shared.http import Access
from shared.service import BatchCommand


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    access = Access(desk.ports)
    return tuple(part.router(desk, access) for part in (opportunities, visits, setup, evidence))


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    return {
        **opportunities.batch_commands(desk),
        **visits.batch_commands(desk),
        **setup.batch_commands(desk),
    }
