"""Notifications over HTTP: escalations, inbox, policies, channels, webhooks and linked pages."""

from fastapi import APIRouter

from services.notifications.api import (
    absences,
    channels,
    escalations,
    inbox,
    on_call,
    pages,
    policies,
    webhooks,
    words,
)
from services.notifications.api.desk import Desk
from shared.service import BatchCommand


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    parts = (escalations, inbox, policies, channels, words, pages, absences, on_call, webhooks)
    return tuple(part.router(desk) for part in parts)


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    return escalations.batch_commands(desk)
