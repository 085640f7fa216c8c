"""How good leads are by whatever answers now, also those that are closed (S1)."""

from typing import Any

from sqlalchemy import select

from services.scoring.domain.conversion_estimate import Answers, estimated
from services.scoring.domain.lead_behaviour import LeadBehaviour
from services.scoring.queries.conversions import ModelShelf
from services.scoring.queries.read_models import LEADS
from shared.events.scoring import ConversionEstimated
from shared.organisation import Organisation
from shared.ports import Ports


async def every_lead_score(ports: Ports, organisation: Organisation) -> list[dict[str, Any]]:
    """The best first; beside each what a model says that was trained later and does not answer."""
    tenant_id = organisation.tenant_id
    table = LEADS.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id).order_by(table.c.key)
    at = organisation.clock(ports.clock())
    answers = await ModelShelf(ports).answers(organisation, at)
    async with ports.read_store.reading() as connection:
        bodies = (await connection.execute(query)).scalars().all()
    rows = [_answered(LEADS.decode(body), answers) for body in bodies]
    return sorted(rows, key=_worst_last)


async def lead_answer(
    ports: Ports, organisation: Organisation, row: LeadBehaviour
) -> ConversionEstimated:
    at = organisation.clock(ports.clock())
    return estimated(row, await ModelShelf(ports).answers(organisation, at))


def _answered(row: LeadBehaviour, answers: Answers) -> dict[str, Any]:
    said = estimated(row, answers)
    return {
        "lead_id": row.lead_id,
        "status": row.status,
        "by": said.by,
        "score": said.score,
        "probability": said.probability,
        "model_version": said.model_version,
        "beside_version": said.beside_version,
        "beside_probability": said.beside_probability,
        "parts": said.parts,
    }


def _worst_last(row: dict[str, Any]) -> tuple[float, float, str]:
    return (-(row["probability"] or 0.0), -(row["score"] or 0.0), row["lead_id"])
