"""Commands to events: read, fold, decide, append; decided again when somebody was faster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar
from uuid import UUID

from shared.codec import Codec, NewEvent
from shared.command_context import CommandContext, caused_by, derived_id
from shared.command_runs import ATTEMPTS, Run, RunHandling, Step
from shared.decider import Decider
from shared.envelope import Position, stream_name
from shared.errors import (
    Busy,
    ConcurrencyConflict,
    DomainError,
    IdempotencyKeyReused,
    StoreAway,
)
from shared.event_store import Append, CommandRecord, EventStore, Outcome, Verdict
from shared.folded_states import FoldedStates
from shared.last_write import LastWrite
from shared.measured_appends import MeasuredAppends
from shared.telemetry import CommandTimer

__all__ = [
    "Answer",
    "CommandContext",
    "CommandHandling",
    "Handled",
    "Run",
    "Step",
    "caused_by",
    "derived_id",
    "no_answer",
]

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled(Generic[S]):
    """What came of a command. A duplicate has no `state`; its `answer` is the first answer."""

    state: S | None
    version: int
    position: Position | None
    event_ids: tuple[UUID, ...]
    duplicate: bool
    answer: bytes


Answer = Callable[[Any, int, tuple[UUID, ...]], bytes]


def no_answer(_state: Any, _version: int, _event_ids: tuple[UUID, ...]) -> bytes:
    return b""


def _not_shown(_state: Any, _version: int, _event_ids: tuple[UUID, ...]) -> bytes:
    return b"{}"


class CommandHandling:
    """Serves every aggregate of one service's log. Folded state is cached by stream and version."""

    def __init__(
        self, log: str, store: EventStore, codec: Codec, new_id: Callable[[], UUID]
    ) -> None:
        self._log = log
        self._store = store
        self._codec = codec
        self._new_id = new_id
        self._states = FoldedStates(store, codec)
        self._appends = MeasuredAppends(log, store)
        self._runs = RunHandling(log, codec, self._states, self._appends)

    @property
    def last_write(self) -> LastWrite:
        return self._appends.last

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
        stream = stream_name(context.tenant_id, decider.name, aggregate_id)
        with CommandTimer(self._log) as timer:
            try:
                handled = await self._handled(decider, stream, command, context, answer)
            except StoreAway:
                raise
            except DomainError:
                # A repeat is told the first answer, although its rule refuses it by now.
                first = await self.first_answer(context, stream)
                if first is None:
                    raise
                handled = first
            timer.is_duplicate = handled.duplicate
            return await self._placed(stream, handled)

    async def _handled(
        self,
        decider: Decider[C, S, E],
        stream: str,
        command: C,
        context: CommandContext,
        answer: Answer,
    ) -> Handled[S]:
        """Whether it is a repeat the store says, which is asked to append what was decided: to
        look that up first would cost every command a question."""
        for attempt in range(ATTEMPTS):
            version, state, events = await self._decide(
                decider, stream, command, context.expected_version, fresh=attempt > 0
            )
            after = decider.fold(events, state)
            outcome = await self._append(stream, version, events, after, context, answer)
            match outcome.verdict:
                case Verdict.DONE:
                    await self._states.remember(decider, stream, outcome.version, after, version)
                    return _handled(after, outcome)
                case Verdict.DUPLICATE:
                    return _handled(None, outcome)
                case Verdict.KEY_REUSED:
                    raise _reused(context)
                case Verdict.CONFLICT:
                    continue
        raise Busy(f"{stream} was changed by others {ATTEMPTS} times")

    async def _placed(self, stream: str, handled: Handled[S]) -> Handled[S]:
        """Where nothing was to do, the state answered with is that of the event before it."""
        if handled.position is not None or handled.version == 0:
            return handled
        [last, *_later] = await self._store.read_stream(stream, handled.version - 1)
        return replace(handled, position=last.position)

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
        certain = fresh or stream not in self._states
        version, state = await self._states.load(decider, stream, fresh=fresh)
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
        return await self._runs.handle(decider, runs)

    async def load(
        self, decider: Decider[C, S, E], stream: str, *, fresh: bool = False
    ) -> tuple[int, S]:
        """The version and folded state of a stream; `fresh`: with all that is stored by now."""
        return await self._states.load(decider, stream, fresh=fresh)

    def forget_states(self) -> None:
        """Give back the memory of what bulk work has loaded; it is read again when asked for."""
        self._states.forget()

    async def first_answer(
        self, context: CommandContext, stream: str | None
    ) -> Handled[Any] | None:
        """What was answered when the command came first, None where it did not."""
        if context.command_id is None:
            return None
        known = await self._store.find_command(context.tenant_id, context.command_id, stream)
        if known is None:
            return None
        digest, outcome = known
        if digest != context.digest:
            raise _reused(context)
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
        if not context.is_shown_state:
            answer = _not_shown
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
        [outcome] = await self._appends.append([append])
        if record is None and outcome.verdict is Verdict.DONE:
            return outcome._replace(answer=answer(after, version_after, ids))
        return outcome

    def _event_id(self, context: CommandContext, number: int) -> UUID:
        if context.idempotency_key is None:
            return self._new_id()
        return derived_id(context.tenant_id, context.caller, context.idempotency_key, number)


def _reused(context: CommandContext) -> IdempotencyKeyReused:
    return IdempotencyKeyReused(f"{context.idempotency_key!r} came with another body")


def _handled(state: Any, outcome: Outcome) -> Handled[Any]:
    return Handled(
        state=state,
        version=outcome.version,
        position=outcome.position,
        event_ids=outcome.event_ids,
        duplicate=outcome.verdict is Verdict.DUPLICATE,
        answer=outcome.answer,
    )
