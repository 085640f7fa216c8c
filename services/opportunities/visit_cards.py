"""Summary cards of visits as they are shown, with the words opened (O4)."""

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import BigInteger, String, select

from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.visit_card import VISIT_CARDS, VisitCard
from shared.envelope import stream_name
from shared.event_type import Withheld
from shared.events.visits import VisitFieldsFilled, VisitNextActionBooked, VisitSummarised
from shared.ports import Ports
from shared.projecting import RowReadModel

CARDS: RowReadModel[VisitCard] = RowReadModel(
    service="opportunities",
    log="opportunities",
    projection=VISIT_CARDS,
    columns=(("passed_on_to", String), ("visited_at", BigInteger)),
    indexes=(("visited_at",),),
)
_SHOWN_AT_MOST = 100
_ERASED = {"erased": True}

CardEvent = VisitFieldsFilled | VisitNextActionBooked | VisitSummarised


async def cards_passed_on_to(ports: Ports, tenant_id: str, person_id: str) -> list[dict[str, Any]]:
    """The latest first, at most 100."""
    rows = CARDS.rows
    query = (
        select(rows.c.body)
        .where(
            rows.c.tenant_id == tenant_id,
            rows.c.passed_on_to.contains(f"|{person_id}|", autoescape=True),
        )
        .order_by(rows.c.visited_at.desc(), rows.c.key)
        .limit(_SHOWN_AT_MOST)
    )
    async with ports.read_store.reading() as connection:
        bodies = list((await connection.execute(query)).scalars())
    found = [CARDS.decode(body) for body in bodies]
    return [
        {
            "opportunity_id": row.opportunity_id,
            "visit_id": row.visit_id,
            "customer_id": row.customer_id,
            "actor_id": row.actor_id,
            "visited_at": row.visited_at,
            **await card_of(ports, tenant_id, row.opportunity_id, row.visit_id),
        }
        for row in found
    ]


async def card_of(
    ports: Ports, tenant_id: str, opportunity_id: str, visit_id: str
) -> dict[str, Any]:
    """What was found out, booked and summed up; of an erased person it is shown as erased."""
    stream = stream_name(tenant_id, OPPORTUNITY.name, opportunity_id)
    codec = ports.codec
    stored = await ports.event_store.read_stream(stream)
    of_visit = [
        each
        for each in map(codec.decode, stored)
        if isinstance(each.event, CardEvent) and each.event.action_id == visit_id
    ]
    card: dict[str, Any] = {"fields": {}, "next_action": None, "card": None}
    for recorded in await codec.open(of_visit):
        match recorded.event:
            case VisitFieldsFilled() as event:
                card["fields"] |= {**event.fields, **_texts(event)}
            case VisitNextActionBooked() as event:
                card["next_action"] = msgspec.to_builtins(event.next_action)
            case VisitSummarised() as event:
                card["card"] = _card(event)
    return card


def _texts(event: VisitFieldsFilled) -> Mapping[str, Any]:
    if isinstance(event.texts, Withheld):
        return {"texts": _ERASED}
    return {each.name: each.value for each in event.texts or ()}


def _card(event: VisitSummarised) -> dict[str, Any]:
    return {
        "summary": _shown(event.summary),
        "customer_tags": list(event.customer_tags),
        "promises": _shown(event.promises) or [],
        "open_points": _shown(event.open_points) or [],
        "summarised_at": event.summarised_at,
    }


def _shown(value: Any) -> Any:
    return _ERASED if isinstance(value, Withheld) else msgspec.to_builtins(value)
