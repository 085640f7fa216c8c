"""ALLOCATION_BOOK: a unit's allocations in one stream, so that no lead is given twice (L5)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import assert_never

from services.leads.domain.allocation import (
    AllocationRules,
    Choice,
    Eligibility,
    RepSituation,
    Track,
    Turns,
    UnitSituation,
    after_turn,
    choose,
    choose_quickest,
    eligibility,
    is_high_value,
    track_of,
    weights,
)
from services.leads.domain.shelves import Shelves
from shared.decider import Decider
from shared.errors import DomainError
from shared.events.leads import LeadAllocated, RepLetGoOfLead, RepTookLead


class NobodyIsEligible(DomainError):
    """`passed_over`: for each reason the reps."""

    code = "nobody-is-eligible"

    def __init__(self, unit_id: str, passed_over: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(f"nobody of {unit_id!r} is eligible")
        self.passed_over = passed_over


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocateLead:
    """`score`: source + behaviour + 30. `reps`: those of the unit, by id. `served_customer`: who
    of them, where the customer said a hot word (L8); otherwise it does not matter."""

    lead_id: str
    unit_id: str
    round: int
    score: float
    reps: tuple[RepSituation, ...]
    rules: AllocationRules
    unit: UnitSituation
    day: date
    now: datetime
    has_hot_word: bool = False
    served_customer: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteLeadTaken:
    """Somebody has it by hand."""

    unit_id: str
    rep_id: str
    lead_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteLeadLetGo:
    """Nobody of the unit has it. `waits_in`: the round in which it waits to be given to somebody;
    what is allocated in that one is yet to come true."""

    unit_id: str
    lead_id: str
    waits_in: int | None = None


AllocationBookCommand = AllocateLead | NoteLeadTaken | NoteLeadLetGo
AllocationBookEvent = LeadAllocated | RepTookLead | RepLetGoOfLead


@dataclass(frozen=True, slots=True, kw_only=True)
class AllocationBook:
    """`number` of the last allocation; `holders`: lead → rep while it is open; `rounds`: lead → the
    last one it was allocated in; `open_leads` by rep."""

    number: int = 0
    standard: Turns = field(default_factory=Turns)
    high_value: Turns = field(default_factory=Turns)
    hot_word: Turns = field(default_factory=Turns)
    holders: Shelves[str] = field(default_factory=Shelves)
    rounds: Shelves[int] = field(default_factory=Shelves)
    open_leads: Mapping[str, int] = field(default_factory=dict)

    def turns(self, track: Track) -> Turns:
        match track:
            case Track.STANDARD:
                return self.standard
            case Track.HIGH_VALUE:
                return self.high_value
            case Track.HOT_WORD:
                return self.hot_word
            case _:
                assert_never(track)


def allocate(command: AllocateLead, book: AllocationBook) -> Sequence[AllocationBookEvent]:
    """Raises NobodyIsEligible. Whoever comes second finds that somebody has it, or had it in this
    round: who asks may not know yet what became of it."""
    allocated_in = book.rounds.get(command.lead_id)
    if book.holders.get(command.lead_id) is not None or (
        allocated_in is not None and command.round <= allocated_in
    ):
        return []
    found = eligibility(command.reps, book.open_leads, command.rules, command.unit, command.now)
    if not found.eligible:
        raise NobodyIsEligible(command.unit_id, found.passed_over)
    return [_allocated(command, book, found)]


def _allocated(command: AllocateLead, book: AllocationBook, found: Eligibility) -> LeadAllocated:
    track = track_of(command.score, command.rules, has_hot_word=command.has_hot_word)
    weighed = weights(found.eligible, track)
    is_weighed, is_hot = track is Track.HIGH_VALUE, track is Track.HOT_WORD
    undecided = LeadAllocated(
        unit_id=command.unit_id,
        lead_id=command.lead_id,
        round=command.round,
        number=book.number + 1,
        track=track,
        score=command.score,
        is_high_value=is_high_value(command.score, command.rules),
        rep_id="",
        why="",
        weights=weighed,
        win_rates={r.rep_id: r.win_rate for r in found.eligible} if is_weighed else {},
        attainments={
            r.rep_id: r.attainment
            for r in found.eligible
            if is_weighed and r.attainment is not None
        },
        passed_over={reason: list(reps) for reason, reps in found.passed_over.items()},
        day=command.day,
        allocated_at=command.now,
        response_seconds={
            r.rep_id: r.response_seconds
            for r in found.eligible
            if is_hot and r.response_seconds is not None
        },
        served_customer=sorted(command.served_customer.intersection(weighed)) if is_hot else [],
    )
    rep_id, why = _choice(book, undecided)
    return replace(undecided, rep_id=rep_id, why=why)


def _choice(book: AllocationBook, event: LeadAllocated) -> Choice:
    """From what the event holds, so that replaying it chooses alike."""
    track = Track(event.track)
    turns = book.turns(track)
    if track is Track.HOT_WORD:
        return choose_quickest(turns, event.weights, event.response_seconds, event.served_customer)
    return choose(turns, event.weights, track)


def note_taken(command: NoteLeadTaken, book: AllocationBook) -> Sequence[AllocationBookEvent]:
    if book.holders.get(command.lead_id) == command.rep_id:
        return []
    return [RepTookLead(unit_id=command.unit_id, rep_id=command.rep_id, lead_id=command.lead_id)]


def note_let_go(command: NoteLeadLetGo, book: AllocationBook) -> Sequence[AllocationBookEvent]:
    holder = book.holders.get(command.lead_id)
    if holder is None or _is_yet_to_come(command, book):
        return []
    return [RepLetGoOfLead(unit_id=command.unit_id, rep_id=holder, lead_id=command.lead_id)]


def _is_yet_to_come(command: NoteLeadLetGo, book: AllocationBook) -> bool:
    allocated_in = book.rounds.get(command.lead_id)
    if command.waits_in is None or allocated_in is None:
        return False
    return command.waits_in <= allocated_in


def decide(command: AllocationBookCommand, book: AllocationBook) -> Sequence[AllocationBookEvent]:
    match command:
        case AllocateLead():
            return allocate(command, book)
        case NoteLeadTaken():
            return note_taken(command, book)
        case NoteLeadLetGo():
            return note_let_go(command, book)
        case _:
            assert_never(command)


def evolve(book: AllocationBook, event: AllocationBookEvent) -> AllocationBook:
    match event:
        case LeadAllocated():
            turned = replace(
                _turned(book, event), rounds=book.rounds.put(event.lead_id, event.round)
            )
            return _held(turned, event.lead_id, event.rep_id)
        case RepTookLead():
            return _held(book, event.lead_id, event.rep_id)
        case RepLetGoOfLead():
            return _let_go(book, event.lead_id)
        case _:
            assert_never(event)


def replayed_rep(book: AllocationBook, event: LeadAllocated) -> str:
    """Whom the book before it gives the lead, from what the event holds: always its own rep."""
    return _choice(book, event).rep_id


ALLOCATION_BOOK: Decider[AllocationBookCommand, AllocationBook, AllocationBookEvent] = Decider(
    "allocation_book", decide, evolve, AllocationBook(), states=(AllocationBook,)
)


def _turned(book: AllocationBook, event: LeadAllocated) -> AllocationBook:
    track = Track(event.track)
    turns = after_turn(book.turns(track), event.weights, track, event.rep_id, event.number)
    match track:
        case Track.STANDARD:
            return replace(book, number=event.number, standard=turns)
        case Track.HIGH_VALUE:
            return replace(book, number=event.number, high_value=turns)
        case Track.HOT_WORD:
            return replace(book, number=event.number, hot_word=turns)
        case _:
            assert_never(track)


def _held(book: AllocationBook, lead_id: str, rep_id: str) -> AllocationBook:
    free = _let_go(book, lead_id)
    open_leads = {**free.open_leads, rep_id: free.open_leads.get(rep_id, 0) + 1}
    return replace(free, holders=free.holders.put(lead_id, rep_id), open_leads=open_leads)


def _let_go(book: AllocationBook, lead_id: str) -> AllocationBook:
    holder = book.holders.get(lead_id)
    if holder is None:
        return book
    open_leads = {**book.open_leads, holder: book.open_leads[holder] - 1}
    return replace(book, holders=book.holders.taken(lead_id), open_leads=open_leads)
