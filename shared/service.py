"""What a composition root answers: the parts of a service that a host runs."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from fastapi import APIRouter

from shared.access import Caller
from shared.command_handling import CommandContext, Handled
from shared.projecting import ReadModel
from shared.subscription import Reaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Work that time brings rather than an event: the watch, escalation steps, deliveries.

    `step` gets the clock, read while every subscription stood at the head; it answers whether it
    did anything, and is asked again at once when it did, else after an append or `poll_seconds`.
    It must be safe to be killed and repeated anywhere.
    """

    name: str
    step: Callable[[datetime], Awaitable[bool]]
    poll_seconds: float = 1.0


BatchCommand = Callable[[Caller, Mapping[str, Any], CommandContext], Awaitable[Handled[Any]]]
"""A line of POST /commands: its caller, its fields and context; answers a Handled."""


class Gauge(NamedTuple):
    """A figure for /metrics as it is now; labels hold ids, never personal data."""

    name: str
    labels: Mapping[str, str]
    value: float


async def no_gauges() -> Sequence[Gauge]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`commands` are what POST /commands understands, by name."""

    name: str
    routers: tuple[APIRouter, ...] = ()
    read_models: tuple[ReadModel, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    runners: tuple[Runner, ...] = ()
    commands: Mapping[str, BatchCommand] = field(default_factory=dict)
    gauges: Callable[[], Awaitable[Sequence[Gauge]]] = no_gauges
