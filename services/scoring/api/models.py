"""Models of the chance to convert over HTTP: what was learned, and which of them answers (S1)."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field

from services.scoring.domain.conversion_models import (
    CONVERSION_MODELS,
    ONE_PER_TENANT,
    Models,
    PutModelIntoEffect,
)
from services.scoring.queries.conversions import models_of
from shared.access import Caller, Resource, Verb
from shared.command_desk import CommandDesk
from shared.http import BASE, Access, Body, command_response, json_response

_PATH = "/conversion-models"


class ModelChoice(Body):
    """`version` null: the rules answer again."""

    version: int | None = Field(ge=1)


def router(desk: CommandDesk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["scores"])
    ports = desk.ports
    reading = access.may(Resource.SETTINGS, Verb.READ)
    writing = access.may(Resource.SETTINGS, Verb.WRITE)

    @routes.get(_PATH, dependencies=[Depends(access.waited)])
    async def show_conversion_models(caller: Caller = Depends(reading)) -> Response:
        """Each with how good it was on leads that it had not seen."""
        return json_response(shown_models(await models_of(ports, caller.tenant_id)))

    @routes.post(f"{_PATH}/take-effect")
    async def put_conversion_model_into_effect(
        request: Request, body: ModelChoice, caller: Caller = Depends(writing)
    ) -> Response:
        """Every open lead is estimated anew."""
        context = await desk.context(request, caller)
        command = PutModelIntoEffect(version=body.version, now=context.occurred_at)
        handled = await desk.handle(
            CONVERSION_MODELS, ONE_PER_TENANT, command, context, shown_models
        )
        return await command_response(ports, handled)

    return routes


def shown_models(models: Models) -> dict[str, Any]:
    answering = models.answering
    return {
        "answering": None if answering is None else answering.version,
        "models": list(models.trained),
    }
