"""Pipelines and action types over HTTP (O1, O3)."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, JsonValue, StringConstraints

from services.opportunities.api.desk import Desk
from services.opportunities.domain.action_type import ACTION_TYPES, ActionTypes, DefineActionTypes
from services.opportunities.domain.pipeline import (
    PIPELINE,
    Pipeline,
    Published,
    PublishPipeline,
    parse_pipeline,
    problems,
)
from services.opportunities.queries import open_by_version, pipelines
from shared.access import Caller, Resource, Verb
from shared.batch_lines import line
from shared.command_handling import CommandContext, Handled
from shared.envelope import stream_name
from shared.errors import NotFound
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefinition,
    DateRule,
    PipelineDefinition,
)
from shared.http import (
    BASE,
    Access,
    Body,
    Id,
    Name,
    answering,
    command_response,
    json_response,
)
from shared.service import BatchCommand

_PIPELINES = Resource.PIPELINES
_TYPES = Resource.ACTION_TYPES
Words = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class PipelineBody(Body):
    """The same document as a pipeline file: a table `pipeline`, a list `stage`."""

    pipeline: dict[str, JsonValue]
    stage: list[dict[str, JsonValue]]


class FieldBody(Body):
    name: Name
    kind: Name
    required: bool = False
    choices: tuple[Name, ...] = ()


class DateRuleBody(Body):
    earlier: Name
    later: Name
    limit_seconds: int


class ActionTypeBody(Body):
    type: Name
    ends_silence: bool = True
    is_contact: bool = True
    direction: Name | None = "outbound"
    minimum_summary_characters: Annotated[int, Field(ge=0, le=20_000)] = 0
    evidence: tuple[Name, ...] = ()
    fields: Annotated[tuple[FieldBody, ...], Field(max_length=100)] = ()
    date_rules: Annotated[tuple[DateRuleBody, ...], Field(max_length=20)] = ()
    templates: Annotated[tuple[Words, ...], Field(max_length=50)] = ()
    title: dict[Name, Name] = Field(default_factory=dict)

    def definition(self) -> ActionTypeDefinition:
        parts = self.model_dump()
        return ActionTypeDefinition(
            **{
                **parts,
                "fields": tuple(ActionField(**each) for each in parts["fields"]),
                "date_rules": tuple(DateRule(**each) for each in parts["date_rules"]),
            }
        )


class Setup:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def publish(
        self, caller: Caller, body: PipelineBody, context: CommandContext
    ) -> Handled[Any]:
        """Golden actions name types that the tenant has, otherwise nobody could do them."""
        pipeline = parse_pipeline(body.model_dump())
        types = frozenset(await self._desk.action_types(caller.tenant_id))
        command = PublishPipeline(pipeline=pipeline, action_types=types, now=context.occurred_at)
        return await self._desk.commands.handle(
            PIPELINE, pipeline.name, command, context, answering(_published)
        )

    async def check(self, caller: Caller, body: PipelineBody) -> Mapping[str, Any]:
        """What publishing would say, and which versions the open opportunities keep."""
        pipeline = parse_pipeline(body.model_dump())
        types = frozenset(await self._desk.action_types(caller.tenant_id))
        found = problems(pipeline, types)
        running = await open_by_version(self._desk.ports, caller.tenant_id, pipeline.name)
        return {
            "pipeline": pipeline.name,
            "walkable": not found,
            "errors": [asdict(each) for each in found],
            "definition": shown_pipeline(pipeline),
            "running": [
                {"pipeline_version": version, "open": number} for version, number in running.items()
            ],
        }

    async def define(
        self, caller: Caller, body: ActionTypeBody, context: CommandContext
    ) -> Handled[Any]:
        definition = body.definition()
        command = DefineActionTypes(definitions=(definition,), now=context.occurred_at)

        def render(types: ActionTypes) -> Mapping[str, Any]:
            return shown_type(types.definitions[definition.type])

        return await self._desk.commands.handle(
            ACTION_TYPES, caller.tenant_id, command, context, answering(render)
        )


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE)
    setup = Setup(desk)
    reading = access.may(_PIPELINES, Verb.READ)
    writing = access.may(_PIPELINES, Verb.WRITE)
    reading_types = access.may(_TYPES, Verb.READ)
    writing_types = access.may(_TYPES, Verb.WRITE)

    @routes.get("/pipelines", dependencies=[Depends(access.waited)], tags=["pipelines"])
    async def list_pipelines(
        caller: Caller = Depends(reading),
    ) -> Response:
        rows = [shown_pipeline(each) for each in await pipelines(desk.ports, caller.tenant_id)]
        return json_response({"rows": rows})

    @routes.get("/pipelines/{name}", tags=["pipelines"])
    async def show_pipeline(name: Id, caller: Caller = Depends(reading)) -> Response:
        stream = stream_name(caller.tenant_id, PIPELINE.name, name)
        version, pipeline = await desk.commands.load(PIPELINE, stream)
        if not isinstance(pipeline, Published):
            raise NotFound(f"there is no pipeline {name!r}")
        return json_response(shown_pipeline(pipeline.pipeline), headers={"ETag": f'"{version}"'})

    @routes.post("/pipelines", status_code=201, tags=["pipelines"])
    async def publish_pipeline(
        request: Request,
        body: PipelineBody,
        caller: Caller = Depends(writing),
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await setup.publish(caller, body, context)
        return await command_response(desk.ports, handled, created=True)

    @routes.post("/pipelines/check", tags=["pipelines"])
    async def check_pipeline(body: PipelineBody, caller: Caller = Depends(writing)) -> Response:
        """Stores nothing."""
        return json_response(await setup.check(caller, body))

    @routes.get("/action-types", tags=["action types"])
    async def list_action_types(
        caller: Caller = Depends(reading_types),
    ) -> Response:
        types = await desk.action_types(caller.tenant_id)
        return json_response({"rows": [shown_type(types[name]) for name in sorted(types)]})

    @routes.post("/action-types", status_code=201, tags=["action types"])
    async def define_action_type(
        request: Request,
        body: ActionTypeBody,
        caller: Caller = Depends(writing_types),
    ) -> Response:
        context = await desk.context(request, caller)
        handled = await setup.define(caller, body, context)
        return await command_response(desk.ports, handled, created=True)

    return routes


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    setup = Setup(desk)
    return {
        "publish-pipeline": line(_PIPELINES, PipelineBody, setup.publish),
        "define-action-type": line(_TYPES, ActionTypeBody, setup.define),
    }


def shown_pipeline(pipeline: PipelineDefinition) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(pipeline)
    return shown


def shown_type(definition: ActionTypeDefinition) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(definition)
    return shown


def _published(pipeline: Pipeline) -> Mapping[str, Any]:
    assert isinstance(pipeline, Published)
    return {"name": pipeline.pipeline.name, "pipeline_version": pipeline.pipeline.version}
