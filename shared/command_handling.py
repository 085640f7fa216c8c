"""Commands to events: read, fold, decide, append; decided again when somebody was faster."""

from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID, uuid5

import msgspec
import structlog

from shared.codec import Codec, NewEvent
from shared.decider import Decider
from shared.envelope import (
    Envelope,
    Origin,
    Position,
    RecordedEvent,
    StoredEvent,
    stream_name,
)
from shared.errors import (
    Busy,
    ConcurrencyConflict,
    DomainError,
    IdempotencyKeyReused,
    StoreAway,
)
from shared.event_store import Append, CommandRecord, EventStore, Outcome, Verdict

LOG = structlog.get_logger(__name__)

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

OUR_IDS = UUID("6d0d6bb2-3c0e-5f0a-9d5c-0b1f6a7c2e11")
"""Namespace of every id that we derive; never changed, since repeats must meet the first."""

_ATTEMPTS = 4
_SNAPSHOT_EVERY = 500
_STATES_KEPT = 50_000


def derived_id(*parts: str | int) -> UUID:
    """uuid5 of the parts: the same id whenever the same thing is said again."""
    return uuid5(OUR_IDS, "\x1f".join(map(str, parts)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who commands, when it happened and why; what idempotency and `If-Match` need."""

    tenant_id: str
    actor_id: str | None
    occurred_at: datetime
    correlation_id: str
    caller: str = "system"
    origin: str = Origin.LIVE
    causation_id: str | None = None
    idempotency_key: str | None = None
    digest: bytes = b""
    expected_version: int | None = None
    raw_occurred_at: datetime | None = None
    sent_at: datetime | None = None
    entered_at: datetime | None = None
    trace_context: str | None = None

    @property
    def command_id(self) -> str | None:
        return None if self.idempotency_key is None else f"{self.caller}:{self.idempotency_key}"

    def envelope(self) -> Envelope:
        return Envelope(
            tenant_id=self.tenant_id,
            actor_id=self.actor_id,
            occurred_at=self.occurred_at,
            origin=self.origin,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            command_id=self.command_id,
            raw_occurred_at=self.raw_occurred_at,
            sent_at=self.sent_at,
            entered_at=self.entered_at,
            trace_context=self.trace_context,
        )

    def given_id(self, kind: str) -> str:
        """An id that we give, derived so that a repeated creation meets its own stream."""
        return str(derived_id(self.tenant_id, self.caller, self.idempotency_key or "", kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Generic[S]):
    """What came of a command. A duplicate has no `state`; its `answer` is the first answer."""

    state: S | None
    version: int
    position: Position | None
    event_ids: tuple[UUID, ...]
    duplicate: bool
    answer: bytes


def caused_by(recorded: RecordedEvent, reaction: str, number: int = 0) -> CommandContext:
    """Context of a command that a reaction sends because of an event: repeated, it is recognised.

    It happens when the event was recorded; origin and correlation are the event's.
    """
    stored = recorded.stored
    return CommandContext(
        tenant_id=stored.tenant_id,
        actor_id=None,
        occurred_at=stored.recorded_at,
        correlation_id=stored.correlation_id,
        caller=reaction,
        origin=stored.origin,
        causation_id=str(stored.event_id),
        idempotency_key=f"{stored.event_id}:{number}",
        trace_context=stored.trace_context,
    )


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


Answer = Callable[[Any, int, tuple[UUID, ...]], bytes]


def no_answer(_state: Any, _version: int, _event_ids: tuple[UUID, ...]) -> bytes:
    return b""


class CommandHandling:
    """Serves every aggregate of one service's log. Folded state is cached by stream and version."""

    def __init__(
        self, log: str, store: EventStore, codec: Codec, new_id: Callable[[], UUID]
    ) -> None:
        self._log = log
        self._store = store
        self._codec = codec
        self._new_id = new_id
        self._cache: OrderedDict[str, tuple[int, Any]] = OrderedDict()

    async def handle(
        self,
        decider: Decider[C, S, E],
        aggregate_id: str,
        command: C,
        context: CommandContext,
        answer: Answer = no_answer,
    ) -> Handled[S]:
        """Decide and append. Raises what the decider raises, ConcurrencyConflict where
        `expected_version` does not hold, Busy after three repetitions, IdempotencyKeyReused."""
        first = await self._first_answer(context)
        if first is not None:
            return first
        stream = stream_name(context.tenant_id, decider.name, aggregate_id)
        for attempt in range(_ATTEMPTS):
            version, state, events = await self._decide(
                decider, stream, command, context.expected_version, fresh=attempt > 0
            )
            after = decider.fold(events, state)
            outcome = await self._append(stream, version, events, after, context, answer)
            match outcome.verdict:
                case Verdict.DONE:
                    await self._remember(decider, stream, outcome.version, after, version)
                    return _handled(after, outcome)
                case Verdict.DUPLICATE:
                    return _handled(None, outcome)
                case Verdict.KEY_REUSED:
                    raise IdempotencyKeyReused(
                        f"{context.idempotency_key!r} came with another body"
                    )
                case Verdict.CONFLICT:
                    continue
        raise Busy(f"{stream} was changed by others {_ATTEMPTS} times")

    async def _decide(
        self,
        decider: Decider[C, S, E],
        stream: str,
        command: C,
        expected_version: int | None,
        *,
        fresh: bool,
    ) -> tuple[int, S, Sequence[E]]:
        """The cache may be behind where other processes write: that something is refused, or
        nothing to do, is only said of the state as it is stored."""
        certain = fresh or stream not in self._cache
        version, state = await self.load(decider, stream, fresh=fresh)
        try:
            if expected_version not in (None, version):
                raise ConcurrencyConflict(f"the version is {version}")
            events = decider.decide(command, state)
        except DomainError:
            if certain:
                raise
        else:
            if events or certain:
                return version, state, events
        return await self._decide(decider, stream, command, expected_version, fresh=True)

    async def handle_runs(
        self, decider: Decider[C, S, E], runs: Sequence[Run]
    ) -> list[list[DomainError | None]]:
        """Many aggregates at once, one commit: for imports and generators.

        Returns per run and step what refused it, None where it was accepted. A run that was
        overtaken is decided again as a whole.
        """
        refusals: list[list[DomainError | None]] = [[] for _ in runs]
        pending = list(range(len(runs)))
        for attempt in range(_ATTEMPTS):
            certain = await self._load_many(decider, runs, pending, fresh=attempt > 0)
            decided = {
                index: await self._decide_run(decider, runs[index], certain) for index in pending
            }
            outcomes = await self._append_runs(decided)
            pending = []
            for index, run in decided.items():
                outcome = outcomes.get(index)
                if outcome is None or outcome.verdict is Verdict.DONE:
                    refusals[index] = run.refused
                    self._keep(run.stream, run.version + len(run.news), run.state)
                else:
                    pending.append(index)
            if not pending:
                return refusals
        raise Busy(f"{len(pending)} aggregates were changed by others {_ATTEMPTS} times")

    async def load(
        self, decider: Decider[C, S, E], stream: str, *, fresh: bool = False
    ) -> tuple[int, S]:
        """The version and folded state of a stream, from cache, snapshot or its events.

        `fresh`: with everything that is stored by now.
        """
        start: tuple[int, S] | None = self._cache.get(stream)
        if start is not None and not fresh:
            self._cache.move_to_end(stream)
            return start
        version, state = await self._stored(decider, stream, start)
        self._keep(stream, version, state)
        return version, state

    async def _stored(
        self, decider: Decider[C, S, E], stream: str, start: tuple[int, S] | None
    ) -> tuple[int, S]:
        if start is None and decider.states:
            start = await self._snapshot(decider, stream)
        version, state = (0, decider.initial) if start is None else start
        stored = await self._store.read_stream(stream, version)
        return version + len(stored), decider.fold(self._decoded(stored), state)

    async def _snapshot(self, decider: Decider[C, S, E], stream: str) -> tuple[int, S] | None:
        kept = await self._store.load_snapshot(stream, _snapshot_key(decider))
        if kept is None:
            return None
        try:
            return kept[0], _thawed(decider, kept[1])
        except msgspec.MsgspecError as flaw:
            LOG.warning("snapshot_not_read", stream=stream, why=str(flaw))
            return None

    def _decoded(self, stored: Sequence[StoredEvent]) -> list[Any]:
        return [self._codec.decode(event).event for event in stored]

    async def _load_many(
        self, decider: Decider[C, S, E], runs: Sequence[Run], wanted: Sequence[int], *, fresh: bool
    ) -> set[str]:
        """Fill the cache with one read; answers the streams whose state is as stored."""
        streams = [_stream_of(decider, runs[index]) for index in wanted]
        missing = {stream for stream in streams if fresh or stream not in self._cache}
        for stream, events in (await self._store.read_streams(missing)).items():
            self._keep(stream, len(events), decider.fold(self._decoded(events)))
        return missing

    async def _decide_run(
        self, decider: Decider[C, S, E], run: Run, certain: Collection[str]
    ) -> "_DecidedRun":
        """As for single commands, that there is nothing to append is not said from the cache."""
        stream = _stream_of(decider, run)
        version, state = await self.load(decider, stream)
        decided = self._decided(decider, stream, version, state, run)
        if decided.news or stream in certain:
            return decided
        now, state = await self.load(decider, stream, fresh=True)
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
        return dict(zip(with_news, await self._store.append(appends), strict=True))

    async def _first_answer(self, context: CommandContext) -> Handled[Any] | None:
        """A repeated command is answered before it is decided: its rule may refuse it by now."""
        if context.command_id is None:
            return None
        known = await self._store.find_command(context.tenant_id, context.command_id)
        if known is None:
            return None
        digest, outcome = known
        if digest != context.digest:
            raise IdempotencyKeyReused(f"{context.idempotency_key!r} came with another body")
        return _handled(None, outcome)

    async def _append(
        self,
        stream: str,
        version: int,
        events: Sequence[Any],
        after: Any,
        context: CommandContext,
        answer: Answer,
    ) -> Outcome:
        envelope = context.envelope()
        ids = tuple(self._event_id(context, number) for number in range(len(events)))
        news = [
            NewEvent(event, event_id, envelope) for event, event_id in zip(events, ids, strict=True)
        ]
        version_after = version + len(events)
        record = None
        if context.command_id is not None:
            body = answer(after, version_after, ids)
            record = CommandRecord(context.tenant_id, context.command_id, context.digest, body)
        elif not events:
            return Outcome(Verdict.DONE, version, None, (), answer(after, version, ()))
        append = Append(self._log, stream, version, await self._codec.seal(news), record)
        [outcome] = await self._store.append([append])
        if record is None and outcome.verdict is Verdict.DONE:
            return outcome._replace(answer=answer(after, version_after, ids))
        return outcome

    def _event_id(self, context: CommandContext, number: int) -> UUID:
        if context.idempotency_key is None:
            return self._new_id()
        return derived_id(context.tenant_id, context.caller, context.idempotency_key, number)

    async def _remember(
        self, decider: Decider[C, S, E], stream: str, version: int, state: S, before: int
    ) -> None:
        self._keep(stream, version, state)
        if decider.states and version // _SNAPSHOT_EVERY > before // _SNAPSHOT_EVERY:
            await self._save_snapshot(decider, stream)

    async def _save_snapshot(self, decider: Decider[C, S, E], stream: str) -> None:
        """Of the events as stored: those just decided hold their personal fields in the clear.

        The command is done; a snapshot that cannot be saved only makes the next load longer.
        """
        try:
            version, state = await self._stored(decider, stream, None)
            key = _snapshot_key(decider)
            await self._store.save_snapshot(stream, key, version, _frozen(state))
        except StoreAway as failure:
            LOG.warning("snapshot_not_saved", stream=stream, why=str(failure))

    def _keep(self, stream: str, version: int, state: Any) -> None:
        known = self._cache.get(stream)
        if known is not None and known[0] > version:
            return
        self._cache[stream] = (version, state)
        self._cache.move_to_end(stream)
        if len(self._cache) > _STATES_KEPT:
            self._cache.popitem(last=False)


def _stream_of(decider: Decider[Any, Any, Any], run: Run) -> str:
    return stream_name(run.steps[0].context.tenant_id, decider.name, run.aggregate_id)


def _handled(state: Any, outcome: Outcome) -> Handled[Any]:
    return Handled(
        state=state,
        version=outcome.version,
        position=outcome.position,
        event_ids=outcome.event_ids,
        duplicate=outcome.verdict is Verdict.DUPLICATE,
        answer=outcome.answer,
    )


def _snapshot_key(decider: Decider[Any, Any, Any]) -> str:
    return f"{decider.name}.v{decider.version}"


def _frozen(state: Any) -> bytes:
    return msgspec.json.encode([type(state).__name__, state])


def _thawed(decider: Decider[Any, S, Any], frozen: bytes) -> S:
    name, body = msgspec.json.decode(frozen, type=tuple[str, msgspec.Raw])
    state_class = next((each for each in decider.states if each.__name__ == name), None)
    if state_class is None:
        raise msgspec.ValidationError(f"{decider.name} has no state {name}")
    state: S = msgspec.json.decode(body, type=state_class)
    return state
