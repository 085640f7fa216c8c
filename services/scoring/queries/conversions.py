"""Models of the chance to convert as they are kept, and what was said of a lead (S1)."""

import hashlib
from collections.abc import AsyncIterator
from datetime import datetime

import msgspec
from sqlalchemy import select

from services.scoring.domain.conversion_estimate import CONVERSION, Answers, Conversion, Learned
from services.scoring.domain.conversion_model import ConversionModel
from services.scoring.domain.conversion_models import CONVERSION_MODELS, ONE_PER_TENANT, Models
from services.scoring.domain.lead_behaviour import CONVERTED, DISQUALIFIED, LeadBehaviour
from services.scoring.queries.read_models import LEADS, LOG_NAME
from shared.envelope import stream_name
from shared.events.scoring import ConversionModelTrained
from shared.organisation import Organisation
from shared.ports import Ports
from shared.sealed_stream import PREFIX_BYTES, SealIsBroken, sealed, unsealed
from shared.tenant_settings import LEAD_BEHAVIOUR_POINTS, LEAD_SOURCE_POINTS

MODEL_KEY = "tenant/conversion_models"
"""The subject under which the key store keeps their key: never renamed."""

_DECODE = msgspec.json.Decoder(ConversionModel).decode


class ModelIsLost(Exception):
    """The object store has not what was stored there: train again, or let the rules answer."""


async def models_of(ports: Ports, tenant_id: str) -> Models:
    stream = stream_name(tenant_id, CONVERSION_MODELS.name, ONE_PER_TENANT)
    _version, models = await ports.commands(LOG_NAME).load(CONVERSION_MODELS, stream, fresh=True)
    return models


async def said_of_lead(ports: Ports, tenant_id: str, lead_id: str) -> Conversion:
    stream = stream_name(tenant_id, CONVERSION.name, lead_id)
    _version, known = await ports.commands(LOG_NAME).load(CONVERSION, stream, fresh=True)
    return known


def model_bytes(model: ConversionModel) -> bytes:
    """Plain numbers and names as JSON, the same for the same model."""
    return msgspec.json.encode(model, order="sorted")


async def keep_model(ports: Ports, tenant_id: str, content: bytes) -> str:
    """Sealed in the object store, under the SHA-256 of its content. Raises StoreAway."""
    sha256 = hashlib.sha256(content).hexdigest()
    keys = await ports.key_store.keys(tenant_id, {MODEL_KEY})
    key = keys[MODEL_KEY]
    assert key is not None
    bound_to = _bound_to(tenant_id, sha256)
    stream = sealed(_whole(content), key, bound_to, ports.random_bytes(PREFIX_BYTES))
    await ports.object_store.put(tenant_id, _address(sha256), stream)
    return sha256


class ModelShelf:
    """Models by content hash, read once a process: what has a hash never changes."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._known: dict[tuple[str, str], Learned] = {}

    async def answers(self, organisation: Organisation, at: datetime) -> Answers:
        """As the tenant's models are now and its settings at a moment. Raises ModelIsLost,
        StoreAway."""
        tenant_id = organisation.tenant_id
        models = await models_of(self._ports, tenant_id)
        named = (*LEAD_SOURCE_POINTS, *LEAD_BEHAVIOUR_POINTS)
        return Answers(
            worth={each: organisation.number_setting(f"lead_points_{each}", at) for each in named},
            answering=await self._learned(tenant_id, models.answering),
            beside=await self._learned(tenant_id, models.beside),
        )

    async def _learned(
        self, tenant_id: str, trained: ConversionModelTrained | None
    ) -> Learned | None:
        if trained is None:
            return None
        place = (tenant_id, trained.sha256)
        if place not in self._known:
            model = _DECODE(await kept_model(self._ports, tenant_id, trained.sha256))
            self._known[place] = Learned(
                model=model, version=trained.version, sha256=trained.sha256
            )
        return self._known[place]


async def kept_model(ports: Ports, tenant_id: str, sha256: str) -> bytes:
    """Proven against its hash. Raises ModelIsLost, StoreAway."""
    keys = await ports.key_store.keys(tenant_id, {MODEL_KEY})
    content = await ports.object_store.get(tenant_id, _address(sha256))
    key = keys[MODEL_KEY]
    if content is None or key is None:
        raise ModelIsLost(f"the model {sha256} of tenant {tenant_id} is not there")
    try:
        opened = unsealed(content, key, _bound_to(tenant_id, sha256))
        whole = b"".join([each async for each in opened])
    except SealIsBroken as flaw:
        raise ModelIsLost(f"the model {sha256} of tenant {tenant_id}: {flaw}") from flaw
    if hashlib.sha256(whole).hexdigest() != sha256:
        raise ModelIsLost(f"the model {sha256} of tenant {tenant_id} is another")
    return whole


async def closed_leads(ports: Ports, tenant_id: str) -> list[LeadBehaviour]:
    """What a model can learn from, in the order of their ids."""
    table = LEADS.rows
    query = (
        select(table.c.body)
        .where(table.c.tenant_id == tenant_id, table.c.status.in_((CONVERTED, DISQUALIFIED)))
        .order_by(table.c.key)
    )
    async with ports.read_store.reading() as connection:
        return [LEADS.decode(body) for body in (await connection.execute(query)).scalars()]


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _address(sha256: str) -> str:
    return f"model.{sha256}"


def _bound_to(tenant_id: str, sha256: str) -> bytes:
    return f"{tenant_id}\x1fmodel\x1f{sha256}".encode()
