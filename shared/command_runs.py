"""Commands for many aggregates at once: decided in memory, appended in one commit."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from shared.codec import Codec, NewEvent
from shared.command_context import CommandContext, derived_id
from shared.decider import Decider
from shared.envelope import stream_name
from shared.errors import Busy, DomainError
from shared.event_store import Append, Outcome, Verdict
from shared.folded_states import FoldedStates
from shared.measured_appends import MeasuredAppends

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

ATTEMPTS = 4
"""How often a command is decided before its aggregate is said to be busy."""


class Step(NamedTuple):
    """One command of a run; `event_id` names its first event, so that a repeat is recognised."""

    command: Any
    context: CommandContext
    event_id: UUID


class Run(NamedTuple):
    """Commands for one aggregate, in order."""

    aggregate_id: str
    steps: Sequence[Step]


class _DecidedRun(NamedTuple):
    """What a run comes to when decided on `version`; `state` is the one after it."""

    stream: str
    version: int
    state: Any
    news: list[NewEvent]
    refused: list[DomainError | None]


class RunHandling:
    def __init__(
        self, log: str, codec: Codec, states: FoldedStates, appends: MeasuredAppends
    ) -> None:
        self._log = log
        self._codec = codec
        self._states = states
        self._appends = appends

    async def handle(
        self, decider: Decider[C, S, E], runs: Sequence[Run]
    ) -> list[list[DomainError | None]]:
        """One commit for all of them; decided again are only those that were overtaken."""
        refusals: list[list[DomainError | None]] = [[] for _ in runs]
        pending = list(range(len(runs)))
        for attempt in range(ATTEMPTS):
            streams = [_stream_of(decider, runs[index]) for index in pending]
            certain = await self._states.load_many(decider, streams, fresh=attempt > 0)
            decided = {
                index: await self._decide_run(decider, runs[index], certain) for index in pending
            }
            outcomes = await self._append_runs(decided)
            pending = []
            for index, run in decided.items():
                outcome = outcomes.get(index)
                if outcome is None or outcome.verdict is Verdict.DONE:
                    refusals[index] = run.refused
                    self._states.keep(run.stream, run.version + len(run.news), run.state)
                else:
                    pending.append(index)
            if not pending:
                return refusals
        raise Busy(f"{len(pending)} aggregates were changed by others {ATTEMPTS} times")

    async def _decide_run(
        self, decider: Decider[C, S, E], run: Run, certain: Collection[str]
    ) -> "_DecidedRun":
        """As for single commands, that there is nothing to append is not said from the cache."""
        stream = _stream_of(decider, run)
        version, state = await self._states.load(decider, stream)
        decided = self._decided(decider, stream, version, state, run)
        if decided.news or stream in certain:
            return decided
        now, state = await self._states.load(decider, stream, fresh=True)
        return decided if now == version else self._decided(decider, stream, now, state, run)

    def _decided(
        self, decider: Decider[C, S, E], stream: str, version: int, state: S, run: Run
    ) -> "_DecidedRun":
        news: list[NewEvent] = []
        refused: list[DomainError | None] = []
        for step in run.steps:
            try:
                events = decider.decide(step.command, state)
            except DomainError as refusal:
                refused.append(refusal)
                continue
            refused.append(None)
            state = decider.fold(events, state)
            envelope = step.context.envelope()
            for number, event in enumerate(events):
                event_id = step.event_id if not number else derived_id(str(step.event_id), number)
                news.append(NewEvent(event, event_id, envelope))
        return _DecidedRun(stream, version, state, news, refused)

    async def _append_runs(self, decided: Mapping[int, "_DecidedRun"]) -> dict[int, Outcome]:
        """One call of the store for all runs that have something to append."""
        with_news = {index: run for index, run in decided.items() if run.news}
        if not with_news:
            return {}
        encoded = iter(
            await self._codec.seal([new for run in with_news.values() for new in run.news])
        )
        appends = [
            Append(self._log, run.stream, run.version, list(islice(encoded, len(run.news))))
            for run in with_news.values()
        ]
        return dict(zip(with_news, await self._appends.append(appends), strict=True))


def _stream_of(decider: Decider[Any, Any, Any], run: Run) -> str:
    return stream_name(run.steps[0].context.tenant_id, decider.name, run.aggregate_id)
