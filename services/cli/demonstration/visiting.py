"""Visits to stores in five nodes: scanned at the door, photographed, asked, booked, summed up."""

from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from services.cli.demonstration.planned import Planned, To
from services.cli.demonstration.process import STORE, TYPES_BY_NAME
from services.cli.demonstration.wording import summary
from services.opportunities.domain.door import IssueDoorCode
from services.opportunities.domain.evidence import DOCUMENT, MINUTES
from services.opportunities.domain.opportunity_commands import AttachEvidence
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    StartVisit,
    SummariseVisit,
)
from services.opportunities.domain.visits import VISIT_PHOTOS
from shared.events.opportunities import NextAction
from shared.events.visits import Place

if TYPE_CHECKING:
    from services.cli.demonstration.course import Course

VISIT = "visit"
VISITS_AGAIN = 0.25
"""How often a rep who gets in touch with a store goes there."""

_LEFT_INCOMPLETE = 0.06
_MORE_PROOF, _PROVES_MORE = (DOCUMENT, MINUTES), 0.3
_MINUTE = timedelta(minutes=1)
_WEEK_SECONDS = 7 * 24 * 3600
_DOOR_HOLDS = timedelta(days=3650)
_OUT_OF_STOCK = {
    "zh": ("六味地黄丸、创可贴", "无", "矿泉水 550 ml", "感冒灵颗粒"),
    "en": ("plasters", "nothing", "still water", "cold remedy"),
}
_PROMISED = {"zh": ("样品", "促销"), "en": ("samples", "promotion")}


class Visits:
    """What a rep does at one store's door; chance of its own, so that the rest goes as it would."""

    def __init__(self, course: "Course") -> None:
        self._course = course
        self._chance = Random(f"visits of {course.opportunity_id}")
        self._was_there = False
        self._door_id = course.beginning.customer.customer_id
        self._code_id = f"{self._door_id}.1"
        self._place = Place(
            latitude=round(31.1 + self._chance.random() / 5, 5),
            longitude=round(121.3 + self._chance.random() / 4, 5),
        )

    def hang_up_the_code(self) -> Planned:
        course, opened_at = self._course, self._course.beginning.opened_at
        command = IssueDoorCode(
            door_id=self._door_id,
            code_id=self._code_id,
            customer_id=self._door_id,
            place=self._place,
            issued_by=course.world.staff.manager_of(course.owner.unit_id),
            expires_at=opened_at + _DOOR_HOLDS,
            now=opened_at,
        )
        return Planned(
            name=f"door {self._door_id}",
            sent_at=opened_at,
            to=To.DOOR,
            aggregate_id=self._door_id,
            command=command,
            occurred_at=opened_at,
            actor_id=command.issued_by,
        )

    def wants_to_go(self) -> bool:
        """Again: the first time is the golden action, of which the script knows what follows."""
        return self._was_there and self._chance.random() < VISITS_AGAIN

    def go(self, entered: datetime, *, complete: bool) -> None:
        """Everything of it is entered in one go, when the rep is done; `complete` False: perhaps
        the summary is never made."""
        course, chance = self._course, self._chance
        self._was_there = self._was_there or complete
        action_id = f"{course.opportunity_id}.{len(course.planned)}"
        at = course.at
        sent_at = max(entered, at + 20 * _MINUTE)
        course.plan(self._start(action_id, at), at, sent_at)
        named: dict[str, Any] = {"opportunity_id": course.opportunity_id, "action_id": action_id}
        at += chance.choice((1, 2, 3)) * _MINUTE
        shown = (*VISIT_PHOTOS, *(kind for kind in _MORE_PROOF if chance.random() < _PROVES_MORE))
        photos = course.evidence(*shown)
        attach = AttachEvidence(evidence=photos, occurred_at=at, now=at, **named)
        course.plan(attach, at, sent_at)
        at += 3 * _MINUTE
        missing = chance.choice(_OUT_OF_STOCK[course.language])
        fields = {"out_of_stock": missing}
        course.plan(FillVisit(fields=fields, occurred_at=at, now=at, **named), at, sent_at)
        booked = NextAction(due_at=course.at + timedelta(days=chance.uniform(3, 6.5)))
        book = BookVisitNextAction(next_action=booked, occurred_at=at, now=at, **named)
        course.plan(book, at, sent_at)
        if complete or chance.random() >= _LEFT_INCOMPLETE:
            at += 2 * _MINUTE
            card = SummariseVisit(
                definition=TYPES_BY_NAME[VISIT],
                summary=summary(VISIT, course.language, chance),
                customer_tags=(chance.choice(_PROMISED[course.language]),),
                open_points=(missing,),
                occurred_at=at,
                now=at,
                **named,
            )
            course.plan(card, at, sent_at)
        course.entered = max(course.entered, sent_at)

    def _start(self, action_id: str, at: datetime) -> StartVisit:
        course, actor = self._course, self._course.owner
        return StartVisit(
            opportunity_id=course.opportunity_id,
            action_id=action_id,
            definition=TYPES_BY_NAME[VISIT],
            asked=STORE.fields,
            door_id=self._door_id,
            code_id=self._code_id,
            door_customer_id=self._door_id,
            place=self._place,
            position=self._place,
            next_action_within_seconds=_WEEK_SECONDS,
            actor_id=actor.person_id,
            actor_unit_id=actor.unit_id,
            actor_unit_path=course.world.staff.path(actor.unit_id),
            occurred_at=at,
            now=at,
        )
