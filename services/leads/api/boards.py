"""Boards of leads over HTTP, beside those of the process (L5, L6, L7, L10, O16)."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.leads.api.leads import Sort
from services.leads.queries.boards import LEAD_BOARDS, LeadBoard, LeadQuestion
from shared.access import Caller, Resource, Verb
from shared.http import BASE, Access, Id, json_response
from shared.ports import Ports

Month = Annotated[str, StringConstraints(pattern=r"^(?:19[7-9]|20\d|21\d)\d-(?:0[1-9]|1[0-2])$")]


class LeadBoardFields(BaseModel):
    model_config = ConfigDict(extra="forbid")

    unit: Id | None = None
    rep: Id | None = None
    month: Month | None = None
    limit: int = Field(100, ge=1, le=500)
    cursor: str | None = Field(None, max_length=200)
    sort: Sort = "captured"

    def question(self) -> LeadQuestion:
        return LeadQuestion(
            unit_id=self.unit,
            rep_id=self.rep,
            month=self.month,
            limit=self.limit,
            cursor=self.cursor,
            order=self.sort,
        )


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["leads"])
    for name, board in LEAD_BOARDS.items():
        _add(routes, ports, access, name, board)
    return routes


def _add(routes: APIRouter, ports: Ports, access: Access, name: str, board: LeadBoard) -> None:
    reading = access.may(Resource.LEADS, Verb.READ)

    async def show(
        fields: Annotated[LeadBoardFields, Query()], caller: Caller = Depends(reading)
    ) -> Response:
        return json_response(await board(ports, caller, fields.question()))

    show.__name__ = f"show_{name.replace('-', '_')}_board"
    show.__doc__ = board.__doc__
    routes.get(f"/boards/{name}", dependencies=[Depends(access.waited)])(show)
