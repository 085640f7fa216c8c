"""A customer's hot word makes a lead that comes before others, or hurries one (L8)."""

from services.leads.domain.lead_commands import HearHotWord
from services.leads.domain.lead_folding import LeadEvent
from services.leads.domain.lead_state import (
    Converted,
    Disqualified,
    KnownLead,
    Lead,
    LeadIsClosed,
    Returned,
    Unknown,
)
from shared.events.leads import HotWordSaid, LeadBehaviourNoted, LeadCaptured, LeadReleased

GROUP_CHAT = "group_chat"
HOT_WORD = "hot_word"


def hot_word_said(command: HearHotWord, lead: Lead) -> list[LeadEvent]:
    """Captured where it is unknown, given to sales again where marketing had it. Until somebody
    has answered, a further hot word says nothing new. Raises LeadIsClosed."""
    match lead:
        case Unknown():
            return [_captured(command, lead), _noted(command), _said(command)]
        case Converted() | Disqualified():
            raise LeadIsClosed(f"{command.lead_id!r} is closed")
        case _ if not _is_news(command, lead):
            return []
        case _:
            events: list[LeadEvent] = []
            if isinstance(lead, Returned):
                events.append(LeadReleased(lead_id=command.lead_id, released_at=command.now))
            if HOT_WORD not in lead.facts.behaviours:
                events.append(_noted(command))
            return [*events, _said(command)]


def _is_news(command: HearHotWord, lead: KnownLead) -> bool:
    """Of a returned lead only what came after marketing had it: what came before sales had heard,
    whether it said anything new or not."""
    facts = lead.facts
    if facts.hot_word_at is None:
        return True
    if isinstance(lead, Returned):
        came_since = facts.ended_at is None or command.now >= facts.ended_at
        return came_since and command.said_at > facts.hot_word_at
    answered_at = facts.last_contact_at
    return answered_at is not None and facts.hot_word_at <= answered_at < command.said_at


def _captured(command: HearHotWord, lead: Unknown) -> LeadCaptured:
    return LeadCaptured(
        lead_id=command.lead_id,
        customer_id=command.customer_id,
        source=GROUP_CHAT,
        industry=None,
        size=None,
        region=None,
        budget_status=None,
        core_needs=[],
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        captured_at=command.said_at,
        round=lead.rounds + 1,
    )


def _noted(command: HearHotWord) -> LeadBehaviourNoted:
    return LeadBehaviourNoted(lead_id=command.lead_id, behaviour=HOT_WORD, noted_at=command.said_at)


def _said(command: HearHotWord) -> HotWordSaid:
    return HotWordSaid(
        lead_id=command.lead_id,
        customer_id=command.customer_id,
        message_id=command.message_id,
        words=list(command.words),
        said_at=command.said_at,
    )
