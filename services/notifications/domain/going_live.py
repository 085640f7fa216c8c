"""At going live what is still open is escalated once, as one digest a person ("The clock")."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.decider import Decider
from shared.events.notifications import GoingLiveDigestMade


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeDigest:
    escalations: int
    now: datetime


@dataclass(frozen=True, slots=True)
class NotMade:
    """Nothing historical was ever escalated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    made_at: datetime


GoingLive = NotMade | Made


def decide(command: MakeDigest, going_live: GoingLive) -> Sequence[GoingLiveDigestMade]:
    if isinstance(going_live, Made):
        return []
    return [GoingLiveDigestMade(escalations=command.escalations, made_at=command.now)]


def evolve(_going_live: GoingLive, event: GoingLiveDigestMade) -> GoingLive:
    return Made(made_at=event.made_at)


GOING_LIVE: Decider[MakeDigest, GoingLive, GoingLiveDigestMade] = Decider(
    "going_live", decide, evolve, NotMade()
)
"""One stream per tenant."""
