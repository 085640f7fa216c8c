"""AUTHENTICITY_CASES: what one rule doubts of one rep, and what managers made of it (S4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from services.scoring.domain.doubt import Doubt
from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.scoring import AuthenticityCaseDecided, AuthenticityCaseOpened

Verdict = Literal["genuine", "false"]


class CaseIsDecided(DomainError):
    code = "case-is-decided"


class CaseIsAboutOneself(DomainError):
    """Somebody else decides it."""

    code = "case-is-about-oneself"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCase:
    """`only_marks`: the rule was wrong too often for anybody to be told."""

    case_id: str
    doubt: Doubt
    only_marks: bool
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideCase:
    case_id: str
    verdict: Verdict
    reason: str
    decided_by: str | None
    now: datetime


CasesCommand = OpenCase | DecideCase
CasesEvent = AuthenticityCaseOpened | AuthenticityCaseDecided


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCase:
    rule: str
    rep_id: str
    only_marks: bool
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """`doubted`: every record that is in a case already, of whatever outcome: in one case only."""

    cases: Mapping[str, OneCase] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()


def stream_of(rule: str, rep_id: str) -> str:
    """The id of the aggregate: one a rule and rep, so that no record is doubted twice."""
    return f"{rule}:{rep_id}"


def open_case(command: OpenCase, known: Cases) -> Sequence[CasesEvent]:
    doubt = command.doubt
    if not known.doubted.isdisjoint(doubt.doubted):
        return []
    return [
        AuthenticityCaseOpened(
            case_id=command.case_id,
            rule=doubt.rule,
            rep_id=doubt.rep_id,
            unit_path=list(doubt.unit_path),
            doubted=list(doubt.doubted),
            proof=list(doubt.proof),
            facts=dict(doubt.facts),
            only_marks=command.only_marks,
            proven_at=doubt.proven_at,
            opened_at=command.now,
        )
    ]


def decide_case(command: DecideCase, known: Cases) -> Sequence[CasesEvent]:
    """The same verdict again changes nothing. Raises NotFound, CaseIsAboutOneself,
    CaseIsDecided."""
    case = known.cases.get(command.case_id)
    if case is None:
        raise NotFound(f"there is no case {command.case_id!r}")
    if command.decided_by == case.rep_id:
        raise CaseIsAboutOneself("nobody judges their own records")
    if case.verdict == command.verdict:
        return []
    if case.verdict is not None:
        raise CaseIsDecided(f"it was found {case.verdict}")
    return [
        AuthenticityCaseDecided(
            case_id=command.case_id,
            rule=case.rule,
            rep_id=case.rep_id,
            verdict=command.verdict,
            reason=command.reason,
            decided_by=command.decided_by,
            only_marks=case.only_marks,
            decided_at=command.now,
        )
    ]


def decide(command: CasesCommand, known: Cases) -> Sequence[CasesEvent]:
    match command:
        case OpenCase():
            return open_case(command, known)
        case DecideCase():
            return decide_case(command, known)
        case _:
            assert_never(command)


def evolve(known: Cases, event: CasesEvent) -> Cases:
    match event:
        case AuthenticityCaseOpened():
            opened = OneCase(
                rule=event.rule,
                rep_id=event.rep_id,
                only_marks=event.only_marks,
            )
            return Cases(
                cases={**known.cases, event.case_id: opened},
                doubted=known.doubted | frozenset(event.doubted),
            )
        case AuthenticityCaseDecided():
            decided = replace(known.cases[event.case_id], verdict=event.verdict)
            return replace(known, cases={**known.cases, event.case_id: decided})
        case _:
            assert_never(event)


AUTHENTICITY_CASES: Decider[CasesCommand, Cases, CasesEvent] = Decider(
    name="authenticity_cases", decide=decide, evolve=evolve, initial=Cases()
)
