"""A score with its reasons: of an opportunity, of a lead (S1, S2)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.scoring.domain.health import Health
from services.scoring.domain.health_record import Scored
from services.scoring.domain.lead_behaviour import LeadBehaviour
from services.scoring.domain.wording import wording_for
from services.scoring.queries.conversions import said_of_lead
from services.scoring.queries.health_scores import (
    LEAD,
    OPPORTUNITY,
    Behaviour,
    behaviour,
    health_at,
    is_scored_at,
    norms_of,
    recorded_health,
    rule_book,
    subject_of,
)
from services.scoring.queries.lead_scores import lead_answer
from services.scoring.queries.read_models import LEADS, OPPORTUNITIES
from shared.access import Visibility
from shared.errors import NotFound
from shared.events.scoring import ConversionEstimated, HealthRules
from shared.organisation import Organisation
from shared.ports import Ports


async def opportunity_score(
    ports: Ports, organisation: Organisation, seen: Visibility, opportunity_id: str
) -> Mapping[str, Any]:
    """Raises NotFound, also for what may not be seen."""
    row = await _seen(ports, organisation, seen, (OPPORTUNITY, opportunity_id))
    return {"opportunity_id": opportunity_id, "health": await _health(ports, organisation, row)}


async def lead_score(
    ports: Ports, organisation: Organisation, seen: Visibility, lead_id: str
) -> Mapping[str, Any]:
    """Raises NotFound, also for what may not be seen."""
    row = await _seen(ports, organisation, seen, (LEAD, lead_id))
    assert isinstance(row, LeadBehaviour)
    now = await lead_answer(ports, organisation, row)
    said = (await said_of_lead(ports, organisation.tenant_id, lead_id)).said
    return {
        "lead_id": lead_id,
        "conversion": {
            "now": _conversion(now),
            "recorded": None if said is None else _conversion(said),
        },
        "health": await _health(ports, organisation, row),
    }


async def _seen(
    ports: Ports, organisation: Organisation, seen: Visibility, subject: tuple[str, str]
) -> Behaviour:
    kind, key = subject
    model = OPPORTUNITIES if kind == OPPORTUNITY else LEADS
    row: Behaviour | None = await behaviour(ports, model, organisation.tenant_id, key)
    if row is not None:
        owners = organisation.unit_of(row.owner_id) if row.owner_id else None
        if seen.includes(unit_id=owners or row.unit_path[-1], owner_id=row.owner_id):
            return row
    raise NotFound(f"there is no {kind} {key!r}")


async def _health(ports: Ports, organisation: Organisation, row: Behaviour) -> Mapping[str, Any]:
    """As it is now, and as it was last recorded."""
    tenant_id, at = organisation.tenant_id, organisation.clock(ports.clock())
    book = await rule_book(ports, tenant_id)
    norms = await norms_of(ports, organisation, at)
    now = health_at(book.in_force, row, norms, at) if is_scored_at(row, at) else None
    beside = book.proposed
    subject = subject_of(row, at)
    recorded = await recorded_health(ports, tenant_id, subject.kind, subject.subject_id)
    return {
        "now": None if now is None else _shown(now, book.in_force, at),
        "beside": (
            None
            if beside is None or now is None
            else {
                "score": health_at(beside, row, norms, at).score,
                "rules_version": beside.version,
            }
        ),
        "recorded": _recorded(recorded) if isinstance(recorded, Scored) else None,
    }


def _shown(health: Health, rules: HealthRules, at: datetime) -> Mapping[str, Any]:
    return {
        "score": health.score,
        "as_of": at,
        "rules_version": rules.version,
        "is_low": health.score is not None and health.score < rules.low_below,
        "parts": health.parts,
        "missing": health.missing,
        "weakest": health.weakest,
        "wording": wording_for(health.weakest),
    }


def _recorded(scored: Scored) -> Mapping[str, Any]:
    return {
        "score": scored.score,
        "scored_at": scored.scored_at,
        "rules_version": scored.rules_version,
        "parts": scored.parts,
        "missing": scored.missing,
        "low_since": scored.low_since,
        "stayed_low_at": scored.stayed_low_at,
        "beside_version": scored.beside_version,
        "beside_score": scored.beside_score,
    }


def _conversion(said: ConversionEstimated) -> Mapping[str, Any]:
    return {
        "by": said.by,
        "score": said.score,
        "probability": said.probability,
        "parts": said.parts,
        "model_version": said.model_version,
        "model_sha256": said.model_sha256,
        "beside_version": said.beside_version,
        "beside_probability": said.beside_probability,
        "estimated_at": said.estimated_at,
    }
