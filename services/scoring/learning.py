"""A model of the chance to convert, learned from the tenant's own closed leads and kept (S1)."""

import asyncio
from typing import NamedTuple

from services.scoring.domain.conversion_models import (
    CONVERSION_MODELS,
    ONE_PER_TENANT,
    NoteTrainedModel,
    PutModelIntoEffect,
)
from services.scoring.domain.lead_behaviour import CONVERTED
from services.scoring.queries.conversions import closed_leads, keep_model, model_bytes, models_of
from services.scoring.queries.read_models import LOG_NAME
from services.scoring.training import FOLDS, Example, train
from shared.command_handling import CommandContext
from shared.events.scoring import ConversionModelTrained
from shared.ports import Ports


class Learned(NamedTuple):
    """`is_new` False: the same weights had been learned before."""

    model: ConversionModelTrained
    is_new: bool


async def learn(ports: Ports, context: CommandContext, *, take_effect: bool) -> Learned:
    """Raises HistoryIsTooShort, StoreAway; CannotGoOn without the extra `scoring`."""
    tenant_id, now = context.tenant_id, context.occurred_at
    rows = await closed_leads(ports, tenant_id)
    examples = [Example(row.traits, row.status == CONVERTED) for row in rows]
    model, quality = await asyncio.to_thread(train, examples)
    sha256 = await keep_model(ports, tenant_id, model_bytes(model))
    command = NoteTrainedModel(
        sha256=sha256,
        leads=len(examples),
        converted=sum(each.converted for each in examples),
        folds=FOLDS,
        quality=quality,
        features=tuple(feature.trait for feature in model.features),
        now=now,
    )
    commands = ports.commands(LOG_NAME)
    handled = await commands.handle(CONVERSION_MODELS, ONE_PER_TENANT, command, context)
    models = await models_of(ports, tenant_id)
    latest = next(each for each in reversed(models.trained) if each.sha256 == sha256)
    if take_effect:
        into_effect = PutModelIntoEffect(version=latest.version, now=now)
        await commands.handle(CONVERSION_MODELS, ONE_PER_TENANT, into_effect, context)
    return Learned(latest, bool(handled.event_ids))
