"""An aggregate as a value: where it starts, how it decides, how it changes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Command = TypeVar("Command")
State = TypeVar("State")
Event = TypeVar("Event")


@dataclass(frozen=True, slots=True)
class Decider(Generic[Command, State, Event]):
    """`decide` raises a DomainError when it refuses, returns no events when nothing is to do.

    `name` is the middle part of the stream name, `version` the key of its snapshots: raise it
    whenever `evolve` or the state's shape changes. `states` are the classes of the union, so that a
    snapshot can be read; without them there are no snapshots.
    """

    name: str
    decide: Callable[[Command, State], Sequence[Event]]
    evolve: Callable[[State, Event], State]
    initial: State
    version: int = 1
    states: tuple[type[Any], ...] = ()

    def fold(self, events: Iterable[Event], state: State | None = None) -> State:
        folded = self.initial if state is None else state
        for event in events:
            folded = self.evolve(folded, event)
        return folded
