"""Leads judged from their log alone: none given twice, none lost, books and leads agree (L5)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from shared.event_type import event_type_named
from shared.events.leads import (
    LeadAllocated,
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadFoundNobody,
    LeadQualified,
    LeadReleased,
    LeadReturned,
    LeadUnitChanged,
    LeadWithdrawn,
    RepLetGoOfLead,
    RepTookLead,
)
from tests.oracle.live import Recorded

_OF_BOOKS = (LeadAllocated, RepTookLead, RepLetGoOfLead)


class Told(NamedTuple):
    """An event with its stream, the events of a stream in their order."""

    stream: str
    event: Any


@dataclass
class _Lead:
    unit_id: str
    status: str = "captured"
    owner_id: str | None = None
    is_open: bool = True
    waits_visibly: bool = False
    rounds: int = 1
    allocations: list[tuple[str, int]] = field(default_factory=list)


@dataclass
class _Book:
    holders: dict[str, str] = field(default_factory=dict)
    allocated: Counter[tuple[str, int]] = field(default_factory=Counter)
    served: dict[str, int] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)
    number: int = 0


def told_by(recorded: Iterable[Recorded]) -> list[Told]:
    """What a log's payloads say, read without the codec; what people said stays sealed."""
    found = []
    for each in recorded:
        if each.log == "leads":
            declared = event_type_named(each.type)
            assert declared is not None, each.type
            found.append(Told(each.stream, msgspec.convert(each.data, declared.event_class)))
    return found


def standing(told: Iterable[Told]) -> dict[str, tuple[str, str, str | None]]:
    """Status, unit and owner of every lead."""
    leads: dict[str, _Lead] = {}
    for _stream, event in told:
        if hasattr(event, "lead_id") and not isinstance(event, _OF_BOOKS):
            _lived(leads, event)
    return {each: (lead.status, lead.unit_id, lead.owner_id) for each, lead in leads.items()}


def flaws(told: Iterable[Told]) -> list[str]:
    """What is wrong with the leads of a log at rest; nothing where all is well."""
    leads: dict[str, _Lead] = {}
    books: dict[str, _Book] = {}
    found: list[str] = []
    for stream, event in told:
        if isinstance(event, _OF_BOOKS):
            book = books.setdefault(event.unit_id, _Book())
            found += [f"{stream}: {flaw}" for flaw in _kept(book, event)]
        elif hasattr(event, "lead_id"):
            found += [f"{stream}: {flaw}" for flaw in _lived(leads, event)]
    return [*found, *_disagreements(leads, books)]


def _kept(book: _Book, event: LeadAllocated | RepTookLead | RepLetGoOfLead) -> list[str]:
    match event:
        case RepTookLead():
            book.holders[event.lead_id] = event.rep_id
            return []
        case RepLetGoOfLead():
            held = book.holders.pop(event.lead_id, None)
            return [] if held == event.rep_id else [f"{event.lead_id} was held by {held}"]
        case LeadAllocated():
            wrong = []
            if event.lead_id in book.holders:
                wrong.append(f"{event.lead_id} is given while {book.holders[event.lead_id]} has it")
            book.allocated[event.lead_id, event.round] += 1
            if event.number != book.number + 1:
                wrong.append(f"number {event.number} follows {book.number}")
            wrong += _out_of_turn(book, event)
            book.number = event.number
            book.holders[event.lead_id] = event.rep_id
            return wrong


def _out_of_turn(book: _Book, event: LeadAllocated) -> list[str]:
    """Of the standard track by a queue of our own: who was served longest ago, of those never
    served who was eligible first."""
    if event.rep_id not in event.weights:
        return [f"{event.lead_id} went to {event.rep_id}, who was not eligible"]
    if event.track != "standard":
        return []
    book.order += [rep for rep in event.weights if rep not in book.order]
    turn = min(event.weights, key=lambda rep: (book.served.get(rep, 0), book.order.index(rep)))
    book.served[event.rep_id] = event.number
    return [] if turn == event.rep_id else [f"{event.lead_id} was {turn}'s, not {event.rep_id}'s"]


def _lived(leads: dict[str, _Lead], event: Any) -> list[str]:
    lead = leads.get(event.lead_id)
    if isinstance(event, LeadCaptured):
        leads[event.lead_id] = _Lead(unit_id=event.unit_id, rounds=event.round)
        return [] if lead is None else ["captured twice"]
    if lead is None:
        return [f"{type(event).__name__} before it was captured"]
    match event:
        case LeadAssigned():
            wrong = [] if lead.is_open else ["assigned when it was closed"]
            if event.previous_owner_id != lead.owner_id:
                wrong.append(f"taken from {event.previous_owner_id}, who had it not")
            if event.allocation is not None:
                lead.allocations.append((event.unit_id, event.allocation))
            lead.owner_id, lead.unit_id = event.owner_id, event.unit_id
            lead.status = "assigned"
            return wrong
        case LeadUnitChanged():
            wrong = [] if event.owner_id == lead.owner_id else [f"moved with {event.owner_id}"]
            if event.previous_unit_id != lead.unit_id:
                wrong.append(f"moved from {event.previous_unit_id}, where it was not")
            lead.unit_id = event.unit_id
            return wrong
        case LeadFoundNobody():
            lead.waits_visibly = True
        case LeadReturned():
            lead.owner_id, lead.is_open, lead.status = None, False, "returned"
        case LeadReleased():
            lead.is_open, lead.rounds, lead.status = True, lead.rounds + 1, "captured"
        case LeadContacted() if lead.status == "assigned":
            lead.status = "contacted"
        case LeadQualified():
            lead.status = "qualified"
        case LeadEndingTakenBack():
            lead.is_open, lead.status = event.status != "returned", event.status
        case LeadWithdrawn():
            del leads[event.lead_id]
        case LeadDisqualified():
            lead.is_open, lead.status = False, "disqualified"
        case LeadConverted():
            lead.is_open, lead.status = False, "converted"
    return []


def _disagreements(leads: dict[str, _Lead], books: dict[str, _Book]) -> list[str]:
    """At rest a book holds exactly the open leads of its unit's reps, each by its owner."""
    found = []
    held = {
        lead_id: (unit, rep)
        for unit, book in books.items()
        for lead_id, rep in book.holders.items()
    }
    for lead_id, lead in leads.items():
        owned = (lead.unit_id, lead.owner_id) if lead.is_open and lead.owner_id else None
        if held.get(lead_id) != owned:
            found.append(f"{lead_id}: its book says {held.get(lead_id)}, itself {owned}")
        if lead.is_open and lead.owner_id is None and not lead.waits_visibly:
            found.append(f"{lead_id}: waits, and nobody is told")
        if len(set(lead.allocations)) < len(lead.allocations):
            found.append(f"{lead_id}: one allocation taken twice: {lead.allocations}")
    for unit, book in books.items():
        twice = [key for key, number in book.allocated.items() if number > 1]
        found += [f"{unit}: {lead_id} allocated twice in round {each}" for lead_id, each in twice]
    return found
