"""AUTHENTICITY_CASES: what one rule doubts of one rep, and what managers made of it (S4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal, assert_never

from services.scoring.domain.doubt import Doubt, kinds_of
from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.scoring import (
    AuthenticityCaseDecided,
    AuthenticityCaseOpened,
    AuthenticityProofAdded,
    CaseFact,
    ProofLine,
)

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
CasesEvent = AuthenticityCaseOpened | AuthenticityProofAdded | AuthenticityCaseDecided


@dataclass(frozen=True, slots=True, kw_only=True)
class OneCase:
    rule: str
    rep_id: str
    only_marks: bool
    facts: Mapping[str, CaseFact]
    proof: tuple[ProofLine, ...]
    verdict: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubted:
    """`case_id`: the latest case that a record is in; `kinds`: of what spoke against it in any."""

    case_id: str
    kinds: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """`doubted`: every record that is in a case already, of whatever outcome: in another only when
    something else comes to speak against it."""

    cases: Mapping[str, OneCase] = field(default_factory=dict)
    doubted: Mapping[str, Doubted] = field(default_factory=dict)


def stream_of(rule: str, rep_id: str) -> str:
    """The id of the aggregate: one a rule and rep, so that no record is doubted twice."""
    return f"{rule}:{rep_id}"


def open_case(command: OpenCase, known: Cases) -> Sequence[CasesEvent]:
    """What is new about a record in doubt is added to its case; once that is decided, it makes
    another."""
    doubt = command.doubt
    before = [known.doubted[each] for each in doubt.doubted if each in known.doubted]
    if any(doubt.kinds <= each.kinds for each in before):
        return []
    undecided = [each for each in before if known.cases[each.case_id].verdict is None]
    if undecided:
        return [_proof_added(command, undecided[0].case_id, known.cases[undecided[0].case_id])]
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


def _proof_added(command: OpenCase, case_id: str, case: OneCase) -> AuthenticityProofAdded:
    doubt = command.doubt
    lines = {each.action_id: each for each in case.proof}
    for line in doubt.proof:
        said = lines[line.action_id].figures if line.action_id in lines else {}
        lines[line.action_id] = replace(line, figures={**said, **line.figures})
    return AuthenticityProofAdded(
        case_id=case_id,
        rule=doubt.rule,
        rep_id=doubt.rep_id,
        doubted=list(doubt.doubted),
        proof=list(lines.values()),
        facts={**case.facts, **doubt.facts},
        added_at=command.now,
    )


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
                facts=event.facts,
                proof=tuple(event.proof),
            )
            return _with(known, event, opened)
        case AuthenticityProofAdded():
            case = known.cases[event.case_id]
            proven = replace(case, facts=event.facts, proof=tuple(event.proof))
            return _with(known, event, proven)
        case AuthenticityCaseDecided():
            decided = replace(known.cases[event.case_id], verdict=event.verdict)
            return replace(known, cases={**known.cases, event.case_id: decided})
        case _:
            assert_never(event)


def _with(
    known: Cases, event: AuthenticityCaseOpened | AuthenticityProofAdded, case: OneCase
) -> Cases:
    kinds = kinds_of(event.rule, event.facts)
    spoken = {
        each: kinds | known.doubted[each].kinds if each in known.doubted else kinds
        for each in event.doubted
    }
    doubted = {each: Doubted(case_id=event.case_id, kinds=spoken[each]) for each in event.doubted}
    return Cases(cases={**known.cases, event.case_id: case}, doubted={**known.doubted, **doubted})


AUTHENTICITY_CASES: Decider[CasesCommand, Cases, CasesEvent] = Decider(
    name="authenticity_cases", decide=decide, evolve=evolve, initial=Cases()
)
