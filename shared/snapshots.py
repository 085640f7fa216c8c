"""Folded states as bytes: kept beside long streams, may be deleted at any time."""

from typing import Any, TypeVar

import msgspec

from shared.decider import Decider

S = TypeVar("S")


def snapshot_key(decider: Decider[Any, Any, Any]) -> str:
    return f"{decider.name}.v{decider.version}"


def frozen(state: Any) -> bytes:
    return msgspec.json.encode([type(state).__name__, state])


def thawed(decider: Decider[Any, S, Any], frozen_state: bytes) -> S:
    name, body = msgspec.json.decode(frozen_state, type=tuple[str, msgspec.Raw])
    state_class = next((each for each in decider.states if each.__name__ == name), None)
    if state_class is None:
        raise msgspec.ValidationError(f"{decider.name} has no state {name}")
    state: S = msgspec.json.decode(body, type=state_class)
    return state
