"""Given, when, then: how a decider is specified in sentences of the business."""

from dataclasses import dataclass
from typing import Generic

import pytest

from shared.decider import Command, Decider, Event, State
from shared.errors import DomainError


@dataclass(frozen=True)
class Outcome(Generic[Command, State, Event]):
    """What came of one command; each `then…` asserts and returns the state that follows."""

    decider: Decider[Command, State, Event]
    before: State
    command: Command

    def events(self) -> list[Event]:
        return list(self.decider.decide(self.command, self.before))

    def then(self, *expected: Event) -> State:
        """Exactly these events, in this order."""
        happened = self.events()
        assert happened == list(expected)
        return self.decider.fold(happened, self.before)

    def then_nothing(self) -> State:
        """Accepted, but there was nothing to do."""
        assert self.events() == []
        return self.before

    def then_refused(self, refusal: type[DomainError]) -> DomainError:
        """Refused with exactly this error, whose class is the stable code."""
        with pytest.raises(DomainError) as caught:
            self.events()
        assert type(caught.value) is refusal, f"refused with {caught.value!r}"
        return caught.value


@dataclass(frozen=True)
class Spec(Generic[Command, State, Event]):
    """`Spec(LEAD).given(captured).when(qualify).then(qualified)`."""

    decider: Decider[Command, State, Event]
    history: tuple[Event, ...] = ()

    def given(self, *events: Event) -> "Spec[Command, State, Event]":
        """The same decider after these further events."""
        return Spec(self.decider, (*self.history, *events))

    def when(self, command: Command) -> Outcome[Command, State, Event]:
        return Outcome(self.decider, self.decider.fold(self.history), command)

    def state(self) -> State:
        return self.decider.fold(self.history)
