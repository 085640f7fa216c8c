"""Facts of other streams that visits and photos are held against: doors, customer types, tags."""

from dataclasses import replace

from services.opportunities.api.desk import Desk
from services.opportunities.domain.customer_type import CUSTOMER_TYPES
from services.opportunities.domain.door import DOOR, Known, require_good
from services.opportunities.domain.door_code import DoorCode, DoorCodeIsForged, printed, scanned
from services.opportunities.domain.evidence import PHOTOS
from services.opportunities.domain.evidence_object import EVIDENCE
from services.opportunities.domain.opportunity_state import VisitInProgress
from services.opportunities.domain.places import metres_between
from shared.command_handling import CommandContext
from shared.envelope import stream_name
from shared.errors import DomainError
from shared.events.opportunities import (
    ActionField,
    Evidence,
    EvidenceStored,
    ExifCheck,
    PhotoTags,
)
from shared.events.visits import DoorCodeIssued, Place

DOOR_CODE_KEY = "tenant/door_codes"
"""The subject under which the key store keeps it: never renamed, or no printed code holds."""


class DoorCodesCannotBeSigned(DomainError):
    """The tenant's key for them was deleted."""

    code = "door-codes-cannot-be-signed"


class VisitFacts:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._ports = desk.ports

    async def asked_of(self, tenant_id: str, customer_type: str | None) -> tuple[ActionField, ...]:
        """What a visit to such a customer has to find out; of a type nobody defined, nothing."""
        if customer_type is None:
            return ()
        stream = stream_name(tenant_id, CUSTOMER_TYPES.name, tenant_id)
        _version, types = await self._desk.commands.load(CUSTOMER_TYPES, stream)
        definition = types.definitions.get(customer_type)
        return () if definition is None else definition.fields

    async def printed_code(self, tenant_id: str, code: DoorCode) -> str:
        return printed(code, tenant_id, await self._key(tenant_id))

    async def scanned_door(self, text: str, context: CommandContext) -> tuple[DoorCode, str]:
        """The code with whose door it is. Raises what is wrong with the code at that moment."""
        tenant_id = context.tenant_id
        code = scanned(text, tenant_id, await self._key(tenant_id))
        stream = stream_name(tenant_id, DOOR.name, code.door_id)
        _version, door = await self._desk.commands.load(DOOR, stream)
        if not isinstance(door, Known) or code.code_id not in door.codes:
            raise DoorCodeIsForged("no such code was issued")
        require_good(door, code.code_id, context.occurred_at)
        return code, door.customer_id

    async def place_of(self, tenant_id: str, door_id: str, code_id: str) -> Place | None:
        """Where the door is, as it was said when its code was issued; None once erased."""
        stream = stream_name(tenant_id, DOOR.name, door_id)
        codec = self._ports.codec
        stored = await self._ports.event_store.read_stream(stream)
        issued = [
            each
            for each in map(codec.decode, stored)
            if isinstance(each.event, DoorCodeIssued) and each.event.code_id == code_id
        ]
        for opened in await codec.open(issued):
            place = opened.event.place
            return place[0] if isinstance(place, list) else None
        return None

    async def examined(
        self, evidence: tuple[Evidence, ...], tenant_id: str, visit: VisitInProgress | None = None
    ) -> tuple[Evidence, ...]:
        """Photos with what they say of themselves, held against the visit's place (S4)."""
        if not any(piece.kind in PHOTOS for piece in evidence):
            return evidence
        place = None
        if visit is not None:
            place = await self.place_of(tenant_id, visit.door_id, visit.code_id)
        return tuple([await self._examined(piece, tenant_id, place) for piece in evidence])

    async def _examined(self, piece: Evidence, tenant_id: str, place: Place | None) -> Evidence:
        if piece.kind not in PHOTOS:
            return piece
        tags = await self._photo_tags(tenant_id, piece.sha256)
        if tags is None:
            return piece
        distance = None
        if place is not None and tags.latitude is not None and tags.longitude is not None:
            taken_in = Place(latitude=tags.latitude, longitude=tags.longitude)
            distance = round(metres_between(place, taken_in), 1)
        exif = ExifCheck(taken_at=tags.taken_at, distance_metres=distance)
        return replace(piece, exif=exif)

    async def _photo_tags(self, tenant_id: str, sha256: str) -> PhotoTags | None:
        stream = stream_name(tenant_id, EVIDENCE.name, sha256)
        codec = self._ports.codec
        stored = await self._ports.event_store.read_stream(stream)
        kept = [
            each for each in map(codec.decode, stored) if isinstance(each.event, EvidenceStored)
        ]
        for opened in await codec.open(kept[-1:]):
            tags = opened.event.photo_tags
            return tags[0] if isinstance(tags, list) else None
        return None

    async def _key(self, tenant_id: str) -> bytes:
        keys = await self._ports.key_store.keys(tenant_id, {DOOR_CODE_KEY})
        key = keys[DOOR_CODE_KEY]
        if key is None:
            raise DoorCodesCannotBeSigned("the key of the tenant's door codes is gone")
        return key
