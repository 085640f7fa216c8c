"""The signal `evidence_reused`: one photo or recording that proves two actions (O5)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from services.projections.domain.opportunity_course import counted_actions, stay_at
from services.projections.domain.opportunity_row import LoggedAction, OpportunityProcess
from services.projections.domain.signal import (
    RaiseSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from services.projections.domain.watching import DUE_MOVED, KnownSignal, WatchClock
from shared.clock import EPOCH, iso
from shared.envelope import RecordedEvent
from shared.events.opportunities import EvidenceReferred
from shared.projection import Projection

RULE = "evidence_reused"
PROVES_ONE_ACTION_ONLY = "proves-one-action-only"
"""Why it is retracted: one of the actions was voided, corrected or counts no more."""


class Proof(NamedTuple):
    """The content proves this action; `event_id` attached it. The earliest is the original."""

    happened_at: datetime
    opportunity_id: str
    action_id: str
    event_id: str


@dataclass(slots=True, kw_only=True)
class EvidenceUses:
    """`opportunity_ids`: of every action that it ever proved; `was_reused`: it did two at once."""

    sha256: str
    proofs: list[Proof] = field(default_factory=list)
    opportunity_ids: list[str] = field(default_factory=list)
    was_reused: bool = False


def evolve(row: EvidenceUses | None, recorded: RecordedEvent) -> EvidenceUses:
    event: EvidenceReferred = recorded.event
    uses = row or EvidenceUses(sha256=event.sha256)
    action = (event.opportunity_id, event.action_id)
    uses.proofs = [each for each in uses.proofs if (each.opportunity_id, each.action_id) != action]
    if event.proves:
        uses.proofs.append(Proof(event.happened_at, *action, event.event_id))
        uses.proofs.sort()
        uses.was_reused = uses.was_reused or len(uses.proofs) > 1
        if event.opportunity_id not in uses.opportunity_ids:
            uses.opportunity_ids.append(event.opportunity_id)
    return uses


def next_due(row: EvidenceUses) -> datetime | None:
    """To be looked at whenever it changes, once it was used twice."""
    return EPOCH if row.was_reused else None


def verdicts(
    tenant_id: str,
    uses: EvidenceUses,
    processes: Mapping[str, OpportunityProcess],
    known: Mapping[str, KnownSignal],
    clock: WatchClock,
) -> list[SignalCommand]:
    """Raised for each action but the first, of those that count, in the order they happened;
    retracted where an action counts no more. `known` are those of this content, not retracted."""
    commands: list[SignalCommand] = []
    wanted = {each.signal_id: each for each in _signals(tenant_id, uses, processes, clock)}
    for signal in known.values():
        again = wanted.get(signal.signal_id)
        if again is None or again.due_at != signal.due_at:
            reason = PROVES_ONE_ACTION_ONLY if again is None else DUE_MOVED
            commands.append(
                RetractSignal(
                    signal_id=signal.signal_id,
                    due_at=signal.due_at,
                    reason=reason,
                    retracted_at=clock.now,
                    now=clock.now,
                )
            )
        elif again is not None:
            del wanted[signal.signal_id]
    return [*commands, *wanted.values()]


def _signals(
    tenant_id: str,
    uses: EvidenceUses,
    processes: Mapping[str, OpportunityProcess],
    clock: WatchClock,
) -> Iterator[RaiseSignal]:
    counted = list(_counted(uses.proofs, processes))
    for proof, action in counted[1:]:
        process = processes[proof.opportunity_id]
        yield _signal(tenant_id, (uses.sha256, counted[0][0], proof), action, process, clock)


def _counted(
    proofs: Sequence[Proof], processes: Mapping[str, OpportunityProcess]
) -> Iterator[tuple[Proof, LoggedAction]]:
    """Those whose actions count: neither voided, invalid nor on a closed opportunity."""
    actions = {
        (opportunity_id, action.action_id or action.event_id): action
        for opportunity_id, process in processes.items()
        for action in counted_actions(process)
    }
    for proof in proofs:
        action = actions.get((proof.opportunity_id, proof.action_id))
        if action is not None:
            yield proof, action


def _signal(
    tenant_id: str,
    found: tuple[str, Proof, Proof],
    action: LoggedAction,
    process: OpportunityProcess,
    clock: WatchClock,
) -> RaiseSignal:
    """It goes to who acted, and to the actor's unit then; without one to the opportunity's."""
    sha256, first, proof = found
    due_at = proof.happened_at
    subject = ("opportunity", proof.opportunity_id)
    stay = stay_at(process, action.order)
    is_ours = action.actor_id is not None and action.path >= 0
    historical = replace(clock, imported_until=process.imported_until).is_historical(due_at)
    return RaiseSignal(
        signal_id=signal_id(tenant_id, subject, RULE, f"{proof.event_id}:{sha256}"),
        rule=RULE,
        subject_kind="opportunity",
        subject_id=proof.opportunity_id,
        customer_id=process.customer_id,
        stage=stay.stage if stay else None,
        unit_path=tuple(process.paths[action.path] if is_ours else process.unit_path),
        owner_id=action.actor_id if is_ours else process.owner_id,
        due_at=due_at,
        raised_at=due_at if historical else clock.now,
        anchor_event_id=proof.event_id,
        window=None,
        historical=historical,
        facts={
            "sha256": sha256,
            "action_id": proof.action_id,
            "first_opportunity_id": first.opportunity_id,
            "first_action_id": first.action_id,
            "since": iso(first.happened_at),
        },
        told=(),
        now=clock.now,
    )


def _sha256(event: EvidenceReferred) -> str:
    return event.sha256


EVIDENCE_USES: Projection[EvidenceUses] = Projection(
    name="evidence_uses",
    version=1,
    reads=(EvidenceReferred,),
    row_type=EvidenceUses,
    key=_sha256,
    evolve=evolve,
    next_due=next_due,
)
